//! Integer words in one AVX-512 register, with VNNI and without. See [`crate::avx512`] for what makes the
//! calls sound.
#![allow(unsafe_code)]

use super::words::{Quad, WidePair, Words};
use crate::avx512::Avx512;
use crate::lanes::{Arithmetic, LANES};
use std::arch::x86_64::*;

/// Without VNNI, weights must be packed so that no two products can leave the i16.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Words<const VNNI: bool>;

/// `clamp(round_even(x)) + zero` as i32, held to the upper bound. Taking the bound as f32, before the
/// conversion, makes the least i32 of everything that no i32 holds and of NaN.
#[inline(always)]
fn rounded(x: Avx512, most: Avx512) -> __m512i {
    // SAFETY: works on registers only; rounds as MXCSR says, to nearest even.
    unsafe { _mm512_cvtps_epi32(x.min(most).whole()) }
}

impl<const VNNI: bool> Words for Avx512Words<VNNI> {
    type Floats = Avx512;
    type Sums = __m512i;
    type Pairs = __m512i;
    type Four = __m512i;
    const SPLITS: bool = !VNNI;

    #[inline(always)]
    fn sums(x: &[i32; LANES]) -> __m512i {
        // SAFETY: the array holds 64 bytes; an unaligned load.
        unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store_sums(sums: __m512i, y: &mut [i32; LANES]) {
        // SAFETY: the array holds 64 bytes; an unaligned store.
        unsafe { _mm512_storeu_si512(y.as_mut_ptr().cast(), sums) }
    }
    #[inline(always)]
    fn add_sums(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: works on registers only.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn mul_sums(a: __m512i, b: i32) -> __m512i {
        // SAFETY: works on registers only.
        unsafe { _mm512_mullo_epi32(a, _mm512_set1_epi32(b)) }
    }
    #[inline(always)]
    fn to_floats(sums: __m512i) -> Avx512 {
        // SAFETY: works on registers only; rounds as MXCSR says, to nearest even.
        unsafe { Avx512::from_whole(_mm512_cvtepi32_ps(sums)) }
    }
    #[inline(always)]
    fn wide(pairs: &WidePair) -> __m512i {
        // SAFETY: the array holds 64 bytes; an unaligned load.
        unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) }
    }
    #[inline(always)]
    fn both([a, b]: [i16; 2]) -> __m512i {
        // SAFETY: works on registers only.
        unsafe { _mm512_set1_epi32(i32::from(a) & 0xffff | i32::from(b) << 16) }
    }
    #[inline(always)]
    fn zip<const SIGNED: bool>(a: &[u8; LANES], b: &[u8; LANES]) -> __m512i {
        // SAFETY: the arrays hold 16 bytes each; unaligned loads.
        unsafe {
            let (a, b) = (_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast()));
            let both = _mm256_set_m128i(_mm_unpackhi_epi8(a, b), _mm_unpacklo_epi8(a, b));
            if SIGNED { _mm512_cvtepi8_epi16(both) } else { _mm512_cvtepu8_epi16(both) }
        }
    }
    #[inline(always)]
    fn four(x: [u8; 4]) -> __m512i {
        // SAFETY: works on registers only.
        unsafe { _mm512_set1_epi32(i32::from_le_bytes(x)) }
    }
    #[inline(always)]
    fn halves_of(a: [u8; 4], b: [u8; 4]) -> __m512i {
        Self::four([a[0], a[1], b[2], b[3]])
    }
    // VPDPBUSD does not saturate. VPMADDUBSW does, but weights are packed for it.
    #[inline(always)]
    fn dot_quad(sums: __m512i, x: __m512i, w: &Quad) -> __m512i {
        // SAFETY: the array holds 64 bytes; an unaligned load. `VNNI` is entered only where there is VNNI.
        unsafe {
            let w = _mm512_loadu_si512(w.0.as_ptr().cast());
            if VNNI {
                _mm512_dpbusd_epi32(sums, x, w)
            } else {
                let pairs = _mm512_maddubs_epi16(x, w);
                _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
            }
        }
    }
    // VPMADDWD adds its two products without saturating; they cannot both be 2^30.
    #[inline(always)]
    fn dot(sums: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: works on registers only; VNNI as above.
        unsafe {
            if VNNI {
                _mm512_dpwssd_epi32(sums, x, w)
            } else {
                _mm512_add_epi32(sums, _mm512_madd_epi16(x, w))
            }
        }
    }
    #[inline(always)]
    fn any_above(x: Avx512, limit: f32) -> bool {
        // SAFETY: works on registers only.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x.whole(), _mm512_set1_ps(limit)) != 0 }
    }
    #[inline(always)]
    fn from_bytes<const SIGNED: bool>(x: &[u8; LANES]) -> Avx512 {
        // SAFETY: the array holds 16 bytes; an unaligned load.
        unsafe {
            let x = _mm_loadu_si128(x.as_ptr().cast());
            let x = if SIGNED { _mm512_cvtepi8_epi32(x) } else { _mm512_cvtepu8_epi32(x) };
            Avx512::from_whole(_mm512_cvtepi32_ps(x))
        }
    }
    #[inline(always)]
    fn to_bytes<const SIGNED: bool>(x: Avx512, zero: i32, range: [i32; 2]) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        // SAFETY: the array holds 16 bytes; an unaligned store. Saturation to i16 leaves room for the zero
        // point, and the conversion of lines of i16 to bytes is told the lower bound.
        unsafe {
            let words = _mm512_cvtsepi32_epi16(rounded(x, Avx512::splat((range[1] - zero) as f32)));
            let words = _mm256_adds_epi16(words, _mm256_set1_epi16(zero as i16));
            let words = _mm256_max_epi16(words, _mm256_set1_epi16(range[0] as i16));
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm256_cvtepi16_epi8(words));
        }
        bytes
    }
    // The packs work within quarters of 128 bits, which the permutation puts in order.
    #[inline(always)]
    fn to_bytes_4<const SIGNED: bool>(x: [Avx512; 4], zero: i32, range: [i32; 2]) -> [[u8; LANES]; 4] {
        let most = Avx512::splat((range[1] - zero) as f32);
        let [a, b, c, d] = x;
        let [a, b, c, d] = [rounded(a, most), rounded(b, most), rounded(c, most), rounded(d, most)];
        let mut bytes = [[0; LANES]; 4];
        // SAFETY: the array holds 64 bytes; an unaligned store.
        unsafe {
            let shift = _mm512_set1_epi16(zero as i16);
            let low = _mm512_adds_epi16(_mm512_packs_epi32(a, b), shift);
            let high = _mm512_adds_epi16(_mm512_packs_epi32(c, d), shift);
            let least = _mm512_set1_epi8(range[0] as i8);
            let packed = if SIGNED {
                _mm512_max_epi8(_mm512_packs_epi16(low, high), least)
            } else {
                _mm512_max_epu8(_mm512_packus_epi16(low, high), least)
            };
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_storeu_si512(bytes.as_mut_ptr().cast(), _mm512_permutexvar_epi32(order, packed));
        }
        bytes
    }
}
