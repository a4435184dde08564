//! Quantised operators that are not ONNX's own, and the attributes of all of them.

/// Operators of `com.microsoft` that ONNX Runtime's quantiser writes.
pub const MICROSOFT: &[&str] = &[
    "DequantizeLinear",
    "DynamicQuantizeLSTM",
    "DynamicQuantizeMatMul",
    "MatMulIntegerToFloat",
    "QGemm",
    "QLinearAdd",
    "QLinearAveragePool",
    "QLinearConcat",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QuantizeLinear",
];

const CONV: &[&str] = &["auto_pad", "channels_last", "dilations", "group", "kernel_shape", "pads", "strides"];
const POOL: &[&str] = &[
    "auto_pad",
    "ceil_mode",
    "channels_last",
    "count_include_pad",
    "dilations",
    "kernel_shape",
    "pads",
    "strides",
];

/// The attributes of a quantised operator; `None` for any other.
pub fn attributes(operator: &str) -> Option<&'static [&'static str]> {
    Some(match operator {
        "QuantizeLinear" | "DequantizeLinear" => {
            &["axis", "block_size", "output_dtype", "precision", "saturate"]
        }
        "QLinearConv" | "ConvInteger" => CONV,
        "DynamicQuantizeLSTM" => &[
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "input_forget",
        ],
        "QGemm" => &["alpha", "transA", "transB"],
        "QLinearLeakyRelu" => &["alpha"],
        "QLinearConcat" => &["axis"],
        "QLinearSoftmax" => &["axis", "opset"],
        "QLinearAveragePool" => POOL,
        "QLinearGlobalAveragePool" => &["channels_last"],
        _ => return None,
    })
}
