//! What no plan may do: break the validator or the executor, or have two answers.

use crate::choice::Choice;
use assay_exec::{Executable, Isa};
use assay_plan::{Plan, ValidPlan};
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor, Port, Tensor, byte_len};

/// Dearer and larger plans are judged without a run: many small ones find more.
const MOST_UNITS: u64 = 3_000_000;
const MOST_BYTES: u64 = 16 << 20;

/// What became of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The validator refused it.
    Refused,
    /// Valid, but too large to be run here.
    Large,
    /// The run failed, on every body alike.
    Failed,
    /// The run gave outputs, on every body the same.
    Ran,
}

/// Decodes, validates and runs a plan on values that `choice` gives.
///
/// # Panics
/// When two bodies differ, or the encoding is not the one encoding.
pub fn judge(plan: &Plan, choice: &mut Choice<'_>) -> Outcome {
    let bytes = plan.encode();
    let Ok(decoded) = Plan::decode(&bytes) else { return Outcome::Refused };
    assert_eq!(decoded, *plan);
    let Ok(valid) = decoded.validate() else { return Outcome::Refused };
    if valid.units() > MOST_UNITS || valid.peak_bytes() > MOST_BYTES {
        return Outcome::Large;
    }
    let inputs: Vec<NamedTensor> = valid.inputs().iter().filter_map(|port| tensor(port, choice)).collect();
    run(valid, &inputs)
}

fn run(valid: ValidPlan, inputs: &[NamedTensor]) -> Outcome {
    // Node by node on the reference is the law; fused programs and native bodies are held to it.
    let law = Executable::plain(valid.clone(), Isa::Reference).run(inputs);
    for isa in Isa::available() {
        let fused = Executable::new(valid.clone(), isa).run(inputs);
        assert!(fused == law, "{} and the law differ: {:?}", isa.name(), valid.plan());
    }
    if law.is_ok() { Outcome::Ran } else { Outcome::Failed }
}

/// Values for a port: small ones, special ones, any bits.
fn tensor(port: &Port, choice: &mut Choice<'_>) -> Option<NamedTensor> {
    const SPECIAL: [f32; 8] =
        [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, f32::MAX, f32::MIN_POSITIVE];
    let elements = byte_len(port.dtype, &port.dims)? / port.dtype.size();
    let mut seed = Choice::seeded(u64::from(choice.word()));
    let wild = choice.once_in(2);
    let mut data = Vec::with_capacity(elements * port.dtype.size());
    for _ in 0..elements {
        let word = seed.word();
        let small = (word % 17) as i64 - 6;
        match port.dtype {
            DType::F32 => {
                let value = match word % 8 {
                    0 if wild => SPECIAL[(word >> 8) as usize % SPECIAL.len()],
                    1 if wild => f32::from_bits(seed.word()),
                    _ => (word as i32) as f32 * 1e-9,
                };
                let bits = if value.is_nan() { CANONICAL_NAN } else { value.to_bits() };
                data.extend(bits.to_le_bytes());
            }
            DType::I64 if wild => data.extend((i64::from(word) << 32 | i64::from(seed.word())).to_le_bytes()),
            DType::I64 => data.extend(small.to_le_bytes()),
            DType::I32 => data.extend((if wild { word as i32 } else { small as i32 }).to_le_bytes()),
            DType::I8 | DType::U8 => data.push(word as u8),
            DType::Bool => data.push((word & 1) as u8),
        }
    }
    let tensor = Tensor::new(port.dtype, port.dims.clone(), data).ok()?;
    Some(NamedTensor { name: port.name.clone(), tensor })
}
