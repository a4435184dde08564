"""Writes the operator cases of the Python package `onnx` as folders, for the example `onnx_cases`.

    python3 onnx_cases.py FOLDER

Many cases give what a model has as constants (axes, sizes, weights) as inputs. Each case of one operator that
has such inputs is written a second time, `NAME@fixed`, with every input but the first as an initializer.
"""

import os
import sys

import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case import node as cases


def tensor(value, name):
    if isinstance(value, TensorProto):
        return value
    return numpy_helper.from_array(value, name)


def write(folder, model, inputs, outputs):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data, exist_ok=True)
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write(model.SerializeToString())
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for position, proto in enumerate(tensors):
            with open(os.path.join(data, f"{kind}_{position}.pb"), "wb") as file:
                file.write(proto.SerializeToString())


def main(out):
    count = 0
    for case in cases.collect_testcases(None):
        if case.model is None or not case.data_sets:
            continue
        graph = case.model.graph
        inputs, outputs = case.data_sets[0]
        try:
            inputs = [tensor(value, port.name) for value, port in zip(inputs, graph.input)]
            outputs = [tensor(value, port.name) for value, port in zip(outputs, graph.output)]
        except (TypeError, AttributeError, ValueError, NotImplementedError):
            continue  # A sequence, a map or an optional value: not a tensor.
        write(os.path.join(out, case.name), case.model, inputs, outputs)
        count += 1
        if len(inputs) > 1:
            fixed = onnx.ModelProto()
            fixed.CopyFrom(case.model)
            del fixed.graph.input[1:]
            for proto, port in zip(inputs[1:], graph.input[1:]):
                proto = onnx.TensorProto.FromString(proto.SerializeToString())
                proto.name = port.name
                fixed.graph.initializer.append(proto)
            write(os.path.join(out, case.name + "@fixed"), fixed, inputs[:1], outputs)
            count += 1
    print(count, "cases")


main(sys.argv[1])
