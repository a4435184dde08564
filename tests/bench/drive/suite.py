"""What is measured, and the numbers to reach."""

# Kind by model; what is not listed is left out. `f32` models under SMALL_NANOS of the peer count as `small`.
MODELS = {
    "minilm_32": "f32", "minilm_128": "f32", "mobilenet_v2": "f32", "mobilenet_v3_small": "f32", "resnet50": "f32",
    "mlp_digits": "f32", "cnn_digits": "f32", "cnn_digits_b8": "f32", "tx_digits": "f32", "lstm_digits": "f32",
    "lr_iris": "f32",
    "minilm_32_int8": "int8", "minilm_128_int8": "int8", "mobilenet_v2_int8": "int8",
    "mobilenet_v3_small_int8": "int8", "resnet50_int8": "int8", "mlp_digits_qdq_u8s8": "int8",
    "cnn_digits_qop": "int8", "tx_digits_dyn": "int8",
    "rf_bc": "forest", "gb_iris": "forest", "forest_100": "forest", "forest_100_row": "forest",
    "forest_500": "forest", "forest_500_row": "forest",
}
# Models with an open dimension, and what it is here: that of the recorded inputs.
SHAPES = {"lr_iris": "X=4x4", "gb_iris": "X=4x4", "rf_bc": "X=4x30"}
SMALL_NANOS = 500_000
# The ratio (the peer's time over ours) that each model must reach, and the geometric mean of its group.
WORST = {"f32": 0.95, "small": 1.0, "int8": 0.5, "forest": 1.0}
MEAN = {"f32": 1.2, "small": 1.0, "int8": 0.8, "forest": 1.0}
# The narrower bodies of a wide CPU, beside a peer that uses all of it.
NARROW = 0.5

# Models whose loading and compilation have limits of their own: a plan of about 90 MB.
LARGE = ("minilm_32", "minilm_128", "resnet50")
LOAD_WARM_MS, LOAD_COLD_MS = 50, 500
COMPILED = ("minilm_32", "minilm_128")
COMPILE_MS, COMPILE_MEMORY = 1000, 2.5
PEAK = 1.2
ENGINE_COLD_S, ENGINE_WARM_MS = 30, 100
# The largest difference from the peer, relative to the output's scale, of models in f32.
DIFFERENCE = 1e-4
