//! The functions that opcodes are told to apply: of one element, of two, of many, and of those that meet in
//! one place. As in [`crate::opcode`], the order of the variants is the encoding, and floating-point
//! attributes are f32 bits.

#[cfg(doc)]
use crate::opcode::Opcode;
use borsh::{BorshDeserialize, BorshSerialize};

/// What a [`Opcode::SumPool`] divides its sums by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Divisor {
    /// Nothing: a plain sum.
    One = 0,
    /// The number of taps in the kernel, padding included.
    Kernel = 1,
    /// The number of taps that fall inside the tensor.
    Inside = 2,
}

/// How [`Opcode::Pad`] fills the positions outside its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PadMode {
    /// With the second operand, a tensor of one element.
    Constant = 0,
    /// With the nearest element.
    Edge = 1,
    /// By reflection about the first and last element, which are not repeated.
    Reflect = 2,
}

/// What [`Opcode::Reduce`] does with the elements of the reduced axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Reducer {
    /// Adds them; integers wrap.
    Sum = 0,
    /// The greatest; for bool, whether any is true.
    Max = 1,
    /// The least; for bool, whether all are true.
    Min = 2,
    /// Multiplies them; integers wrap.
    Prod = 3,
}

/// A function of two numbers (f32 or integers) or of two bools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum BinaryOp {
    /// `a + b`.
    Add = 0,
    /// `a - b`.
    Sub = 1,
    /// `a * b`.
    Mul = 2,
    /// `a / b`; integers truncate, and a zero divisor fails the run.
    Div = 3,
    /// `b > a ? b : a`: a NaN in `a` survives, one in `b` is dropped. Put data first, bounds second.
    Max = 4,
    /// `b < a ? b : a`.
    Min = 5,
    /// `a` to the power `b`; f32 only.
    Pow = 6,
    /// The remainder of the truncated quotient, with the sign of `a`; a zero integer divisor fails the run.
    Rem = 7,
    /// Both are true; bool only.
    And = 8,
    /// Either is true; bool only.
    Or = 9,
    /// Exactly one is true; bool only.
    Xor = 10,
    /// The bits that both have; integers only, as the next four.
    BitAnd = 11,
    /// The bits that either has.
    BitOr = 12,
    /// The bits that exactly one has.
    BitXor = 13,
    /// `a * 2^b`, its low bits; `b` without a sign.
    ShiftLeft = 14,
    /// `a / 2^b`, rounded down; `b` without a sign.
    ShiftRight = 15,
}

/// A comparison of two numbers (or, for the last two, also bools); false when either is NaN, but for
/// [`CompareOp::Ne`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum CompareOp {
    /// `a < b`.
    Lt = 0,
    /// `a <= b`.
    Le = 1,
    /// `a > b`.
    Gt = 2,
    /// `a >= b`.
    Ge = 3,
    /// `a == b`.
    Eq = 4,
    /// `a != b`: the negation of [`CompareOp::Eq`], so true for NaN.
    Ne = 5,
}

/// A function of one element, dtype unchanged. Neg, Abs, Square and Sign take f32 and integers (wrapping), Not
/// bool, BitNot integers, all others f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum UnaryOp {
    /// The sign flipped.
    Neg,
    /// The sign cleared.
    Abs,
    /// `1 / x`.
    Recip,
    /// `x * x`.
    Square,
    /// The square root, correctly rounded.
    Sqrt,
    /// `1 / sqrt(x)`, two roundings.
    Rsqrt,
    /// e to the power `x`.
    Exp,
    /// The natural logarithm.
    Ln,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The error function.
    Erf,
    /// `x / 2 * (1 + erf(x / sqrt 2))`.
    Gelu,
    /// GELU's tanh approximation.
    GeluTanh,
    /// `x * sigmoid(x)`.
    Silu,
    /// `min(6, max(0, x + 3)) * x / 6`.
    HardSwish,
    /// `x < 0 ? alpha * x : x`.
    LeakyRelu {
        /// The slope below zero, f32 bits.
        alpha: u32,
    },
    /// Rounds down.
    Floor,
    /// Rounds up.
    Ceil,
    /// Rounds to the nearest integer, ties to even.
    Round,
    /// -1, 0 or 1; zeros and NaN are returned as they are.
    Sign,
    /// The sine of radians.
    Sin,
    /// The cosine of radians.
    Cos,
    /// The logical negation.
    Not,
    /// The tangent of radians.
    Tan,
    /// The angle of a sine.
    Asin,
    /// The angle of a cosine.
    Acos,
    /// The angle of a tangent.
    Atan,
    /// The hyperbolic sine.
    Sinh,
    /// The hyperbolic cosine.
    Cosh,
    /// The inverse of [`UnaryOp::Sinh`].
    Asinh,
    /// The inverse of [`UnaryOp::Cosh`].
    Acosh,
    /// The inverse of [`UnaryOp::Tanh`].
    Atanh,
    /// Every bit flipped.
    BitNot,
}

/// What a scattered element does to the one that it falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Scatter {
    /// Takes its place.
    Put = 0,
    /// Is added to it.
    Add = 1,
    /// Is multiplied with it.
    Mul = 2,
    /// The greater stays.
    Max = 3,
    /// The lesser stays.
    Min = 4,
}

/// How a [`Opcode::TreeEnsemble`] combines the leaves that its trees end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Aggregate {
    /// Adds the weights, trees in order.
    Sum = 0,
    /// [`Aggregate::Sum`], divided by the number of trees.
    Average = 1,
    /// The least weight; 0 for a class that no reached leaf names.
    Min = 2,
    /// The greatest weight; 0 for a class that no reached leaf names.
    Max = 3,
}
