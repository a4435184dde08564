//! Operators of `ai.onnx.ml`, and recurrences, as this engine defines them, put in the place of tract's or beside them.
//!
//! tract's own check less than an untrusted file needs (a linear model whose coefficients do not fit its
//! input reads past its memory), label binary tree ensembles differently from ONNX Runtime, and hide the labels
//! from the lowering; most it lacks. These parse the attributes strictly and wire plain typed operators that the
//! lowering knows.

mod activations;
mod couple;
mod encode;
mod features;
mod linear;
pub mod logsum;
pub mod qlinear;
pub mod quant;
mod recurrent;
mod roots;
mod scores;
mod svm;
mod table;
mod trees;
mod windows;
mod wiring;

pub use couple::Couple;
pub use recurrent::{Activation, Cell, Recurrence};
pub use table::Trees;
pub use windows::MaxPoolIndices;

use tract_onnx::model::OnnxOpRegister;

/// Replaces and adds operators.
pub fn register(register: &mut OnnxOpRegister) {
    register.insert("GRU", recurrent::gru);
    register.insert("LSTM", recurrent::lstm);
    register.insert(recurrent::DYNAMIC_LSTM, recurrent::dynamic_lstm);
    register.insert("RNN", recurrent::rnn);
    register.insert("CenterCropPad", windows::center_crop_pad);
    register.insert("LpPool", windows::lp_pool);
    register.insert("MaxPool", windows::max_pool);
    register.insert("Celu", activations::celu);
    register.insert("Softplus", activations::softplus);
    register.insert("ReverseSequence", windows::reverse_sequence);
    register.insert("Upsample", windows::upsample);
    register.insert("ArrayFeatureExtractor", features::extractor);
    register.insert("Binarizer", features::binarizer);
    register.insert("CDist", features::distances);
    register.insert("FeatureVectorizer", features::vectorizer);
    register.insert("Imputer", features::imputer);
    register.insert("LabelEncoder", encode::label);
    quant::register(register);
    register.insert("LinearClassifier", linear::classifier);
    register.insert("LinearRegressor", linear::regressor);
    register.insert("Normalizer", features::normalizer);
    register.insert("OneHotEncoder", encode::one_hot);
    register.insert("SVMClassifier", svm::classifier);
    register.insert("SVMRegressor", svm::regressor);
    register.insert("Scaler", features::scaler);
    register.insert("TreeEnsemble", trees::ensemble);
    register.insert("TreeEnsembleClassifier", trees::classifier);
    register.insert("TreeEnsembleRegressor", trees::regressor);
}
