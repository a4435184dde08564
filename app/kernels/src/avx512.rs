//! 16 lanes in one AVX-512 register.
//!
//! The methods are safe to call only where the processor has AVX-512 F, BW, DQ and VL: the type is private to
//! the crate, and the dispatch of [`crate::isa`] is the only code that names it.
#![allow(unsafe_code)]

use crate::lanes::{Arithmetic, LANES, Lanes};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(crate) struct Avx512(pub(crate) __m512);

macro_rules! whole {
    ($intrinsic:ident($($arg:expr),*)) => {
        // SAFETY: see the module; the intrinsic works on registers only.
        unsafe { Avx512($intrinsic($($arg.0),*)) }
    };
}

impl Avx512 {
    #[inline(always)]
    pub(crate) fn from_whole(lanes: __m512) -> Self {
        Self(lanes)
    }

    #[inline(always)]
    pub(crate) fn whole(self) -> __m512 {
        self.0
    }
}

/// The first `count` lanes.
#[inline(always)]
fn mask(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

impl Arithmetic for Avx512 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: see the module; works on registers only.
        unsafe { Avx512(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        whole!(_mm512_add_ps(self, b))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        whole!(_mm512_sub_ps(self, b))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        whole!(_mm512_mul_ps(self, b))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        whole!(_mm512_div_ps(self, b))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        whole!(_mm512_sqrt_ps(self))
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        whole!(_mm512_fmadd_ps(self, b, c))
    }
    // As with AVX2, the second operand is returned unless the first compares greater (less).
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        whole!(_mm512_max_ps(b, self))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        whole!(_mm512_min_ps(b, self))
    }
    #[inline(always)]
    fn select_lt(self, b: Self, x: Self, y: Self) -> Self {
        // SAFETY: see the module; works on registers only.
        unsafe { Avx512(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, b.0), y.0, x.0)) }
    }
    #[inline(always)]
    fn round_even(self) -> Self {
        const MODE: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: see the module; works on registers only.
        unsafe { Avx512(_mm512_roundscale_ps::<MODE>(self.0)) }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        const MODE: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
        // SAFETY: see the module; works on registers only.
        unsafe { Avx512(_mm512_roundscale_ps::<MODE>(self.0)) }
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        const MODE: i32 = _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC;
        // SAFETY: see the module; works on registers only.
        unsafe { Avx512(_mm512_roundscale_ps::<MODE>(self.0)) }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let sign = Self::splat(-0.0);
        whole!(_mm512_andnot_ps(sign, self))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        let sign = Self::splat(-0.0);
        whole!(_mm512_xor_ps(sign, self))
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        let mask = Self::splat(-0.0);
        let magnitude = whole!(_mm512_andnot_ps(mask, self));
        let sign = whole!(_mm512_and_ps(mask, sign));
        whole!(_mm512_or_ps(magnitude, sign))
    }
    #[inline(always)]
    fn exp2_int(self) -> Self {
        // SAFETY: see the module; works on registers only.
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvttps_epi32(self.0), _mm512_set1_epi32(127));
            Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent)))
        }
    }
    crate::lanes::through_arrays!();
}

impl Lanes for Avx512 {
    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self {
        // SAFETY: see the module; the array holds the 16 f32 that are read.
        unsafe { Avx512(_mm512_loadu_ps(x.as_ptr())) }
    }
    #[inline(always)]
    fn store(self, y: &mut [f32; LANES]) {
        // SAFETY: see the module; the array holds the 16 f32 that are written.
        unsafe { _mm512_storeu_ps(y.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    unsafe fn read_part(x: *const f32, count: usize, fill: f32) -> Self {
        // SAFETY: see the module; lanes that the mask leaves out are not read.
        unsafe { Avx512(_mm512_mask_loadu_ps(_mm512_set1_ps(fill), mask(count), x)) }
    }
    #[inline(always)]
    unsafe fn write_part(self, y: *mut f32, count: usize) {
        // SAFETY: see the module; lanes that the mask leaves out are not written.
        unsafe { _mm512_mask_storeu_ps(y, mask(count), self.0) }
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
