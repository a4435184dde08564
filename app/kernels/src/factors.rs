//! The factors of products: in sums of products an element below 2^-40 counts as zero.
//!
//! Every term is then a multiple of 2^-126, so no sum on the way is subnormal: processors take up to 200 times as long
//! over subnormal numbers, and no price could cover that.

use crate::isa::entry;

/// The least magnitude of an element that counts in a sum of products.
pub const LEAST_FACTOR: f32 = 1.0 / (1u64 << 40) as f32;

/// The element, or zero if its magnitude is below [`LEAST_FACTOR`]. A NaN stays.
#[inline(always)]
pub fn factor(x: f32) -> f32 {
    if x.abs() < LEAST_FACTOR { 0.0 } else { x }
}

/// Whether an element is below [`LEAST_FACTOR`] and not zero.
pub fn any_below(isa: crate::Isa, x: &[f32]) -> bool {
    let mut found = false;
    look(isa, x, &mut found);
    found
}

entry! {
    /// Sets `found` if an element is below [`LEAST_FACTOR`] and not zero.
    fn look(x: &[f32], found: &mut bool) => look_body
}

entry! {
    /// Sets the elements below [`LEAST_FACTOR`] to zero.
    pub fn keep_factors(x: &mut [f32]) => keep_body
}

/// Elements between looks at what was found.
const SPAN: usize = 1024;

/// The magnitude as an integer, zero being the greatest of all.
#[inline(always)]
fn rank(x: f32) -> u32 {
    (x.to_bits() << 1).wrapping_sub(1)
}

// Plain loops, of which the compiler makes ones over vectors; `entry!` names the lanes of every body.
#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
fn look_body<V>(x: &[f32], found: &mut bool) {
    for span in x.chunks(SPAN) {
        let least = span.iter().fold(u32::MAX, |least, &x| least.min(rank(x)));
        if least < rank(LEAST_FACTOR) {
            *found = true;
            return;
        }
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
fn keep_body<V>(x: &mut [f32]) {
    for x in x {
        *x = factor(*x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn elements_below_the_least_are_found_and_set_to_zero() {
        let edge = LEAST_FACTOR;
        let below = f32::from_bits(edge.to_bits() - 1);
        let kept = [0.0, edge, -edge, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::NAN];
        let lost = [below, -below, f32::MIN_POSITIVE, -1e-40, f32::from_bits(1)];
        for isa in Isa::available() {
            for len in [0, 1, 15, 16, 17, 1023, 1024, 1025, 5000] {
                let mut x: Vec<f32> = kept.iter().copied().cycle().take(len).collect();
                assert!(!any_below(isa, &x), "{} {len}", isa.name());
                let before: Vec<u32> = x.iter().map(|x| x.to_bits()).collect();
                keep_factors(isa, &mut x);
                let after: Vec<u32> = x.iter().map(|x| x.to_bits()).collect();
                assert_eq!(before, after, "{} {len}", isa.name());
                for at in [0, len / 2, len.saturating_sub(1)].into_iter().filter(|&at| at < len) {
                    for tiny in lost {
                        let kept = std::mem::replace(&mut x[at], tiny);
                        assert!(any_below(isa, &x), "{} {len} {at} {tiny:e}", isa.name());
                        keep_factors(isa, &mut x);
                        assert_eq!(x[at].to_bits(), 0, "{} {len} {at} {tiny:e}", isa.name());
                        x[at] = kept;
                    }
                }
            }
        }
    }
}
