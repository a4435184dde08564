//! The header of a `.npy` array: magic, version, a Python dict with `descr`, `fortran_order` and `shape`.
//!
//! Only what numpy writes is read: the dict's values are a string, a bool and a tuple of integers.

use crate::error::Error;
use assay_types::limits::MAX_RANK;
use assay_types::tensor::DType;
use std::io::Read;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// What an array is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Element type.
    pub dtype: DType,
    /// Dims.
    pub dims: Vec<u32>,
    /// Whether the data is column-major.
    pub fortran: bool,
}

/// Why an array is no tensor, and what to do.
#[derive(Debug)]
pub struct BadArray {
    message: String,
    hint: &'static str,
}

impl BadArray {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: "save it again with numpy.savez" }
    }

    /// The error, with the array and the file named.
    pub fn in_array(self, name: &str, path: &str) -> Error {
        Error::input(format!("array {name:?} of {path}: {}", self.message), self.hint)
    }
}

impl Header {
    /// Reads a header and leaves the reader at the data.
    ///
    /// # Errors
    /// When the bytes are no header, or the array is of a kind that no tensor can be.
    pub fn read(reader: &mut impl Read) -> Result<Self, BadArray> {
        let truncated = |error: std::io::Error| BadArray::new(format!("not a .npy array: {error}"));
        let mut start = [0u8; 8];
        reader.read_exact(&mut start).map_err(truncated)?;
        if &start[..6] != MAGIC {
            return Err(BadArray::new("not a .npy array"));
        }
        let len = if start[6] == 1 {
            let mut len = [0u8; 2];
            reader.read_exact(&mut len).map_err(truncated)?;
            usize::from(u16::from_le_bytes(len))
        } else {
            let mut len = [0u8; 4];
            reader.read_exact(&mut len).map_err(truncated)?;
            u32::from_le_bytes(len) as usize
        };
        if len > MAX_HEADER_BYTES {
            return Err(BadArray::new("the header is too long"));
        }
        let mut text = vec![0u8; len];
        reader.read_exact(&mut text).map_err(truncated)?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Result<Self, BadArray> {
        let value = |key: &str| {
            let quoted = [format!("'{key}'"), format!("\"{key}\"")];
            let rest = quoted.iter().find_map(|key| text.split_once(key.as_str())).map(|(_, rest)| rest);
            rest.and_then(|rest| rest.trim_start().strip_prefix(':'))
                .map(str::trim_start)
                .ok_or_else(|| BadArray::new(format!("the header has no {key}")))
        };
        let descr = value("descr")?;
        let quote = descr.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
        let descr = quote.and_then(|quote| descr[1..].split_once(quote)).map(|(descr, _)| descr);
        let dtype = dtype_of(descr.ok_or_else(|| BadArray::new("it has a structured dtype"))?)?;
        let order = value("fortran_order")?;
        let fortran = order.starts_with("True");
        if !fortran && !order.starts_with("False") {
            return Err(BadArray::new("the header's fortran_order is neither True nor False"));
        }
        let shape = value("shape")?.strip_prefix('(').and_then(|shape| shape.split_once(')'));
        let (shape, _) = shape.ok_or_else(|| BadArray::new("the header's shape is no tuple"))?;
        let mut dims = vec![];
        for dim in shape.split(',').map(str::trim).filter(|dim| !dim.is_empty()) {
            if dims.len() == MAX_RANK {
                return Err(BadArray::new(format!("it has more than {MAX_RANK} dims")));
            }
            dims.push(dim.parse().map_err(|_| BadArray::new(format!("{dim:?} is no dim")))?);
        }
        Ok(Self { dtype, dims, fortran })
    }
}

fn dtype_of(descr: &str) -> Result<DType, BadArray> {
    match descr {
        "<f4" => Ok(DType::F32),
        "<i8" => Ok(DType::I64),
        "<i4" => Ok(DType::I32),
        "|i1" | "<i1" => Ok(DType::I8),
        "|u1" | "<u1" => Ok(DType::U8),
        "|b1" => Ok(DType::Bool),
        "<f8" => Err(BadArray {
            message: "its dtype is float64 ('<f8'), which no model takes".into(),
            hint: "convert it in Python: array.astype(numpy.float32)",
        }),
        other => Err(BadArray {
            message: format!(
                "its dtype {:?} is none that a model takes",
                other.chars().take(40).collect::<String>()
            ),
            hint: "convert it in Python to float32, int64, int32, int8, uint8 or bool: array.astype(...)",
        }),
    }
}

/// The header that numpy writes for a row-major array, data 64-byte aligned.
pub fn encode(dtype: DType, dims: &[u32]) -> Vec<u8> {
    let descr = match dtype {
        DType::F32 => "<f4",
        DType::I64 => "<i8",
        DType::I32 => "<i4",
        DType::I8 => "|i1",
        DType::U8 => "|u1",
        DType::Bool => "|b1",
    };
    let list: Vec<String> = dims.iter().map(u32::to_string).collect();
    let shape = if let [one] = &list[..] { format!("({one},)") } else { format!("({})", list.join(", ")) };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version, length, text, padding and the line's end together are a multiple of 64.
    let padding = 64 - (10 + text.len() + 1) % 64;
    text.push_str(&" ".repeat(padding % 64));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
