//! What the reference page says of operators beyond their names.
//!
//! Words for model authors only: nothing here decides. An operator without a line takes f32, from the first
//! version of the operator set that is supported, in every flavour that its attributes allow.

/// Every element type.
pub const ANY: &str = "any";
/// Floats and wide integers.
pub const NUMBERS: &str = "f32, i64, i32";
/// Floats and integers of every width.
pub const WITH_BYTES: &str = "f32, i64, i32, i8, u8";
/// Truth values.
pub const TRUTH: &str = "bool";

/// Element types of operators that take others than f32.
pub const TYPES: &[(&str, &[&str])] = &[
    (
        ANY,
        &[
            "Cast",
            "CastLike",
            "Compress",
            "Concat",
            "Constant",
            "ConstantOfShape",
            "DepthToSpace",
            "Dropout",
            "Expand",
            "Flatten",
            "Gather",
            "GatherElements",
            "GatherND",
            "Identity",
            "If",
            "OneHot",
            "Pad",
            "Reshape",
            "ReverseSequence",
            "Scan",
            "Scatter",
            "ScatterElements",
            "ScatterND",
            "Shape",
            "Size",
            "Slice",
            "SpaceToDepth",
            "Split",
            "Squeeze",
            "Tile",
            "Transpose",
            "Trilu",
            "Unsqueeze",
            "Where",
        ],
    ),
    (TRUTH, &["And", "Not", "Or", "Xor"]),
    (
        NUMBERS,
        &[
            "ArrayFeatureExtractor",
            "Clip",
            "CumSum",
            "FeatureVectorizer",
            "LinearClassifier",
            "LinearRegressor",
            "Normalizer",
            "OneHotEncoder",
            "Range",
            "ReduceProd",
            "ReduceSum",
            "SVMClassifier",
            "SVMRegressor",
            "Scaler",
            "Sum",
            "TopK",
            "TreeEnsembleClassifier",
            "TreeEnsembleRegressor",
        ],
    ),
    (
        WITH_BYTES,
        &[
            "Abs",
            "Add",
            "ArgMax",
            "ArgMin",
            "Div",
            "Equal",
            "Greater",
            "GreaterOrEqual",
            "Less",
            "LessOrEqual",
            "Max",
            "Min",
            "Mod",
            "Mul",
            "Neg",
            "ReduceMax",
            "ReduceMin",
            "Sign",
            "Sub",
        ],
    ),
    ("i64, i32, i8, u8", &["BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"]),
    ("f32, i64", &["Imputer", "LabelEncoder"]),
    (
        "u8, i8, i32, f32",
        &[
            "ConvInteger",
            "DequantizeLinear",
            "DynamicQuantizeLinear",
            "MatMulInteger",
            "QAttention",
            "QGemm",
            "QLinearAdd",
            "QLinearAveragePool",
            "QLinearConcat",
            "QLinearConv",
            "QLinearGlobalAveragePool",
            "QLinearLeakyRelu",
            "QLinearMatMul",
            "QLinearMul",
            "QLinearSigmoid",
            "QLinearSoftmax",
            "QuantizeLinear",
        ],
    ),
];

/// The operator sets that operators first stand in, where later than the first supported one.
pub const SINCE: &[(u8, &[&str])] = &[
    (8, &["Expand"]),
    (
        9,
        &[
            "Acosh",
            "Asinh",
            "Atanh",
            "ConstantOfShape",
            "Cosh",
            "Erf",
            "EyeLike",
            "IsNaN",
            "MeanVarianceNormalization",
            "OneHot",
            "Scatter",
            "Shrink",
            "Sign",
            "Sinh",
            "Where",
        ],
    ),
    (
        10,
        &[
            "ConvInteger",
            "DequantizeLinear",
            "IsInf",
            "MatMulInteger",
            "Mod",
            "QLinearConv",
            "QLinearMatMul",
            "QuantizeLinear",
            "Resize",
            "ReverseSequence",
            "RoiAlign",
            "ThresholdedRelu",
        ],
    ),
    (
        11,
        &[
            "BitShift",
            "CumSum",
            "Det",
            "DynamicQuantizeLinear",
            "GatherElements",
            "GatherND",
            "Range",
            "Round",
            "ScatterElements",
            "ScatterND",
        ],
    ),
    (12, &["Celu", "Einsum", "GreaterOrEqual", "LessOrEqual"]),
    (14, &["HardSwish", "Trilu"]),
    (15, &["CastLike"]),
    (16, &["GridSample"]),
    (17, &["BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "LayerNormalization"]),
    (
        18,
        &[
            "BitwiseAnd",
            "BitwiseNot",
            "BitwiseOr",
            "BitwiseXor",
            "CenterCropPad",
            "Col2Im",
            "GroupNormalization",
            "Mish",
        ],
    ),
    (20, &["AffineGrid", "Gelu"]),
    (23, &["Attention", "RMSNormalization", "RotaryEmbedding"]),
    (24, &["Swish"]),
];

const SCORES: &str =
    "NONE, SOFTMAX, SOFTMAX_ZERO, LOGISTIC and PROBIT (not of a binary classifier with one score)";
const STEPS: &str = "Unrolled, so at most 1,024 steps. sequence_lens constant and equal. Activations: Sigmoid, Tanh, \
    Relu, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign, Softplus.";
const SHAPED: &str =
    "The operand that holds a shape, axes or repeats must be constant, or follow from shapes.";

/// What an author should know.
pub const NOTES: &[(&str, &str)] = &[
    ("ArrayFeatureExtractor", "Also on text that is constant, which stands for its positions."),
    ("BatchNormalization", "In inference mode only: training_mode 0, spatial 1."),
    (
        "CDist",
        "Metrics euclidean and sqeuclidean: how scikit-learn's neighbours are exported with optim='cdist'.",
    ),
    ("Cast", "From and to the six types; numbers out of range saturate. Not to text."),
    ("ConstantOfShape", SHAPED),
    ("Conv", "One and two dimensions; weights constant."),
    ("Dropout", "Passes its input on; a training mode is refused."),
    ("Einsum", "Of two operands."),
    ("Expand", SHAPED),
    ("FeatureVectorizer", "Matrices side by side, as f32."),
    ("GRU", STEPS),
    ("Imputer", "replaced_value_float may be NaN."),
    (
        "LSTM",
        "Unrolled, so at most 1,024 steps. sequence_lens constant and equal; peepholes; input_forget only 0. Activations: \
         as GRU.",
    ),
    (
        "LabelEncoder",
        "Keys and values are numbers; values that are text become positions. The key NaN is refused.",
    ),
    ("LinearClassifier", SCORES),
    ("LinearRegressor", SCORES),
    ("Normalizer", "MAX divides by the greatest element, as ONNX Runtime does, not by the greatest size."),
    ("OneHotEncoder", "cats_int64s; with zeros = 0 an unknown category fails the run."),
    ("RNN", "Unrolled, so at most 1,024 steps. sequence_lens constant and equal. Activations: as GRU."),
    ("Range", SHAPED),
    ("Reshape", SHAPED),
    (
        "SVMClassifier",
        "LINEAR, POLY, RBF and SIGMOID; 2 to 64 classes; votes, and probabilities where prob_a and prob_b are given. \
         PROBIT not of two classes without probabilities.",
    ),
    ("SVMRegressor", "LINEAR, POLY, RBF and SIGMOID; one_class; post_transform NONE."),
    ("Tile", SHAPED),
    (
        "TreeEnsemble",
        "From ai.onnx.ml 5, f32 thresholds. Not BRANCH_MEMBER. post_transform NONE, SOFTMAX_ZERO and PROBIT: ONNX and \
         ONNX Runtime number the others differently.",
    ),
    (
        "TreeEnsembleClassifier",
        "Two classes: leaves that name one class; or both, with the labels 0 and 1. base_values: one for each score.",
    ),
    ("TreeEnsembleRegressor", "SUM, AVERAGE, MIN, MAX; base_values: one for each target."),
    ("ZipMap", "Dropped: the output is the tensor of probabilities, a column for each class."),
];
