//! 16 lanes in two AVX registers.
//!
//! The methods are safe to call only where the processor has AVX2 and FMA: the type is private to the crate,
//! and [`crate::isa::entry`] is the only code that names it.
#![allow(unsafe_code)]

use crate::lanes::{Arithmetic, LANES, Lanes};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256, __m256);

/// Applies an intrinsic to both halves.
macro_rules! halves {
    ($intrinsic:ident($($arg:expr),*)) => {
        // SAFETY: see the module; the intrinsic works on registers only.
        unsafe { Avx2($intrinsic($($arg.0),*), $intrinsic($($arg.1),*)) }
    };
}

/// The first `count` of 16 lanes, as the signs of 16 integers.
#[inline(always)]
fn masks(count: usize) -> (__m256i, __m256i) {
    const ONES: [i32; 32] = [
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0,
    ];
    let start = LANES - count.min(LANES);
    // SAFETY: see the module; the table holds 16 integers from every start up to 16.
    unsafe {
        let from = ONES.as_ptr().add(start);
        (_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast()))
    }
}

impl Avx2 {
    #[inline(always)]
    pub(crate) fn from_halves(low: __m256, high: __m256) -> Self {
        Self(low, high)
    }

    #[inline(always)]
    pub(crate) fn halves(self) -> (__m256, __m256) {
        (self.0, self.1)
    }

    #[inline(always)]
    fn bits(self) -> (__m256i, __m256i) {
        // SAFETY: see the module; truncating conversion of registers.
        unsafe { (_mm256_cvttps_epi32(self.0), _mm256_cvttps_epi32(self.1)) }
    }
}

impl Arithmetic for Avx2 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: see the module; works on registers only.
        unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        halves!(_mm256_add_ps(self, b))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        halves!(_mm256_sub_ps(self, b))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        halves!(_mm256_mul_ps(self, b))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        halves!(_mm256_div_ps(self, b))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        halves!(_mm256_sqrt_ps(self))
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        halves!(_mm256_fmadd_ps(self, b, c))
    }
    // MAXPS and MINPS return their second operand unless the first compares greater (less): hence b comes
    // first.
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        halves!(_mm256_max_ps(b, self))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        halves!(_mm256_min_ps(b, self))
    }
    #[inline(always)]
    fn select_lt(self, b: Self, x: Self, y: Self) -> Self {
        // SAFETY: see the module; works on registers only.
        unsafe {
            let (low, high) =
                (_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, b.0), _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, b.1));
            Avx2(_mm256_blendv_ps(y.0, x.0, low), _mm256_blendv_ps(y.1, x.1, high))
        }
    }
    #[inline(always)]
    fn round_even(self) -> Self {
        const MODE: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: see the module; works on registers only.
        unsafe { Avx2(_mm256_round_ps::<MODE>(self.0), _mm256_round_ps::<MODE>(self.1)) }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        halves!(_mm256_floor_ps(self))
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        halves!(_mm256_ceil_ps(self))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let sign = Self::splat(-0.0);
        halves!(_mm256_andnot_ps(sign, self))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        let sign = Self::splat(-0.0);
        halves!(_mm256_xor_ps(sign, self))
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        let mask = Self::splat(-0.0);
        let magnitude = halves!(_mm256_andnot_ps(mask, self));
        let sign = halves!(_mm256_and_ps(mask, sign));
        halves!(_mm256_or_ps(magnitude, sign))
    }
    #[inline(always)]
    fn exp2_int(self) -> Self {
        let (low, high) = self.bits();
        // SAFETY: see the module; works on registers only.
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let low = _mm256_slli_epi32::<23>(_mm256_add_epi32(low, bias));
            let high = _mm256_slli_epi32::<23>(_mm256_add_epi32(high, bias));
            Avx2(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high))
        }
    }
    crate::lanes::through_arrays!();
}

impl Lanes for Avx2 {
    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self {
        // SAFETY: see the module; the array holds 16 f32, so both unaligned loads stay inside it.
        unsafe { Avx2(_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))) }
    }
    #[inline(always)]
    fn store(self, y: &mut [f32; LANES]) {
        // SAFETY: see the module; the array holds 16 f32, so both unaligned stores stay inside it.
        unsafe {
            _mm256_storeu_ps(y.as_mut_ptr(), self.0);
            _mm256_storeu_ps(y.as_mut_ptr().add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn read_part(x: *const f32, count: usize, fill: f32) -> Self {
        let (low, high) = masks(count);
        // SAFETY: see the module; lanes that the masks leave out are not read.
        unsafe {
            let fill = _mm256_set1_ps(fill);
            let first = _mm256_maskload_ps(x, low);
            let second = _mm256_maskload_ps(x.wrapping_add(8), high);
            Avx2(
                _mm256_blendv_ps(fill, first, _mm256_castsi256_ps(low)),
                _mm256_blendv_ps(fill, second, _mm256_castsi256_ps(high)),
            )
        }
    }
    #[inline(always)]
    unsafe fn write_part(self, y: *mut f32, count: usize) {
        let (low, high) = masks(count);
        // SAFETY: see the module; lanes that the masks leave out are not written.
        unsafe {
            _mm256_maskstore_ps(y, low, self.0);
            _mm256_maskstore_ps(y.wrapping_add(8), high, self.1);
        }
    }
    #[inline(always)]
    fn load_part(x: &[f32], fill: f32) -> Self {
        // SAFETY: the slice holds what is read; no more than 16 are.
        unsafe { Self::read_part(x.as_ptr(), x.len().min(LANES), fill) }
    }
    #[inline(always)]
    fn store_part(self, y: &mut [f32]) {
        // SAFETY: the slice holds what is written; no more than 16 are.
        unsafe { self.write_part(y.as_mut_ptr(), y.len().min(LANES)) }
    }
}

/// Transposes a square of 8 rows of 8.
///
/// # Safety
/// The processor has AVX2; 8 elements can be read at x and written at y, and so at each of 8 strides.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn transpose_8(x: *const f32, x_stride: usize, y: *mut f32, y_stride: usize) {
    // SAFETY: the caller's.
    let row = |i: usize| unsafe { _mm256_loadu_ps(x.wrapping_add(i * x_stride)) };
    let rows: [__m256; 8] = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
    let mut pairs = rows;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..2 {
        for half in 0..2 {
            let (a, b) = (pairs[4 * i + half], pairs[4 * i + half + 2]);
            fours[4 * i + 2 * half] = _mm256_shuffle_ps::<0x44>(a, b);
            fours[4 * i + 2 * half + 1] = _mm256_shuffle_ps::<0xee>(a, b);
        }
    }
    for i in 0..4 {
        let (a, b) = (fours[i], fours[i + 4]);
        // SAFETY: the caller's.
        unsafe {
            _mm256_storeu_ps(y.wrapping_add(i * y_stride), _mm256_permute2f128_ps::<0x20>(a, b));
            _mm256_storeu_ps(y.wrapping_add((i + 4) * y_stride), _mm256_permute2f128_ps::<0x31>(a, b));
        }
    }
}
