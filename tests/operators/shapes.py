"""Constants, and operators that look at shapes alone."""

import numpy as np
from onnx import helper, numpy_helper

from case import Const, add


def signals():
    """Transforms, samples of images, and what a graph within a graph computes."""
    for length in (8, 7):
        add("DFT", f"real-{length}", lambda n: [n.normal(1, length, 1)], opset=17, axis=1)
        add("DFT", f"complex-{length}", lambda n: [n.normal(2, length, 2)], opset=17, axis=1)
    add("DFT", "inverse", lambda n: [n.normal(1, 8, 2)], opset=17, axis=1, inverse=1)
    add("DFT", "onesided", lambda n: [n.normal(1, 8, 1)], opset=17, axis=1, onesided=1)
    add(
        "STFT",
        "plain",
        lambda n: [n.normal(1, 20, 1), Const(4, np.int64), Const(n.uniform(8)), Const(8, np.int64)],
        opset=17,
    )
    grid = lambda n: n.uniform(1, 3, 4, 2, low=-1.1, high=1.1)
    for mode in ("bilinear", "nearest"):
        for padding in ("zeros", "border"):
            add(
                "GridSample",
                f"{mode}-{padding}",
                lambda n: [n.normal(1, 2, 5, 6), grid(n)],
                opset=16,
                mode=mode,
                padding_mode=padding,
            )
    add("GridSample", "aligned", lambda n: [n.normal(1, 2, 5, 6), grid(n)], opset=16, align_corners=1)
    add("CenterCropPad", "crop", lambda n: [n.normal(9, 8), Const([5, 6], np.int64)], opset=18)
    add("CenterCropPad", "pad", lambda n: [n.normal(3, 4), Const([6, 9], np.int64)], opset=18)
    add(
        "CenterCropPad", "axes", lambda n: [n.normal(3, 4, 5), Const([7, 2], np.int64)], opset=18, axes=[0, 2]
    )


def graphs():
    """Operators with graphs of their own."""
    value = lambda name, dims: helper.make_tensor_value_info(name, 1, dims)
    constant = lambda number: helper.make_node("Constant", [], ["b"], value=tensor([number], np.float32))
    branch = lambda number: helper.make_graph([constant(number)], "branch", [], [value("b", [1])])
    branches = {"then_branch": branch(0.5), "else_branch": branch(-2.0)}
    for taken in (True, False):
        add("If", f"constant-{taken}", lambda n: [Const(taken)], opset=13, **branches)
    add("If", "given", lambda n: [n.bools()], opset=13, **branches)
    nodes = [helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Mul", ["t", "e"], ["o"])]
    body = helper.make_graph(
        nodes, "body", [value("s", [3]), value("e", [3])], [value("t", [3]), value("o", [3])]
    )
    add(
        "Scan",
        "sums",
        lambda n: [n.normal(3), n.normal(5, 3)],
        opset=11,
        outputs=2,
        body=body,
        num_scan_inputs=1,
    )


def tensor(values, dtype):
    return numpy_helper.from_array(np.array(values, dtype))


def cases():
    signals()
    graphs()
    for what, dtype in [
        ("f32", np.float32),
        ("i64", np.int64),
        ("i32", np.int32),
        ("u8", np.uint8),
        ("bool", bool),
    ]:
        add("ConstantOfShape", what, lambda n: [Const([3, 5], np.int64)], opset=9, value=tensor([1], dtype))
    add("ConstantOfShape", "plain", lambda n: [Const([7], np.int64)], opset=20)
    add("Shape", "f32", lambda n: [n.normal(2, 3, 5)], opset=7)
    add("Shape", "i64", lambda n: [n.integers(4)], opset=13)
    add("Shape", "start-end", lambda n: [n.normal(2, 3, 5, 7)], opset=15, start=1, end=-1)
    add("Shape", "start", lambda n: [n.normal(2, 3, 5, 7)], opset=19, start=-2)
    add("Size", "f32", lambda n: [n.normal(2, 3, 5)], opset=7)
    add("Size", "bool", lambda n: [n.bools(9)], opset=13)
    add("Range", "i64", lambda n: [Const(3, np.int64), Const(21, np.int64), Const(4, np.int64)], opset=11)
    add(
        "Range",
        "i64-down",
        lambda n: [Const(9, np.int64), Const(-3, np.int64), Const(-2, np.int64)],
        opset=11,
    )
    add(
        "Range",
        "f32",
        lambda n: [Const(0.5, np.float32), Const(4, np.float32), Const(0.25, np.float32)],
        opset=11,
    )
    add("Range", "i32", lambda n: [Const(0, np.int32), Const(5, np.int32), Const(1, np.int32)], opset=11)
    for value in ("value_float", "value_floats", "value_int", "value_ints", "value"):
        content = {
            "value_float": 0.5,
            "value_floats": [0.5, -2.0],
            "value_int": -3,
            "value_ints": [1, 2, 3],
            "value": tensor([[1.5, -0.0, np.inf], [np.nan, 1e-40, 7]], np.float32),
        }[value]
        add("Constant", value, lambda n: [], opset=13, **{value: content})
    add("Constant", "i64", lambda n: [], opset=9, value=tensor([2**63 - 1, -(2**63), 0], np.int64))
    add("Constant", "u8", lambda n: [], opset=21, value=tensor([0, 255, 7], np.uint8))
    for version in (7, 10, 12, 13):
        add("Dropout", "f32", lambda n: [n.normal(4, 9)], opset=version)
    add("Dropout", "ratio", lambda n: [n.special(40), Const(0.3, np.float32)], opset=13)
    add("EyeLike", "f32", lambda n: [n.normal(4, 6)], opset=9)
    add("EyeLike", "k", lambda n: [n.normal(4, 6)], opset=9, k=1, dtype=1)
    add(
        "OneHot",
        "f32",
        lambda n: [n.integers(7, low=0, high=5), Const(5, np.int64), Const([0, 1], np.float32)],
        opset=11,
    )
    add(
        "OneHot",
        "axis-0",
        lambda n: [n.integers(3, 4, low=-5, high=5), Const([5], np.int64), Const([-1, 2], np.float32)],
        opset=11,
        axis=0,
    )
    add(
        "OneHot",
        "out-of-range",
        lambda n: [n.integers(9, low=0, high=9), Const(5, np.int64), Const([0, 1], np.int64)],
        opset=11,
    )
    for dtype, tag in [(np.float32, "f32"), (np.int64, "i64"), (np.int32, "i32")]:
        make = lambda n: n.normal(3, 19) if dtype == np.float32 else n.integers(3, 19, dtype=dtype)
        add("CumSum", tag, lambda n: [make(n), Const(1, np.int64)], opset=14)
    add("CumSum", "exclusive", lambda n: [n.normal(4, 9), Const(0, np.int64)], opset=11, exclusive=1)
    add("CumSum", "reverse", lambda n: [n.normal(4, 9), Const(-1, np.int64)], opset=14, reverse=1)
    for what, attributes in [("largest", {}), ("smallest", {"largest": 0}), ("axis-0", {"axis": 0})]:
        add(
            "TopK", what, lambda n: [n.normal(5, 17), Const([3], np.int64)], opset=11, outputs=2, **attributes
        )
    add(
        "TopK",
        "ties",
        lambda n: [n.integers(4, 21, low=0, high=4).astype(np.float32), Const([6], np.int64)],
        opset=11,
        outputs=2,
    )
    add(
        "TopK",
        "i64",
        lambda n: [n.special(3, 12, dtype=np.int64), Const([12], np.int64)],
        opset=11,
        outputs=2,
    )
    add("TopK", "one-of-forty", lambda n: [n.normal(40), Const([1], np.int64)], opset=11, outputs=2)
