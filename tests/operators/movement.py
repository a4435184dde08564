"""Operators that move elements and compute nothing."""

import numpy as np

from case import Const, add

TYPES = [("f32", np.float32), ("i64", np.int64), ("i32", np.int32), ("u8", np.uint8)]


def ints(*values):
    return Const(list(values), np.int64)


def reshapes():
    for version in (7, 13, 14):
        add("Reshape", "f32", lambda n: [n.special(2, 3, 8), ints(4, 12)], opset=version)
    add("Reshape", "minus-one", lambda n: [n.normal(2, 3, 8), ints(0, -1)], opset=13)
    add("Reshape", "to-scalar-like", lambda n: [n.normal(1, 1), ints(1)], opset=13)
    add("Reshape", "i64", lambda n: [n.integers(4, 6), ints(2, 2, 6)], opset=14)
    for axis in (0, 1, 2, -1):
        add(
            "Flatten",
            f"axis-{axis}",
            lambda n: [n.normal(2, 3, 4, 5)],
            opset=13 if axis >= 0 else 11,
            axis=axis,
        )
    add("Flatten", "plain", lambda n: [n.normal(2, 7)], opset=9)
    for version in (7, 11):
        add("Squeeze", "axes", lambda n: [n.normal(1, 3, 1, 5)], opset=version, axes=[0, 2])
        add("Unsqueeze", "axes", lambda n: [n.normal(3, 5)], opset=version, axes=[0, 3])
    add("Squeeze", "operand", lambda n: [n.normal(1, 3, 1, 5), ints(-2)], opset=13)
    add("Squeeze", "all", lambda n: [n.normal(1, 3, 1, 5)], opset=13)
    add("Unsqueeze", "operand", lambda n: [n.special(3, 8), ints(1, -1)], opset=13)
    add("Unsqueeze", "i64", lambda n: [n.integers(3), ints(0)], opset=21)
    for what, dims, perm in [
        ("2d", (5, 7), [1, 0]),
        ("3d", (2, 5, 7), [0, 2, 1]),
        ("channels-last", (1, 3, 6, 7), [0, 2, 3, 1]),
        ("reverse", (2, 3, 4, 5), [3, 2, 1, 0]),
        ("heads", (1, 9, 4, 8), [0, 2, 1, 3]),
        ("5d", (2, 2, 3, 2, 5), [4, 1, 3, 0, 2]),
        ("none", (4, 6), None),
        ("wide", (33, 65), [1, 0]),
    ]:
        add("Transpose", what, lambda n: [n.normal(*dims)], opset=13, perm=perm)
    for tag, dtype in TYPES[1:]:
        add("Transpose", tag, lambda n: [n.special(5, 9, dtype=dtype)], opset=13, perm=[1, 0])
    add("Transpose", "bool", lambda n: [n.bools(5, 9)], opset=21, perm=[1, 0])


def joins():
    for axis in (0, 1, 2, -1):
        add(
            "Concat",
            f"axis-{axis}",
            lambda n: [n.normal(2, 3, 4), n.normal(2, 3, 4)],
            opset=13 if axis >= 0 else 11,
            axis=axis,
        )
    add("Concat", "three", lambda n: [n.normal(2, 3), Const(n.normal(2, 5)), n.normal(2, 1)], opset=7, axis=1)
    add("Concat", "one", lambda n: [n.special(28)], opset=13, axis=0)
    for tag, dtype in TYPES[1:]:
        add(
            "Concat",
            tag,
            lambda n: [n.special(3, 4, dtype=dtype), n.special(3, 2, dtype=dtype)],
            opset=13,
            axis=1,
        )
    both = [1, 1]
    for version in (7, 11):
        add("Split", "even", lambda n: [n.normal(2, 8)], opset=version, outputs=2, axis=1)
        add("Split", "sizes", lambda n: [n.normal(2, 9)], opset=version, outputs=both, axis=1, split=[2, 7])
    add("Split", "operand", lambda n: [n.normal(7, 3), ints(1, 2, 4)], opset=13, outputs=3)
    add("Split", "num-outputs", lambda n: [n.normal(2, 8)], opset=18, outputs=2, axis=-1, num_outputs=2)
    add("Split", "uneven", lambda n: [n.integers(2, 7)], opset=18, outputs=3, axis=1, num_outputs=3)
    add("Tile", "2x3", lambda n: [n.normal(3, 5), ints(2, 3)], opset=13)
    add("Tile", "4d", lambda n: [n.normal(1, 2, 1, 3), ints(1, 2, 3, 1)], opset=7)
    add("Tile", "i64", lambda n: [n.integers(4), ints(3)], opset=13)
    for what, dims, shape in [
        ("row", (1, 7), (5, 7)),
        ("rank", (4,), (2, 3, 4)),
        ("both", (3, 1), (1, 6)),
        ("none", (2, 3), (1, 1)),
    ]:
        add("Expand", what, lambda n: [n.normal(*dims), ints(*shape)], opset=8 if what == "row" else 13)
    add("Expand", "bool", lambda n: [n.bools(1, 3), ints(4, 3)], opset=13)


def slices():
    add("Slice", "attributes", lambda n: [n.normal(6, 9)], opset=9, starts=[1, -4], ends=[5, 9], axes=[0, 1])
    for what, starts, ends, axes, steps in [
        ("plain", [1, 2], [4, 8], [0, 1], None),
        ("step", [0], [9], [1], [2]),
        ("backwards", [-1], [-100], [1], [-1]),
        ("backwards-2", [8], [0], [1], [-3]),
        ("to-end", [2], [2**31 - 1], [0], [1]),
        ("negative-axis", [-5], [-1], [-1], [2]),
    ]:
        for version in (10, 13):
            add(
                "Slice",
                what,
                lambda n: [n.normal(6, 9), ints(*starts), ints(*ends), ints(*axes)]
                + ([ints(*steps)] if steps else []),
                opset=version,
            )
    add("Slice", "no-axes", lambda n: [n.integers(6, 9), ints(1, 1), ints(5, 8)], opset=13)
    add(
        "Slice",
        "4d",
        lambda n: [n.normal(1, 3, 6, 7), ints(1, 2), ints(5, 6), ints(2, 3), ints(2, 1)],
        opset=13,
    )
    for tag, dtype in TYPES[2:]:
        add("Slice", tag, lambda n: [n.special(6, 9, dtype=dtype), ints(1), ints(5), ints(0)], opset=13)
    for mode in ("constant", "edge", "reflect"):
        for version in (7, 11, 13, 18):
            if version == 7:
                add(
                    "Pad",
                    mode,
                    lambda n: [n.normal(4, 5)],
                    opset=7,
                    mode=mode,
                    pads=[1, 0, 2, 3],
                    value=0.5 if mode == "constant" else None,
                )
            else:
                value = [Const(0.5, np.float32)] if mode == "constant" else []
                add(
                    "Pad",
                    mode,
                    lambda n: [n.normal(4, 5), ints(1, 0, 2, 3)] + value,
                    opset=version,
                    mode=mode,
                )
        add(
            "Pad",
            f"{mode}-image",
            lambda n: [n.normal(1, 2, 4, 5), ints(0, 0, 1, 2, 0, 0, 2, 1)],
            opset=13,
            mode=mode,
        )
    add("Pad", "i64", lambda n: [n.integers(3, 4), ints(0, 1, 0, 1), Const(-1, np.int64)], opset=13)
    add("Pad", "no-value", lambda n: [n.special(30), ints(3, 2)], opset=13)
    add("Pad", "axes", lambda n: [n.normal(3, 4), ints(1, 2), Const(9.0, np.float32), ints(1)], opset=18)
    add("Pad", "wrap", lambda n: [n.normal(4, 5), ints(1, 0, 2, 3)], opset=19, mode="wrap")
    for upper in (0, 1):
        add("Trilu", f"upper-{upper}", lambda n: [n.normal(5, 7)], opset=14, upper=upper)
        for k in (-2, 1):
            add(
                "Trilu",
                f"upper-{upper}-k{k}",
                lambda n: [n.normal(2, 5, 5), Const(k, np.int64)],
                opset=14,
                upper=upper,
            )
    add("Trilu", "i64", lambda n: [n.integers(6, 4)], opset=14)


def gathers():
    for axis in (0, 1, -1):
        add(
            "Gather",
            f"axis-{axis}",
            lambda n: [n.normal(4, 5, 6), n.integers(3, low=0, high=4)],
            opset=13 if axis >= 0 else 11,
            axis=axis,
        )
    add("Gather", "embedding", lambda n: [Const(n.normal(50, 16)), n.integers(2, 7, low=0, high=50)], opset=7)
    add("Gather", "negative", lambda n: [n.normal(9, 3), n.integers(5, low=-9, high=9)], opset=13)
    add("Gather", "constant-indices", lambda n: [n.special(40), ints(39, 0, -1, 7)], opset=13)
    add("Gather", "scalar", lambda n: [n.normal(4, 5), Const(2, np.int64)], opset=13, axis=1)
    add(
        "Gather",
        "i32-indices",
        lambda n: [n.integers(9), n.integers(4, low=0, high=9, dtype=np.int32)],
        opset=13,
    )
    for tag, dtype in TYPES[2:]:
        add("Gather", tag, lambda n: [n.special(9, 2, dtype=dtype), n.integers(4, low=0, high=9)], opset=13)
    for axis in (0, 1):
        for version in (11, 13):
            add(
                "GatherElements",
                f"axis-{axis}",
                lambda n: [n.normal(4, 5), n.integers(4, 5, low=0, high=4)],
                opset=version,
                axis=axis,
            )
    add(
        "GatherElements",
        "fewer",
        lambda n: [n.normal(4, 5), n.integers(3, 9, low=-5, high=5)],
        opset=13,
        axis=1,
    )
    add("GatherElements", "i64", lambda n: [n.integers(4, 5), n.integers(2, 5, low=0, high=4)], opset=13)
    for what, dims, indices, high in [
        ("rows", (4, 5), (3, 1), 4),
        ("points", (4, 5), (6, 2), 4),
        ("cube", (2, 3, 4), (2, 2, 2), 2),
    ]:
        add("GatherND", what, lambda n: [n.normal(*dims), n.integers(*indices, low=0, high=high)], opset=13)
    add(
        "GatherND",
        "batch",
        lambda n: [n.normal(2, 3, 4), n.integers(2, 1, low=0, high=3)],
        opset=12,
        batch_dims=1,
    )
    for reduction in ("none", "add", "mul", "max", "min"):
        version = 11 if reduction == "none" else 18
        add(
            "ScatterElements",
            reduction,
            lambda n: [n.normal(5, 4), Const(np.argsort(n.uniform(3, 4), axis=0)), n.normal(3, 4)],
            opset=version,
            axis=0,
            reduction=None if reduction == "none" else reduction,
        )
        add(
            "ScatterND",
            reduction,
            lambda n: [n.normal(7, 4), Const(n.permutation(7)[:3].reshape(3, 1)), n.normal(3, 4)],
            opset=version,
            reduction=None if reduction == "none" else reduction,
        )
    add(
        "ScatterElements",
        "repeated-add",
        lambda n: [n.normal(5, 4), n.integers(5, 4, low=0, high=2), n.normal(5, 4)],
        opset=18,
        axis=1,
        reduction="add",
    )
    add(
        "Scatter",
        "axis-0",
        lambda n: [n.normal(5, 4), Const(np.argsort(n.uniform(3, 4), axis=0)), n.normal(3, 4)],
        opset=9,
    )
    for mode in ("DCR", "CRD"):
        add(
            "DepthToSpace",
            mode,
            lambda n: [n.normal(1, 8, 3, 4)],
            opset=11 if mode == "CRD" else 13,
            blocksize=2,
            mode=mode,
        )
    for version in (7, 13):
        add("DepthToSpace", "3", lambda n: [n.normal(2, 9, 2, 3)], opset=version, blocksize=3)
        add("SpaceToDepth", "2", lambda n: [n.normal(1, 3, 4, 6)], opset=version, blocksize=2)
    add("SpaceToDepth", "3", lambda n: [n.normal(2, 1, 6, 9)], opset=13, blocksize=3)
    add(
        "ReverseSequence",
        "time",
        lambda n: [n.normal(5, 3), n.integers(3, low=1, high=6)],
        opset=10,
        time_axis=0,
        batch_axis=1,
    )
    add(
        "ReverseSequence",
        "batch",
        lambda n: [n.normal(3, 5, 2), Const([5, 1, 3], np.int64)],
        opset=10,
        time_axis=1,
        batch_axis=0,
    )
    for mode in ("nearest", "linear"):
        add(
            "Upsample",
            mode,
            lambda n: [n.normal(1, 2, 3, 4), Const([1, 1, 2, 2], np.float32)],
            opset=9,
            mode=mode,
        )


def resizes():
    scales = lambda *values: Const(list(values), np.float32)
    for mode in ("nearest", "linear"):
        for coordinates in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
            add(
                "Resize",
                f"{mode}-{coordinates}",
                lambda n: [n.normal(1, 2, 4, 5), None, scales(1, 1, 2, 2)],
                opset=13,
                mode=mode,
                coordinate_transformation_mode=coordinates,
            )
        add(
            "Resize",
            f"{mode}-sizes",
            lambda n: [n.normal(1, 2, 4, 5), None, None, ints(1, 2, 7, 9)],
            opset=18,
            mode=mode,
        )
        add(
            "Resize",
            f"{mode}-down",
            lambda n: [n.normal(1, 1, 9, 8), None, scales(1, 1, 0.5, 0.5)],
            opset=13,
            mode=mode,
        )
    for nearest in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
        add(
            "Resize",
            f"nearest-{nearest}",
            lambda n: [n.normal(1, 1, 4, 4), None, scales(1, 1, 1.5, 2.5)],
            opset=13,
            mode="nearest",
            nearest_mode=nearest,
            coordinate_transformation_mode="asymmetric",
        )
    add("Resize", "cubic", lambda n: [n.normal(1, 1, 5, 5), None, scales(1, 1, 2, 2)], opset=13, mode="cubic")


def cases():
    reshapes()
    joins()
    slices()
    gathers()
    resizes()
