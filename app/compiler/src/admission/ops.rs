//! The operators that a model may use, and why some may not be used.
//!
//! The list is by name, in the domains `ai.onnx` (also written as the empty string), `ai.onnx.ml` and
//! `com.microsoft`. Being
//! listed lets an operator into the compiler; whether each of its flavours has a lowering is the compiler's
//! to say, again by name. What is refused here is refused before the sandbox is entered.

use super::quant;

/// Operators of `ai.onnx` that the compiler can lower, at least in their common form.
const ONNX: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "CenterCropPad",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DFT",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "DynamicQuantizeLinear",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GridSample",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "If",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "LpPool",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "Mean",
    "MeanVarianceNormalization",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "RMSNormalization",
    "RNN",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "ReverseSequence",
    "Round",
    "STFT",
    "Scan",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
];

/// Operators of `ai.onnx.ml`.
const ONNX_ML: &[&str] = &[
    "ArrayFeatureExtractor",
    "Binarizer",
    "FeatureVectorizer",
    "Imputer",
    "LabelEncoder",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "OneHotEncoder",
    "SVMClassifier",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "ZipMap",
];

/// Operators of `com.microsoft`, which exporters and ONNX Runtime's tools write.
const MICROSOFT: &[&str] = &["CDist"];

/// Operators that are refused for a reason worth telling.
const REFUSED: &[(&str, &str)] = &[
    ("Bernoulli", RANDOM),
    ("Multinomial", RANDOM),
    ("RandomNormal", RANDOM),
    ("RandomNormalLike", RANDOM),
    ("RandomUniform", RANDOM),
    ("RandomUniformLike", RANDOM),
    ("Loop", "its number of steps is not known before it runs: export the model with the loop unrolled"),
    ("NonZero", DATA_DEPENDENT),
    ("NonMaxSuppression", DATA_DEPENDENT),
    ("Unique", DATA_DEPENDENT),
    ("Compress", DATA_DEPENDENT),
    ("CastMap", MAPS),
    ("DictVectorizer", MAPS),
    ("CategoryMapper", TEXT),
    ("StringNormalizer", TEXT),
    ("TfIdfVectorizer", TEXT),
];

const RANDOM: &str = "its result is random, and every validator must get the same one";
const DATA_DEPENDENT: &str =
    "the shape of its output depends on data, so its price is not known before it runs";
const MAPS: &str =
    "it takes maps, and a model here takes tensors: make the features a tensor before the model";
const TEXT: &str = "text has no place in a tensor here: encode it as numbers before the model";

/// Whether an operator may be used; if not, why.
///
/// # Errors
/// The reason, a sentence without its subject's name.
pub fn check(domain: &str, name: &str) -> Result<(), &'static str> {
    let listed = match domain {
        "" | "ai.onnx" => ONNX,
        "ai.onnx.ml" => ONNX_ML,
        "com.microsoft" if MICROSOFT.contains(&name) || quant::MICROSOFT.contains(&name) => return Ok(()),
        "com.microsoft" => return Err("the compiler has no lowering for it"),
        _ => return Err("only operators of ai.onnx, ai.onnx.ml and com.microsoft are known"),
    };
    if listed.binary_search(&name).is_ok() {
        return Ok(());
    }
    let known = REFUSED.iter().find(|(refused, _)| *refused == name);
    Err(known.map_or("the compiler has no lowering for it", |(_, reason)| reason))
}

/// Every operator that may be used, with its domain: the reference table in the documentation.
pub fn supported() -> impl Iterator<Item = (&'static str, &'static str)> {
    let core = ONNX.iter().map(|name| ("ai.onnx", *name));
    let core = core.chain(ONNX_ML.iter().map(|name| ("ai.onnx.ml", *name)));
    core.chain(MICROSOFT.iter().chain(quant::MICROSOFT).map(|name| ("com.microsoft", *name)))
}

/// The operators that are refused for a reason of their own: the reference table in the documentation.
pub fn refused() -> impl Iterator<Item = (&'static str, &'static str)> {
    REFUSED.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_disjoint() {
        assert!(ONNX.is_sorted_by(|a, b| a < b));
        assert!(ONNX_ML.is_sorted_by(|a, b| a < b));
        assert!(REFUSED.iter().all(|(name, _)| !ONNX.contains(name) && !ONNX_ML.contains(name)));
    }

    #[test]
    fn a_reason_is_told() {
        assert_eq!(check("", "RandomNormal"), Err(RANDOM));
        assert_eq!(check("", "QuantizeLinear"), Ok(()));
        assert_eq!(check("com.microsoft", "QGemm"), Ok(()));
        assert!(check("com.microsoft", "QAttention").is_err());
        assert!(check("", "NoSuchOperator").is_err());
        assert!(check("com.example", "Add").is_err());
        assert_eq!(check("ai.onnx.ml", "TreeEnsembleClassifier"), Ok(()));
    }
}
