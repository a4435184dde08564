#!/usr/bin/env python3
"""Writes one-operator models of ai.onnx.ml and of recurrences to tests/data/flavours, with ONNX Runtime's outputs.

    pip install numpy onnx onnxruntime && ./flavours.py

The numbers come from a fixed seed. Beside `name.onnx` stands `name.npz` with inputs as `in/<name>` and outputs as
`out/<name>`.
"""

import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "flavours"
RANDOM = np.random.default_rng(7)
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
ML = "ai.onnx.ml"
POST = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]


def numbers(*shape):
    return (RANDOM.standard_normal(shape) / 2).astype(np.float32)


def write(name, operator, inputs, outputs, constants=(), domain=ML, ml=3, names=None, **attributes):
    """A model of one node. `inputs` and `constants` map names to arrays, `outputs` names to element types."""
    names = names or [*inputs, *dict(constants)]
    listed = [port if dtype else "" for port, dtype in outputs.items()]
    node = helper.make_node(operator, names, listed, domain=domain, **attributes)
    outputs = {port: dtype for port, dtype in outputs.items() if dtype}
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(port, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
         for port, array in inputs.items()],
        [helper.make_tensor_value_info(port, dtype, None) for port, dtype in outputs.items()],
        [numpy_helper.from_array(array, port) for port, array in dict(constants).items()],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, ml), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets)
    model.ir_version = 9
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results = zip(outputs, session.run(None, inputs))
    onnx.save(model, ROOT / f"{name}.onnx")
    given = {f"in/{port}": array for port, array in inputs.items()}
    np.savez(ROOT / f"{name}.npz", **given, **{f"out/{port}": array for port, array in results})


GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrence(operator, name, steps=5, batch=2, direction="forward", bias=True, states=False, peepholes=False,
               lengths=None, outputs=(1, 1, 1), **attributes):
    width, hidden, ways, gates = 3, 4, 2 if direction == "bidirectional" else 1, GATES[operator]
    constants = {"W": numbers(ways, gates * hidden, width), "R": numbers(ways, gates * hidden, hidden)}
    state = (ways, batch, hidden)
    optional = {
        "B": numbers(ways, 2 * gates * hidden) if bias else None,
        "L": None if lengths is None else np.array(lengths, np.int32),
        "h": numbers(*state) if states else None,
    }
    if operator == "LSTM":
        optional["c"] = numbers(*state) if states else None
        optional["P"] = numbers(ways, 3 * hidden) if peepholes else None
    names = ["x", "W", "R"] + [port if value is not None else "" for port, value in optional.items()]
    while not names[-1]:
        names.pop()
    constants.update({port: value for port, value in optional.items() if value is not None})
    ports = ["Y", "Y_h", "Y_c"][: 3 if operator == "LSTM" else 2]
    write(f"{operator.lower()}_{name}", operator, {"x": numbers(steps, batch, width)},
          {port: FLOAT if there else 0 for port, there in zip(ports, outputs)}, constants, domain="", names=names,
          hidden_size=hidden, direction=direction, **attributes)


def recurrences():
    for operator in GATES:
        for direction in ["forward", "reverse", "bidirectional"]:
            recurrence(operator, direction, direction=direction)
            recurrence(operator, f"{direction}_states", direction=direction, states=True)
        recurrence(operator, "no_bias", bias=False)
        recurrence(operator, "clip", clip=0.3, states=True)
        recurrence(operator, "one_step", steps=1)
        recurrence(operator, "lengths", lengths=[3, 3], direction="bidirectional")
        recurrence(operator, "last_only", outputs=(0, 1, 0))
        count = {"LSTM": 3, "GRU": 2, "RNN": 1}[operator]
        for at, names in enumerate([["Relu"] * 3, ["HardSigmoid", "Softsign", "Elu"]]):
            recurrence(operator, f"activations_{at}", activations=names[:count])
        recurrence(operator, "activations_2", activations=["LeakyRelu", "ThresholdedRelu", "Softplus"][:count],
                   activation_alpha=[0.1, 0.2][:count])
        recurrence(operator, "activations_scaled", activations=["Affine", "ScaledTanh", "Tanh"][:count],
                   activation_alpha=[0.7, 0.9][:count], activation_beta=[0.1, 0.6][:count])
    recurrence("LSTM", "peepholes", peepholes=True)
    recurrence("LSTM", "peepholes_states", peepholes=True, states=True, direction="bidirectional")
    for direction in ["forward", "bidirectional"]:
        recurrence("GRU", f"late_{direction}", linear_before_reset=1, direction=direction)
        recurrence("GRU", f"late_states_{direction}", linear_before_reset=1, direction=direction, states=True)


ROWS = np.round(numbers(6, 3) * 20) / 10
CODES = np.array([[1, 2, 3], [4, 5, 6]], np.int64)


def forest(name, classes, signed, mode="BRANCH_LEQ", leaf="class", **attributes):
    """Three trees of two tests; each leaf names `classes`, or one of them when they are three."""
    tests, leaves = [], []
    for tree in range(3):
        tests += [(tree, 0, tree, 0.1 * tree - 0.1, mode, 1, 2), (tree, 1, 0, 0.0, "LEAF", 0, 0),
                  (tree, 2, (tree + 1) % 3, 0.3, mode, 3, 4), (tree, 3, 0, 0.0, "LEAF", 0, 0),
                  (tree, 4, 0, 0.0, "LEAF", 0, 0)]
        for at, node in enumerate([1, 3, 4]):
            for named in classes if len(classes) < 3 else [classes[(at + tree) % 3]]:
                leaves.append((tree, node, named, round(RANDOM.random() * 0.3 - (0.2 if signed else 0.0), 3)))
    keys = ["treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids"]
    tables = {f"nodes_{key}": [row[at] for row in tests] for at, key in enumerate(keys)}
    tables.update({f"{leaf}_{key}": [row[at] for row in leaves]
                   for at, key in enumerate(["treeids", "nodeids", "ids", "weights"])})
    operator = "TreeEnsembleClassifier" if leaf == "class" else "TreeEnsembleRegressor"
    outputs = {"label": INT64, "scores": FLOAT} if leaf == "class" else {"scores": FLOAT}
    write(name, operator, {"x": ROWS}, outputs, **tables, **attributes)


def trees():
    for post in POST:
        for signed in [False, True]:
            tail = f"{post.lower()}_{'signed' if signed else 'positive'}"
            kind = {"post_transform": post}
            if post != "PROBIT":
                forest(f"trees_first_{tail}", [0], signed, classlabels_int64s=[5, 7], **kind)
                forest(f"trees_second_{tail}", [1], signed, classlabels_int64s=[5, 7], **kind)
                forest(f"trees_pair_{tail}", [0, 1], signed, classlabels_int64s=[0, 1], **kind)
            forest(f"trees_many_{tail}", [0, 1, 2], signed, classlabels_int64s=[5, 6, 7], **kind)
        forest(f"trees_base_{post.lower()}", [0, 1, 2], True, classlabels_int64s=[5, 6, 7],
               base_values=[0.1, 0.2, 0.3], post_transform=post)
    forest("trees_first_base", [0], True, classlabels_int64s=[5, 7], base_values=[0.1])
    for mode in ["LT", "GTE", "GT", "EQ", "NEQ"]:
        forest(f"trees_mode_{mode.lower()}", [0, 1, 2], False, f"BRANCH_{mode}", classlabels_int64s=[5, 6, 7])
    for how in ["SUM", "AVERAGE", "MIN", "MAX"]:
        forest(f"trees_one_{how.lower()}", [0], True, leaf="target", n_targets=1, aggregate_function=how,
               base_values=[0.25])
        forest(f"trees_two_{how.lower()}", [0, 1], True, leaf="target", n_targets=2, aggregate_function=how,
               post_transform="SOFTMAX")
    tensor = lambda values, dtype: helper.make_tensor("t", dtype, [len(values)], values)  # noqa: E731
    for how in range(4):
        write(f"trees_rooted_{how}", "TreeEnsemble", {"x": ROWS}, {"scores": FLOAT}, ml=5, n_targets=2,
              aggregate_function=how, tree_roots=[0, 2], nodes_featureids=[0, 1, 2],
              nodes_modes=tensor([0, 1, 3], TensorProto.UINT8), nodes_splits=tensor([0.1, 0.2, 0.3], FLOAT),
              nodes_truenodeids=[1, 0, 3], nodes_trueleafs=[0, 1, 1], nodes_falsenodeids=[2, 1, 4],
              nodes_falseleafs=[1, 1, 1], leaf_targetids=[0, 1, 0, 1, 0],
              leaf_weights=tensor([0.5, 0.25, 0.125, 0.7, 0.9], FLOAT))


def linear():
    for post in POST:
        for scores, labels in [(1, [5, 7]), (2, [5, 7]), (3, [5, 7, 9])]:
            both = {"coefficients": numbers(3 * scores).tolist(), "intercepts": numbers(scores).tolist(),
                    "post_transform": post}
            tail = f"{scores}_{post.lower()}"
            # The probit of a score near a half is all cancellation.
            x = {"x": ROWS if post != "PROBIT" else ROWS / 10 + 1}
            if post != "PROBIT" or scores > 1:
                write(f"linear_classifier_{tail}", "LinearClassifier", x, {"label": INT64, "scores": FLOAT},
                      classlabels_ints=labels, **both)
            write(f"linear_regressor_{tail}", "LinearRegressor", x, {"scores": FLOAT}, targets=scores, **both)


def machine(name, classes, kernel, prob, post="NONE"):
    counts = [3 + at for at in range(classes)]
    total, pairs = sum(counts), classes * (classes - 1) // 2
    platt = {"prob_a": (-1 - abs(numbers(pairs))).tolist(), "prob_b": numbers(pairs).tolist()} if prob else {}
    write(name, "SVMClassifier", {"x": ROWS}, {"label": INT64, "scores": FLOAT}, kernel_type=kernel,
          kernel_params=[0.7, 0.3, 3.0], coefficients=numbers((classes - 1) * total).tolist(),
          rho=numbers(pairs).tolist(), support_vectors=numbers(total * 3).tolist(), vectors_per_class=counts,
          classlabels_ints=list(range(10, 10 + classes)), post_transform=post, **platt)


def machines():
    for kernel in ["LINEAR", "POLY", "RBF", "SIGMOID"]:
        for classes in [2, 3, 5]:
            machine(f"svm_{classes}_{kernel.lower()}", classes, kernel, False)
            machine(f"svm_{classes}_{kernel.lower()}_platt", classes, kernel, True)
        for name, extra in [("", {}), ("_one_class", {"one_class": 1})]:
            write(f"svm_regressor_{kernel.lower()}{name}", "SVMRegressor", {"x": ROWS}, {"scores": FLOAT}, n_supports=5,
                  coefficients=numbers(5).tolist(), rho=[0.2], support_vectors=numbers(15).tolist(), kernel_type=kernel,
                  kernel_params=[0.7, 0.3, 2.0], **extra)
    for post in POST[1:4]:
        for classes in [2, 3]:
            machine(f"svm_{classes}_{post.lower()}", classes, "RBF", False, post)
            machine(f"svm_{classes}_{post.lower()}_platt", classes, "RBF", True, post)
    for name, scores in [("linear_scores", 3), ("linear_scores_two", 2)]:
        write(f"svm_{name}", "SVMClassifier", {"x": ROWS}, {"label": INT64, "scores": FLOAT},
              coefficients=numbers(3 * scores).tolist(), rho=[0.2], kernel_params=[0.0] * 3,
              classlabels_ints=list(range(3, 3 + scores)))


def features():
    zero = ROWS.copy()
    zero[0], zero[1] = 0, -abs(zero[1])
    holes = ROWS.copy()
    holes[1, 1] = holes[3] = np.nan
    one, whole = {"z": FLOAT}, {"z": INT64}
    for norm in ["MAX", "L1", "L2"]:
        write(f"normalizer_{norm.lower()}", "Normalizer", {"x": zero}, one, norm=norm)
    write("scaler", "Scaler", {"x": ROWS}, one, offset=[0.1, 0.2, 0.3], scale=[2.0, 3.0, 4.0])
    write("scaler_integers", "Scaler", {"x": CODES}, one, offset=[1.0], scale=[0.5])
    write("binarizer", "Binarizer", {"x": ROWS}, one, threshold=0.1)
    write("imputer_nan", "Imputer", {"x": holes}, one, imputed_value_floats=[1.0, 2.0, 3.0],
          replaced_value_float=float("nan"))
    write("imputer_integers", "Imputer", {"x": CODES}, whole, imputed_value_int64s=[7, 8, 9], replaced_value_int64=4)
    write("extractor", "ArrayFeatureExtractor", {"x": ROWS}, one, {"i": np.array([2, 0, 2])})
    write("extractor_list", "ArrayFeatureExtractor", {"x": ROWS[0]}, one, {"i": np.array([[2, 0]])})
    write("vectorizer", "FeatureVectorizer", {"x": ROWS, "w": numbers(6, 2)}, one, inputdimensions=[3, 2])
    write("encoder_integers", "LabelEncoder", {"x": CODES}, whole, keys_int64s=[1, 3, 5], values_int64s=[10, 30, 50],
          default_int64=-7)
    write("encoder_first", "LabelEncoder", {"x": CODES}, one, keys_int64s=[1, 3, 5, 3], default_float=-7.5,
          values_floats=[10.0, 30.0, 50.0, 99.0])
    write("encoder_floats", "LabelEncoder", {"x": CODES.astype(np.float32)}, whole, keys_floats=[1.0, 3.0, 5.0],
          values_int64s=[10, 30, 50])
    write("encoder_tensors", "LabelEncoder", {"x": CODES}, one, ml=4,
          keys_tensor=numpy_helper.from_array(np.array([1, 3, 5])),
          values_tensor=numpy_helper.from_array(np.array([1.5, 2.5, 3.5], np.float32)),
          default_tensor=numpy_helper.from_array(np.array([0.5], np.float32)))
    write("one_hot", "OneHotEncoder", {"x": CODES}, one, cats_int64s=[1, 2, 5, 6])
    write("one_hot_strict", "OneHotEncoder", {"x": CODES}, one, cats_int64s=[1, 2, 3, 4, 5, 6], zeros=0)
    for metric in ["euclidean", "sqeuclidean"]:
        write(f"distances_{metric}", "CDist", {"x": ROWS, "w": numbers(4, 3)}, one, domain="com.microsoft",
              metric=metric)


if __name__ == "__main__":
    ROOT.mkdir(parents=True, exist_ok=True)
    for family in [recurrences, trees, linear, machines, features]:
        family()
