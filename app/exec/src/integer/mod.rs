//! Integer products by themselves, in whatever order their elements lie: what no step of the program takes along.
//!
//! Sums wrap, so their order changes no bit, and each product goes the way that its shape makes short: [`lines`] for
//! many results, [`dots`] for few of many terms, and one by one where both are few. The first factor's zero point is
//! taken off on the way, the second's after the sums: `sum(x * (w - z)) = sum(x * w) - z * sum(x)`.

mod conv;
mod dots;
mod einsum;
mod lines;
mod planes;

pub(crate) use conv::ConvInt;
pub(crate) use einsum::EinsumInt;
