//! Whether outputs are what another runtime computed.

use crate::archive::Rule;
use assay_types::tensor::{DType, NamedTensor, Tensor};

/// Of the output's scale; the bound is relative to the greatest element, this one is tighter.
const TOLERANCE: f32 = 1e-4;

/// Cases in which ONNX Runtime is not the measure, by a prefix of their names, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("Conv.11.subnormal", "by law factors of sums below 2^-40 count as zero"),
    ("Cos.18.f32-special", "by law the cosine is NaN beyond 2^30"),
    ("Div.13.f32-special", "by law a subnormal number counts as zero in a quotient"),
    ("HardSwish.18.f32-special", "by law the product overflows before it is divided"),
    ("MatMul.17.special", "by law factors of sums below 2^-40 count as zero"),
    ("Mul.13.f32-special", "by law a factor below 2^-63 counts as zero"),
    ("ReduceSum.13.i64-wrap", "by law integers wrap; there, they saturate"),
    ("Sin.18.f32-special", "by law the sine is NaN beyond 2^30"),
    ("Softsign.18.f32-special", "by law the reciprocal of its divisor is zero when that is above 2^126"),
    ("Sqrt.18.f32-special", "by law a subnormal number counts as zero"),
];

/// How the outputs of a case differ, if they do.
pub fn disagreement(
    case: &str,
    rule: Rule,
    found: &[NamedTensor],
    expected: &[NamedTensor],
) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} outputs where {} are expected", found.len(), expected.len()));
    }
    found.iter().zip(expected).find_map(|(found, expected)| {
        if found.name != expected.name {
            return Some(format!("output {} where {} is expected", found.name, expected.name));
        }
        if EXCEPTIONS.iter().any(|(prefix, _)| case.starts_with(prefix)) {
            return None;
        }
        differs(rule, &found.tensor, &expected.tensor).map(|how| format!("{}{how}", found.name))
    })
}

fn differs(rule: Rule, found: &Tensor, expected: &Tensor) -> Option<String> {
    if (found.dtype(), found.dims()) != (expected.dtype(), expected.dims()) {
        return Some(format!(": {found:?} where {expected:?} is expected"));
    }
    if let (Some(found), Some(expected)) = (found.to_f32(), expected.to_f32())
        && rule != Rule::Exact
    {
        return first_far(&found, &expected);
    }
    let step = match expected.dtype() {
        DType::U8 | DType::I8 if rule == Rule::Step => 1,
        _ => 0,
    };
    let signed =
        |byte: u8| if expected.dtype() == DType::I8 { i32::from(byte as i8) } else { i32::from(byte) };
    let pairs = found.data().iter().zip(expected.data());
    let far = |(found, expected): (&u8, &u8)| (signed(*found) - signed(*expected)).abs() > step;
    let at = pairs.clone().position(far)? / expected.dtype().size();
    let element = |tensor: &Tensor| tensor.data().chunks(tensor.dtype().size()).nth(at).map(<[u8]>::to_vec);
    Some(format!("[{at}]: bytes {:?} where {:?} is expected", element(found), element(expected)))
}

/// The first f32 that is too far: by 1e-4 of the element, or of the greatest element if that is below 1.
fn first_far(found: &[f32], expected: &[f32]) -> Option<String> {
    let greatest = expected.iter().filter(|x| x.is_finite()).fold(0.0, |most: f32, x| most.max(x.abs()));
    let near = |found: f32, expected: f32| {
        found == expected
            || (found.is_nan() && expected.is_nan())
            || (found - expected).abs() <= TOLERANCE * expected.abs().max(greatest.min(1.0))
    };
    let at = found.iter().zip(expected).position(|(found, expected)| !near(*found, *expected))?;
    Some(format!("[{at}]: {} where {} is expected", found[at], expected[at]))
}
