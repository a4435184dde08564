//! The bounds that a plan must keep, beyond those that [`assay_types::limits`] sets for tensors and plan
//! bytes.

use assay_types::limits::{MAX_PORTS, MAX_TENSOR_BYTES};

/// Nodes of a plan.
pub const MAX_NODES: usize = 100_000;
/// Inputs, or outputs, of a plan.
pub const MAX_PLAN_PORTS: usize = MAX_PORTS;
/// Operands of one node; only Concat takes more than five.
pub const MAX_OPERANDS: usize = 1024;
/// Labels of an einsum: 0 to 31.
pub const MAX_LABELS: usize = 32;
/// Any number of a window: kernel, stride, dilation, padding.
pub const MAX_WINDOW: u32 = 4096;
/// Bytes of one value of a run.
pub const MAX_VALUE_BYTES: u64 = MAX_TENSOR_BYTES as u64;
/// Price of one run: an outer wall far above what a block can hold.
pub const MAX_UNITS: u64 = 20_000_000_000;
