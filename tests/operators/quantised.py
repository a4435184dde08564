"""Operators on quantised numbers: an integer stands for `(integer - zero) * scale`."""

import numpy as np

from case import EXACT, MS, STEP, Const, add

TYPES = [("u8", np.uint8, 128), ("i8", np.int8, -3)]


def data(n, dtype, *dims):
    info = np.iinfo(dtype)
    return n.rng.integers(info.min, info.max + 1, dims).astype(dtype)


def small(n, dtype, *dims):
    """Weights of seven bits: without VNNI, ONNX Runtime's products of u8 and i8 saturate at 16 bits."""
    return (data(n, dtype, *dims).astype(np.int32) // (2 if np.dtype(dtype) == np.int8 else 1)).astype(dtype)


def scale(value):
    return Const(value, np.float32)


def zero(dtype, value):
    return Const(value, dtype)


def conversions():
    for tag, dtype, point in TYPES:
        for version in (10, 13, 19, 21):
            add(
                "QuantizeLinear",
                tag,
                lambda n: [n.normal(5, 19, scale=3), scale(0.05), zero(dtype, point)],
                opset=version,
                rule=EXACT,
            )
            add(
                "DequantizeLinear",
                tag,
                lambda n: [data(n, dtype, 5, 19), scale(0.05), zero(dtype, point)],
                opset=version,
            )
        add(
            "QuantizeLinear",
            f"{tag}-ties",
            lambda n: [(np.arange(-20, 21) * 0.25).astype(np.float32), scale(0.5), zero(dtype, point)],
            opset=13,
            rule=EXACT,
        )
        add(
            "QuantizeLinear",
            f"{tag}-channels",
            lambda n: [
                n.normal(2, 4, 5),
                Const(n.uniform(4, low=0.01, high=0.1)),
                Const(np.full(4, point), dtype),
            ],
            opset=13,
            rule=EXACT,
            axis=1,
        )
        add(
            "DequantizeLinear",
            f"{tag}-channels",
            lambda n: [
                data(n, dtype, 2, 4, 5),
                Const(n.uniform(4, low=0.01, high=0.1)),
                Const(np.full(4, point), dtype),
            ],
            opset=13,
            axis=1,
        )
    add("QuantizeLinear", "no-zero", lambda n: [n.uniform(31, high=9), scale(0.04)], opset=13, rule=EXACT)
    add(
        "QuantizeLinear",
        "saturates",
        lambda n: [np.float32([1e9, -1e9, 300, -300, np.inf, -np.inf]), scale(0.5), zero(np.uint8, 7)],
        opset=13,
        rule=EXACT,
    )
    add("DequantizeLinear", "no-zero", lambda n: [data(n, np.int8, 31), scale(0.04)], opset=13)
    add("DequantizeLinear", "i32", lambda n: [n.integers(31, dtype=np.int32), scale(0.04)], opset=13)
    for dims in [(3, 17), (40,), (1, 2, 3, 4)]:
        add(
            "DynamicQuantizeLinear",
            "x".join(map(str, dims)),
            lambda n: [n.normal(*dims, scale=2)],
            opset=11,
            outputs=3,
            rule=STEP,
        )
    add(
        "DynamicQuantizeLinear",
        "positive",
        lambda n: [n.uniform(29, low=1, high=9)],
        opset=11,
        outputs=3,
        rule=STEP,
    )


def products():
    for (tag_a, a, zero_a), (tag_b, b, zero_b) in [(x, y) for x in TYPES for y in TYPES]:
        if tag_a == "i8" and tag_b == "u8":
            continue
        tag = f"{tag_a}{tag_b}"
        for m, k, n in [(3, 17, 5), (1, 64, 16), (7, 40, 33)]:
            add(
                "MatMulInteger",
                f"{tag}-{m}x{k}x{n}",
                lambda r: [data(r, a, m, k), Const(small(r, b, k, n)), zero(a, zero_a), zero(b, zero_b)],
                opset=10,
                rule=EXACT,
            )
            add(
                "QLinearMatMul",
                f"{tag}-{m}x{k}x{n}",
                lambda r: [
                    data(r, a, m, k),
                    scale(0.03),
                    zero(a, zero_a),
                    Const(small(r, b, k, n)),
                    scale(0.02),
                    zero(b, zero_b),
                    scale(0.9),
                    zero(a, zero_a),
                ],
                opset=10,
                rule=STEP,
            )
        conv = [
            ("3x3", (1, 3, 7, 9), (5, 3, 3, 3), dict(pads=[1, 1, 1, 1])),
            ("1x1", (1, 8, 5, 5), (16, 8, 1, 1), {}),
            ("depthwise", (1, 6, 7, 7), (6, 1, 3, 3), dict(group=6, pads=[1, 1, 1, 1])),
            ("stride", (2, 4, 9, 9), (7, 4, 3, 3), dict(strides=[2, 2])),
        ]
        for what, x, w, attributes in conv:
            if tag_b != "u8" or what == "3x3":
                add(
                    "QLinearConv",
                    f"{tag}-{what}",
                    lambda r: [
                        data(r, a, *x),
                        scale(0.03),
                        zero(a, zero_a),
                        Const(small(r, b, *w)),
                        scale(0.02),
                        zero(b, 0 if tag_b == "i8" else zero_b),
                        scale(0.7),
                        zero(a, zero_a),
                        Const(r.integers(w[0], low=-900, high=900, dtype=np.int32)),
                    ],
                    opset=10,
                    rule=STEP,
                    **attributes,
                )
        if tag_a == "u8":
            for what, x, w, attributes in conv[:2]:
                add(
                    "ConvInteger",
                    f"{tag}-{what}",
                    lambda r: [data(r, a, *x), Const(small(r, b, *w)), zero(a, zero_a), zero(b, zero_b)],
                    opset=10,
                    rule=EXACT,
                    **attributes,
                )
        if tag_b == "i8":
            add(
                "QGemm",
                tag,
                lambda r: [
                    data(r, a, 4, 19),
                    scale(0.03),
                    zero(a, zero_a),
                    Const(small(r, b, 10, 19)),
                    scale(0.02),
                    zero(b, 0),
                    Const(r.integers(10, low=-900, high=900, dtype=np.int32)),
                    scale(0.4),
                    zero(a, zero_a),
                ],
                domain=MS,
                opset=1,
                rule=STEP,
                transB=1,
            )
            add(
                "QGemm",
                f"{tag}-f32",
                lambda r: [
                    data(r, a, 4, 19),
                    scale(0.03),
                    zero(a, zero_a),
                    Const(small(r, b, 10, 19)),
                    scale(0.02),
                    zero(b, 0),
                    Const(r.integers(10, low=-900, high=900, dtype=np.int32)),
                ],
                domain=MS,
                opset=1,
                transB=1,
            )
    add(
        "QLinearConv",
        "per-channel",
        lambda r: [
            data(r, np.uint8, 1, 3, 7, 7),
            scale(0.03),
            zero(np.uint8, 128),
            Const(small(r, np.int8, 4, 3, 3, 3)),
            Const(r.uniform(4, low=0.01, high=0.03)),
            Const(np.zeros(4), np.int8),
            scale(0.7),
            zero(np.uint8, 120),
        ],
        opset=10,
        rule=STEP,
    )
    add(
        "MatMulInteger",
        "no-zeros",
        lambda r: [data(r, np.uint8, 3, 9), Const(small(r, np.int8, 9, 4))],
        opset=10,
        rule=EXACT,
    )
    add(
        "MatMulInteger",
        "both-given",
        lambda r: [data(r, np.uint8, 3, 9), data(r, np.uint8, 9, 4)],
        opset=10,
        rule=EXACT,
    )
    add(
        "MatMulInteger",
        "extremes",
        lambda r: [np.full((2, 300), 255, np.uint8), Const(np.full((300, 3), -64), np.int8)],
        opset=10,
        rule=EXACT,
    )


def elementwise():
    for tag, dtype, point in TYPES:
        for name in ("QLinearAdd", "QLinearMul"):
            out = 0.08 if name == "QLinearAdd" else 0.05
            for what, b in [("same", (3, 17)), ("row", (17,))]:
                add(
                    name,
                    f"{tag}-{what}",
                    lambda n: [
                        data(n, dtype, 3, 17),
                        scale(0.04),
                        zero(dtype, point),
                        data(n, dtype, *b),
                        scale(0.03),
                        zero(dtype, 5),
                        scale(out),
                        zero(dtype, point),
                    ],
                    domain=MS,
                    opset=1,
                    rule=STEP,
                )
        for name in ("QLinearSigmoid", "QLinearLeakyRelu"):
            add(
                name,
                tag,
                lambda n: [
                    data(n, dtype, 3, 17),
                    scale(0.05),
                    zero(dtype, point),
                    scale(1 / 256),
                    zero(dtype, point),
                ],
                domain=MS,
                opset=1,
                rule=STEP,
            )
        add(
            "QLinearGlobalAveragePool",
            tag,
            lambda n: [
                data(n, dtype, 1, 5, 6, 7),
                scale(0.05),
                zero(dtype, point),
                scale(0.04),
                zero(dtype, point),
            ],
            domain=MS,
            opset=1,
            rule=STEP,
        )
        add(
            "QLinearAveragePool",
            tag,
            lambda n: [
                data(n, dtype, 1, 3, 6, 6),
                scale(0.05),
                zero(dtype, point),
                scale(0.04),
                zero(dtype, point),
            ],
            domain=MS,
            opset=1,
            rule=STEP,
            kernel_shape=[2, 2],
            strides=[2, 2],
        )
        add(
            "QLinearConcat",
            tag,
            lambda n: [
                scale(0.05),
                zero(dtype, point),
                data(n, dtype, 2, 5),
                scale(0.04),
                zero(dtype, 3),
                data(n, dtype, 2, 3),
                scale(0.06),
                zero(dtype, point),
            ],
            domain=MS,
            opset=1,
            rule=STEP,
            axis=1,
        )
        add(
            "QLinearSoftmax",
            tag,
            lambda n: [
                data(n, dtype, 3, 17),
                scale(0.05),
                zero(dtype, point),
                scale(1 / 256),
                zero(dtype, 0 if tag == "u8" else -128),
            ],
            domain=MS,
            opset=1,
            rule=STEP,
            axis=-1,
            since=13,
        )


def of_microsoft():
    """ONNX Runtime's own forms of what it writes when it quantises."""
    for tag, dtype, point in TYPES:
        quantise = lambda n: [n.normal(4, 19, scale=3), scale(0.05), zero(dtype, point)]
        add("QuantizeLinear", tag, quantise, domain=MS, opset=1, rule=EXACT)
        add(
            "DequantizeLinear",
            tag,
            lambda n: [data(n, dtype, 4, 19), scale(0.05), zero(dtype, point)],
            domain=MS,
            opset=1,
        )
        weights = lambda r: [Const(small(r, np.int8, 19, 10)), scale(0.03), scale(0.02)]
        add(
            "MatMulIntegerToFloat",
            tag,
            lambda r: [data(r, dtype, 5, 19)] + weights(r) + [zero(dtype, point), zero(np.int8, 0)],
            domain=MS,
            opset=1,
        )
        add(
            "MatMulIntegerToFloat",
            f"{tag}-bias",
            lambda r: [data(r, dtype, 5, 19)]
            + weights(r)
            + [zero(dtype, point), zero(np.int8, 0), Const(r.normal(10))],
            domain=MS,
            opset=1,
        )
        add(
            "DynamicQuantizeMatMul",
            tag,
            lambda r: [r.normal(5, 19), Const(small(r, dtype, 19, 10)), scale(0.02), zero(dtype, point)],
            domain=MS,
            opset=1,
        )
    add(
        "DynamicQuantizeMatMul",
        "bias",
        lambda r: [r.normal(3, 19), Const(small(r, np.int8, 19, 10)), scale(0.02), None, Const(r.normal(10))],
        domain=MS,
        opset=1,
    )
    for steps, batch in [(1, 1), (5, 2)]:
        add(
            "DynamicQuantizeLSTM",
            f"{steps}x{batch}",
            lambda r: [
                r.normal(steps, batch, 7),
                Const(small(r, np.int8, 1, 7, 24)),
                Const(small(r, np.int8, 1, 6, 24)),
                Const(r.normal(1, 48, scale=0.3)),
                None,
                None,
                None,
                None,
                Const(np.full((1,), 0.004), np.float32),
                Const(np.zeros((1,)), np.int8),
                Const(np.full((1,), 0.004), np.float32),
                Const(np.zeros((1,)), np.int8),
            ],
            domain=MS,
            opset=1,
            outputs=3,
            hidden_size=6,
        )


def cases():
    of_microsoft()
    conversions()
    products()
    elementwise()
