#!/usr/bin/env python3
"""Writes the quantised models of this folder, and what ONNX Runtime makes of them.

    pip install onnx==1.23.2 onnxruntime==1.31.1 numpy && python make.py

Each model has a .npz with its inputs (`in/NAME`), the outputs (`out/NAME`) and, per output, the size of one
quantisation step (`step/NAME`). The outputs are those of ONNX Runtime without its optimisations; products of
integers that it would saturate on a processor without VNNI are kept exact by weights of u8 in the run for the
expected outputs. Nothing here is random but by fixed seeds.
"""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

HERE = os.path.dirname(os.path.abspath(__file__))
F, I64, U8, I8, I32 = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.INT8,
    TensorProto.INT32,
)


class Graph:
    """A graph under construction, with weights from a seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.inits, self.count = [], [], 0

    def weight(self, *shape, scale=None):
        scale = scale or (2.0 / np.prod(shape[1:] or shape)) ** 0.5
        return self.const(self.rng.standard_normal(shape).astype(np.float32) * np.float32(scale))

    def const(self, array):
        self.count += 1
        name = f"c{self.count}"
        self.inits.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def node(self, op, *inputs, outputs=1, domain="", **attributes):
        names = []
        for _ in range(outputs):
            self.count += 1
            names.append(f"v{self.count}")
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def model(self, inputs, outputs, opset=17):
        info = helper.make_tensor_value_info
        renames = {value: name for name, (value, _, _) in outputs.items()}
        for node in self.nodes:
            for at, name in enumerate(node.input):
                node.input[at] = renames.get(name, name)
            for at, name in enumerate(node.output):
                node.output[at] = renames.get(name, name)
        graph = helper.make_graph(
            self.nodes,
            "g",
            [info(name, dtype, dims) for name, (dtype, dims) in inputs.items()],
            [info(name, dtype, dims) for name, (_, dtype, dims) in outputs.items()],
            self.inits,
        )
        sets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=8)


def mlp(opset=17):
    g = Graph(1)
    y = "x"
    for rows, columns in [(20, 24), (24, 16)]:
        y = g.node("Gemm", y, g.weight(columns, rows), g.weight(columns, scale=0.1), transB=1)
        y = g.node("Relu", y)
    y = g.node("Add", g.node("MatMul", y, g.weight(16, 6)), g.weight(6, scale=0.1))
    return g.model({"x": (F, [3, 20])}, {"y": (g.node("Softmax", y, axis=1), F, [3, 6])}, opset)


def cnn(opset=17):
    g = Graph(2)

    def conv(x, o, i, k=3, group=1, **more):
        pad = k // 2
        attributes = dict(kernel_shape=[k, k], pads=[pad] * 4, group=group, **more)
        return g.node("Conv", x, g.weight(o, i // group, k, k), g.weight(o, scale=0.1), **attributes)

    a = g.node("Relu", conv("x", 8, 3))
    b = g.node("Clip", conv(a, 8, 8, group=8), g.const(np.float32(0)), g.const(np.float32(6)))
    c = conv(b, 8, 8, k=1)
    d = g.node("Add", a, c)
    e = g.node("HardSwish", conv(d, 12, 8, strides=[2, 2]))
    f = g.node("MaxPool", e, kernel_shape=[2, 2], strides=[2, 2])
    h = g.node("Concat", f, g.node("Sigmoid", conv(f, 4, 12, k=1)), axis=1)
    h = g.node("AveragePool", h, kernel_shape=[2, 2], strides=[1, 1])
    h = g.node("LeakyRelu", conv(h, 16, 16, k=1), alpha=0.1)
    h = g.node("Flatten", g.node("GlobalAveragePool", h))
    y = g.node("Gemm", h, g.weight(16, 5), g.weight(5, scale=0.1))
    return g.model({"x": (F, [1, 3, 16, 16])}, {"y": (y, F, [1, 5])}, opset)


def transformer(opset=17):
    g = Graph(3)
    dim, heads, length = 16, 2, 6
    split = g.const(np.array([1, length, heads, dim // heads], np.int64))
    whole = g.const(np.array([1, length, dim], np.int64))
    norm = lambda x: g.node(
        "LayerNormalization", x, g.weight(dim, scale=1), g.weight(dim, scale=0.1), axis=-1
    )
    dense = lambda x, i, o: g.node(
        "Add", g.node("MatMul", x, g.weight(i, o, scale=i**-0.5)), g.weight(o, scale=0.1)
    )
    part = lambda x, order: g.node("Transpose", g.node("Reshape", dense(x, dim, dim), split), perm=order)
    x = g.node("Gather", g.weight(11, dim, scale=1), "ids")
    n = norm(x)
    scores = g.node("MatMul", part(n, [0, 2, 1, 3]), part(n, [0, 2, 3, 1]))
    scores = g.node("Softmax", g.node("Mul", scores, g.const(np.float32(0.35))), axis=-1)
    mixed = g.node("MatMul", scores, part(n, [0, 2, 1, 3]))
    mixed = g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
    x = g.node("Add", x, dense(mixed, dim, dim))
    h = dense(norm(x), dim, 32)
    erf = g.node("Erf", g.node("Div", h, g.const(np.float32(2**0.5))))
    h = g.node("Mul", g.node("Mul", h, g.node("Add", erf, g.const(np.float32(1)))), g.const(np.float32(0.5)))
    x = g.node("Add", x, dense(h, 32, dim))
    y = g.node("ReduceMean", norm(x), axes=[1], keepdims=0)
    return g.model({"ids": (I64, [1, length])}, {"y": (y, F, [1, dim])}, opset)


def lstm(ways):
    g = Graph(9)
    steps, batch, width, hidden = 5, 2, 6, 7
    direction = "bidirectional" if ways == 2 else "reverse"
    w, r = g.weight(ways, 4 * hidden, width, scale=0.4), g.weight(ways, 4 * hidden, hidden, scale=0.4)
    b = g.weight(ways, 8 * hidden, scale=0.1)
    y, h, c = g.node("LSTM", "x", w, r, b, outputs=3, hidden_size=hidden, direction=direction)
    y = g.node("Reshape", y, g.const(np.array([steps * batch * ways, hidden], np.int64)))
    outputs = {
        "y": (g.node("MatMul", y, g.weight(hidden, 3)), F, [steps * batch * ways, 3]),
        "h": (h, F, [ways, batch, hidden]),
        "c": (c, F, [ways, batch, hidden]),
    }
    return g.model({"x": (F, [steps, batch, width])}, outputs)


def inputs(model, seed):
    rng = np.random.default_rng(seed)
    feeds = {}
    for port in model.graph.input:
        dims = [d.dim_value for d in port.type.tensor_type.shape.dim]
        kind = port.type.tensor_type.elem_type
        if kind == F:
            feeds[port.name] = rng.standard_normal(dims).astype(np.float32)
        else:
            high = {I64: 11, U8: 256, I8: 64, I32: 100}[kind]  # no pair of products of computed i8 saturates
            low = -high if kind in (I8, I32) else 0
            feeds[port.name] = rng.integers(low, high, dims).astype(helper.tensor_dtype_to_np_dtype(kind))
    return feeds


class Data(CalibrationDataReader):
    def __init__(self, model):
        self.left = [inputs(model, 100 + seed) for seed in range(8)]

    def get_next(self):
        return self.left.pop() if self.left else None


def exact(model):
    """The same model with the weights of integer products in u8, which no kernel saturates."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    inits = {i.name: i for i in model.graph.initializer}
    places = {
        "MatMulInteger": (1, 3),
        "ConvInteger": (1, 3),
        "QLinearConv": (3, 5),
        "QLinearMatMul": (3, 5),
        "DynamicQuantizeMatMul": (1, 3),
        "MatMulIntegerToFloat": (1, 5),
        "QGemm": (3, 5),
    }
    done = set()
    for node in model.graph.node:
        weights, zero = places.get(node.op_type, (0, 0))
        name = node.input[weights] if zero else ""
        if name not in inits or numpy_helper.to_array(inits[name]).dtype != np.int8:
            continue
        node.input.extend([""] * (zero + 1 - len(node.input)))
        if not node.input[zero]:
            node.input[zero] = name + "_zero"
            inits[node.input[zero]] = model.graph.initializer.add()
            inits[node.input[zero]].CopyFrom(numpy_helper.from_array(np.int8(0), node.input[zero]))
        for name in (name, node.input[zero]):
            if name not in done:
                done.add(name)
                shifted = (numpy_helper.to_array(inits[name]).astype(np.int16) + 128).astype(np.uint8)
                inits[name].CopyFrom(numpy_helper.from_array(shifted, name))
    return model


def run(model, feeds):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds)))


def step(model, name):
    """The scale of the last quantisation before an output."""
    inits = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    makers = {o: n for n in model.graph.node for o in n.output}
    node = makers.get(name)
    for _ in range(8):
        if node is None:
            break
        if node.op_type in ("DequantizeLinear", "QuantizeLinear") and node.input[1] in inits:
            return float(np.max(inits[node.input[1]]))
        node = makers.get(node.input[0])
    return 0.0


def write(name, model, seed=7, bound=None):
    """`bound` is how far an output may be off where no quantisation ends the graph."""
    # Names of the quantiser's nodes and its notes are nothing that a run needs.
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    feeds = inputs(model, seed)
    outputs = run(exact(model), feeds)
    arrays = {f"in/{key}": value for key, value in feeds.items()}
    for key, value in outputs.items():
        arrays[f"out/{key}"] = value
        # Sums of integers are exact; bytes may be rounded to a neighbour.
        steps = {np.dtype(np.int32): 0, np.dtype(np.uint8): 1, np.dtype(np.int8): 1}
        own = max(step(model, key), bound or 1e-5)
        arrays[f"step/{key}"] = np.float32(steps.get(value.dtype, own))
    with open(os.path.join(HERE, name + ".onnx"), "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    # A zip of fixed dates, stored: the same bytes on every run.
    import zipfile

    with zipfile.ZipFile(os.path.join(HERE, name + ".npz"), "w") as archive:
        for key, value in arrays.items():
            with tempfile.TemporaryFile() as buffer:
                np.save(buffer, np.asarray(value))
                buffer.seek(0)
                archive.writestr(zipfile.ZipInfo(key + ".npy", (1980, 1, 1, 0, 0, 0)), buffer.read())


def static(name, model, form, activations, weights, per_channel=False, **more):
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a.onnx"), os.path.join(folder, "b.onnx")
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            Data(model),
            quant_format=form,
            activation_type=activations,
            weight_type=weights,
            per_channel=per_channel,
            extra_options=more,
        )
        write(name, onnx.load(target))


def dynamic(name, model, weights, bound, **more):
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a.onnx"), os.path.join(folder, "b.onnx")
        onnx.save(model, source)
        quantize_dynamic(source, target, weight_type=weights, **more)
        write(name, onnx.load(target), bound=bound)


def operators():
    """Each operator by itself, with zero points and axes as files may have them."""
    scale, u8, i8 = (lambda v: np.float32(v)), (lambda v: np.uint8(v)), (lambda v: np.int8(v))
    g = Graph(4)
    g.rng = np.random.default_rng(5)
    any8 = lambda dtype, *dims: g.const(g.rng.integers(-128, 128, dims).astype(dtype))
    outputs = {}

    def out(name, value, dtype, dims):
        outputs[name] = (value, dtype, dims)

    ms = dict(domain="com.microsoft")
    c = g.const
    # Products of integers, zero points for rows and for columns.
    y = g.node("MatMulInteger", "a", any8(np.int8, 8, 5), c(u8(131)), any8(np.int8, 5))
    out("matmul_columns", y, I32, [4, 5])
    out("matmul_computed", g.node("MatMulInteger", "a", "b", c(u8(7)), c(i8(-3))), I32, [4, 8])
    out("matmul_plain", g.node("MatMulInteger", "a", "b"), I32, [4, 8])
    y = g.node("ConvInteger", "image", any8(np.uint8, 3, 2, 3, 3), c(u8(9)), c(u8(120)), pads=[1, 1, 1, 1])
    out("conv", y, I32, [1, 3, 6, 6])
    scales = [c(scale(0.02)), c(u8(120)), c(scale(0.03)), c(i8(4))]
    y = g.node(
        "QLinearMatMul", "a", scales[0], scales[1], "b", scales[2], scales[3], c(scale(0.1)), c(u8(100))
    )
    out("qlinear_matmul", y, U8, [4, 8])
    y = g.node(
        "QGemm",
        "a",
        scales[0],
        scales[1],
        any8(np.int8, 5, 8),
        c(np.array([0.01, 0.02, 0.03, 0.01, 0.05], np.float32)),
        c(np.zeros(5, np.int8)),
        c(np.arange(5, dtype=np.int32) * 50),
        c(scale(0.4)),
        c(u8(100)),
        transB=1,
        alpha=0.5,
        **ms,
    )
    out("gemm", y, U8, [4, 5])
    y = g.node("QGemm", "a", scales[0], scales[1], any8(np.int8, 8, 5), c(scale(0.01)), c(i8(3)), **ms)
    out("gemm_numbers", y, F, [4, 5])
    y = g.node(
        "MatMulIntegerToFloat",
        "a",
        any8(np.int8, 8, 5),
        scales[0],
        c(np.linspace(0.01, 0.05, 5).astype(np.float32)),
        scales[1],
        any8(np.int8, 5),
        g.weight(5),
        **ms,
    )
    out("to_float", y, F, [4, 5])
    y = g.node("DynamicQuantizeMatMul", "x", any8(np.int8, 8, 5), c(scale(0.01)), c(i8(3)), g.weight(5), **ms)
    out("dynamic_matmul", y, F, [4, 5])
    # Elementwise ones.
    a = ["a", c(scale(0.02)), c(u8(120))]
    u = ["u", c(scale(0.05)), c(u8(90))]
    to = [c(scale(0.06)), c(u8(110))]
    out("add", g.node("QLinearAdd", *a, *u, *to, **ms), U8, [4, 8])
    out("mul", g.node("QLinearMul", *a, *u, *to, **ms), U8, [4, 8])
    out("sigmoid", g.node("QLinearSigmoid", *a, c(scale(1 / 256)), c(u8(0)), **ms), U8, [4, 8])
    out("leaky", g.node("QLinearLeakyRelu", *a, *to, alpha=0.2, **ms), U8, [4, 8])
    out("concat", g.node("QLinearConcat", *to, *a, *u, axis=1, **ms), U8, [4, 16])
    out(
        "softmax",
        g.node("QLinearSoftmax", *a, c(scale(1 / 256)), c(u8(0)), axis=-1, opset=17, **ms),
        U8,
        [4, 8],
    )
    image = ["image", c(scale(0.02)), c(u8(120))]
    y = g.node("QLinearGlobalAveragePool", *image, c(scale(0.01)), c(u8(100)), channels_last=0, **ms)
    out("global_pool", y, U8, [1, 2, 1, 1])
    y = g.node(
        "QLinearAveragePool",
        *image,
        c(scale(0.015)),
        c(u8(110)),
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        **ms,
    )
    out("pool", y, U8, [1, 2, 6, 6])
    y = g.node("MaxPool", "image", kernel_shape=[2, 2], strides=[2, 2])
    out("max_pool", y, U8, [1, 2, 3, 3])
    # Quantisation of everything, and along an axis.
    y, s, z = g.node("DynamicQuantizeLinear", "x", outputs=3)
    out("dynamic", y, U8, [4, 8])
    out("dynamic_scale", s, F, [])
    out("dynamic_zero", z, U8, [])
    by_axis = [c(np.linspace(0.01, 0.04, 8).astype(np.float32)), c(np.arange(-4, 4, dtype=np.int8))]
    q = g.node("QuantizeLinear", "x", *by_axis, axis=-1)
    out("by_axis", q, I8, [4, 8])
    out("from_axis", g.node("DequantizeLinear", q, *by_axis, axis=1), F, [4, 8])
    out("from_i32", g.node("DequantizeLinear", "sums", c(scale(0.25))), F, [4, 8])
    ports = {
        "a": (U8, [4, 8]),
        "u": (U8, [4, 8]),
        "b": (I8, [8, 8]),
        "x": (F, [4, 8]),
        "sums": (I32, [4, 8]),
        "image": (U8, [1, 2, 6, 6]),
    }
    return g.model(ports, outputs)


def forms(opset):
    """What stands between a dequantisation and a quantisation in files: each form once."""
    g = Graph(6)
    g.rng = np.random.default_rng(8)
    c, outputs = g.const, {}
    any8 = lambda dtype, *dims: c(g.rng.integers(-127, 128, dims).astype(dtype))
    scale = lambda v: c(np.float32(v))
    by_axis = (lambda axis: dict(axis=axis)) if opset >= 13 else (lambda axis: {})
    a = g.node("DequantizeLinear", "a", scale(0.02), c(np.uint8(120)))
    b = g.node("DequantizeLinear", "b", scale(0.03), c(np.int8(-5)))
    image = g.node("DequantizeLinear", "image", scale(0.02), c(np.uint8(120)))

    def weight(*dims, axis=None, dtype=np.int8):
        if axis is None or opset < 13:
            return g.node("DequantizeLinear", any8(dtype, *dims), scale(0.01), c(dtype(3)))
        scales = c(np.linspace(0.005, 0.02, dims[axis]).astype(np.float32))
        return g.node(
            "DequantizeLinear", any8(dtype, *dims), scales, c(np.zeros(dims[axis], dtype)), **by_axis(axis)
        )

    def bias(n, by):
        return g.node("DequantizeLinear", c(g.rng.integers(-500, 500, [n]).astype(np.int32)), scale(by))

    def out(name, value, dims, dtype=I8, by=0.05, zero=3):
        kind = np.int8 if dtype == I8 else np.uint8
        outputs[name] = (g.node("QuantizeLinear", value, scale(by), c(kind(zero))), dtype, dims)

    def clip(x, low, high):
        if opset < 11:
            return g.node("Clip", x, min=low, max=high)
        return g.node("Clip", x, scale(low), scale(high))

    # Products, bounds after them, and movements between them and the quantisation.
    product = g.node("Add", g.node("MatMul", a, weight(8, 6, axis=1)), g.weight(6))
    out("bias_in_numbers", product, [4, 6])
    own = np.float32(0.02) * np.float32(0.01)
    product = g.node("Add", g.node("MatMul", a, weight(8, 6)), bias(6, own))
    out("relu_above_the_least", g.node("Relu", product), [4, 6])
    out("relu_at_the_least", g.node("Relu", product), [4, 6], U8, 0.03, 0)
    out("clip", clip(product, -0.4, 1.1), [4, 6])
    outputs["product"] = (product, F, [4, 6])
    conv = g.node(
        "Conv", image, weight(5, 2, 3, 3, axis=0), kernel_shape=[3, 3], pads=[1, 0, 2, 1], dilations=[1, 1]
    )
    out("conv", conv, [1, 5, 7, 5])
    out("pooled", g.node("MaxPool", g.node("Relu", conv), kernel_shape=[2, 2], strides=[2, 2]), [1, 5, 3, 2])
    out("flat", g.node("Flatten", g.node("Relu", conv)), [1, 175], U8, 0.04, 7)
    y = g.node(
        "Conv", image, weight(4, 1, 2, 2, axis=0), g.weight(4), group=2, dilations=[2, 2], strides=[2, 1]
    )
    out("groups", y, [1, 4, 2, 4], by=0.1)
    line = g.node("Reshape", image, c(np.array([1, 2, 36], np.int64)))
    y = g.node("Conv", line, weight(3, 2, 5, axis=0), bias(3, own), pads=[2, 2], kernel_shape=[5])
    out("line", y, [1, 3, 36])
    out(
        "pair",
        g.node("Add", g.node("MatMul", a, weight(8, 5)), g.node("MatMul", a, weight(8, 5, axis=1))),
        [4, 5],
    )
    # Weights first, both computed, batches, and a sum over the axis of the scales.
    out("weights_first", g.node("MatMul", weight(7, 4, axis=0), a), [7, 8])
    out("computed", g.node("MatMul", a, b), [4, 8], by=0.2)
    y = g.node("MatMul", g.node("Reshape", a, c(np.array([2, 2, 8], np.int64))), weight(2, 8, 3))
    out("batch", y, [2, 2, 3], by=0.1)
    out("scales_summed", g.node("MatMul", a, weight(8, 4, axis=0)), [4, 4])
    out("gemm", g.node("Gemm", a, weight(3, 4, axis=0), g.weight(3), transA=1, transB=1), [8, 3])
    out("only_weights", g.node("MatMul", "x", weight(8, 9, axis=1)), [4, 9])
    # Weights that the file quantises itself.
    if opset >= 13:
        trained = [c(np.linspace(0.01, 0.03, 6).astype(np.float32)), c(np.zeros(6, np.int8))]
        fake = g.node("QuantizeLinear", g.weight(6, 8), *trained, axis=0)
        fake = g.node("DequantizeLinear", fake, *trained, axis=0)
        out("trained_quantised", g.node("MatMul", a, g.node("Transpose", fake, perm=[1, 0])), [4, 6])
    # Functions of one element.
    out("silu", g.node("Mul", a, g.node("Sigmoid", a)), [4, 8])
    half = g.node("Erf", g.node("Mul", b, scale(0.70710678)))
    out(
        "gelu",
        g.node("Mul", g.node("Mul", b, g.node("Add", half, scale(1))), scale(0.5)),
        [8, 8],
        U8,
        0.02,
        9,
    )
    out("tanh", g.node("Tanh", clip(b, -1.5, 2.0)), [8, 8], by=1 / 128, zero=0)
    out("rescaled", g.node("Transpose", a, perm=[1, 0]), [8, 4], U8, 0.03, 100)
    out("softmax", g.node("Softmax", a, axis=1), [4, 8], U8, 1 / 256, 0)
    # Movements.
    outputs["same"] = (g.node("QuantizeLinear", a, scale(0.02), c(np.uint8(120))), U8, [4, 8])
    out("concat", g.node("Concat", a, g.node("Transpose", b, perm=[1, 0]), axis=0), [12, 8], U8, 0.04, 128)
    rows = g.node("Gather", weight(11, 6), c(np.array([[3, 0], [10, 3]], np.int64)), axis=0)
    out("gather", rows, [2, 2, 6], by=0.02)
    if opset >= 11:
        padded = g.node("Pad", image, c(np.array([0, 0, 1, 2, 0, 0, 0, 1], np.int64)))
        y = g.node("Conv", padded, weight(2, 2, 3, 3), kernel_shape=[3, 3])
        out("pad", g.node("Slice", y, *[c(np.array([v], np.int64)) for v in (1, 5, 2)]), [1, 2, 4, 7])
    ports = {"a": (U8, [4, 8]), "b": (I8, [8, 8]), "x": (F, [4, 8]), "image": (U8, [1, 2, 6, 6])}
    return g.model(ports, outputs, opset)


def main():
    u8, i8 = QuantType.QUInt8, QuantType.QInt8
    qdq, qop = QuantFormat.QDQ, QuantFormat.QOperator
    static("mlp_qdq_channels", mlp(), qdq, i8, i8, per_channel=True)
    static("mlp_qop_u8u8", mlp(13), qop, u8, u8)
    dynamic("mlp_dynamic", mlp(), i8, 1e-4)
    static("cnn_qdq_channels", cnn(), qdq, u8, i8, per_channel=True)
    static("cnn_qdq_s8s8", cnn(), qdq, i8, i8, ActivationSymmetric=True)
    static("cnn_qop", cnn(), qop, u8, i8)
    dynamic("cnn_dynamic", cnn(), u8, 1e-4)
    static("transformer_qdq", transformer(), qdq, u8, i8, per_channel=True)
    # Seven bits of weight: pairs of products do not saturate.
    dynamic("lstm_dynamic", lstm(2), i8, 1e-4, reduce_range=True)
    dynamic("lstm_dynamic_channels", lstm(1), i8, 1e-4, reduce_range=True, per_channel=True)
    dynamic("transformer_dynamic", transformer(), i8, 1e-3, per_channel=True)
    write("operators", operators())
    for opset in (10, 13, 21):
        write(f"forms_{opset}", forms(opset))


if __name__ == "__main__":
    sys.exit(main())
