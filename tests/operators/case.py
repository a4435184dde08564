"""One case: a model of one operator, its inputs, and what ONNX Runtime makes of them.

Everything is a function of the case's name, so that the archive is the same wherever it is made. A case's numbers
come from a generator seeded by that name: a case that is added or removed changes no other.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
MS = "com.microsoft"

F32, I64, I32, I8, U8, BOOL = (
    np.dtype(np.float32),
    np.dtype(np.int64),
    np.dtype(np.int32),
    np.dtype(np.int8),
    np.dtype(np.uint8),
    np.dtype(bool),
)
TAGS = {F32: 0, I64: 1, I32: 2, I8: 3, U8: 4, BOOL: 5}
NAMES = {F32: "f32", I64: "i64", I32: "i32", I8: "i8", U8: "u8", BOOL: "bool"}

# What a case allows between ONNX Runtime's outputs and ours: the tags of the archive.
CLOSE, EXACT, STEP = 0, 1, 2


class Const:
    """An operand that is an initializer of the model rather than an input of the run."""

    def __init__(self, array, dtype=None):
        self.array = np.ascontiguousarray(array, dtype=dtype)
        if np.ndim(array) == 0:
            self.array = self.array.reshape(())


@dataclass
class Case:
    name: str
    operator: str
    domain: str
    rule: int
    model: bytes
    inputs: list
    outputs: list


CASES = []
FAILED = []


class Numbers:
    """Numbers for one case."""

    def __init__(self, name):
        self.rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))

    def normal(self, *dims, scale=1.0):
        return (self.rng.standard_normal(dims) * scale).astype(np.float32)

    def uniform(self, *dims, low=0.0, high=1.0):
        return self.rng.uniform(low, high, dims).astype(np.float32)

    def integers(self, *dims, low=-50, high=50, dtype=np.int64):
        return self.rng.integers(low, high, dims).astype(dtype)

    def bools(self, *dims):
        return self.rng.integers(0, 2, dims).astype(bool)

    def permutation(self, count):
        return self.rng.permutation(count)

    def coarse(self, *dims):
        """Large tensors of few different values, which compress, none of which is a short fraction."""
        return (self.rng.integers(-113, 114, dims).astype(np.float32) / np.float32(97)).astype(np.float32)

    def special(self, *dims, dtype=np.float32):
        """Ordinary values, with every special one of the type among them."""
        if dtype == np.float32:
            values = self.normal(*dims, scale=3.0).ravel()
            special = np.array(SPECIAL_F32, np.float32)
        else:
            info = np.iinfo(dtype)
            values = self.integers(*dims, low=max(info.min, -50), dtype=dtype).ravel()
            special = np.array([info.min, info.max, 0, 1, info.max - 1, info.min + 1], dtype)
        count = min(len(values), len(special))
        values[:count] = special[:count]
        return self.rng.permutation(values).reshape(dims)


SPECIAL_F32 = [
    np.nan,
    np.inf,
    -np.inf,
    0.0,
    -0.0,
    1e-40,
    -1e-45,
    np.finfo(np.float32).tiny,
    3.4028235e38,
    -3.4028235e38,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    88.7,
    -87.3,
    104.0,
    1e-8,
    16777217.0,
    -3.0,
    6.0,
]


def add(operator, what, build, *, opset=17, domain="", rule=None, outputs=1, **attributes):
    """Adds a case. `build(numbers)` gives the operands: arrays are inputs, `Const` initializers, None is absent."""
    name = f"{operator}.{opset}.{what}"
    assert name not in {case.name for case in CASES}, name
    operands = build(Numbers(name))
    attributes = {key: value for key, value in attributes.items() if value is not None}
    if "since" in attributes:  # QLinearSoftmax has an attribute of the name that stands for the model's here
        attributes["opset"] = attributes.pop("since")
    try:
        CASES.append(make(name, operator, domain, opset, rule, operands, outputs, attributes))
    except Exception as error:  # told at the end, all together
        FAILED.append(f"{name}: {error}")


def make(name, operator, domain, opset, rule, operands, outputs, attributes):
    feeds, initializers, names = {}, [], []
    for index, operand in enumerate(operands):
        label = f"x{index}"
        names.append("" if operand is None else label)
        if isinstance(operand, Const):
            initializers.append(numpy_helper.from_array(operand.array, label))
        elif operand is not None:
            feeds[label] = np.ascontiguousarray(operand).reshape(np.shape(operand))
    results = [
        f"y{index}" if wanted else ""
        for index, wanted in enumerate(outputs if isinstance(outputs, list) else [1] * outputs)
    ]
    node = helper.make_node(operator, names, results, name="", domain=domain, **attributes)
    nodes, results = [node], [result for result in results if result]
    if not feeds:
        # A model has an input; what it says is handed on, beside the constant.
        feeds["x"] = np.float32([0.5, -2])
        nodes.append(helper.make_node("Identity", ["x"], ["same"]))
        results.append("same")
    ports = [
        helper.make_tensor_value_info(label, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for label, array in feeds.items()
    ]
    open_ports = [onnx.ValueInfoProto(name=result) for result in results]
    wrap = lambda declared: helper.make_model(
        helper.make_graph(nodes, "g", ports, declared, initializers),
        ir_version=8,
        opset_imports=imports(domain, opset),
    )
    values = compute(wrap(open_ports), results, feeds)
    declared = [
        helper.make_tensor_value_info(result, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for result, value in zip(results, values)
    ]
    if rule is None:
        rule = CLOSE if any(value.dtype == F32 for value in values) else EXACT
    return Case(
        name,
        operator,
        domain or "ai.onnx",
        rule,
        wrap(declared).SerializeToString(deterministic=True),
        list(feeds.items()),
        list(zip(results, values)),
    )


def imports(domain, opset):
    if domain == "":
        return [helper.make_opsetid("", opset)]
    return [helper.make_opsetid("", 17), helper.make_opsetid(domain, opset)]


def compute(model, results, feeds):
    """ONNX Runtime's outputs; where it has no body for a type, those of ONNX's own reference."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    # The graph as it stands: no fusion, no folding.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        values = session.run(results, feeds)
    except Exception as error:
        if "NOT_IMPLEMENTED" not in str(error) and "Could not find an implementation" not in str(error):
            raise
        from onnx.reference import ReferenceEvaluator

        with np.errstate(all="ignore"):
            values = ReferenceEvaluator(model).run(results, feeds)
    return [np.asarray(value) for value in values]


def bytes_of(data):
    return struct.pack("<I", len(data)) + data


def tensors(pairs):
    """A list of named tensors as the protocol encodes it."""
    parts = [struct.pack("<I", len(pairs))]
    for name, array in pairs:
        if array.dtype == F32:
            array = np.where(np.isnan(array), np.uint32(0x7FC00000).view(np.float32), array)
        data = np.ascontiguousarray(array).tobytes()
        dims = struct.pack(f"<I{array.ndim}I", array.ndim, *array.shape)
        parts += [bytes_of(name.encode()), bytes([TAGS[array.dtype]]), dims, bytes_of(data)]
    return b"".join(parts)


def encode(case):
    return b"".join(
        [
            bytes_of(case.name.encode()),
            bytes_of(case.operator.encode()),
            bytes_of(case.domain.encode()),
            bytes([case.rule]),
            bytes_of(case.model),
            tensors(case.inputs),
            tensors(case.outputs),
        ]
    )
