//! The floating-point environment that all bodies assume: round to nearest even, subnormals kept, no traps.

/// Whether this thread's environment is the default one.
///
/// Asked of the control register where there is one (MXCSR, FPCR), and of the arithmetic itself everywhere.
pub(crate) fn is_default() -> bool {
    control_is_default() && arithmetic_is_default()
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn control_is_default() -> bool {
    let mut control = 0u32;
    // SAFETY: STMXCSR writes four bytes to the address, which is that of a u32.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags));
    }
    // The low six bits are sticky flags; the rest is DAZ, the masks, rounding and FTZ.
    control & !0x3f == 0x1f80
}

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
fn control_is_default() -> bool {
    let control: u64;
    // SAFETY: reads a register that every program may read.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags));
    }
    control == 0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn control_is_default() -> bool {
    true
}

fn arithmetic_is_default() -> bool {
    use std::hint::black_box;
    let (tiny, one, ulp) = (black_box(1e-45f32), black_box(1.0f32), black_box(f32::EPSILON / 2.0));
    // A subnormal operand, a subnormal result, and a tie in each direction.
    tiny * 8.0 > 0.0
        && black_box(f32::MIN_POSITIVE) / 4.0 > 0.0
        && one + ulp == 1.0
        && (one + 2.0 * ulp) + ulp == 1.0 + 4.0 * ulp
}
