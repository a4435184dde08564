#!/usr/bin/env python3
"""Writes scikit-learn models and what ONNX Runtime computes with them to tests/data/ml.

    pip install -r requirements.txt scikit-learn skl2onnx && ./classical.py

Each model is small and trained from a fixed seed. Beside `name.onnx` stands `name.npz` with the input as `in/x` and the
outputs as `out/<name>`; text labels are written as their positions, lists of maps as a matrix.
"""

import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeRegressor

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "ml"
SEED = 42
IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = IRIS.astype(np.float32)
NAMES = load_iris().target_names[SPECIES]
CELLS, TUMOUR = load_breast_cancer(return_X_y=True)
CELLS = CELLS[:, :10].astype(np.float32)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
# Round numbers, so that no threshold of a tree lies within a rounding of a feature.
DIABETES = (np.round(DIABETES * 200) / 8).astype(np.float32)[:120]
PROGRESS = PROGRESS[:120]
MISSING = IRIS.copy()
MISSING[::5, 1] = np.nan
CODES = np.stack([(IRIS[:, 0] * 2).astype(np.int64) % 4, (IRIS[:, 1] * 2).astype(np.int64) % 3], 1)


def models():
    """Name, model, features, targets, options of the conversion."""
    iris, cells, progress = (IRIS, SPECIES), (CELLS, TUMOUR), (DIABETES, PROGRESS)
    scaled = lambda model: make_pipeline(StandardScaler(), model)  # noqa: E731
    logistic = lambda: LogisticRegression(max_iter=500)  # noqa: E731
    yield "logistic", scaled(logistic()), *iris, {}
    yield "logistic_binary", scaled(LogisticRegression()), *cells, {}
    yield "logistic_ovr", make_pipeline(MinMaxScaler(), OneVsRestClassifier(LogisticRegression())), *iris, {}
    yield "logistic_text", logistic(), IRIS, NAMES, {}
    yield "logistic_zipmap", logistic(), *iris, {"zipmap": True}
    yield "logistic_zipmap_text", logistic(), IRIS, NAMES, {"zipmap": True}
    yield "forest_text", RandomForestClassifier(5, max_depth=3, random_state=SEED), IRIS, NAMES, {"zipmap": True}
    yield "mlp_text", MLPClassifier((6,), max_iter=300, random_state=SEED), IRIS, NAMES, {}
    for kernel in ["linear", "poly", "rbf", "sigmoid"]:
        yield f"svc_{kernel}", scaled(SVC(kernel=kernel)), *iris, {}
        yield f"svc_{kernel}_platt", scaled(SVC(kernel=kernel, probability=True, random_state=SEED)), *iris, {}
        yield f"svc_{kernel}_binary", scaled(SVC(kernel=kernel)), CELLS[:150], TUMOUR[:150], {}
        yield f"svr_{kernel}", scaled(SVR(kernel=kernel)), *progress, {}
    platt = SVC(probability=True, random_state=SEED)
    yield "svc_binary_platt", scaled(platt), CELLS[:150], TUMOUR[:150], {}
    yield "svc_text", SVC(), IRIS, NAMES, {}
    yield "svc_nu", NuSVC(), *iris, {}
    yield "svm_one_class", OneClassSVM(), IRIS, None, {}
    yield "svc_liblinear", LinearSVC(), *cells, {}
    yield "mlp", MLPClassifier((8,), max_iter=300, random_state=SEED), *iris, {}
    yield "mlp_binary", MLPClassifier((8,), max_iter=300, random_state=SEED), *cells, {}
    yield "mlp_regressor", MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", random_state=SEED), *progress, {}
    yield "forest", RandomForestClassifier(6, max_depth=4, random_state=SEED), *iris, {}
    yield "forest_binary", RandomForestClassifier(6, max_depth=4, random_state=SEED), *cells, {}
    yield "forest_regressor", RandomForestRegressor(6, max_depth=4, random_state=SEED), *progress, {}
    two = np.stack([PROGRESS, -PROGRESS], 1)
    yield "tree_two_targets", DecisionTreeRegressor(max_depth=4, random_state=SEED), DIABETES, two, {}
    yield "boosting", GradientBoostingClassifier(n_estimators=6, random_state=SEED), *iris, {}
    yield "boosting_binary", GradientBoostingClassifier(n_estimators=6, random_state=SEED), *cells, {}
    yield "boosting_regressor", GradientBoostingRegressor(n_estimators=6, random_state=SEED), *progress, {}
    yield "ada", AdaBoostClassifier(n_estimators=4, random_state=SEED), *iris, {}
    yield "bagging", BaggingClassifier(n_estimators=3, random_state=SEED), *iris, {}
    yield "stacking", StackingClassifier([("a", logistic()), ("b", GaussianNB())]), *iris, {}
    yield "isolation", IsolationForest(n_estimators=5, random_state=SEED, max_samples=32), IRIS, None, {}
    yield "k_means", KMeans(4, random_state=SEED, n_init=2), IRIS, None, {}
    yield "pca_logistic", make_pipeline(StandardScaler(), PCA(2), LogisticRegression()), *iris, {}
    yield "neighbours", KNeighborsClassifier(3), *iris, {"optim": "cdist"}
    yield "neighbours_weighted", KNeighborsClassifier(3, weights="distance"), *iris, {"optim": "cdist"}
    # Targets are kept by the model, and f64 is refused.
    short = PROGRESS.astype(np.float32)
    yield "neighbours_regressor", KNeighborsRegressor(3), DIABETES, short, {"optim": "cdist"}
    for model in [GaussianNB(), MultinomialNB(), BernoulliNB(binarize=2.0), ComplementNB()]:
        yield type(model).__name__.lower(), model, *iris, {}
    yield "lda", LinearDiscriminantAnalysis(), *iris, {}
    yield "qda", QuadraticDiscriminantAnalysis(), *iris, {}
    yield "calibrated", CalibratedClassifierCV(logistic(), cv=2), *iris, {}
    yield "calibrated_isotonic", CalibratedClassifierCV(LinearSVC(), cv=2, method="isotonic"), *iris, {}
    yield "linear_two_targets", LinearRegression(), DIABETES, two, {}
    yield "poisson", PoissonRegressor(), *progress, {}
    yield "sgd", scaled(SGDClassifier(random_state=SEED)), *iris, {}
    yield "sgd_log", scaled(SGDClassifier(loss="log_loss", random_state=SEED)), *iris, {}
    yield "normalizer", Normalizer("l1"), IRIS, None, {}
    yield "binarizer", Binarizer(threshold=2.0), IRIS, None, {}
    yield "polynomial", make_pipeline(PolynomialFeatures(2), LinearRegression()), DIABETES[:, :3], PROGRESS, {}
    yield "bins", KBinsDiscretizer(4, encode="ordinal"), IRIS, None, {}
    yield "power", PowerTransformer(), IRIS, None, {}
    yield "k_best", SelectKBest(k=2), *iris, {}
    yield "imputer", make_pipeline(SimpleImputer(), logistic()), MISSING, SPECIES, {}
    yield "union", make_union(StandardScaler(), PCA(2)), IRIS, None, {}
    columns = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])])
    yield "columns", make_pipeline(columns, logistic()), *iris, {}
    yield "one_hot", make_pipeline(OneHotEncoder(handle_unknown="ignore"), logistic()), CODES, SPECIES, {}
    yield "one_hot_strict", OneHotEncoder(sparse_output=False), CODES, None, {}
    yield "ordinal", OrdinalEncoder(), CODES, None, {}
    yield "mixture", GaussianMixture(2, random_state=SEED), IRIS, None, {}


def plain(value, classes):
    """An output of ONNX Runtime as an array of numbers."""
    if isinstance(value, list):
        return np.array([list(row.values()) for row in value], dtype=np.float32)
    if value.dtype.kind in "OU":
        return np.array([classes.index(text) for text in value], dtype=np.int64)
    return np.ascontiguousarray(value)


def write(name, model, features, targets, options):
    model.fit(features, targets)
    last = model[-1] if hasattr(model, "steps") else model
    if hasattr(last, "classes_") and not isinstance(last, LinearSVC) and "zipmap" not in options:
        options = {**options, "zipmap": False}
    kind = Int64TensorType if features.dtype == np.int64 else FloatTensorType
    converted = convert_sklearn(
        model,
        initial_types=[("x", kind([None, features.shape[1]]))],
        options={id(last): options} if options else None,
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    x = features[:: max(1, len(features) // 5)][:5]
    classes = list(getattr(last, "classes_", []))
    outputs = {
        f"out/{port.name}": plain(value, classes)
        for port, value in zip(session.get_outputs(), session.run(None, {"x": x}))
    }
    onnx.save(converted, ROOT / f"{name}.onnx")
    np.savez(ROOT / f"{name}.npz", **{"in/x": x}, **outputs)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    ROOT.mkdir(parents=True, exist_ok=True)
    for model in models():
        write(*model)
