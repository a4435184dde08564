//! Integer words in two AVX registers. See [`crate::avx2`] for what makes the calls sound.
#![allow(unsafe_code)]

use super::words::{Quad, WidePair, Words};
use crate::avx2::Avx2;
use crate::lanes::{Arithmetic, LANES};
use std::arch::x86_64::*;

type Two = (__m256i, __m256i);

#[inline(always)]
fn load(x: *const __m256i) -> Two {
    // SAFETY: every caller's array holds 64 bytes; unaligned loads.
    unsafe { (_mm256_loadu_si256(x), _mm256_loadu_si256(x.add(1))) }
}

#[derive(Clone, Copy)]
pub(crate) struct Avx2Words;

impl Words for Avx2Words {
    type Floats = Avx2;
    type Sums = Two;
    type Pairs = Two;
    type Four = __m256i;
    const SPLITS: bool = true;

    #[inline(always)]
    fn sums(x: &[i32; LANES]) -> Two {
        load(x.as_ptr().cast())
    }
    #[inline(always)]
    fn store_sums(sums: Two, y: &mut [i32; LANES]) {
        let y = y.as_mut_ptr().cast::<__m256i>();
        // SAFETY: the array holds 64 bytes; unaligned stores.
        unsafe {
            _mm256_storeu_si256(y, sums.0);
            _mm256_storeu_si256(y.add(1), sums.1);
        }
    }
    #[inline(always)]
    fn add_sums(a: Two, b: Two) -> Two {
        // SAFETY: works on registers only.
        unsafe { (_mm256_add_epi32(a.0, b.0), _mm256_add_epi32(a.1, b.1)) }
    }
    #[inline(always)]
    fn mul_sums(a: Two, b: i32) -> Two {
        // SAFETY: works on registers only.
        unsafe {
            let b = _mm256_set1_epi32(b);
            (_mm256_mullo_epi32(a.0, b), _mm256_mullo_epi32(a.1, b))
        }
    }
    #[inline(always)]
    fn to_floats(sums: Two) -> Avx2 {
        // SAFETY: works on registers only; rounds as MXCSR says, to nearest even.
        unsafe { Avx2::from_halves(_mm256_cvtepi32_ps(sums.0), _mm256_cvtepi32_ps(sums.1)) }
    }
    #[inline(always)]
    fn wide(pairs: &WidePair) -> Two {
        load(pairs.as_ptr().cast())
    }
    #[inline(always)]
    fn both([a, b]: [i16; 2]) -> Two {
        // SAFETY: works on registers only.
        let pairs = unsafe { _mm256_set1_epi32(i32::from(a) & 0xffff | i32::from(b) << 16) };
        (pairs, pairs)
    }
    #[inline(always)]
    fn zip<const SIGNED: bool>(a: &[u8; LANES], b: &[u8; LANES]) -> Two {
        // SAFETY: the arrays hold 16 bytes each; unaligned loads.
        unsafe {
            let (a, b) = (_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast()));
            let (low, high) = (_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b));
            if SIGNED {
                (_mm256_cvtepi8_epi16(low), _mm256_cvtepi8_epi16(high))
            } else {
                (_mm256_cvtepu8_epi16(low), _mm256_cvtepu8_epi16(high))
            }
        }
    }
    #[inline(always)]
    fn four(x: [u8; 4]) -> __m256i {
        // SAFETY: works on registers only.
        unsafe { _mm256_set1_epi32(i32::from_le_bytes(x)) }
    }
    #[inline(always)]
    fn halves_of(a: [u8; 4], b: [u8; 4]) -> __m256i {
        // SAFETY: works on registers only.
        unsafe { _mm256_blend_epi16::<0b1010_1010>(Self::four(a), Self::four(b)) }
    }
    // PMADDUBSW saturates, but weights are packed so that no two products can reach that far.
    #[inline(always)]
    fn dot_quad(sums: Two, x: __m256i, w: &Quad) -> Two {
        let w = load(w.0.as_ptr().cast());
        // SAFETY: works on registers only.
        unsafe {
            let one = _mm256_set1_epi16(1);
            (
                _mm256_add_epi32(sums.0, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w.0), one)),
                _mm256_add_epi32(sums.1, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w.1), one)),
            )
        }
    }
    // PMADDWD adds its two products without saturating; they cannot both be 2^30.
    #[inline(always)]
    fn dot(sums: Two, x: Two, w: Two) -> Two {
        // SAFETY: works on registers only.
        unsafe {
            (
                _mm256_add_epi32(sums.0, _mm256_madd_epi16(x.0, w.0)),
                _mm256_add_epi32(sums.1, _mm256_madd_epi16(x.1, w.1)),
            )
        }
    }
    #[inline(always)]
    fn any_above(x: Avx2, limit: f32) -> bool {
        let (low, high) = x.halves();
        // SAFETY: works on registers only.
        unsafe {
            let limit = _mm256_set1_ps(limit);
            let (low, high) =
                (_mm256_cmp_ps::<_CMP_GT_OQ>(low, limit), _mm256_cmp_ps::<_CMP_GT_OQ>(high, limit));
            _mm256_movemask_ps(_mm256_or_ps(low, high)) != 0
        }
    }
    #[inline(always)]
    fn from_bytes<const SIGNED: bool>(x: &[u8; LANES]) -> Avx2 {
        // SAFETY: the array holds 16 bytes; an unaligned load.
        unsafe {
            let low = _mm_loadu_si128(x.as_ptr().cast());
            let high = _mm_srli_si128::<8>(low);
            let (low, high) = if SIGNED {
                (_mm256_cvtepi8_epi32(low), _mm256_cvtepi8_epi32(high))
            } else {
                (_mm256_cvtepu8_epi32(low), _mm256_cvtepu8_epi32(high))
            };
            Avx2::from_halves(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high))
        }
    }
    // The upper bound is taken as f32, before the conversion, which makes everything that no i32 holds (and
    // NaN) the least i32; the packs saturate downwards, and the lower bound is taken on bytes.
    #[inline(always)]
    fn to_bytes<const SIGNED: bool>(x: Avx2, zero: i32, range: [i32; 2]) -> [u8; LANES] {
        let (low, high) = x.min(Avx2::splat((range[1] - zero) as f32)).halves();
        let mut bytes = [0; LANES];
        // SAFETY: the array holds 16 bytes; an unaligned store. The packs work within halves of 128 bits,
        // which the permutation puts in order.
        unsafe {
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
            let words = _mm256_adds_epi16(words, _mm256_set1_epi16(zero as i16));
            let least = _mm_set1_epi8(range[0] as i8);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
            let packed = if SIGNED {
                let packed = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words, words), order);
                _mm_max_epi8(_mm256_castsi256_si128(packed), least)
            } else {
                let packed = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words, words), order);
                _mm_max_epu8(_mm256_castsi256_si128(packed), least)
            };
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), packed);
        }
        bytes
    }
}
