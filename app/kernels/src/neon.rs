//! 16 lanes in four NEON registers.
//!
//! NEON is part of every aarch64 target, so nothing has to be asked of the processor. Maximum and minimum are
//! a comparison and a selection: FMAX and FMIN have other rules for NaN and for zeros.
#![allow(unsafe_code)]

use crate::lanes::{Arithmetic, LANES, Lanes};
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(crate) struct Neon([float32x4_t; 4]);

/// Evaluates an expression for each of the four registers.
macro_rules! quarters {
    (|$i:ident| $body:expr) => {{
        macro_rules! quarter {
            ($n:literal) => {{
                let $i = $n;
                $body
            }};
        }
        // SAFETY: NEON is there; the intrinsics work on registers, or inside an array of 16 f32.
        unsafe { Neon([quarter!(0), quarter!(1), quarter!(2), quarter!(3)]) }
    }};
}

impl Arithmetic for Neon {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        quarters!(|_i| vdupq_n_f32(x))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        quarters!(|i| vaddq_f32(self.0[i], b.0[i]))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        quarters!(|i| vsubq_f32(self.0[i], b.0[i]))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        quarters!(|i| vmulq_f32(self.0[i], b.0[i]))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        quarters!(|i| vdivq_f32(self.0[i], b.0[i]))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        quarters!(|i| vsqrtq_f32(self.0[i]))
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        quarters!(|i| vfmaq_f32(c.0[i], self.0[i], b.0[i]))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        quarters!(|i| vbslq_f32(vcgtq_f32(b.0[i], self.0[i]), b.0[i], self.0[i]))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        quarters!(|i| vbslq_f32(vcltq_f32(b.0[i], self.0[i]), b.0[i], self.0[i]))
    }
    #[inline(always)]
    fn select_lt(self, b: Self, x: Self, y: Self) -> Self {
        quarters!(|i| vbslq_f32(vcltq_f32(self.0[i], b.0[i]), x.0[i], y.0[i]))
    }
    #[inline(always)]
    fn round_even(self) -> Self {
        quarters!(|i| vrndnq_f32(self.0[i]))
    }
    #[inline(always)]
    fn floor(self) -> Self {
        quarters!(|i| vrndmq_f32(self.0[i]))
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        quarters!(|i| vrndpq_f32(self.0[i]))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        quarters!(|i| vabsq_f32(self.0[i]))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        quarters!(|i| vnegq_f32(self.0[i]))
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        quarters!(|i| vbslq_f32(vdupq_n_u32(0x8000_0000), sign.0[i], self.0[i]))
    }
    #[inline(always)]
    fn exp2_int(self) -> Self {
        quarters!(|i| {
            let exponent = vaddq_s32(vcvtq_s32_f32(self.0[i]), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        })
    }
    crate::lanes::through_arrays!();
}

impl Lanes for Neon {
    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self {
        quarters!(|i| vld1q_f32(x.as_ptr().add(4 * i)))
    }
    #[inline(always)]
    fn store(self, y: &mut [f32; LANES]) {
        for i in 0..4 {
            // SAFETY: the array holds 16 f32, so the four stores stay inside it.
            unsafe { vst1q_f32(y.as_mut_ptr().add(4 * i), self.0[i]) }
        }
    }
}
