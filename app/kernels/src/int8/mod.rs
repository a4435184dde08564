//! Products of quantised tensors: bytes times bytes, summed in i32.
//!
//! Sums of integers that wrap do not depend on their order, so layout, tiling and instruction set are free
//! and the bits are fixed by arithmetic alone. What is decided here is the one form that all bodies share:
//! activations are u8 (an i8 tensor has its top bits flipped and its zero point moved by 128), weights are i8,
//! packed in panels of 16 columns by four terms; images have their channels last. Zero points are corrections
//! to what a sum starts from:
//!
//! `sum((a - za) * (w - zw)) = sum(a * w) - za * sum(w) - zw * sum(a) + terms * za * zw`.
//!
//! The floating-point part (multiplier, rounding, clamp) comes after the sum, one IEEE operation at a time.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
mod depthwise;
#[cfg(target_arch = "x86_64")]
mod depthwise_vnni;
mod finish;
mod gemm;
mod lines;
mod pack;
mod patches;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod words;

pub use bytes::{Affine, ByteOp, combine_bytes, dequantize, lookup, max_bytes, quantize};
pub use depthwise::{Depthwise, Filters, MOST_TAPS, depthwise};
pub use finish::{Finish, Output, Requantizer};
pub use gemm::{Rows, gemm, gemm_part};
pub use lines::{LINE_ROWS, Line, Lines, RowPairs, multiply_lines};
pub use pack::{Packed, Panels, QuadPanel, pack, panel_count, steps};
pub use patches::{Patches, gather_patches, row_sums};
pub use transpose::{transpose_8, transpose_bytes};
