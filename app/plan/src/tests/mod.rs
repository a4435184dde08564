//! What the validator refuses, and the recorded encodings and prices.

mod golden;
mod integer_prices;
mod quant_golden;
mod quant_refusals;
mod refusals;
