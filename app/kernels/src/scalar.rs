//! Rarer functions of one f32, computed in f64 by fixed sequences of IEEE operations and rounded once at the
//! end. They have one body on every machine.

/// ln 2 and its remainder.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// pi / 2 and its remainder.
const HALF_PI_HIGH: f64 = std::f64::consts::FRAC_PI_2;
const HALF_PI_LOW: f64 = f64::from_bits(0x3c91_a626_3314_5c07);
/// Beyond this an angle has no useful fraction left.
const ANGLE_LIMIT: f64 = 1_073_741_824.0;

pub(crate) fn horner(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, &coefficient| sum * x + coefficient)
}

/// atanh(s) - s, for s up to about a quarter.
pub(crate) fn atanh_tail(s: f64) -> f64 {
    let square = s * s;
    const SERIES: [f64; 8] =
        [1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0];
    horner(&SERIES, square) * square * s
}

/// ln of a positive finite f64 that is not subnormal: x = 2^e m with m from about 0.71 to 1.41, then the
/// series of 2 atanh((m - 1) / (m + 1)).
pub(crate) fn ln_positive(x: f64) -> f64 {
    let bits = x.to_bits();
    // The subtracted constant is sqrt(1/2): exponents change there, so that m lies around 1.
    let shifted = bits.wrapping_sub(0x3fe6_a09e_667f_3bcd);
    let e = (shifted as i64) >> 52;
    let m = f64::from_bits(bits.wrapping_sub((e as u64) << 52));
    let s = (m - 1.0) / (m + 1.0);
    let tail = atanh_tail(s);
    let e = e as f64;
    e * LN_2_HIGH + (2.0 * s + (2.0 * tail + e * LN_2_LOW))
}

/// e^x in f64: zero below -745, infinite above 710.
pub(crate) fn exp64(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 710.0 {
        return f64::INFINITY;
    }
    if x < -700.0 {
        return 0.0;
    }
    let n = (x * std::f64::consts::LOG2_E).round_ties_even();
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    const SERIES: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    // 2^(n/2) twice: 2^1024 has no f64.
    let half = (n * 0.5).floor();
    let scale = |n: f64| f64::from_bits(((n as i64 + 1023) as u64) << 52);
    horner(&SERIES, r) * scale(half) * scale(n - half)
}

/// The natural logarithm: NaN below zero, minus infinity at either zero.
pub(crate) fn ln(x: f32) -> f32 {
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x == f32::INFINITY {
        return x;
    }
    ln_positive(f64::from(x)) as f32
}

/// x^y by IEEE-754's `pow` special cases; otherwise exp(y ln |x|) in f64, negated for an odd y below zero.
pub(crate) fn pow(x: f32, y: f32) -> f32 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f32::NAN;
    }
    let magnitude = x.abs();
    let integral = y.is_infinite() || y.floor() == y;
    let odd = y.is_finite() && integral && (y * 0.5).floor() != y * 0.5;
    if x < 0.0 && x.is_finite() && !integral {
        return f32::NAN;
    }
    let value = if magnitude == 1.0 {
        1.0
    } else if y.is_infinite() {
        if (magnitude > 1.0) == (y > 0.0) { f32::INFINITY } else { 0.0 }
    } else if magnitude == 0.0 || magnitude.is_infinite() {
        if (magnitude == 0.0) == (y > 0.0) { 0.0 } else { f32::INFINITY }
    } else {
        exp64(f64::from(y) * ln_positive(f64::from(magnitude))) as f32
    };
    if odd && x.is_sign_negative() { -value } else { value }
}

/// x - y q, where q is x / y truncated: exact, with the sign of x; NaN for an infinite x or a zero y.
///
/// Long division by bits, so that no library has a say. A shift makes up for as many quotient bits as fit.
pub(crate) fn rem(x: f32, y: f32) -> f32 {
    let divisor = y.abs();
    if x.is_nan() || y.is_nan() || x.is_infinite() || divisor == 0.0 {
        return f32::NAN;
    }
    if x.abs() < divisor {
        return x;
    }
    let split = |x: f32| {
        let (exponent, fraction) = (x.to_bits() >> 23, u64::from(x.to_bits() & 0x7f_ffff));
        if exponent == 0 { (1, fraction) } else { (exponent, fraction | 0x80_0000) }
    };
    let ((mut high, mut rest), (low, divisor)) = (split(x.abs()), split(divisor));
    rest %= divisor;
    while high > low {
        let step = (high - low).min(39);
        rest = (rest << step) % divisor;
        high -= step;
    }
    // rest is below the divisor's fraction, so that it is exact at the divisor's exponent.
    let scale = |exponent: u32| f64::from_bits((u64::from(exponent) + 1023 - 150) << 52);
    ((rest as f64 * scale(low)) as f32).copysign(x)
}

/// [`rem`] of many at once, in steps that take the same time for every one: the same bits.
#[inline(always)]
pub(crate) fn rems<const N: usize>(x: [f32; N], y: [f32; N]) -> [f32; N] {
    /// Bits of a step: a shifted rest keeps below 2^50, so that its quotient is off by less than 1/4.
    const STEP: i32 = 26;
    /// Added to a number below 2^52 and taken away again, this rounds it.
    const ROUNDS: f64 = (1u64 << 52) as f64;
    let exponent = |bits: u32| ((bits >> 23) & 0xff).max(1) as i32;
    let fraction = |bits: u32| {
        let one = if (bits >> 23) & 0xff == 0 { 0 } else { 0x80_0000 };
        f64::from(((bits & 0x7f_ffff) | one) as i32)
    };
    let (mut rest, mut divisor, mut inverse, mut left) = ([0.0; N], [0.0; N], [0.0; N], [0; N]);
    for i in 0..N {
        let (high, low) = (x[i].to_bits(), y[i].to_bits());
        (rest[i], divisor[i]) = (fraction(high), fraction(low));
        inverse[i] = 1.0 / divisor[i];
        left[i] = (exponent(high) - exponent(low)).max(0);
    }
    loop {
        let mut more = 0;
        for i in 0..N {
            let bits = left[i].min(STEP);
            left[i] -= bits;
            more |= left[i];
            let shifted = rest[i] * f64::from_bits(((bits + 1023) as u64) << 52);
            let quotient = (shifted * inverse[i] + ROUNDS) - ROUNDS;
            let near = shifted - quotient * divisor[i];
            rest[i] = if near < 0.0 { near + divisor[i] } else { near };
        }
        if more == 0 {
            break;
        }
    }
    let mut result = [0.0; N];
    for i in 0..N {
        let scale = f64::from_bits(((exponent(y[i].to_bits()) + 1023 - 150) as u64) << 52);
        let value = ((rest[i] * scale) as f32).copysign(x[i]);
        let value = if x[i].abs() < y[i].abs() { x[i] } else { value };
        let none = x[i].is_nan() || y[i].is_nan() || x[i].is_infinite() || y[i] == 0.0;
        result[i] = if none { f32::NAN } else { value };
    }
    result
}

/// The quadrant (0 to 3) of an angle and the rest, from about -pi/4 to pi/4.
pub(crate) fn reduce(x: f32) -> Option<(u64, f64)> {
    let x = f64::from(x);
    if x.is_nan() || x.abs() > ANGLE_LIMIT {
        return None;
    }
    let n = (x * std::f64::consts::FRAC_2_PI).round_ties_even();
    let rest = n.mul_add(-HALF_PI_LOW, n.mul_add(-HALF_PI_HIGH, x));
    Some(((n as i64 as u64) & 3, rest))
}

pub(crate) fn sin_rest(r: f64) -> f64 {
    const SERIES: [f64; 6] =
        [-1.0 / 39_916_800.0, 1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0];
    horner(&SERIES, r * r) * r
}

pub(crate) fn cos_rest(r: f64) -> f64 {
    const SERIES: [f64; 7] =
        [1.0 / 479_001_600.0, -1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0];
    horner(&SERIES, r * r)
}

/// The sine of radians: NaN beyond 2^30, infinities included. The sign of a zero is kept.
pub(crate) fn sin(x: f32) -> f32 {
    if x == 0.0 {
        return x;
    }
    let Some((quadrant, rest)) = reduce(x) else { return f32::NAN };
    let value = if quadrant & 1 == 0 { sin_rest(rest) } else { cos_rest(rest) };
    (if quadrant & 2 == 0 { value } else { -value }) as f32
}

/// The cosine of radians: NaN beyond 2^30, infinities included.
pub(crate) fn cos(x: f32) -> f32 {
    let Some((quadrant, rest)) = reduce(x) else { return f32::NAN };
    let value = if quadrant & 1 == 0 { cos_rest(rest) } else { sin_rest(rest) };
    (if quadrant == 1 || quadrant == 2 { -value } else { value }) as f32
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn close(ours: f32, theirs: f64) {
        let error = (f64::from(ours) - theirs).abs();
        assert!(error <= theirs.abs() * 1.2e-7 + 1e-45, "{ours} is not {theirs}");
    }

    #[test]
    fn functions_agree_with_the_platforms_to_one_rounding() {
        for step in 1..4000u32 {
            let x = f32::from_bits(step * 530_000 + 1);
            close(ln(x), f64::from(x).ln());
            let angle = (step as f32 - 2000.0) * 0.37;
            close(sin(angle), f64::from(angle).sin());
            close(cos(angle), f64::from(angle).cos());
            let (base, power) = (step as f32 * 0.013, (step % 37) as f32 * 0.21 - 3.0);
            close(pow(base, power), f64::from(base).powf(f64::from(power)));
        }
        close(sin(1e9), 1e9f64.sin());
    }

    #[test]
    fn the_remainder_is_the_languages() {
        let mut word = 1u32;
        let mut next = || {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits(word)
        };
        for _ in 0..200_000 {
            let (x, y) = (next(), next());
            for (x, y) in
                [(x, y), (x, x * 0.37), (x, 1e-45), (f32::MAX, y), (x, f32::INFINITY), (x, 0.0), (x, x)]
            {
                let theirs = x % y;
                for ours in [rem(x, y), rems([1.0, x], [1.0, y])[1]] {
                    let same = ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan());
                    assert!(same, "{x:e} % {y:e}: {ours:e} is not {theirs:e}");
                }
            }
        }
    }

    #[test]
    fn special_values_follow_ieee() {
        assert!(ln(-1.0).is_nan() && ln(f32::NAN).is_nan());
        assert_eq!((ln(0.0), ln(-0.0), ln(1.0)), (f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0));
        let edges = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, f32::INFINITY, f32::NEG_INFINITY];
        for x in edges {
            for y in edges {
                let (ours, theirs) = (pow(x, y), x.powf(y));
                let same = ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan());
                assert!(same || (ours - theirs).abs() < 1e-6, "{x}^{y}: {ours} is not {theirs}");
            }
        }
        assert!(sin(f32::INFINITY).is_nan() && cos(f32::NAN).is_nan());
        assert_eq!(sin(-0.0).to_bits(), (-0.0f32).to_bits());
    }
}
