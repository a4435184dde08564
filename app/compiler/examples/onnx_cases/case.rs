//! One operator case as a folder: `model.onnx` and `test_data_set_0` with `input_N.pb`, `output_N.pb`.

use assay_exec::{Executable, Isa};
use assay_plan::ValidPlan;
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor, Port, Tensor};
use std::fs;
use std::path::Path;

/// How far a result may be from the expected one, relative to the largest expected number.
const TOLERANCE: f64 = 1e-4;

/// What became of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every output is as expected.
    Pass,
    /// The model, or what its case holds, is refused.
    Refused(String),
    /// Something else came out.
    Differs(String),
}

/// Runs a plan on the inputs of a case and compares the outputs.
pub fn run(plan: ValidPlan, folder: &Path) -> Verdict {
    let data = folder.join("test_data_set_0");
    let mut inputs = Vec::new();
    for (position, port) in plan.inputs().iter().enumerate() {
        match read(&data.join(format!("input_{position}.pb"))).and_then(|given| given.tensor(port)) {
            Ok(tensor) => inputs.push(NamedTensor { name: port.name.clone(), tensor }),
            Err(reason) => return Verdict::Refused(format!("its input {}: {reason}", port.name)),
        }
    }
    let isa = Isa::available().last().copied().unwrap_or(Isa::Reference);
    let outputs = match Executable::new(plan, isa).run(&inputs) {
        Ok(outputs) => outputs,
        Err(error) => return Verdict::Differs(error.to_string()),
    };
    for (position, output) in outputs.iter().enumerate() {
        let expected = match read(&data.join(format!("output_{position}.pb"))) {
            Ok(expected) => expected,
            // Not every output of an operator has an expectation.
            Err(_) => continue,
        };
        if let Err(reason) = compare(&output.tensor, &expected) {
            return Verdict::Differs(format!("output {}: {reason}", output.name));
        }
    }
    Verdict::Pass
}

fn compare(found: &Tensor, expected: &Proto) -> Result<(), String> {
    if found.dims() != expected.dims {
        return Err(format!("dims {:?}, not {:?}", found.dims(), expected.dims));
    }
    let wanted = expected.numbers()?;
    let scale = wanted.iter().filter(|number| number.is_finite()).fold(0.0f64, |a, b| a.max(b.abs()));
    for (at, (found, wanted)) in numbers(found.dtype(), found.data()).into_iter().zip(wanted).enumerate() {
        let same = found == wanted || (found.is_nan() && wanted.is_nan());
        if !same && (found - wanted).abs().is_nan() | ((found - wanted).abs() > TOLERANCE * scale) {
            return Err(format!("element {at} is {found}, not {wanted}"));
        }
    }
    Ok(())
}

/// Elements as numbers.
fn numbers(dtype: DType, data: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>().0.iter().map(|word| read(*word)).collect()
    }
    match dtype {
        DType::F32 => each(data, |word| f64::from(f32::from_le_bytes(word))),
        DType::I64 => each(data, |word| i64::from_le_bytes(word) as f64),
        DType::I32 => each(data, |word| f64::from(i32::from_le_bytes(word))),
        DType::I8 => each(data, |[byte]| f64::from(byte as i8)),
        DType::U8 | DType::Bool => each(data, |[byte]| f64::from(byte)),
    }
}

/// A `TensorProto`.
#[derive(Default)]
struct Proto {
    dims: Vec<u32>,
    kind: u64,
    raw: Option<Vec<u8>>,
    /// Elements of the lists of 64-bit words, f32 and f64 as their bits.
    words: Vec<u64>,
}

fn read(path: &Path) -> Result<Proto, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    Proto::parse(&bytes).ok_or_else(|| "it is not a tensor".to_owned())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

impl Proto {
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut proto = Self::default();
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let (field, value) = (
                key >> 3,
                match key & 7 {
                    0 => varint(&mut bytes)?.to_le_bytes().to_vec(),
                    1 => bytes.split_off(..8)?.to_vec(),
                    2 => {
                        let len = usize::try_from(varint(&mut bytes)?).ok()?;
                        bytes.split_off(..len)?.to_vec()
                    }
                    5 => bytes.split_off(..4)?.to_vec(),
                    _ => return None,
                },
            );
            proto.field(field, key & 7, &value)?;
        }
        Some(proto)
    }

    fn field(&mut self, field: u64, wire: u64, value: &[u8]) -> Option<()> {
        let mut list = Vec::new();
        let mut rest = value;
        match (field, wire) {
            (1 | 5 | 7 | 11, 2) => {
                while !rest.is_empty() {
                    list.push(varint(&mut rest)?);
                }
            }
            (4, _) => {
                list.extend(value.as_chunks::<4>().0.iter().map(|word| u64::from(u32::from_le_bytes(*word))))
            }
            (1 | 2 | 5 | 7 | 10 | 11, _) => {
                list.extend(value.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)))
            }
            (9, _) => self.raw = Some(value.to_vec()),
            _ => {}
        }
        match field {
            1 => self.dims.extend(list.into_iter().map(|dim| dim as u32)),
            2 => self.kind = *list.first()?,
            _ => self.words.extend(list),
        }
        Some(())
    }

    fn dtype(&self) -> Result<DType, String> {
        Ok(match self.kind {
            1 => DType::F32,
            2 => DType::U8,
            3 => DType::I8,
            6 => DType::I32,
            7 => DType::I64,
            9 => DType::Bool,
            other => return Err(format!("its element type {other} is not one of ours")),
        })
    }

    /// Elements, little-endian.
    fn data(&self) -> Result<Vec<u8>, String> {
        let size = self.dtype()?.size();
        let words = || self.words.iter().flat_map(|word| word.to_le_bytes()[..size].to_vec()).collect();
        Ok(self.raw.clone().unwrap_or_else(words))
    }

    /// Elements of any type that a case may expect, f64 and wider integers included.
    fn numbers(&self) -> Result<Vec<f64>, String> {
        let raw = self.raw.as_deref().unwrap_or_default();
        let words = || {
            let raw = raw.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
            raw.chain(self.words.iter().copied())
        };
        match self.kind {
            11 => Ok(words().map(f64::from_bits).collect()),
            12 | 13 => Ok(words().map(|word| word as f64).collect()),
            _ => Ok(numbers(self.dtype()?, &self.data()?)),
        }
    }

    /// The tensor for an input of the plan, any NaN as the canonical one.
    fn tensor(&self, port: &Port) -> Result<Tensor, String> {
        let dtype = self.dtype()?;
        let mut data = self.data()?;
        if dtype == DType::F32 {
            for word in data.as_chunks_mut::<4>().0 {
                if f32::from_le_bytes(*word).is_nan() {
                    *word = CANONICAL_NAN.to_le_bytes();
                }
            }
        }
        if dtype != port.dtype || self.dims != port.dims {
            return Err(format!("{dtype} {:?}, the plan takes {} {:?}", self.dims, port.dtype, port.dims));
        }
        Tensor::new(dtype, self.dims.clone(), data).map_err(|error| error.to_string())
    }
}
