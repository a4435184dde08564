"""Products of matrices, einsums and convolutions, at sizes around those of the kernels' tiles."""

import numpy as np

from case import Const, add

MATRICES = [
    (1, 1, 1),
    (1, 64, 10),
    (3, 5, 7),
    (6, 16, 16),
    (7, 33, 17),
    (13, 40, 48),
    (16, 128, 32),
    (1, 300, 5),
    (25, 9, 1),
    (5, 517, 19),
]
EQUATIONS = [
    ("ij,jk->ik", (4, 9), (9, 7)),
    ("ij,kj->ik", (4, 9), (7, 9)),
    ("bij,bjk->bik", (2, 3, 8), (2, 8, 5)),
    ("bhqd,bhkd->bhqk", (1, 2, 5, 8), (1, 2, 6, 8)),
    ("i,j->ij", (5,), (7,)),
    ("ij,ij->i", (4, 19), (4, 19)),
    ("ij,j->i", (6, 21), (21,)),
    ("bij,jk->bik", (2, 3, 5), (5, 4)),
]


def products():
    for m, k, n in MATRICES:
        add("MatMul", f"{m}x{k}x{n}", lambda r: [r.normal(m, k), r.normal(k, n)], opset=13)
        add("MatMul", f"weights-{m}x{k}x{n}", lambda r: [r.normal(m, k), Const(r.normal(k, n))], opset=9)
    for what, a, b in [
        ("batch", (2, 3, 5), (2, 5, 7)),
        ("shared", (2, 3, 4, 5), (5, 6)),
        ("heads", (1, 2, 9, 8), (1, 2, 8, 9)),
        ("repeated", (3, 1, 4, 5), (2, 5, 3)),
        ("vector", (7, 9), (9,)),
        ("vector-first", (9,), (9, 7)),
        ("vectors", (33,), (33,)),
    ]:
        add("MatMul", what, lambda r: [r.normal(*a), r.normal(*b)], opset=13)
    add("MatMul", "large", lambda r: [r.coarse(24, 640), Const(r.coarse(640, 70))], opset=17)
    add(
        "MatMul",
        "special",
        lambda r: [r.normal(3, 8) * np.float32(1e-30), Const(r.normal(8, 5) * np.float32(1e-10))],
    )
    add(
        "MatMul",
        "infinite",
        lambda r: [
            np.where(r.bools(3, 8), r.normal(3, 8), np.float32(np.inf)),
            Const(r.uniform(8, 5, low=1, high=2)),
        ],
    )
    for version in (7, 9, 11, 13):
        add(
            "Gemm",
            "bias",
            lambda r: [r.normal(4, 19), Const(r.normal(19, 10)), Const(r.normal(10))],
            opset=version,
        )
    for trans_a in (0, 1):
        for trans_b in (0, 1):
            a, b = [(6, 11), (11, 6)][trans_a], [(11, 9), (9, 11)][trans_b]
            add(
                "Gemm",
                f"trans-{trans_a}{trans_b}",
                lambda r: [r.normal(*a), r.normal(*b), r.normal(6, 9)],
                opset=13,
                transA=trans_a,
                transB=trans_b,
            )
    add("Gemm", "no-bias", lambda r: [r.normal(4, 19), Const(r.normal(19, 10))], opset=11)
    add(
        "Gemm",
        "alpha-beta",
        lambda r: [r.normal(4, 19), Const(r.normal(10, 19)), Const(r.normal(10))],
        opset=13,
        alpha=0.5,
        beta=2.0,
        transB=1,
    )
    add(
        "Gemm",
        "column-bias",
        lambda r: [r.normal(4, 19), Const(r.normal(19, 10)), Const(r.normal(4, 1))],
        opset=13,
    )
    add(
        "Gemm",
        "scalar-bias",
        lambda r: [r.normal(4, 19), Const(r.normal(19, 10)), Const(r.normal(1))],
        opset=13,
    )
    for equation, a, b in EQUATIONS:
        add(
            "Einsum",
            equation.replace(",", "_").replace("->", "_"),
            lambda r: [r.normal(*a), r.normal(*b)],
            opset=12,
            equation=equation,
        )
    add("Einsum", "transpose", lambda r: [r.normal(5, 8)], opset=12, equation="ij->ji")
    add("Einsum", "sum", lambda r: [r.normal(5, 8)], opset=12, equation="ij->i")


def conv(what, x, w, *, bias=True, opset=11, **attributes):
    operands = lambda r: [r.normal(*x), Const(r.normal(*w, scale=0.4))] + (
        [Const(r.normal(w[0]))] if bias else []
    )
    add("Conv", what, operands, opset=opset, **attributes)


def convolutions():
    for version in (7, 11):
        conv("3x3", (1, 3, 9, 13), (10, 3, 3, 3), opset=version, pads=[1, 1, 1, 1])
    conv("1x1", (1, 16, 5, 7), (24, 16, 1, 1))
    conv("1x1-stride-2", (1, 8, 7, 9), (5, 8, 1, 1), strides=[2, 2])
    conv("valid", (2, 4, 8, 8), (6, 4, 3, 3), bias=False)
    conv("5x3", (1, 2, 11, 10), (7, 2, 5, 3), pads=[2, 1, 2, 1])
    conv("stride-2", (1, 3, 17, 15), (16, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    conv("stride-2x1", (1, 3, 9, 9), (4, 3, 3, 3), strides=[2, 1], pads=[0, 1, 1, 0])
    conv("dilated", (1, 3, 13, 13), (4, 3, 3, 3), dilations=[2, 3], pads=[2, 3, 2, 3])
    conv("depthwise-3x3", (1, 20, 9, 9), (20, 1, 3, 3), group=20, pads=[1, 1, 1, 1])
    conv("depthwise-5x5-stride-2", (1, 7, 12, 11), (7, 1, 5, 5), group=7, pads=[2, 2, 2, 2], strides=[2, 2])
    conv("depthwise-twice", (1, 6, 7, 7), (12, 1, 3, 3), group=6)
    conv("grouped", (1, 12, 7, 7), (18, 4, 3, 3), group=3, pads=[1, 1, 1, 1])
    conv("image-size", (1, 3, 7, 7), (9, 3, 7, 7))
    conv("uneven-pads", (1, 2, 6, 6), (3, 2, 3, 3), pads=[0, 1, 2, 0])
    conv("same-upper", (1, 2, 7, 8), (3, 2, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2])
    conv("same-lower", (1, 2, 7, 8), (3, 2, 3, 2), auto_pad="SAME_LOWER", strides=[2, 2])
    conv("batch", (3, 5, 6, 6), (17, 5, 3, 3), pads=[1, 1, 1, 1])
    conv("deep", (1, 70, 5, 5), (33, 70, 3, 3), pads=[1, 1, 1, 1])
    conv("wide", (1, 1, 3, 101), (2, 1, 3, 3), pads=[1, 1, 1, 1])
    conv("1d", (1, 4, 31), (8, 4, 5), pads=[2, 2])
    conv("1d-stride-dilated", (2, 3, 40), (6, 3, 3), strides=[2], dilations=[2])
    conv("1d-depthwise", (1, 9, 20), (9, 1, 3), group=9, pads=[1, 1])
    conv("3d", (1, 2, 5, 6, 7), (3, 2, 3, 3, 3), pads=[1, 1, 1, 1, 1, 1])
    add("Conv", "weights-given", lambda r: [r.normal(1, 3, 8, 8), r.normal(4, 3, 3, 3)], opset=11)
    add(
        "Conv",
        "subnormal",
        lambda r: [r.normal(1, 3, 6, 6) * np.float32(1e-30), Const(r.normal(4, 3, 3, 3) * np.float32(1e-11))],
        opset=11,
        pads=[1, 1, 1, 1],
    )
    for version in (7, 11):
        transposed("2x2-stride-2", (1, 6, 5, 5), (6, 4, 2, 2), opset=version, strides=[2, 2])
    transposed("3x3", (1, 3, 6, 7), (3, 5, 3, 3), pads=[1, 1, 1, 1])
    transposed(
        "output-padding", (1, 3, 5, 5), (3, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
    )
    transposed("grouped", (1, 4, 5, 5), (4, 2, 3, 3), group=2)
    transposed("dilated", (1, 2, 5, 5), (2, 3, 3, 3), dilations=[2, 2])
    transposed("1d", (1, 3, 11), (3, 4, 4), strides=[2])


def transposed(what, x, w, *, opset=11, **attributes):
    outputs = w[1] * attributes.get("group", 1)
    add(
        "ConvTranspose",
        what,
        lambda r: [r.normal(*x), Const(r.normal(*w, scale=0.4)), Const(r.normal(outputs))],
        opset=opset,
        **attributes,
    )


def cases():
    products()
    convolutions()
