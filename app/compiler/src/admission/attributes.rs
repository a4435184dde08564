//! The attributes that an operator may have.
//!
//! The compiler's front end reads the attributes that it knows and passes over the rest, so that an LSTM with
//! `direction = reverse` would run forward without a word. Hence the list: an attribute that is not on it, or
//! a value that would be passed over, is refused. An attribute that cannot change an inference (a seed, a
//! hint) is on it.

use super::quant;

const REDUCE: &[&str] = &["axes", "keepdims", "noop_with_empty_axes"];
const RECURRENT: &[&str] =
    &["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout"];
const LSTM: &[&str] = &[
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "input_forget",
    "layout",
];
const GRU: &[&str] = &[
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "layout",
    "linear_before_reset",
];
const TRANSPOSED: &[&str] =
    &["auto_pad", "dilations", "group", "kernel_shape", "output_padding", "output_shape", "pads", "strides"];
const RESIZE: &[&str] = &[
    "antialias",
    "axes",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
    "keep_aspect_ratio_policy",
    "mode",
    "nearest_mode",
];
const SCAN: &[&str] = &[
    "body",
    "num_scan_inputs",
    "scan_input_axes",
    "scan_input_directions",
    "scan_output_axes",
    "scan_output_directions",
];
const TREES: &[&str] = &[
    "aggregate_function",
    "base_values",
    "class_ids",
    "class_nodeids",
    "class_treeids",
    "class_weights",
    "classlabels_int64s",
    "classlabels_strings",
    "n_targets",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "post_transform",
    "target_ids",
    "target_nodeids",
    "target_treeids",
    "target_weights",
];

const ROOTED_TREES: &[&str] = &[
    "aggregate_function",
    "leaf_targetids",
    "leaf_weights",
    "membership_values",
    "n_targets",
    "nodes_falseleafs",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_splits",
    "nodes_trueleafs",
    "nodes_truenodeids",
    "post_transform",
    "tree_roots",
];
const MACHINE: &[&str] = &[
    "classlabels_ints",
    "classlabels_strings",
    "coefficients",
    "kernel_params",
    "kernel_type",
    "n_supports",
    "one_class",
    "post_transform",
    "prob_a",
    "prob_b",
    "rho",
    "support_vectors",
    "vectors_per_class",
];
const ENCODER: &[&str] = &[
    "default_float",
    "default_int64",
    "default_string",
    "default_tensor",
    "keys_floats",
    "keys_int64s",
    "keys_strings",
    "keys_tensor",
    "values_floats",
    "values_int64s",
    "values_strings",
    "values_tensor",
];

/// The attributes of an operator that may be used.
fn known(operator: &str) -> &'static [&'static str] {
    match operator {
        "ArgMax" | "ArgMin" => &["axis", "keepdims", "select_last_index"],
        "AveragePool" => {
            &["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"]
        }
        "BatchNormalization" => &["epsilon", "momentum", "spatial", "training_mode"],
        "Cast" => &["round_mode", "saturate", "to"],
        "CastLike" => &["round_mode", "saturate"],
        "Clip" => &["max", "min"],
        "Concat" | "Flatten" | "Gather" | "GatherElements" | "Hardmax" | "LogSoftmax" | "OneHot"
        | "Scatter" | "Softmax" => &["axis"],
        "Constant" => &["value", "value_float", "value_floats", "value_int", "value_ints"],
        "ConstantOfShape" => &["value"],
        "Conv" => &["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"],
        "BitShift" => &["direction"],
        "Celu" | "Elu" | "LeakyRelu" | "ThresholdedRelu" => &["alpha"],
        "CenterCropPad" => &["axes"],
        "ConvTranspose" => TRANSPOSED,
        "CumSum" => &["exclusive", "reverse"],
        "DFT" => &["axis", "inverse", "onesided"],
        "DepthToSpace" => &["blocksize", "mode"],
        "Dropout" => &["ratio", "seed"],
        "Einsum" => &["equation"],
        "EyeLike" => &["dtype", "k"],
        "GRU" => GRU,
        "Gelu" => &["approximate"],
        "Gemm" => &["alpha", "beta", "broadcast", "transA", "transB"],
        "GroupNormalization" => &["epsilon", "num_groups", "stash_type"],
        "GatherND" => &["batch_dims"],
        "GridSample" => &["align_corners", "mode", "padding_mode"],
        "HardSigmoid" => &["alpha", "beta"],
        "If" => &["else_branch", "then_branch"],
        "IsInf" => &["detect_negative", "detect_positive"],
        "LRN" => &["alpha", "beta", "bias", "size"],
        "InstanceNormalization" => &["epsilon"],
        "LayerNormalization" | "RMSNormalization" => &["axis", "epsilon", "stash_type"],
        "LSTM" => LSTM,
        "RNN" => RECURRENT,
        "LpNormalization" => &["axis", "p"],
        "LpPool" => &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "p", "pads", "strides"],
        "MaxPool" => {
            &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"]
        }
        "MeanVarianceNormalization" => &["axes"],
        "Mod" => &["fmod"],
        "Pad" => &["mode", "pads", "value"],
        "Range" => &["stash_type"],
        "Reshape" => &["allowzero", "shape"],
        "Resize" => RESIZE,
        "ReverseSequence" => &["batch_axis", "time_axis"],
        "STFT" => &["onesided"],
        "Scan" => SCAN,
        "ScatterElements" => &["axis", "reduction"],
        "ScatterND" => &["reduction"],
        "Selu" => &["alpha", "gamma"],
        "Shape" => &["end", "start"],
        "Shrink" => &["bias", "lambd"],
        "Slice" => &["axes", "ends", "starts"],
        "SpaceToDepth" => &["blocksize"],
        "Split" => &["axis", "num_outputs", "split"],
        "Squeeze" | "Unsqueeze" => &["axes"],
        "TopK" => &["axis", "k", "largest", "sorted"],
        "Transpose" => &["perm"],
        "Trilu" => &["upper"],
        "Upsample" => &["mode", "scales"],
        _ if operator.starts_with("Reduce") => REDUCE,
        _ => learned(operator).or_else(|| quant::attributes(operator)).unwrap_or(&[]),
    }
}

/// The attributes of an operator of `ai.onnx.ml` or its kin; `None` for any other.
fn learned(operator: &str) -> Option<&'static [&'static str]> {
    Some(match operator {
        "Binarizer" => &["threshold"],
        "CDist" => &["metric"],
        "FeatureVectorizer" => &["inputdimensions"],
        "Imputer" => {
            &["imputed_value_floats", "imputed_value_int64s", "replaced_value_float", "replaced_value_int64"]
        }
        "LabelEncoder" => ENCODER,
        "LinearClassifier" => &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "intercepts",
            "multi_class",
            "post_transform",
        ],
        "LinearRegressor" => &["coefficients", "intercepts", "post_transform", "targets"],
        "Normalizer" => &["norm"],
        "OneHotEncoder" => &["cats_int64s", "cats_strings", "zeros"],
        "SVMClassifier" | "SVMRegressor" => MACHINE,
        "Scaler" => &["offset", "scale"],
        "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => TREES,
        "TreeEnsemble" => ROOTED_TREES,
        "ZipMap" => &["classlabels_int64s", "classlabels_strings"],
        _ => return None,
    })
}

/// The attributes of an operator that may be used, for the reference page.
pub fn of(operator: &str) -> &'static [&'static str] {
    known(operator)
}

/// The values of an attribute that are looked at here.
#[derive(Debug, Default)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a str,
    /// The integer.
    pub number: i64,
    /// The string, or the strings.
    pub texts: Vec<&'a str>,
}

/// Whether an operator may have an attribute with this value; if not, why.
///
/// # Errors
/// The reason.
pub fn check(operator: &str, attribute: &Attribute<'_>) -> Result<(), String> {
    let Attribute { name, number, .. } = attribute;
    let shown = |text: &str| super::shorten(text);
    if !known(operator).contains(name) {
        return Err(format!(
            "its attribute `{}` is not known to the compiler and would be passed over: export the model without it",
            shown(name)
        ));
    }
    match (operator, *name) {
        ("QuantizeLinear" | "DequantizeLinear", "block_size") if *number != 0 => {
            Err("quantisation in blocks is not supported".to_owned())
        }
        (_, "channels_last") if *number != 0 => {
            Err("only channels before rows and columns are supported".to_owned())
        }
        (_, "input_forget") if *number != 0 => {
            Err("an input gate that is coupled to the forget gate is not supported".to_owned())
        }
        ("BatchNormalization", "training_mode") if *number != 0 => Err("it is in training mode".to_owned()),
        ("BatchNormalization", "spatial") if *number != 1 => Err("only spatial = 1 is supported".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute<'a>(name: &'a str, texts: &[&'a str]) -> Attribute<'a> {
        Attribute { name, number: 0, texts: texts.to_vec() }
    }

    #[test]
    fn an_attribute_that_would_be_passed_over_is_refused() {
        let coupled = Attribute { name: "input_forget", number: 1, texts: vec![] };
        assert!(check("LSTM", &coupled).unwrap_err().contains("forget gate"));
        assert!(check("LSTM", &attribute("input_forget", &[])).is_ok());
        assert!(check("GRU", &attribute("input_forget", &[])).is_err());
        assert!(check("LSTM", &attribute("clip", &[])).is_ok());
        assert!(check("LSTM", &attribute("direction", &["reverse"])).is_ok());
        assert!(check("SpaceToDepth", &attribute("mode", &["CRD"])).is_err());
        assert!(check("Relu", &attribute("anything", &[])).is_err());
        assert!(check("ReduceSum", &attribute("keepdims", &[])).is_ok());
    }

    #[test]
    fn quantisation_in_blocks_is_refused_by_words() {
        let blocks = Attribute { name: "block_size", number: 32, texts: vec![] };
        assert!(check("DequantizeLinear", &blocks).unwrap_err().contains("in blocks"));
        assert!(check("DequantizeLinear", &attribute("block_size", &[])).is_ok());
        assert!(check("QLinearAdd", &attribute("axis", &[])).is_err());
    }
}
