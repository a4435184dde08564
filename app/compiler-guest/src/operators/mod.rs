//! Operators of `ai.onnx.ml` as this engine defines them, put in the place of tract's.
//!
//! tract's own check less than an untrusted file needs (a linear model whose coefficients do not fit its
//! input reads past its memory), label binary tree ensembles differently from the ONNX operator, and hide the
//! labels from the lowering. These parse the attributes strictly and wire plain typed operators that the
//! lowering knows.

mod classify;
mod linear;
mod table;
mod trees;

pub use table::Trees;

use tract_onnx::model::OnnxOpRegister;

/// Replaces tract's operators.
pub fn register(register: &mut OnnxOpRegister) {
    register.insert("LinearClassifier", linear::classifier);
    register.insert("LinearRegressor", linear::regressor);
    register.insert("TreeEnsembleClassifier", trees::classifier);
    register.insert("TreeEnsembleRegressor", trees::regressor);
}
