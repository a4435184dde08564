"""Operators of one or two operands that work element by element, comparisons, and choices."""

import numpy as np

from case import Const, add

# Operator, opsets, and values on which it is defined: (low, high) or None for any.
UNARY = [
    ("Abs", (6, 13), None),
    ("Neg", (6, 13), None),
    ("Reciprocal", (6, 13), None),
    ("Sqrt", (6, 13), (0, 9)),
    ("Exp", (6, 13), None),
    ("Log", (6, 13), (0.01, 40)),
    ("Floor", (6, 13), None),
    ("Ceil", (6, 13), None),
    ("Round", (11,), None),
    ("Sign", (9, 13), None),
    ("Sin", (7,), None),
    ("Cos", (7,), None),
    ("Tan", (7,), (-1.4, 1.4)),
    ("Asin", (7,), (-1, 1)),
    ("Acos", (7,), (-1, 1)),
    ("Atan", (7,), None),
    ("Sinh", (9,), (-3, 3)),
    ("Cosh", (9,), (-3, 3)),
    ("Asinh", (9,), None),
    ("Acosh", (9,), (1, 9)),
    ("Atanh", (9,), (-0.95, 0.95)),
    ("Erf", (9, 13), None),
    ("Tanh", (6, 13), None),
    ("Sigmoid", (6, 13), None),
    ("Identity", (1, 16), None),
    ("IsNaN", (9, 20), None),
    ("IsInf", (10, 20), None),
]
INTEGER_UNARY = ["Abs", "Neg", "Sign", "Identity"]
BINARY = ["Add", "Sub", "Mul", "Div"]
LOGIC = ["And", "Or", "Xor"]
COMPARE = [
    ("Equal", (7, 13)),
    ("Greater", (7, 13)),
    ("Less", (7, 13)),
    ("GreaterOrEqual", (12, 16)),
    ("LessOrEqual", (12, 16)),
]
SHAPES = [
    ("same", (3, 17), (3, 17)),
    ("row", (4, 5, 9), (9,)),
    ("column", (6, 1), (1, 11)),
    ("scalar", (2, 33), ()),
    ("outer", (2, 1, 5, 1), (3, 1, 4)),
]


def opset(version):
    """The first opset in which a version of an operator can be imported here."""
    return max(version, 7)


def unary():
    for name, versions, bounds in UNARY:

        def values(n, *dims, bounds=bounds):
            return (
                n.normal(*dims, scale=2.0)
                if bounds is None
                else n.uniform(*dims, low=bounds[0], high=bounds[1])
            )

        for version in versions:
            add(name, "f32-4x17", lambda n: [values(n, 4, 17)], opset=opset(version))
        add(name, "f32-1", lambda n: [values(n, 1)], opset=17)
        add(name, "f32-2x3x5x7", lambda n: [values(n, 2, 3, 5, 7)], opset=21)
        special = name not in ("Tan", "Asin", "Acos", "Asinh", "Acosh", "Atanh", "Sinh", "Cosh")
        if special:
            add(name, "f32-special", lambda n: [n.special(67)], opset=18)
    for name in INTEGER_UNARY:
        for dtype in (np.int64, np.int32):
            add(name, f"{np.dtype(dtype).name}-extremes", lambda n: [n.special(3, 11, dtype=dtype)], opset=13)
    for dtype in (np.int8, np.uint8):
        add("Identity", f"{np.dtype(dtype).name}", lambda n: [n.special(19, dtype=dtype)], opset=14)
    add("Identity", "bool", lambda n: [n.bools(2, 9)], opset=13)
    for version in (7, 17):
        add("Not", "bool", lambda n: [n.bools(5, 7)], opset=version)
    add("Not", "scalar", lambda n: [n.bools()], opset=13)
    add("IsInf", "negative", lambda n: [n.special(40)], opset=20, detect_positive=0)
    add("IsInf", "positive", lambda n: [n.special(40)], opset=17, detect_negative=0)


def binary():
    for name in BINARY:
        for what, a, b in SHAPES:
            add(name, f"f32-{what}", lambda n: [n.normal(*a), n.normal(*b)], opset=14)
        add(name, "f32-special", lambda n: [n.special(53), n.special(53)], opset=13)
        add(name, "f32-constant", lambda n: [n.normal(4, 19), Const(n.normal(19))], opset=7)
        add(name, "f32-constant-first", lambda n: [Const(n.normal(4, 1)), n.normal(4, 19)], opset=18)
        add(name, "f32-square", lambda n: [n.normal(1, 8, 8), n.normal(5, 1, 8)], opset=21)
        for dtype in (np.int64, np.int32):
            tag = np.dtype(dtype).name
            if name == "Div":
                other = lambda n: n.integers(3, 13, low=1, high=9, dtype=dtype) * n.rng.choice(
                    [-1, 1], (3, 13)
                ).astype(dtype)
            else:
                other = lambda n: n.special(3, 13, dtype=dtype)
            add(name, f"{tag}-extremes", lambda n: [n.special(3, 13, dtype=dtype), other(n)], opset=14)
            add(
                name,
                f"{tag}-scalar",
                lambda n: [n.integers(7, low=-99, high=99, dtype=dtype), Const(7, dtype)],
                opset=13,
            )
    for name in LOGIC:
        for what, a, b in SHAPES[:4]:
            add(name, what, lambda n: [n.bools(*a), n.bools(*b)], opset=7 if what == "same" else 17)
    for name, versions in COMPARE:
        for version in versions:
            add(
                name,
                "f32-same",
                lambda n: [
                    n.integers(3, 17, low=0, high=4).astype(np.float32),
                    n.integers(3, 17, low=0, high=4).astype(np.float32),
                ],
                opset=max(version, 7) if name != "Equal" else max(version, 11),
            )
        add(name, "f32-special", lambda n: [n.special(41), n.special(41)], opset=16)
        add(name, "f32-broadcast", lambda n: [n.normal(2, 1, 7), n.normal(3, 1)], opset=19)
        add(
            name,
            "i64-extremes",
            lambda n: [n.special(4, 9, dtype=np.int64), n.special(4, 9, dtype=np.int64)],
            opset=13,
        )
        add(
            name,
            "i32-scalar",
            lambda n: [n.integers(25, low=-3, high=4, dtype=np.int32), Const(0, np.int32)],
            opset=13,
        )
    add("Equal", "bool", lambda n: [n.bools(3, 8), n.bools(8)], opset=13)


def powers():
    for version in (7, 12, 13, 15):
        add(
            "Pow",
            "f32-positive",
            lambda n: [n.uniform(3, 14, low=0.1, high=4), n.normal(3, 14)],
            opset=version,
        )
    for power in (2.0, 3.0, 0.5, -1.0, 0.0, 1.0):
        add(
            "Pow",
            f"f32-by-{power}",
            lambda n: [n.uniform(37, low=0.1, high=3), Const(power, np.float32)],
            opset=15,
        )
    add("Pow", "f32-special", lambda n: [n.special(61), n.special(61)], opset=15)
    add(
        "Pow",
        "f32-odd",
        lambda n: [n.normal(29), Const(n.integers(29, low=-3, high=4).astype(np.float32))],
        opset=13,
    )
    for divisor in (3, -7):
        for dtype in (np.int64, np.int32):
            tag = np.dtype(dtype).name
            add(
                "Mod",
                f"{tag}-by-{divisor}",
                lambda n: [n.integers(31, dtype=dtype), Const(divisor, dtype)],
                opset=13,
            )
            add(
                "Mod",
                f"{tag}-fmod-by-{divisor}",
                lambda n: [n.integers(31, dtype=dtype), Const(divisor, dtype)],
                opset=10,
                fmod=1,
            )
    add("Mod", "i64-extremes", lambda n: [n.special(21, dtype=np.int64), Const(13, np.int64)], opset=13)
    add(
        "Mod",
        "f32-fmod",
        lambda n: [n.normal(4, 9, scale=9), n.uniform(4, 9, low=0.5, high=3)],
        opset=13,
        fmod=1,
    )


def choices():
    for name, versions in (("Max", (8, 12, 13)), ("Min", (8, 12, 13)), ("Sum", (8, 13)), ("Mean", (8, 13))):
        for version in versions:
            add(
                name,
                "f32-three",
                lambda n: [n.normal(3, 13), n.normal(3, 13), n.normal(3, 13)],
                opset=version,
            )
        add(name, "f32-broadcast", lambda n: [n.normal(2, 1, 9), n.normal(5, 1), n.normal(9)], opset=13)
        add(name, "f32-one", lambda n: [n.normal(21)], opset=13)
        if name in ("Max", "Min"):
            for dtype in (np.int64, np.int32):
                add(
                    name,
                    f"{np.dtype(dtype).name}-extremes",
                    lambda n: [n.special(23, dtype=dtype), n.special(23, dtype=dtype)],
                    opset=12,
                )
            add(
                name,
                "f32-infinite",
                lambda n: [np.nan_to_num(n.special(40), posinf=np.inf, neginf=-np.inf), n.normal(40)],
                opset=13,
            )
    for version in (9, 16):
        add("Where", "f32-same", lambda n: [n.bools(4, 9), n.normal(4, 9), n.normal(4, 9)], opset=version)
    add("Where", "f32-special", lambda n: [n.bools(45), n.special(45), n.special(45)])
    add("Where", "f32-broadcast", lambda n: [n.bools(3, 1, 5), n.normal(4, 1), n.normal()], opset=16)
    for dtype in (np.int64, np.int32, np.uint8):
        add(
            "Where",
            f"{np.dtype(dtype).name}",
            lambda n: [n.bools(13), n.special(13, dtype=dtype), Const(3, dtype)],
        )
    for version in (6, 11, 12, 13):
        limits = dict(min=-1.0, max=1.5) if version == 6 else {}
        operands = [] if version == 6 else [Const(-1.0, np.float32), Const(1.5, np.float32)]
        add(
            "Clip",
            "f32-both",
            lambda n: [n.normal(5, 13, scale=2)] + operands,
            opset=max(version, 7),
            **limits,
        )
    add("Clip", "f32-min", lambda n: [n.normal(5, 13), Const(0.25, np.float32)], opset=13)
    add("Clip", "f32-max", lambda n: [n.normal(5, 13), None, Const(0.25, np.float32)], opset=13)
    add(
        "Clip",
        "f32-infinite",
        lambda n: [
            np.nan_to_num(n.special(50), posinf=np.inf, neginf=-np.inf),
            Const(-2, np.float32),
            Const(6, np.float32),
        ],
        opset=13,
    )
    add(
        "Clip",
        "i64",
        lambda n: [n.special(31, dtype=np.int64), Const(-4, np.int64), Const(9, np.int64)],
        opset=13,
    )
    add(
        "Clip",
        "i32",
        lambda n: [n.integers(31, dtype=np.int32), Const(-4, np.int32), Const(9, np.int32)],
        opset=13,
    )


def casts():
    types = [
        ("f32", np.float32, 1),
        ("i64", np.int64, 7),
        ("i32", np.int32, 6),
        ("i8", np.int8, 3),
        ("u8", np.uint8, 2),
        ("bool", bool, 9),
    ]
    for source, dtype, _ in types:
        for target, _, number in types:

            def values(n):
                if dtype == bool:
                    return [n.bools(3, 9)]
                if dtype == np.float32:
                    low, high = (0, 120) if target == "u8" else (-120, 120)
                    return [n.uniform(3, 9, low=low, high=high)]
                low, high = (0, 100) if "u8" in (source, target) else (-100, 100)
                return [n.integers(3, 9, low=low, high=high, dtype=dtype)]

            add("Cast", f"{source}-to-{target}", values, opset=13 if source != "bool" else 9, to=number)
    add("Cast", "f32-special-to-bool", lambda n: [n.special(40)], opset=19, to=9)
    add("Cast", "i64-extremes-to-i32", lambda n: [n.special(17, dtype=np.int64)], opset=13, to=6)
    add("Cast", "i64-extremes-to-f32", lambda n: [n.special(17, dtype=np.int64)], opset=13, to=1)
    add(
        "CastLike",
        "f32-to-i64",
        lambda n: [n.uniform(3, 9, low=-90, high=90), Const([0], np.int64)],
        opset=15,
    )
    add("CastLike", "i64-to-f32", lambda n: [n.integers(3, 9), Const([0], np.float32)], opset=19)
    add("CastLike", "f32-to-bool", lambda n: [n.normal(7), Const([True])], opset=15)


def cases():
    unary()
    binary()
    powers()
    choices()
    casts()
