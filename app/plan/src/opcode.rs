//! The opcodes of a plan and their attributes.
//!
//! What each opcode computes, to the bit, and what it costs is written in `docs/engine.md`, one section per
//! opcode; this module fixes names, attributes and encoding only. The order of the variants is the encoding:
//! a new opcode goes at the end, under a new [`OPCODE_SET`](crate::OPCODE_SET). Floating-point attributes are
//! f32 bits.
//!
//! "Axis" is an index into dims, from 0. Operands are the node's inputs, in order. Where two operands combine
//! elementwise they have the same rank, and a dim of 1 is repeated to the other's dim: ranks are never
//! padded.

pub use crate::functions::{Aggregate, BinaryOp, CompareOp, Divisor, PadMode, Reducer, Scatter, UnaryOp};
use borsh::{BorshDeserialize, BorshSerialize};

/// A sliding window over the last two axes of a tensor: rows, then columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Window {
    /// Taps along rows and columns, at least 1.
    pub kernel: [u32; 2],
    /// Elements between two neighbouring windows, at least 1.
    pub stride: [u32; 2],
    /// Elements between two neighbouring taps, at least 1.
    pub dilation: [u32; 2],
    /// Positions before the first element that a window may reach; less than the window's span.
    pub pad_before: [u32; 2],
    /// Positions after the last element that a window may reach; less than the window's span.
    pub pad_after: [u32; 2],
}

/// One operation of a plan. Each node has one output.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Opcode {
    /// An input of the run; listed in [`Plan::inputs`](crate::Plan::inputs). No operand, any dtype.
    Input,
    /// Bytes of the plan's data section, little-endian and row-major. No operand, any dtype.
    Const {
        /// Where they start in [`Plan::data`](crate::Plan::data): a multiple of 64.
        offset: u64,
    },
    /// Sums of products of two f32 tensors over the labels that the output lacks.
    ///
    /// A label is 0 to 31 and names an axis; it stands at most once in each list. Where both operands have a
    /// label, their dims are equal or one of them is 1 and repeated; a label of the output that no operand
    /// has is a dim of 1. The sum runs over the labels that the output lacks: the first operand's in its
    /// order, then the second's.
    Einsum {
        /// The labels of the first operand's axes.
        a: Vec<u8>,
        /// The labels of the second operand's axes.
        b: Vec<u8>,
        /// The labels of the output's axes.
        out: Vec<u8>,
    },
    /// Two-dimensional convolution of f32: x \[n, c, h, w\], constant weights \[o, c / groups, kh, kw\] (all
    /// finite when there is padding), constant bias \[o\]. The window's kernel must be \[kh, kw\].
    Conv2d {
        /// The window over h and w.
        window: Window,
        /// Input and output channels fall into so many groups.
        groups: u32,
    },
    /// The greatest element of each window over the last two axes of a tensor (f32, u8, i8) of rank 2 or
    /// more.
    MaxPool(Window),
    /// The sum of each window over the last two axes of an f32 tensor of rank 2 or more.
    SumPool {
        /// The window.
        window: Window,
        /// What the sum is divided by.
        divisor: Divisor,
    },
    /// The same elements under other dims. Any dtype.
    Reshape,
    /// Output axis `i` is the operand's axis `axes[i]`. Any dtype.
    Permute {
        /// Every axis of the operand, once.
        axes: Vec<u8>,
    },
    /// Element `i` along `axis` is the operand's `start + i * step`; the node's dims say how many. Any dtype.
    Slice {
        /// The axis.
        axis: u8,
        /// The first element.
        start: u32,
        /// The distance to the next; negative to walk backwards, never 0.
        step: i32,
    },
    /// The operands (1 to 1,024), one after the other along `axis`. Any dtype.
    Concat {
        /// The axis.
        axis: u8,
    },
    /// Repeats dims of 1 to the node's dims, ranks equal. Any dtype.
    Broadcast,
    /// Slices of the first operand (any dtype) along `axis`, chosen by the second (i64 or i32), whose dims
    /// replace that axis. A negative index counts from the end; one out of range fails the run.
    Gather {
        /// The axis.
        axis: u8,
    },
    /// Output element `p` is the first operand's (any dtype) element at `p` with the coordinate along `axis`
    /// replaced by the second operand's (i64 or i32) element at `p`. Both have the same rank; the second's
    /// dims, also the output's, are at most the first's, but for `axis`. Out of range fails the run.
    GatherElements {
        /// The axis.
        axis: u8,
    },
    /// `c ? a : b`, for operands c (bool), a, b (any dtype), elementwise.
    Select,
    /// Converts to the node's dtype, from any to any.
    Cast,
    /// Adds positions before and after each axis. Any dtype; [`PadMode::Constant`] takes a second operand.
    Pad {
        /// Positions before, one number per axis.
        before: Vec<u32>,
        /// Positions after, one number per axis.
        after: Vec<u32>,
        /// What the new positions hold.
        mode: PadMode,
    },
    /// Reduces axes to dim 1 (they stay). f32, i64, i32; bool for Max and Min.
    Reduce {
        /// The function.
        reducer: Reducer,
        /// The axes, ascending, at least one.
        axes: Vec<u8>,
    },
    /// The index (i64) of the greatest element along `axis`, which becomes dim 1. f32, i64, i32.
    ArgMax {
        /// The axis.
        axis: u8,
        /// Among equals the last, not the first.
        last: bool,
    },
    /// The index (i64) of the least element along `axis`, which becomes dim 1. f32, i64, i32.
    ArgMin {
        /// The axis.
        axis: u8,
        /// Among equals the last, not the first.
        last: bool,
    },
    /// The softmax of f32 over the elements of `axes`.
    Softmax {
        /// The axes, ascending, at least one.
        axes: Vec<u8>,
    },
    /// The logarithm of the softmax of f32 over the elements of `axes`.
    LogSoftmax {
        /// The axes, ascending, at least one.
        axes: Vec<u8>,
    },
    /// f32 divided by the root of the mean square over `axes`: `x / sqrt(sum(x * x) / n + eps)`.
    RmsNorm {
        /// The axes, ascending, at least one.
        axes: Vec<u8>,
        /// What is added under the root, f32 bits; finite and not negative.
        eps: u32,
    },
    /// A function of one operand, elementwise.
    Unary(UnaryOp),
    /// A function of two operands of the node's dtype, elementwise, dims of 1 repeated.
    Binary(BinaryOp),
    /// A comparison of two operands of one dtype, elementwise, dims of 1 repeated; the result is bool.
    Compare(CompareOp),
    /// Scores of an ensemble of decision trees: x f32 \[n, features\] to f32 \[n, classes\].
    ///
    /// Four constant operands follow x: `roots` i32 \[trees\], the node where each tree starts; `nodes` i32
    /// \[m, 5\]; `leaf_classes` i32 \[l\] and `leaf_weights` f32 \[l\]. A row of `nodes` is `[feature,
    /// threshold bits, child if true, child if false, mode]` with mode 1 (`x <= t`), 2 (`<`), 3 (`>=`), 4
    /// (`>`), 5 (`==`), 6 (`!=`), plus 8 when a NaN feature also counts as true; or, for a leaf, `[first,
    /// end, 0, 0, 0]`, naming the entries `first..end` of the leaf tables. A child's index is greater than
    /// its parent's.
    TreeEnsemble {
        /// The classes, at least 1.
        classes: u32,
        /// How leaves combine.
        aggregate: Aggregate,
    },
    /// f32 to the node's dtype, u8 or i8: `x / scale` rounded, plus a zero point, held to the dtype's range.
    /// Operands: x, scale (f32), zero point (the node's dtype); elementwise, dims of 1 repeated.
    Quantize,
    /// u8, i8 or i32 to f32: `(q - zero point) * scale`. Operands: q, scale (f32), zero point (q's dtype);
    /// elementwise, dims of 1 repeated.
    Dequantize,
    /// i32 to the node's dtype, u8 or i8: `acc * multiplier` rounded, plus a zero point, held to the dtype's
    /// range. Operands: acc, multiplier (f32), zero point (the node's dtype); elementwise, dims of 1 repeated.
    Requantize,
    /// Sums of products `(a - za) * (b - zb)` in i32, wrapping, of two tensors, each u8 or i8, over the labels
    /// that the output lacks.
    ///
    /// Operands: a, b, za, zb. Labels are as in [`Opcode::Einsum`]. A zero point has its tensor's dtype and
    /// rank; along a label of the output its dim is 1 or its tensor's, along any other it is 1.
    EinsumInt {
        /// The labels of the first operand's axes.
        a: Vec<u8>,
        /// The labels of the second operand's axes.
        b: Vec<u8>,
        /// The labels of the output's axes.
        out: Vec<u8>,
    },
    /// Two-dimensional convolution in i32, wrapping: x \[n, c, h, w\] (u8 or i8), constant weights \[o, c /
    /// groups, kh, kw\] (u8 or i8), x's zero point \[1\], the weights' constant zero points \[1\] or \[o\],
    /// constant bias i32 \[o\]. Taps outside the image count nothing.
    Conv2dInt {
        /// The window over h and w.
        window: Window,
        /// Input and output channels fall into so many groups.
        groups: u32,
    },
    /// Each element (u8 or i8), read as a u8, chooses from a constant table \[256\] of u8, i8 or f32, the
    /// node's dtype.
    Lookup,
    /// Sums along `axis` so far. f32, i64, i32.
    CumSum {
        /// The axis.
        axis: u8,
        /// An element's sum does not hold the element itself.
        exclusive: bool,
        /// From the last element to the first.
        reverse: bool,
    },
    /// The indices (i64) of the `k` greatest (least) elements along `axis`, the best first, the first of equal
    /// ones first; a NaN counts as greater than any number. f32 or integers.
    TopK {
        /// The axis, which becomes `k`.
        axis: u8,
        /// How many: from 1 to the axis's dim.
        k: u32,
        /// The greatest, not the least.
        largest: bool,
    },
    /// The first operand (any dtype; but for [`Scatter::Put`] not bool) with the third's elements, in row-major
    /// order, put or combined where the second's (i64 or i32) say: element `p` goes to `p` with the coordinate
    /// along `axis` replaced. Out of range fails the run.
    ScatterElements {
        /// The axis.
        axis: u8,
        /// What happens to the element that is there.
        reduction: Scatter,
    },
    /// The first operand (any dtype; but for [`Scatter::Put`] not bool) with slices of the third put or combined
    /// where the second's (i64 or i32) tuples, its last axis, say. Out of range fails the run.
    ScatterNd {
        /// What happens to the elements that are there.
        reduction: Scatter,
    },
    /// Slices of the first operand (any dtype), one for each tuple of the second (i64 or i32), its last axis: the
    /// tuple names the coordinates after the `batch` leading axes, which both share. Out of range fails the run.
    GatherNd {
        /// Leading axes that both operands share.
        batch: u8,
    },
    /// Probabilities of k classes, f32 \[n, k\], from those of their pairs, f32 \[n, k (k - 1) / 2\]: for i < j
    /// in order, that of i against j.
    Couple {
        /// The classes: 2 to [`MAX_COUPLED`].
        classes: u32,
    },
}

/// Classes that one [`Opcode::Couple`] may have.
pub const MAX_COUPLED: u32 = 64;

impl Opcode {
    /// The opcode's name, as in `docs/engine.md`.
    pub fn name(&self) -> &'static str {
        match self {
            Opcode::Input => "Input",
            Opcode::Const { .. } => "Const",
            Opcode::Einsum { .. } => "Einsum",
            Opcode::Conv2d { .. } => "Conv2d",
            Opcode::MaxPool(_) => "MaxPool",
            Opcode::SumPool { .. } => "SumPool",
            Opcode::Reshape => "Reshape",
            Opcode::Permute { .. } => "Permute",
            Opcode::Slice { .. } => "Slice",
            Opcode::Concat { .. } => "Concat",
            Opcode::Broadcast => "Broadcast",
            Opcode::Gather { .. } => "Gather",
            Opcode::GatherElements { .. } => "GatherElements",
            Opcode::Select => "Select",
            Opcode::Cast => "Cast",
            Opcode::Pad { .. } => "Pad",
            Opcode::Reduce { .. } => "Reduce",
            Opcode::ArgMax { .. } => "ArgMax",
            Opcode::ArgMin { .. } => "ArgMin",
            Opcode::Softmax { .. } => "Softmax",
            Opcode::LogSoftmax { .. } => "LogSoftmax",
            Opcode::RmsNorm { .. } => "RmsNorm",
            Opcode::Unary(_) => "Unary",
            Opcode::Binary(_) => "Binary",
            Opcode::Compare(_) => "Compare",
            Opcode::TreeEnsemble { .. } => "TreeEnsemble",
            Opcode::Quantize => "Quantize",
            Opcode::Dequantize => "Dequantize",
            Opcode::Requantize => "Requantize",
            Opcode::EinsumInt { .. } => "EinsumInt",
            Opcode::Conv2dInt { .. } => "Conv2dInt",
            Opcode::Lookup => "Lookup",
            Opcode::CumSum { .. } => "CumSum",
            Opcode::TopK { .. } => "TopK",
            Opcode::ScatterElements { .. } => "ScatterElements",
            Opcode::ScatterNd { .. } => "ScatterNd",
            Opcode::GatherNd { .. } => "GatherNd",
            Opcode::Couple { .. } => "Couple",
        }
    }
}
