"""A graph as exporters write it: a thin layer over onnx.helper that names nodes and keeps weights."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Graph:
    def __init__(self, name, seed=0):
        self.name, self.nodes, self.weights = name, [], []
        self.inputs, self.outputs = [], []
        self.random = np.random.default_rng(seed)
        self.count = 0

    def input(self, name, dims, dtype=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, dims))
        return name

    def output(self, value, dims, name, dtype=TensorProto.FLOAT):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, dtype, dims))

    def weight(self, array, name=None):
        name = name or f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        result = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], f"{kind}_{self.count}", **attributes))
        return result

    def conv(self, x, inner, outer, kernel, stride=1, groups=1, gain=2.0):
        """A convolution with its batch norm already folded in, at a scale that keeps activations in range."""
        fan_in = inner // groups * kernel * kernel
        shape = (outer, inner // groups, kernel, kernel)
        weights = self.random.normal(0, np.sqrt(gain / fan_in), shape).astype(np.float32)
        bias = self.random.normal(0, 0.05, outer).astype(np.float32)
        pad = (kernel - 1) // 2
        return self.op(
            "Conv", x, self.weight(weights), self.weight(bias), kernel_shape=[kernel, kernel],
            strides=[stride, stride], pads=[pad] * 4, group=groups, dilations=[1, 1],
        )

    def linear(self, x, inner, outer):
        weights = self.random.normal(0, np.sqrt(1 / inner), (outer, inner)).astype(np.float32)
        bias = self.random.normal(0, 0.05, outer).astype(np.float32)
        return self.op("Gemm", x, self.weight(weights), self.weight(bias), transB=1)

    def clip(self, x, low, high):
        return self.op("Clip", x, self.weight(np.float32(low)), self.weight(np.float32(high)))

    def save(self, path):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="assay-bench")
        onnx.checker.check_model(model)
        onnx.save(model, path)
