//! The bodies of the plan's opcodes: one reference each, and native bodies with the same bits.
//!
//! A body works on slices of one dtype and knows nothing of plans, shapes or memory. f32 bodies are written
//! once over a vector of 16 lanes and compiled for each instruction set; the plain Rust one
//! ([`Isa::Reference`]) is the law. No body allocates. A native instruction set is added as one file
//! that implements the lanes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(target_endian = "big")]
compile_error!("tensors are little-endian in memory and on the wire");

mod arcs;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod columns;
mod conv;
mod couple;
mod elementwise;
mod environment;
mod factors;
mod forest;
mod gemm;
pub mod int8;
mod integers;
mod isa;
mod lanes;
mod layout;
mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod norm;
mod pool;
mod post;
mod reduce;
mod scalar;
mod selftest;
#[cfg(test)]
mod testing;
mod tile;
mod tree;
mod window;

pub use columns::{fold_blocks, fold_columns};
pub use conv::{Conv, ConvInput};
pub use couple::couple;
pub use elementwise::{Binary, Operand, Unary, binary, binary_one, quotient, scale, unary};
pub use factors::{LEAST_FACTOR, any_below, factor, keep_factors};
pub use forest::Forest;
pub use gemm::{Columns, Gemm, Place, gemm, pack, packed_len};
pub use integers::{MANY, add_scaled_bytes, add_tap, dot_words};
pub use isa::{Detected, ISA_NAMES, Isa};
pub use layout::{from_blocks, to_blocks, transpose};
pub use norm::{Norm, norm_rows, softmax};
pub use pool::{Pool, PoolDivisor, max_pool, sum_pool};
pub use post::{Grid, Other, Post, chain, chain_in_place};
pub use reduce::{Fold, fold_rows, log_softmax_rows, rms_norm_rows, softmax_rows};
pub use selftest::{Check, selftest};
pub use tile::{MAX_PANELS, MAX_ROWS, PANEL, Panel, dot_tile, panels_for};
pub use tree::{LAST_COMPARISON, LEAF, NAN_IS_TRUE, TreeSum, Trees, tree_scores};
pub use window::{Depthwise, max_pool_blocks, sum_pool_blocks};
