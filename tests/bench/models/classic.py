"""Forests on a public toy set, through skl2onnx, ready to be asked for one row or many."""

import numpy as np
import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

ROWS = 16


def forest(path, trees, rows=ROWS):
    x, y = load_digits(return_X_y=True)
    # With noise, as real tables have: splits between any two numbers, and deep trees.
    x = (x + np.random.default_rng(0).normal(0, 1, x.shape)).astype(np.float32)
    model = RandomForestClassifier(n_estimators=trees, random_state=0, n_jobs=1).fit(x, y)
    inputs = [("X", FloatTensorType([rows, x.shape[1]]))]
    graph = to_onnx(model, initial_types=inputs, options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    onnx.save(graph, path)
    return {"X": x[:rows]}
