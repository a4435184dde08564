"""Normalisations."""

import numpy as np

from case import Const, add


def cases():
    for version in (7, 9, 14, 15):
        add(
            "BatchNormalization",
            "image",
            lambda n: [
                n.normal(2, 5, 4, 4),
                Const(n.uniform(5)),
                Const(n.normal(5)),
                Const(n.normal(5)),
                Const(n.uniform(5, low=0.2)),
            ],
            opset=version,
        )
    add(
        "BatchNormalization",
        "1d",
        lambda n: [
            n.normal(3, 7),
            Const(n.uniform(7)),
            Const(n.normal(7)),
            Const(n.normal(7)),
            Const(n.uniform(7, low=0.2)),
        ],
        opset=15,
        epsilon=1e-3,
    )
    add(
        "BatchNormalization",
        "sequence",
        lambda n: [
            n.normal(1, 4, 11),
            Const(n.uniform(4)),
            Const(n.normal(4)),
            Const(n.normal(4)),
            Const(n.uniform(4, low=0.2)),
        ],
        opset=15,
    )
    for dims, axis in [((4, 33), -1), ((2, 5, 17), -1), ((2, 5, 6), 1), ((3, 301), 1), ((2, 3, 4, 5), 2)]:
        tag = "x".join(map(str, dims)) + f"-axis{axis}"
        inner = dims[axis:]
        add(
            "LayerNormalization",
            tag,
            lambda n: [n.normal(*dims), Const(n.normal(*inner)), Const(n.normal(*inner))],
            axis=axis,
        )
        add(
            "RMSNormalization", tag, lambda n: [n.normal(*dims), Const(n.normal(*inner))], opset=23, axis=axis
        )
    add("LayerNormalization", "no-bias", lambda n: [n.normal(4, 20), Const(n.normal(20))], epsilon=1e-3)
    add(
        "LayerNormalization",
        "large",
        lambda n: [n.normal(3, 48, scale=1e4), Const(n.uniform(48)), Const(n.normal(48))],
    )
    add("RMSNormalization", "large", lambda n: [n.normal(3, 48, scale=1e4), Const(n.uniform(48))], opset=23)
    for dims in [(2, 3, 5, 5), (1, 4, 13), (2, 7, 3, 4)]:
        tag = "x".join(map(str, dims))
        add(
            "InstanceNormalization",
            tag,
            lambda n: [n.normal(*dims), Const(n.uniform(dims[1])), Const(n.normal(dims[1]))],
            opset=7,
        )
    add(
        "InstanceNormalization",
        "epsilon",
        lambda n: [n.normal(1, 2, 6, 6), Const(n.uniform(2)), Const(n.normal(2))],
        epsilon=0.1,
    )
    for version, size in ((18, 2), (21, 6)):
        add(
            "GroupNormalization",
            "2-of-6",
            lambda n: [n.normal(2, 6, 4, 5), Const(n.uniform(size)), Const(n.normal(size))],
            opset=version,
            num_groups=2,
        )
    add(
        "GroupNormalization",
        "each",
        lambda n: [n.normal(1, 4, 9), Const(n.uniform(4)), Const(n.normal(4))],
        opset=21,
        num_groups=4,
    )
    for p in (1, 2):
        for axis in (-1, 0, 1):
            add(
                "LpNormalization",
                f"p{p}-axis{axis}",
                lambda n: [n.normal(4, 9)],
                opset=7 if axis == 1 else 17,
                p=p,
                axis=axis,
            )
    for version in (9, 13):
        add("MeanVarianceNormalization", "plain", lambda n: [n.normal(2, 3, 5, 5)], opset=version)
    add("MeanVarianceNormalization", "axes", lambda n: [n.normal(2, 3, 5, 5)], opset=13, axes=[2, 3])
    for size in (1, 3, 5):
        add(
            "LRN",
            f"size-{size}",
            lambda n: [n.normal(1, 7, 4, 4)],
            opset=13,
            size=size,
            alpha=0.1,
            beta=0.6,
            bias=1.5,
        )
    add("LRN", "plain", lambda n: [n.normal(2, 5, 3, 3)], opset=7, size=3)
