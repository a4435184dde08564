"""Models that cost what a measurement wants, with inputs small enough for a transaction."""

import numpy as np
from graph import Graph

CHANNELS, SIDE = 64, 28


def job(path, rounds):
    """A row of 64 spread over an image, then as many convolutions with one set of weights as it shall cost.

    A round is 29 million multiplications; with none it is one small product.
    """
    graph = Graph("job", seed=rounds)
    x = graph.input("x", [1, CHANNELS])
    if rounds == 0:
        graph.output(graph.linear(x, CHANNELS, CHANNELS), [1, CHANNELS], "y")
        graph.save(path)
        return
    shape = graph.weight(np.array([1, CHANNELS, 1, 1], np.int64))
    ramp = graph.weight(np.linspace(-1, 1, SIDE * SIDE, dtype=np.float32).reshape(1, 1, SIDE, SIDE))
    x = graph.op("Mul", graph.op("Reshape", x, shape), ramp)
    scale = np.sqrt(2 / (9 * CHANNELS))
    weights = graph.random.normal(0, scale, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
    weights, bias = graph.weight(weights), graph.weight(np.full(CHANNELS, 0.01, np.float32))
    for _ in range(rounds):
        x = graph.op("Relu", graph.op("Conv", x, weights, bias, kernel_shape=[3, 3], pads=[1] * 4))
    x = graph.op("Reshape", graph.op("GlobalAveragePool", x), graph.weight(np.array([1, CHANNELS], np.int64)))
    graph.output(x, [1, CHANNELS], "y")
    graph.save(path)


if __name__ == "__main__":
    import sys

    job(sys.argv[1], int(sys.argv[2]))
