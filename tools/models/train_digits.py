#!/usr/bin/env python3
"""Trains the demo's model: a small convolutional network that reads handwritten digits.

    pip install -r requirements.txt
    python train_digits.py [FOLDER]

The data are scikit-learn's digits: 1,797 real 8x8 scans (UCI, "Optical Recognition of Handwritten Digits"). One in
five is held out, never trained on; the accuracy that is printed, and the ten samples that are written, are of those.

Writes into FOLDER (default: beside this script)
    digits.onnx      input `image` f32 [1, 1, 8, 8] in 0..1, output `probabilities` f32 [1, 10]
    digits/<k>.npz   the first held-out scan of digit k as `image`: ten files, whatever the network makes of them

Only numpy computes; the seed is fixed and BLAS runs on one thread, so on one machine two runs write the same bytes.
Another CPU may round differently and give another file that reads as well; the committed one is what the demo uses.
"""

import os
import sys

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # read when numpy is imported; a sum's order must not depend on the cores

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

SEED = 20
EPOCHS = 40
BATCH = 32
RATE = 2e-3
ACCURACY_AT_LEAST = 0.97
CHANNELS = (8, 16)
HIDDEN = 64


def data():
    """The scans in 0..1 and their labels: (train x, train y, held-out x, held-out y)."""
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[:, None]
    order = np.random.default_rng(SEED).permutation(len(images))
    images, labels = images[order], digits.target[order]
    held_out = len(images) // 5
    return images[held_out:], labels[held_out:], images[:held_out], labels[:held_out]


def columns(x):
    """The 3x3 neighbourhoods of every pixel, zeros beyond the edge: [n, c, h, w] -> [n, h*w, c*9]."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h * w, c * 9)


def spread(gradient, shape):
    """The transpose of `columns`: adds every neighbourhood's gradient back onto its pixels."""
    n, c, h, w = shape
    padded = np.zeros((n, c, h + 2, w + 2), np.float32)
    gradient = gradient.reshape(n, h, w, c, 3, 3).transpose(0, 3, 1, 2, 4, 5)
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + h, j : j + w] += gradient[..., i, j]
    return padded[:, :, 1:-1, 1:-1]


class Conv:
    """3x3 convolution, stride 1, padding 1."""

    def __init__(self, rng, inputs, outputs):
        scale = np.sqrt(2.0 / (inputs * 9))
        self.weights = {
            "w": (rng.standard_normal((outputs, inputs * 9)) * scale).astype(np.float32),
            "b": np.zeros(outputs, np.float32),
        }

    def forward(self, x):
        self.shape, self.columns = x.shape, columns(x)
        y = self.columns @ self.weights["w"].T + self.weights["b"]
        return y.transpose(0, 2, 1).reshape(x.shape[0], -1, *x.shape[2:])

    def backward(self, gradient):
        gradient = gradient.reshape(*gradient.shape[:2], -1).transpose(0, 2, 1)
        flat = gradient.reshape(-1, gradient.shape[-1])
        taps = self.columns.reshape(-1, self.columns.shape[-1])
        self.gradients = {"w": flat.T @ taps, "b": flat.sum(axis=0)}
        return spread(gradient @ self.weights["w"], self.shape)


class Dense:
    """y = x w^T + b, over everything but the batch dimension."""

    def __init__(self, rng, inputs, outputs):
        scale = np.sqrt(2.0 / inputs)
        self.weights = {
            "w": (rng.standard_normal((outputs, inputs)) * scale).astype(np.float32),
            "b": np.zeros(outputs, np.float32),
        }

    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(x.shape[0], -1)
        return self.x @ self.weights["w"].T + self.weights["b"]

    def backward(self, gradient):
        self.gradients = {"w": gradient.T @ self.x, "b": gradient.sum(axis=0)}
        return (gradient @ self.weights["w"]).reshape(self.shape)


class Relu:
    """max(x, 0)."""

    weights = {}

    def forward(self, x):
        self.positive = x > 0
        return x * self.positive

    def backward(self, gradient):
        return gradient * self.positive


class MaxPool:
    """The largest of every 2x2 square."""

    weights = {}

    def forward(self, x):
        n, c, h, w = x.shape
        squares = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        self.shape, squares = x.shape, squares.reshape(n, c, h // 2, w // 2, 4)
        self.winner = squares.argmax(axis=-1)
        return squares.max(axis=-1)

    def backward(self, gradient):
        n, c, h, w = self.shape
        squares = np.zeros((*gradient.shape, 4), np.float32)
        np.put_along_axis(squares, self.winner[..., None], gradient[..., None], axis=-1)
        squares = squares.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return squares.reshape(n, c, h, w)


class Adam:
    """Adam with the usual constants."""

    def __init__(self):
        self.step, self.moments = 0, {}

    def update(self, layers, rate):
        self.step += 1
        for index, layer in enumerate(layers):
            for name, weight in layer.weights.items():
                gradient = layer.gradients[name]
                mean, square = self.moments.setdefault((index, name), (0 * weight, 0 * weight))
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient * gradient - square)
                scale = np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
                weight -= (rate * scale * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)


def network(rng):
    first, second = CHANNELS
    return [
        Conv(rng, 1, first),
        Relu(),
        Conv(rng, first, second),
        Relu(),
        MaxPool(),
        Dense(rng, second * 4 * 4, HIDDEN),
        Relu(),
        Dense(rng, HIDDEN, 10),
    ]


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def softmax(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def shifted(x, rng):
    """Moves every scan by up to one pixel in each direction: a digit is the same digit beside where it was."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = rng.integers(0, 3, (len(x), 2))
    return np.stack([p[:, i : i + 8, j : j + 8] for p, (i, j) in zip(padded, moves)])


def train(images, labels):
    rng = np.random.default_rng(SEED)
    layers, adam = network(rng), Adam()
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        rate = RATE * (1 - epoch / EPOCHS)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            gradient = softmax(forward(layers, shifted(images[chosen], rng)))
            gradient[np.arange(len(chosen)), labels[chosen]] -= 1
            gradient /= np.float32(len(chosen))
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            adam.update(layers, rate)
    return layers


def export(layers):
    """The trained network as an ONNX model."""
    convs = [layer for layer in layers if isinstance(layer, Conv)]
    denses = [layer for layer in layers if isinstance(layer, Dense)]
    initializers = []
    for index, layer in enumerate(convs):
        kernel = layer.weights["w"].reshape(len(layer.weights["w"]), -1, 3, 3)
        initializers.append(numpy_helper.from_array(kernel, f"conv{index}.weight"))
        initializers.append(numpy_helper.from_array(layer.weights["b"], f"conv{index}.bias"))
    for index, layer in enumerate(denses):
        initializers.append(numpy_helper.from_array(layer.weights["w"], f"dense{index}.weight"))
        initializers.append(numpy_helper.from_array(layer.weights["b"], f"dense{index}.bias"))

    def conv(index, source):
        inputs = [source, f"conv{index}.weight", f"conv{index}.bias"]
        return helper.make_node("Conv", inputs, [f"conv{index}"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def dense(index, source):
        inputs = [source, f"dense{index}.weight", f"dense{index}.bias"]
        return helper.make_node("Gemm", inputs, [f"dense{index}"], transB=1)

    nodes = [
        conv(0, "image"),
        helper.make_node("Relu", ["conv0"], ["relu0"]),
        conv(1, "relu0"),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("MaxPool", ["relu1"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        dense(0, "flat"),
        helper.make_node("Relu", ["dense0"], ["relu2"]),
        dense(1, "relu2"),
        helper.make_node("Softmax", ["dense1"], ["probabilities"], axis=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])
    graph = helper.make_graph(nodes, "digits", [image], [probabilities], initializers)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="train_digits.py")
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    images, labels, held_out, truth = data()
    layers = train(images, labels)
    accuracy = float((forward(layers, held_out).argmax(axis=1) == truth).mean())
    print(f"held-out accuracy: {accuracy:.4f} over {len(truth)} scans")
    if accuracy < ACCURACY_AT_LEAST:
        sys.exit(f"less than {ACCURACY_AT_LEAST}: nothing written")
    os.makedirs(os.path.join(folder, "digits"), exist_ok=True)
    onnx.save(export(layers), os.path.join(folder, "digits.onnx"))
    for digit in range(10):
        first = int(np.flatnonzero(truth == digit)[0])
        np.savez(os.path.join(folder, "digits", f"{digit}.npz"), image=held_out[first : first + 1])


if __name__ == "__main__":
    main()
