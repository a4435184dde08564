"""Operators of `ai.onnx.ml`: linear models, scalers, trees, support vectors."""

import numpy as np
from onnx import helper, numpy_helper

from case import CASES, EXACT, ML, MS, Case, Const, Numbers, add, imports


def linear():
    for what, targets, rows, features in [("one", 1, 5, 7), ("three", 3, 4, 19), ("row", 2, 1, 4)]:
        rng = np.random.Generator(np.random.PCG64(targets))
        weights = [float(np.float32(v)) for v in rng.standard_normal(targets * features)]
        bias = [float(np.float32(v)) for v in rng.standard_normal(targets)]
        add(
            "LinearRegressor",
            what,
            lambda n: [n.normal(rows, features)],
            domain=ML,
            opset=1,
            targets=targets,
            coefficients=weights,
            intercepts=bias,
        )
        add(
            "LinearRegressor",
            f"{what}-no-intercept",
            lambda n: [n.normal(rows, features)],
            domain=ML,
            opset=1,
            targets=targets,
            coefficients=weights,
        )
        if targets > 1:
            for transform in ("NONE", "SOFTMAX", "LOGISTIC"):
                add(
                    "LinearClassifier",
                    f"{what}-{transform.lower()}",
                    lambda n: [n.normal(rows, features)],
                    domain=ML,
                    opset=1,
                    coefficients=weights,
                    intercepts=bias,
                    classlabels_ints=list(range(10, 10 + targets)),
                    post_transform=transform,
                    outputs=2,
                    multi_class=1,
                )
    binary = [float(np.float32(v)) for v in np.random.Generator(np.random.PCG64(77)).standard_normal(14)]
    for transform in ("NONE", "LOGISTIC"):
        add(
            "LinearClassifier",
            f"binary-{transform.lower()}",
            lambda n: [n.normal(9, 7)],
            domain=ML,
            opset=1,
            coefficients=[-v for v in binary[:7]] + binary[:7],
            intercepts=[-0.2, 0.2],
            classlabels_ints=[0, 1],
            post_transform=transform,
            outputs=2,
        )


def scalers():
    for norm in ("L1", "L2", "MAX"):
        add("Normalizer", norm.lower(), lambda n: [n.normal(6, 9)], domain=ML, opset=1, norm=norm)
        add("Normalizer", f"{norm.lower()}-row", lambda n: [n.normal(1, 33)], domain=ML, opset=1, norm=norm)
    add(
        "Normalizer",
        "zero-row",
        lambda n: [n.normal(4, 5) * np.array([[1], [0], [1], [0]], np.float32)],
        domain=ML,
        opset=1,
        norm="L2",
    )
    for what, count in [("each", 9), ("one", 1)]:
        add(
            "Scaler",
            what,
            lambda n: [n.normal(5, 9)],
            domain=ML,
            opset=1,
            offset=[0.5 + i for i in range(count)],
            scale=[0.25 * (i + 1) for i in range(count)],
        )
    add("Scaler", "i64", lambda n: [n.integers(5, 3)], domain=ML, opset=1, offset=[1.0], scale=[0.5])
    for threshold in (0.0, 0.5):
        add("Binarizer", f"{threshold}", lambda n: [n.normal(4, 11)], domain=ML, opset=1, threshold=threshold)
    add(
        "Imputer",
        "nan",
        lambda n: [np.where(n.bools(6, 4), np.float32(np.nan), n.normal(6, 4))],
        domain=ML,
        opset=1,
        imputed_value_floats=[1.0, 2.0, 3.0, 4.0],
        replaced_value_float=float("nan"),
    )
    add(
        "Imputer",
        "value",
        lambda n: [n.integers(6, 4, low=0, high=3).astype(np.float32)],
        domain=ML,
        opset=1,
        imputed_value_floats=[9.5],
        replaced_value_float=1.0,
    )
    add(
        "FeatureVectorizer",
        "two",
        lambda n: [n.normal(4, 3), n.normal(4, 2)],
        domain=ML,
        opset=1,
        inputdimensions=[3, 2],
    )
    add(
        "ArrayFeatureExtractor",
        "columns",
        lambda n: [n.normal(5, 9), Const([[0, 4, 7]], np.int64)],
        domain=ML,
        opset=1,
    )
    add(
        "LabelEncoder",
        "i64-to-i64",
        lambda n: [n.integers(12, low=0, high=5)],
        domain=ML,
        opset=2,
        keys_int64s=[0, 1, 2, 3],
        values_int64s=[30, 10, 20, 0],
        default_int64=-1,
    )
    add(
        "LabelEncoder",
        "i64-to-f32",
        lambda n: [n.integers(12, low=0, high=5)],
        domain=ML,
        opset=2,
        keys_int64s=[0, 1, 2, 3],
        values_floats=[0.5, 1.5, 2.5, 3.5],
        default_float=-1.0,
    )
    add(
        "OneHotEncoder",
        "i64",
        lambda n: [n.integers(7, 1, low=0, high=4)],
        domain=ML,
        opset=1,
        cats_int64s=[0, 1, 2, 3],
        zeros=1,
    )


class Forest:
    """Random complete trees as ONNX writes them."""

    def __init__(self, seed, trees, depth, features, targets, modes=("BRANCH_LEQ",)):
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.nodes = {
            key: []
            for key in (
                "treeids",
                "nodeids",
                "featureids",
                "values",
                "modes",
                "truenodeids",
                "falsenodeids",
                "missing_value_tracks_true",
                "hitrates",
            )
        }
        self.leaves = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
        for tree in range(trees):
            count = 2 ** (depth + 1) - 1
            for node in range(count):
                leaf = node >= count // 2
                row = (
                    tree,
                    node,
                    0 if leaf else int(self.rng.integers(features)),
                    0.0 if leaf else float(np.float32(self.rng.standard_normal())),
                    "LEAF" if leaf else modes[int(self.rng.integers(len(modes)))],
                    0 if leaf else 2 * node + 1,
                    0 if leaf else 2 * node + 2,
                    0 if leaf else int(self.rng.integers(2)),
                    1.0,
                )
                for key, value in zip(self.nodes, row):
                    self.nodes[key].append(value)
                if leaf:
                    for target in range(targets):
                        row = (tree, node, target, float(np.float32(self.rng.standard_normal() / trees)))
                        for key, value in zip(self.leaves, row):
                            self.leaves[key].append(value)

    def attributes(self, kind):
        named = {f"nodes_{key}": values for key, values in self.nodes.items()}
        named |= {f"{kind}_{key}": values for key, values in self.leaves.items()}
        return named


def trees():
    modes = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
    for what, count, depth, features, targets in [
        ("stump", 1, 1, 2, 1),
        ("small", 5, 3, 4, 1),
        ("deep", 3, 6, 10, 1),
        ("targets", 7, 3, 5, 3),
        ("forest", 40, 4, 12, 1),
    ]:
        forest = Forest(count * 31 + depth, count, depth, features, targets)
        for rows in (1, 9, 33) if what == "small" else (6,):
            add(
                "TreeEnsembleRegressor",
                f"{what}-{rows}",
                lambda n: [n.normal(rows, features)],
                domain=ML,
                opset=1,
                n_targets=targets,
                **forest.attributes("target"),
            )
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        forest = Forest(5, 6, 3, 4, 2)
        add(
            "TreeEnsembleRegressor",
            aggregate.lower(),
            lambda n: [n.normal(7, 4)],
            domain=ML,
            opset=1,
            n_targets=2,
            aggregate_function=aggregate,
            **forest.attributes("target"),
        )
    for mode in modes:
        forest = Forest(8, 4, 3, 3, 1, (mode,))
        add(
            "TreeEnsembleRegressor",
            mode.lower(),
            lambda n: [n.special(11, 3)],
            domain=ML,
            opset=1,
            n_targets=1,
            **forest.attributes("target"),
        )
    add(
        "TreeEnsembleRegressor",
        "mixed-modes",
        lambda n: [n.normal(9, 3)],
        domain=ML,
        opset=1,
        n_targets=1,
        **Forest(9, 4, 4, 3, 1, modes).attributes("target"),
    )
    add(
        "TreeEnsembleRegressor",
        "base",
        lambda n: [n.normal(5, 3)],
        domain=ML,
        opset=1,
        n_targets=2,
        base_values=[0.5, -1.5],
        **Forest(12, 4, 2, 3, 2).attributes("target"),
    )
    for transform in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"):
        if transform == "PROBIT":
            continue
        forest = Forest(13, 6, 3, 5, 3)
        add(
            "TreeEnsembleClassifier",
            f"three-{transform.lower()}",
            lambda n: [n.normal(8, 5)],
            domain=ML,
            opset=1,
            outputs=2,
            classlabels_int64s=[5, 6, 9],
            post_transform=transform,
            **forest.attributes("class"),
        )
    for transform in ("NONE", "LOGISTIC"):
        forest = Forest(14, 6, 3, 5, 2)
        add(
            "TreeEnsembleClassifier",
            f"two-{transform.lower()}",
            lambda n: [n.normal(8, 5)],
            domain=ML,
            opset=1,
            outputs=2,
            classlabels_int64s=[0, 1],
            post_transform=transform,
            **forest.attributes("class"),
        )
        forest = Forest(15, 6, 3, 5, 1)
        add(
            "TreeEnsembleClassifier",
            f"binary-{transform.lower()}",
            lambda n: [n.normal(8, 5)],
            domain=ML,
            opset=1,
            outputs=2,
            classlabels_int64s=[0, 1],
            post_transform=transform,
            **forest.attributes("class"),
        )


def forests_of_version_5():
    """The one operator that took the place of both: leaves apart from nodes, thresholds and modes as tensors."""
    for what, count, depth, features, targets in [("small", 3, 2, 4, 1), ("targets", 6, 3, 5, 3)]:
        rng = np.random.Generator(np.random.PCG64(count))
        inner, nodes, leaves, roots = 2**depth - 1, [], [], []
        for tree in range(count):
            first, leaf = len(nodes), len(leaves)
            roots.append(first)
            for node in range(inner):
                row = [int(rng.integers(features)), float(np.float32(rng.standard_normal()))]
                for child in (2 * node + 1, 2 * node + 2):
                    row += [1, leaf + child - inner] if child >= inner else [0, first + child]
                nodes.append(row)
            leaves += [(int(rng.integers(targets)), float(rng.standard_normal())) for _ in range(inner + 1)]
        column = lambda index: [row[index] for row in nodes]
        for aggregate in (1, 0):
            add(
                "TreeEnsemble",
                f"{what}-aggregate-{aggregate}",
                lambda n: [n.normal(7, features)],
                domain=ML,
                opset=5,
                n_targets=targets,
                aggregate_function=aggregate,
                post_transform=0,
                tree_roots=roots,
                nodes_featureids=column(0),
                nodes_splits=numpy_helper.from_array(np.array(column(1), np.float32)),
                nodes_modes=numpy_helper.from_array(np.zeros(len(nodes), np.uint8)),
                nodes_trueleafs=column(2),
                nodes_truenodeids=column(3),
                nodes_falseleafs=column(4),
                nodes_falsenodeids=column(5),
                leaf_targetids=[leaf[0] for leaf in leaves],
                leaf_weights=numpy_helper.from_array(np.array([leaf[1] for leaf in leaves], np.float32)),
            )


def distances():
    for metric in ("euclidean", "sqeuclidean"):
        for what, a, b in [("3x4", 3, 4), ("9x33", 9, 33)]:
            add(
                "CDist",
                f"{metric}-{what}",
                lambda n: [n.normal(a, 7), n.normal(b, 7)],
                domain=MS,
                opset=1,
                metric=metric,
            )
    scores = Numbers("ZipMap").uniform(5, 3)
    # Its output is a list of maps; the engine gives the tensor that the maps are made of.
    CASES.append(zip_map("ZipMap.1.i64", scores, [4, 5, 7]))
    CASES.append(zip_map("ZipMap.1.row", scores[:1], [0, 1, 2]))


def zip_map(name, scores, labels):
    node = helper.make_node("ZipMap", ["x0"], ["y0"], domain=ML, classlabels_int64s=labels)
    maps = helper.make_map_type_proto(7, helper.make_tensor_type_proto(1, []))
    output = helper.make_value_info("y0", helper.make_sequence_type_proto(maps))
    port = helper.make_tensor_value_info("x0", 1, scores.shape)
    graph = helper.make_graph([node], "g", [port], [output])
    model = helper.make_model(graph, ir_version=8, opset_imports=imports(ML, 1))
    return Case(
        name,
        "ZipMap",
        ML,
        EXACT,
        model.SerializeToString(deterministic=True),
        [("x0", scores)],
        [("y0", scores)],
    )


def support_vectors():
    rng = np.random.Generator(np.random.PCG64(5))
    floats = lambda count: [float(np.float32(v)) for v in rng.standard_normal(count)]
    for kernel, params in [
        ("LINEAR", [0.0, 0.0, 0.0]),
        ("RBF", [0.3, 0.0, 0.0]),
        ("POLY", [0.2, 1.0, 2.0]),
        ("SIGMOID", [0.1, 0.2, 0.0]),
    ]:
        add(
            "SVMRegressor",
            kernel.lower(),
            lambda n: [n.normal(5, 4)],
            domain=ML,
            opset=1,
            kernel_type=kernel,
            kernel_params=params,
            n_supports=6,
            support_vectors=floats(24),
            coefficients=floats(6),
            rho=[0.4],
        )
        add(
            "SVMClassifier",
            f"{kernel.lower()}-two",
            lambda n: [n.normal(5, 4)],
            domain=ML,
            opset=1,
            outputs=2,
            kernel_type=kernel,
            kernel_params=params,
            support_vectors=floats(24),
            coefficients=floats(6),
            rho=[0.4],
            vectors_per_class=[3, 3],
            classlabels_ints=[0, 1],
        )
        add(
            "SVMClassifier",
            f"{kernel.lower()}-three",
            lambda n: [n.normal(5, 4)],
            domain=ML,
            opset=1,
            outputs=2,
            kernel_type=kernel,
            kernel_params=params,
            support_vectors=floats(24),
            coefficients=floats(12),
            rho=[0.4, -0.2, 0.1],
            vectors_per_class=[2, 2, 2],
            classlabels_ints=[3, 4, 7],
        )
    add(
        "SVMClassifier",
        "probabilities",
        lambda n: [n.normal(5, 4)],
        domain=ML,
        opset=1,
        outputs=2,
        kernel_type="RBF",
        kernel_params=[0.3, 0.0, 0.0],
        support_vectors=floats(24),
        coefficients=floats(12),
        rho=[0.4, -0.2, 0.1],
        vectors_per_class=[2, 2, 2],
        classlabels_ints=[3, 4, 7],
        prob_a=[-1.2, -0.8, -1.1],
        prob_b=[0.1, 0.0, -0.1],
    )


def cases():
    linear()
    scalers()
    trees()
    forests_of_version_5()
    distances()
    support_vectors()
