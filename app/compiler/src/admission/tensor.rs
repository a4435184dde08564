//! Checks of the tensors and types that a model file contains.

use super::wire::{self, Fields, Value};
use super::{Inadmissible, shorten};
use assay_types::limits::{MAX_RANK, MAX_TENSOR_BYTES};
use assay_types::tensor::DType;

/// ONNX's number of the element type of texts.
const TEXT: u64 = 8;

/// ONNX's number of an element type, or the name of one that is not supported.
pub fn dtype(number: u64) -> Result<DType, &'static str> {
    match number {
        1 => Ok(DType::F32),
        2 => Ok(DType::U8),
        3 => Ok(DType::I8),
        6 => Ok(DType::I32),
        7 => Ok(DType::I64),
        9 => Ok(DType::Bool),
        4 => Err("u16"),
        5 => Err("i16"),
        8 => Err("string"),
        10 => Err("f16"),
        11 => Err("f64"),
        12 => Err("u32"),
        13 => Err("u64"),
        14 | 15 => Err("complex"),
        16 => Err("bf16"),
        17..=20 => Err("float8"),
        21..=23 => Err("4-bit"),
        0 => Err("undefined"),
        _ => Err("unknown"),
    }
}

/// What the fields of a `TensorProto` say.
#[derive(Default)]
struct Contents<'a> {
    name: &'a [u8],
    dims: Vec<i64>,
    dtype: u64,
    /// Elements in the typed fields.
    elements: u64,
    raw: Option<&'a [u8]>,
    /// Elements that are texts.
    texts: Vec<&'a [u8]>,
    /// The packed `int64_data`, or one number of it; checked when met.
    integers: Vec<Value<'a>>,
    external: bool,
}

fn read(bytes: &[u8]) -> Result<Contents<'_>, Inadmissible> {
    let mut tensor = Contents::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => wire::integers(value, &mut tensor.dims, MAX_RANK)?,
            2 => tensor.dtype = value.varint()?,
            3 => return Err(Inadmissible::Unsupported("tensors in segments are not supported")),
            4 => tensor.elements += elements(value, Some(4)),
            7 => {
                tensor.elements += elements(value, None);
                tensor.integers.push(value);
            }
            5 | 11 => tensor.elements += elements(value, None),
            10 => tensor.elements += elements(value, Some(8)),
            6 => tensor.texts.push(value.bytes()?),
            8 => tensor.name = value.bytes()?,
            9 => tensor.raw = Some(value.bytes()?),
            13 => tensor.external = true,
            14 => tensor.external |= value.varint()? != 0,
            _ => {}
        }
    }
    Ok(tensor)
}

/// Elements of a repeated numeric field: packed with a fixed size, packed varints, or a single one.
fn elements(value: Value<'_>, size: Option<u64>) -> u64 {
    match (value, size) {
        (Value::Bytes(packed), Some(size)) => packed.len() as u64 / size,
        (Value::Bytes(packed), None) => wire::count_varints(packed),
        _ => 1,
    }
}

/// A `TensorProto` that was checked: its name, and its elements if they are texts.
pub struct Checked<'a> {
    /// The name.
    pub name: &'a str,
    /// The texts, or none.
    pub texts: Vec<&'a str>,
}

/// Checks a `TensorProto` in the file.
pub fn check(bytes: &[u8]) -> Result<Checked<'_>, Inadmissible> {
    let tensor = read(bytes)?;
    let name = super::graph::text("tensor name", tensor.name)?;
    if tensor.external {
        return Err(Inadmissible::ExternalData(shorten(name)));
    }
    if tensor.dtype == TEXT {
        let texts = tensor.texts.iter().map(|text| super::graph::text("text", text));
        let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
        let count = tensor.dims.iter().try_fold(1_i64, |count, &dim| count.checked_mul(dim));
        let full = count == Some(texts.len() as i64) && tensor.raw.is_none() && tensor.elements == 0;
        return if full { Ok(Checked { name, texts }) } else { Err(Inadmissible::TensorData(shorten(name))) };
    }
    let dtype = dtype(tensor.dtype)
        .map_err(|dtype| Inadmissible::ElementType { what: format!("tensor `{}`", shorten(name)), dtype })?;
    let count = tensor.dims.iter().try_fold(1u64, |count, &dim| {
        count.checked_mul(u64::try_from(dim).ok()?).filter(|&count| count <= MAX_TENSOR_BYTES as u64)
    });
    let size = dtype.size() as u64;
    let Some(count) = count.filter(|count| count * size <= MAX_TENSOR_BYTES as u64) else {
        return Err(Inadmissible::Dims(format!("tensor `{}`", shorten(name))));
    };
    // A tensor has raw bytes or typed elements, never both.
    let full = match tensor.raw {
        Some(raw) => raw.len() as u64 == count * size && tensor.elements == 0,
        None => tensor.elements == count,
    };
    if !full || !tensor.texts.is_empty() {
        return Err(Inadmissible::TensorData(shorten(name)));
    }
    let what = || format!("tensor `{}`", shorten(name));
    if dtype == DType::I64 {
        let words = tensor.raw.unwrap_or_default().as_chunks::<8>().0;
        words.iter().try_for_each(|word| check_integer(what, i64::from_le_bytes(*word)))?;
        tensor.integers.iter().try_for_each(|value| check_integers(&what(), *value))?;
    }
    Ok(Checked { name, texts: vec![] })
}

/// Checks the numbers of a repeated integer field, packed or not.
pub fn check_integers(what: &str, value: Value<'_>) -> Result<(), Inadmissible> {
    let what = || what.to_owned();
    match value {
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                check_integer(what, wire::varint(&mut packed)? as i64)?;
            }
            Ok(())
        }
        single => check_integer(what, single.varint()? as i64),
    }
}

/// The compiler counts in 32 bits: a size of 2^40 would become 0. Exporters write "to the end" as a number
/// near 2^63, which it knows.
fn check_integer(what: impl Fn() -> String, number: i64) -> Result<(), Inadmissible> {
    let fits = i32::try_from(number).is_ok() || number.unsigned_abs() >= 1 << 62;
    if fits { Ok(()) } else { Err(Inadmissible::Integer(what(), number)) }
}

/// The type that a file declares for an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A tensor of numbers.
    Tensor(DType),
    /// A tensor of texts.
    Text,
    /// A list of maps, as ZipMap writes.
    Maps,
}

/// What a file says of a tensor's type: the kind and the dims. Dims are `None` when the file gives no shape, a
/// single one is `None` when it is open.
pub type Declared = (Kind, Option<Vec<Option<u32>>>);

/// What a `TypeProto` says.
pub fn of_type(what: &str, bytes: &[u8], depth: usize) -> Result<Declared, Inadmissible> {
    let mut found = None;
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = Some(tensor_type(what, value.bytes()?, super::graph::deeper(depth)?)?),
            // What the list holds is ZipMap's to say; its own type is not looked at.
            4 => found = Some((Kind::Maps, None)),
            6 => {}
            _ => return Err(Inadmissible::Ports(format!("{what} is not a tensor"))),
        }
    }
    found.ok_or_else(|| Inadmissible::Ports(format!("{what} has no type")))
}

fn tensor_type(what: &str, bytes: &[u8], depth: usize) -> Result<Declared, Inadmissible> {
    let (mut element, mut dims) = (0, None);
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => element = value.varint()?,
            2 => dims = Some(shape(what, value.bytes()?, super::graph::deeper(depth)?)?),
            _ => {}
        }
    }
    if element == TEXT {
        return Ok((Kind::Text, dims));
    }
    let dtype = dtype(element).map_err(|dtype| Inadmissible::ElementType { what: what.to_owned(), dtype })?;
    Ok((Kind::Tensor(dtype), dims))
}

fn shape(what: &str, bytes: &[u8], depth: usize) -> Result<Vec<Option<u32>>, Inadmissible> {
    let mut dims = Vec::new();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            super::graph::deeper(depth)?;
            dims.push(dim(what, value.bytes()?)?);
        }
        if dims.len() > MAX_RANK {
            return Err(Inadmissible::Dims(what.to_owned()));
        }
    }
    Ok(dims)
}

fn dim(what: &str, bytes: &[u8]) -> Result<Option<u32>, Inadmissible> {
    let mut dim = None;
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => dim = Some(u32::try_from(value.varint()?).map_err(|_| Inadmissible::Dims(what.to_owned()))?),
            2 => {
                super::graph::text("dim name", value.bytes()?)?;
                dim = None;
            }
            _ => {}
        }
    }
    // Exporters write an open dim as one without a value, as a name, or as 0.
    Ok(dim.filter(|&dim| dim != 0))
}
