"""Operators on the bits of integers."""

import numpy as np

from case import Const, add


def cases():
    for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        for dtype in (np.int64, np.int32, np.uint8):
            add(
                name,
                np.dtype(dtype).name,
                lambda n: [n.special(3, 9, dtype=dtype), n.special(3, 9, dtype=dtype)],
                opset=18,
            )
    for dtype in (np.int64, np.int32, np.uint8):
        add("BitwiseNot", np.dtype(dtype).name, lambda n: [n.special(21, dtype=dtype)], opset=18)
    for direction in ("LEFT", "RIGHT"):
        add(
            "BitShift",
            direction.lower(),
            lambda n: [n.special(21, dtype=np.uint8), Const(3, np.uint8)],
            opset=11,
            direction=direction,
        )
