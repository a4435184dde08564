"""Pools over windows and over whole images."""

import numpy as np

from case import add

POOLS = [
    ("2x2", (1, 3, 8, 8), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("3x3-padded", (1, 5, 9, 11), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("3x2-stride-1", (2, 3, 7, 6), {"kernel_shape": [3, 2]}),
    ("uneven-pads", (1, 2, 6, 7), {"kernel_shape": [3, 3], "pads": [1, 0, 2, 1]}),
    ("ceil", (1, 3, 8, 9), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    ("same-upper", (1, 2, 7, 7), {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ("same-lower", (1, 2, 7, 7), {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ("valid", (1, 2, 7, 7), {"kernel_shape": [3, 3], "auto_pad": "VALID"}),
    ("1d", (2, 3, 19), {"kernel_shape": [3], "strides": [2]}),
    ("3d", (1, 2, 4, 5, 6), {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]}),
    ("wide", (1, 17, 3, 40), {"kernel_shape": [3, 5], "strides": [1, 3], "pads": [1, 2, 1, 2]}),
]


def cases():
    for what, dims, attributes in POOLS:
        for name in ("MaxPool", "AveragePool", "LpPool"):
            if name == "LpPool" and what == "ceil":
                continue
            for version in (7, 11, 19) if what == "2x2" else ((19,) if what == "ceil" else (11,)):
                add(
                    name,
                    what,
                    lambda n: [n.normal(*dims)],
                    opset=version if name != "LpPool" or version != 19 else 18,
                    **(
                        {k: v for k, v in attributes.items() if k != "ceil_mode"}
                        if version < 10
                        else attributes
                    ),
                )
    add(
        "MaxPool",
        "dilated",
        lambda n: [n.normal(1, 2, 9, 9)],
        opset=12,
        kernel_shape=[3, 3],
        dilations=[2, 2],
    )
    add(
        "MaxPool",
        "infinite",
        lambda n: [np.nan_to_num(n.special(1, 1, 6, 7), posinf=np.inf, neginf=-np.inf)],
        opset=12,
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
    )
    for include in (0, 1):
        add(
            "AveragePool",
            f"count-pad-{include}",
            lambda n: [n.normal(1, 3, 7, 7)],
            opset=11,
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            strides=[2, 2],
            count_include_pad=include,
        )
    add("LpPool", "p-1", lambda n: [n.normal(1, 3, 7, 7)], opset=18, kernel_shape=[3, 3], p=1)
    for name in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        for dims in [(1, 3, 5, 7), (2, 17, 4, 4), (1, 2, 31), (1, 2, 3, 4, 5), (1, 64, 1, 1)]:
            add(name, "x".join(map(str, dims)), lambda n: [n.normal(*dims)], opset=7 if dims[1] == 3 else 17)
    add("GlobalMaxPool", "negative", lambda n: [-n.uniform(1, 4, 3, 3)], opset=13)
