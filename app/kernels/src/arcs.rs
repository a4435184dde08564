//! The tangent, the inverse circular functions, the hyperbolic sine and cosine and the inverse hyperbolic functions
//! of one f32: fixed sequences of IEEE operations in f64, as in [`crate::scalar`], rounded to f32 once.
//!
//! Odd functions are computed of the magnitude, so that f(-x) is -f(x) to the bit and zeros keep their sign.

use crate::scalar::{atanh_tail, cos_rest, exp64, horner, ln_positive, reduce, sin_rest};
use std::f64::consts::FRAC_PI_2;

/// An odd function from its values of what is not negative.
fn odd(x: f32, function: impl Fn(f64) -> f64) -> f32 {
    if x == 0.0 {
        return x;
    }
    let value = function(f64::from(x.abs()));
    (if x < 0.0 { -value } else { value }) as f32
}

/// The tangent of radians: NaN beyond 2^30, infinities included. The sign of a zero is kept.
pub(crate) fn tan(x: f32) -> f32 {
    if x == 0.0 {
        return x;
    }
    let Some((quadrant, rest)) = reduce(x) else { return f32::NAN };
    let (sine, cosine) = (sin_rest(rest), cos_rest(rest));
    (if quadrant & 1 == 0 { sine / cosine } else { -cosine / sine }) as f32
}

/// The angle, from 0 to pi / 2, of a tangent that is not negative. The angle is halved twice, then a series.
fn angle(tangent: f64) -> f64 {
    const SERIES: [f64; 9] =
        [1.0 / 17.0, -1.0 / 15.0, 1.0 / 13.0, -1.0 / 11.0, 1.0 / 9.0, -1.0 / 7.0, 1.0 / 5.0, -1.0 / 3.0, 1.0];
    let inverted = tangent > 1.0;
    let mut t = if inverted { 1.0 / tangent } else { tangent };
    for _ in 0..2 {
        t /= 1.0 + (1.0 + t * t).sqrt();
    }
    let angle = 4.0 * (horner(&SERIES, t * t) * t);
    if inverted { FRAC_PI_2 - angle } else { angle }
}

pub(crate) fn atan(x: f32) -> f32 {
    odd(x, angle)
}

/// NaN beyond 1.
pub(crate) fn asin(x: f32) -> f32 {
    odd(x, |x| angle(x / ((1.0 - x) * (1.0 + x)).sqrt()))
}

/// NaN beyond 1.
pub(crate) fn acos(x: f32) -> f32 {
    let x = f64::from(x);
    (2.0 * angle(((1.0 - x) / (1.0 + x)).sqrt())) as f32
}

pub(crate) fn sinh(x: f32) -> f32 {
    const SERIES: [f64; 7] = [
        1.0 / 6_227_020_800.0,
        1.0 / 39_916_800.0,
        1.0 / 362_880.0,
        1.0 / 5_040.0,
        1.0 / 120.0,
        1.0 / 6.0,
        1.0,
    ];
    odd(x, |x| {
        if x < 0.5 {
            return horner(&SERIES, x * x) * x;
        }
        let e = exp64(x);
        (e - 1.0 / e) * 0.5
    })
}

pub(crate) fn cosh(x: f32) -> f32 {
    let e = exp64(f64::from(x.abs()));
    ((e + 1.0 / e) * 0.5) as f32
}

/// ln(1 + u) for u not negative; a NaN stays.
fn ln_above_one(u: f64) -> f64 {
    if u < 0.6 {
        let s = u / (2.0 + u);
        return 2.0 * (s + atanh_tail(s));
    }
    if u.is_finite() { ln_positive(1.0 + u) } else { u }
}

pub(crate) fn asinh(x: f32) -> f32 {
    odd(x, |x| ln_above_one(if x == f64::INFINITY { x } else { x + x * x / (1.0 + (1.0 + x * x).sqrt()) }))
}

/// NaN below 1.
pub(crate) fn acosh(x: f32) -> f32 {
    let above = f64::from(x) - 1.0;
    if above < 0.0 || above.is_nan() {
        return f32::NAN;
    }
    ln_above_one(above + (above * (above + 2.0)).sqrt()) as f32
}

/// NaN beyond 1, infinite at 1.
pub(crate) fn atanh(x: f32) -> f32 {
    odd(x, |x| {
        if x < 0.2 {
            return x + atanh_tail(x);
        }
        if x > 1.0 {
            return f64::NAN;
        }
        0.5 * ln_above_one(2.0 * x / (1.0 - x))
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    type Function = (fn(f32) -> f32, fn(f64) -> f64);

    const ALL: [Function; 9] = [
        (tan, f64::tan),
        (asin, f64::asin),
        (acos, f64::acos),
        (atan, f64::atan),
        (sinh, f64::sinh),
        (cosh, f64::cosh),
        (asinh, f64::asinh),
        (acosh, f64::acosh),
        (atanh, f64::atanh),
    ];

    /// Neighbouring f32 are as far apart as their bits.
    fn close(x: f32, ours: f32, theirs: f64) {
        let theirs = theirs as f32;
        let same = ours.is_nan() && theirs.is_nan();
        assert!(same || ours.to_bits().abs_diff(theirs.to_bits()) <= 1, "of {x}: {ours} is not {theirs}");
    }

    #[test]
    fn functions_agree_with_the_platforms_to_the_last_bit_but_one() {
        for (ours, theirs) in ALL {
            for step in 0..5_000u32 {
                for x in [f32::from_bits(step * 428_000 + 1), step as f32 * 0.000_23, step as f32 * 0.01] {
                    if x > 20_000.0 && ours(x).is_nan() {
                        continue;
                    }
                    close(x, ours(x), theirs(f64::from(x)));
                    close(-x, ours(-x), theirs(f64::from(-x)));
                }
            }
        }
    }

    #[test]
    fn special_values_follow_ieee() {
        for (ours, theirs) in ALL {
            for x in
                [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, 1e-45]
            {
                if x == f32::MAX && ours(x).is_nan() {
                    continue;
                }
                close(x, ours(x), theirs(f64::from(x)));
            }
        }
        assert!(tan(f32::MAX).is_nan());
    }
}
