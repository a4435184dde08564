"""Reductions over axes, and the places of extremes."""

import numpy as np

from case import Const, add

REDUCE = [
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSum",
    "ReduceLogSumExp",
]


def reduce(name, what, values, axes, version, **attributes):
    """Axes are an attribute up to opset 12 (ReduceSum) or 17, then an operand."""
    operand = version >= (13 if name == "ReduceSum" else 18)
    if axes is not None and not operand:
        attributes["axes"] = axes
    operands = lambda n: [values(n)] + ([Const(axes, np.int64)] if operand and axes is not None else [])
    add(name, what, operands, opset=version, **attributes)


def values_for(name):
    if name == "ReduceLogSum":
        return lambda n, *dims: n.uniform(*dims, low=0.1, high=3)
    if name == "ReduceProd":
        return lambda n, *dims: n.uniform(*dims, low=0.7, high=1.4)
    return lambda n, *dims: n.normal(*dims)


def cases():
    for name in REDUCE:
        values = values_for(name)
        for version in (7, 11, 13, 18):
            reduce(name, "axis-1-of-3x17x4", lambda n: values(n, 3, 17, 4), [1], version)
        reduce(name, "last", lambda n: values(n, 5, 53), [-1], 13, keepdims=0)
        reduce(name, "last", lambda n: values(n, 5, 53), [-1], 18, keepdims=0)
        reduce(name, "first", lambda n: values(n, 21, 6), [0], 18, keepdims=0)
        reduce(name, "all", lambda n: values(n, 3, 4, 5), None, 13)
        reduce(name, "all-away", lambda n: values(n, 3, 4, 5), None, 18, keepdims=0)
        reduce(name, "two", lambda n: values(n, 2, 3, 4, 5), [1, 3], 13)
        reduce(name, "image", lambda n: values(n, 2, 3, 7, 7), [2, 3], 18)
        reduce(name, "one", lambda n: values(n, 7, 1), [1], 18)
        if name not in ("ReduceLogSum", "ReduceLogSumExp", "ReduceL2", "ReduceMean"):
            for dtype in (np.int64, np.int32):
                tag = np.dtype(dtype).name
                reduce(name, tag, lambda n: n.integers(4, 9, low=-4, high=5, dtype=dtype), [1], 13)
    for name in ("ReduceMax", "ReduceMin"):
        reduce(name, "i64-extremes", lambda n: n.special(3, 7, dtype=np.int64), [1], 18)
        reduce(
            name,
            "infinite",
            lambda n: np.nan_to_num(n.special(4, 15), posinf=np.inf, neginf=-np.inf),
            [1],
            18,
        )
    far = lambda n: n.normal(4, 15) * np.float32(200)
    reduce("ReduceLogSumExp", "far", far, [1], 13)
    reduce("ReduceLogSumExp", "far-away", far, [0], 18, keepdims=0)
    reduce("ReduceLogSumExp", "of-nothing", lambda n: np.full((2, 3), -np.inf, np.float32), [1], 18)
    reduce("ReduceSum", "i64-wrap", lambda n: np.full((2, 3), 2**62, np.int64), [1], 13)
    for name in ("ArgMax", "ArgMin"):
        for version in (7, 11, 12, 13):
            add(name, "axis-1", lambda n: [n.normal(3, 17, 2)], opset=version, axis=1)
        add(name, "last-away", lambda n: [n.normal(4, 33)], opset=13, axis=-1, keepdims=0)
        add(
            name,
            "ties-first",
            lambda n: [n.integers(5, 31, high=3, low=0).astype(np.float32)],
            opset=13,
            axis=1,
        )
        add(
            name,
            "ties-last",
            lambda n: [n.integers(5, 31, high=3, low=0).astype(np.float32)],
            opset=13,
            axis=1,
            select_last_index=1,
        )
        add(name, "axis-0", lambda n: [n.normal(9, 5)], opset=13)
        add(name, "i32", lambda n: [n.integers(5, 12, dtype=np.int32)], opset=13, axis=1)
        add(name, "i64-extremes", lambda n: [n.special(5, 12, dtype=np.int64)], opset=13, axis=1)
        add(
            name,
            "infinite",
            lambda n: [np.nan_to_num(n.special(3, 20), posinf=np.inf, neginf=-np.inf)],
            opset=13,
            axis=1,
        )
