"""Activations, and the normalisations over one axis: softmax and its kin."""

import numpy as np

from case import Const, add

# Operator, opsets, attributes tried.
ACTIVATIONS = [
    ("Relu", (6, 13, 14), [{}]),
    ("LeakyRelu", (6, 16), [{}, {"alpha": 0.2}]),
    ("Elu", (6,), [{}, {"alpha": 0.7}]),
    ("Selu", (6,), [{}, {"alpha": 1.2, "gamma": 0.8}]),
    ("Celu", (12,), [{}, {"alpha": 0.7}]),
    ("ThresholdedRelu", (10,), [{}, {"alpha": 0.3}]),
    ("HardSigmoid", (6,), [{}, {"alpha": 0.3, "beta": 0.4}]),
    ("HardSwish", (14,), [{}]),
    ("Softplus", (1,), [{}]),
    ("Softsign", (1,), [{}]),
    ("Mish", (18,), [{}]),
    ("Gelu", (20,), [{}, {"approximate": "tanh"}]),
    ("Shrink", (9,), [{}, {"lambd": 0.4, "bias": 0.2}]),
    ("Swish", (24,), [{}, {"alpha": 0.7}]),
]


def words(attributes):
    return "-".join(f"{key}-{value}" for key, value in attributes.items()) or "plain"


def softmaxes():
    for name in ("Softmax", "LogSoftmax", "Hardmax"):
        for version in (1, 11, 13):
            for axis in (None, 0, 1, -1, 2):
                if axis == -1 and version == 1:
                    continue
                add(
                    name,
                    f"axis-{axis}-of-3x5x7",
                    lambda n: [n.normal(3, 5, 7)],
                    opset=max(version, 7),
                    axis=axis,
                )
        add(name, "wide", lambda n: [n.normal(2, 301, scale=4)], opset=13)
        add(name, "one", lambda n: [n.normal(9, 1)], opset=13)
        add(name, "large", lambda n: [n.normal(4, 33, scale=200)], opset=17)
        add(name, "4d", lambda n: [n.normal(2, 3, 4, 5)], opset=21, axis=1)
        add(
            name,
            "masked",
            lambda n: [np.where(n.bools(5, 17), n.normal(5, 17), np.float32(-np.inf))],
            opset=13,
        )


def cases():
    for name, versions, choices in ACTIVATIONS:
        for version in versions:
            for attributes in choices:
                tag = words(attributes)
                add(
                    name,
                    f"{tag}-f32-5x13",
                    lambda n: [n.normal(5, 13, scale=2)],
                    opset=max(version, 7),
                    **attributes,
                )
        for dims in [(1,), (2, 3, 4, 5), (131,)]:
            tag = "x".join(str(dim) for dim in dims)
            add(name, f"f32-{tag}", lambda n: [n.normal(*dims, scale=3)], opset=max(versions[-1], 17))
        add(name, "f32-special", lambda n: [n.special(59)], opset=max(versions[-1], 18))
    for version in (7, 9, 16):
        add("PRelu", "channels", lambda n: [n.normal(2, 3, 4, 5), Const(n.uniform(3, 1, 1))], opset=version)
    add("PRelu", "scalar", lambda n: [n.normal(5, 13), Const(n.uniform(1))], opset=16)
    add("PRelu", "full", lambda n: [n.normal(5, 13), n.normal(5, 13)], opset=16)
    softmaxes()
