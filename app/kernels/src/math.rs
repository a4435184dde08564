//! The transcendental functions as fixed sequences of IEEE operations over lanes. The sequences are the
//! definition: `docs/engine.md` writes them out, and no body may reassociate, contract or approximate them
//! otherwise.
// The literals are written as they are in the document.
#![allow(clippy::excessive_precision)]

use crate::factors::LEAST_FACTOR;
use crate::lanes::Arithmetic;

/// 2 to the power -n.
const fn below(n: u32) -> f32 {
    f32::from_bits((127 - n) << 23)
}

/// Products of two numbers from here on are not subnormal.
const ROOT: f32 = below(63);
/// What curves take for zero: their polynomials are in x and its square.
const SMALL: f32 = below(60);

/// x, or zero of its sign if its magnitude is below `least`: subnormal numbers on the way to a result cost many
/// times what others do.
#[inline(always)]
pub(crate) fn from<V: Arithmetic>(x: V, least: f32) -> V {
    x.abs().select_lt(V::splat(least), V::splat(0.0).copysign(x), x)
}

/// a * b, where a factor below 2^-63 counts as zero.
#[inline(always)]
pub(crate) fn product<V: Arithmetic>(a: V, b: V) -> V {
    from(a, ROOT).mul(from(b, ROOT))
}

/// a / b, where subnormal numbers, and a quotient below 2^-126, count as zero.
#[inline(always)]
pub(crate) fn quotient<V: Arithmetic>(a: V, b: V) -> V {
    let (a, b) = (from(a, f32::MIN_POSITIVE), from(b, f32::MIN_POSITIVE));
    // |a| < |b| / 2^126, each side scaled by 2^63, which is exact; a smaller b has a quotient of 1 or more.
    let bound = b.abs().max(V::splat(ROOT)).mul(V::splat(ROOT));
    let a = a.abs().mul(V::splat(1.0 / ROOT)).select_lt(bound, V::splat(0.0).copysign(a), a);
    a.div(b)
}

/// What `a` must be less than for `max(a, b)` to be b: b, or 2^-40 for a b of zero.
#[inline(always)]
pub(crate) fn bound<V: Arithmetic>(b: V) -> V {
    b.abs().select_lt(V::splat(f32::from_bits(1)), V::splat(LEAST_FACTOR), b)
}

/// b if it is greater than a, or if it is zero and a below 2^-40; else a.
#[inline(always)]
pub(crate) fn greater<V: Arithmetic>(a: V, b: V) -> V {
    a.select_lt(bound(b), b, a)
}

/// Horner's rule with fused steps, highest coefficient first.
#[inline(always)]
pub(crate) fn poly<V: Arithmetic, const N: usize>(coefficients: [f32; N], x: V) -> V {
    let mut sum = V::splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = sum.fma(x, V::splat(coefficient));
    }
    sum
}

/// e^x by x = n ln 2 + r: a degree-7 polynomial in r, scaled by 2^n. Zero below -86.9, infinite above 88.72.
#[inline(always)]
pub(crate) fn exp<V: Arithmetic>(x: V) -> V {
    // The result of anything smaller is 1.
    let clamped = from(x.max(V::splat(-87.0)).min(V::splat(89.0)), LEAST_FACTOR);
    let n = clamped.mul(V::splat(std::f32::consts::LOG2_E)).round_even();
    // ln 2 in two parts: the first has few bits, so that n times it is exact.
    let r = n.fma(V::splat(-0.693_359_375), clamped);
    let r = n.fma(V::splat(2.121_944_4e-4), r);
    const TAIL: [f32; 6] = [1.987_569_2e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let p = poly(TAIL, r).fma(r.mul(r), r).add(V::splat(1.0));
    // 2^n in two steps: 2^128 has no f32.
    let scaled = p.add(p).mul(n.sub(V::splat(1.0)).exp2_int());
    x.select_lt(V::splat(-86.9), V::splat(0.0), scaled)
}

/// 1 / (1 + exp(-x)), or zero if that is below 2^-126.
#[inline(always)]
pub(crate) fn sigmoid<V: Arithmetic>(x: V) -> V {
    let one = V::splat(1.0);
    let sum = one.add(exp(x.neg()));
    one.div(V::splat(1.0 / f32::MIN_POSITIVE).select_lt(sum, V::splat(f32::INFINITY), sum))
}

/// tanh: an odd polynomial below 0.55, 1 - 2 / (exp(2|x|) + 1) with the sign of x above.
#[inline(always)]
pub(crate) fn tanh<V: Arithmetic>(x: V) -> V {
    let magnitude = x.abs();
    let one = V::splat(1.0);
    let e = exp(magnitude.add(magnitude)).add(one);
    let large = one.sub(V::splat(2.0).div(e)).copysign(x);
    // x itself is the result of anything smaller.
    let curved = from(x, SMALL);
    let square = curved.mul(curved);
    const TERMS: [f32; 4] = [1.573_944_1e-2, -5.230_256e-2, 1.331_524_7e-1, -3.333_276_8e-1];
    let small = poly(TERMS, square).mul(square).fma(curved, x);
    magnitude.select_lt(V::splat(0.55), small, large)
}

/// erf: an odd polynomial below 0.921875, 1 - exp(polynomial of |x|) with the sign of x above. An x below 2^-60
/// counts as zero.
#[inline(always)]
pub(crate) fn erf<V: Arithmetic>(x: V) -> V {
    let x = from(x, SMALL);
    let t = x.abs();
    let s = x.mul(x);
    let high = V::splat(-1.728_534_8e-5).fma(t, V::splat(3.831_972_2e-4));
    let low = V::splat(-3.883_964_3e-3).fma(t, V::splat(2.425_462_3e-2));
    let mut r = high.fma(s, low);
    for coefficient in [-1.067_778_8e-1, -6.348_468_7e-1, -1.287_175_1e-1] {
        r = r.fma(t, V::splat(coefficient));
    }
    r = r.fma(t, t.neg());
    let large = V::splat(1.0).sub(exp(r)).copysign(x);
    const TERMS: [f32; 6] =
        [-5.967_617e-4, 4.991_194_3e-3, -2.676_813_5e-2, 1.128_199_2e-1, -3.761_253_4e-1, 1.283_791_7e-1];
    let small = poly(TERMS, s).fma(x, x);
    t.select_lt(V::splat(0.921_875), small, large)
}

/// x / 2 * (1 + erf(x / sqrt 2)). An x below 2^-39 counts as zero, so that no result is below 2^-40 but zero; so in
/// the next three.
#[inline(always)]
pub(crate) fn gelu<V: Arithmetic>(x: V) -> V {
    let x = from(x, 2.0 * LEAST_FACTOR);
    let inner = erf(x.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2)));
    x.mul(V::splat(0.5)).mul(V::splat(1.0).add(inner))
}

/// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).
#[inline(always)]
pub(crate) fn gelu_tanh<V: Arithmetic>(x: V) -> V {
    let x = from(x, 2.0 * LEAST_FACTOR);
    let cubic = x.mul(x).mul(x).fma(V::splat(0.044_715), x);
    let inner = tanh(cubic.mul(V::splat(0.797_884_6)));
    x.mul(V::splat(0.5)).mul(V::splat(1.0).add(inner))
}

/// min(6, max(0, x + 3)) * x / 6.
#[inline(always)]
pub(crate) fn hard_swish<V: Arithmetic>(x: V) -> V {
    let x = from(x, 2.0 * LEAST_FACTOR);
    let gate = x.add(V::splat(3.0)).max(V::splat(0.0)).min(V::splat(6.0));
    gate.mul(x).mul(V::splat(1.0 / 6.0))
}

/// x * sigmoid(x).
#[inline(always)]
pub(crate) fn silu<V: Arithmetic>(x: V) -> V {
    let x = from(x, 2.0 * LEAST_FACTOR);
    x.mul(sigmoid(x))
}

/// 1 above zero, -1 below, else x itself.
#[inline(always)]
pub(crate) fn sign<V: Arithmetic>(x: V) -> V {
    let zero = V::splat(0.0);
    let negative = x.select_lt(zero, V::splat(-1.0), x);
    zero.select_lt(x, V::splat(1.0), negative)
}

/// 1 / x, as a quotient.
#[inline(always)]
pub(crate) fn recip<V: Arithmetic>(x: V) -> V {
    quotient(V::splat(1.0), x)
}

/// The square root; of a subnormal number zero.
#[inline(always)]
pub(crate) fn sqrt<V: Arithmetic>(x: V) -> V {
    from(x, f32::MIN_POSITIVE).sqrt()
}

/// 1 / sqrt(x), which is never too small.
#[inline(always)]
pub(crate) fn rsqrt<V: Arithmetic>(x: V) -> V {
    V::splat(1.0).div(sqrt(x))
}

/// x * x, as a product.
#[inline(always)]
pub(crate) fn square<V: Arithmetic>(x: V) -> V {
    let x = from(x, ROOT);
    x.mul(x)
}

/// acc + x * x, where an x below 2^-60 counts as zero.
#[inline(always)]
pub(crate) fn add_square<V: Arithmetic>(acc: V, x: V) -> V {
    let x = from(x, SMALL);
    x.fma(x, acc)
}

/// A share of a whole: e * scale, where an e below 2^-63 counts as zero.
#[inline(always)]
pub(crate) fn share<V: Arithmetic>(e: V, scale: V) -> V {
    from(e, ROOT).mul(scale)
}

/// A sum divided by the number of its terms, at most 2^24; a sum below 2^-63 counts as zero.
#[inline(always)]
pub(crate) fn mean<V: Arithmetic>(sum: V, terms: V) -> V {
    from(sum, ROOT).div(terms)
}

/// x above zero and for a NaN, alpha * x below.
#[inline(always)]
pub(crate) fn leaky_relu<V: Arithmetic>(x: V, alpha: f32) -> V {
    x.select_lt(V::splat(0.0), product(V::splat(alpha), x), x)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use crate::{Isa, Unary, unary};

    fn worst(op: Unary, theirs: impl Fn(f64) -> f64, scale: f64) -> f64 {
        let mut worst = 0.0f64;
        for step in -4000..4000 {
            let x = step as f32 * 0.004 * scale as f32;
            let mut y = [0.0];
            unary(Isa::Reference, op, &[x], &mut y);
            let expected = theirs(f64::from(x));
            worst = worst.max((f64::from(y[0]) - expected).abs() / expected.abs().max(1e-3));
        }
        worst
    }

    #[test]
    fn curves_are_accurate_to_a_few_units_in_the_last_place() {
        assert!(worst(Unary::Exp, f64::exp, 5.0) < 2e-7);
        assert!(worst(Unary::Tanh, f64::tanh, 1.0) < 3e-7);
        assert!(worst(Unary::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 1.0) < 4e-7);
    }

    #[test]
    fn erf_is_the_published_one() {
        let published =
            [(0.1, 0.112_462_916), (0.5, 0.520_499_878), (1.0, 0.842_700_793), (2.0, 0.995_322_265)];
        for (x, expected) in published {
            let mut y = [0.0; 2];
            unary(Isa::Reference, Unary::Erf, &[x, -x], &mut y);
            assert!((f64::from(y[0]) - expected).abs() < 1.2e-7, "{x}: {}", y[0]);
            assert_eq!(y[1], -y[0]);
        }
    }

    #[test]
    fn exp_ends_in_zero_and_infinity() {
        let mut y = [1.0; 5];
        unary(Isa::Reference, Unary::Exp, &[-87.0, f32::NEG_INFINITY, 88.8, f32::INFINITY, f32::NAN], &mut y);
        assert_eq!(y[..4], [0.0, 0.0, f32::INFINITY, f32::INFINITY]);
        assert!(y[4].is_nan());
    }
}
