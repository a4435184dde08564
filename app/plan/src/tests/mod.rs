//! What the validator refuses, and the recorded encodings and prices.

mod golden;
mod quant_golden;
mod quant_refusals;
mod refusals;
