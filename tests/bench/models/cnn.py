"""Image networks with seeded weights: the shapes of torchvision's models, batch norms folded as exporters do."""

from graph import Graph

RESNET50 = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]
# Expansion, channels, repeats, stride.
MOBILENET_V2 = [
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
]
# Kernel, expanded, channels, squeeze, hard swish, stride.
MOBILENET_V3_SMALL = [
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1), (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
]


def image_graph(name, seed):
    graph = Graph(name, seed)
    return graph, graph.input("x", [1, 3, 224, 224])


def finish(graph, x, path):
    graph.output(x, [1, 1000], "logits")
    graph.save(path)


def resnet50(path):
    graph, x = image_graph("resnet50", 50)
    x = graph.op("Relu", graph.conv(x, 3, 64, 7, stride=2))
    x = graph.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    inner = 64
    for width, blocks, stride in RESNET50:
        for block in range(blocks):
            step, outer = stride if block == 0 else 1, width * 4
            y = graph.op("Relu", graph.conv(x, inner, width, 1))
            y = graph.op("Relu", graph.conv(y, width, width, 3, stride=step))
            y = graph.conv(y, width, outer, 1, gain=0.2)
            shortcut = x if block else graph.conv(x, inner, outer, 1, stride=step, gain=1.0)
            x = graph.op("Relu", graph.op("Add", y, shortcut))
            inner = outer
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x), axis=1)
    finish(graph, graph.linear(x, 2048, 1000), path)


def mobilenet_v2(path):
    graph, x = image_graph("mobilenet_v2", 2)
    x = graph.clip(graph.conv(x, 3, 32, 3, stride=2), 0, 6)
    inner = 32
    for expansion, outer, repeats, stride in MOBILENET_V2:
        for repeat in range(repeats):
            step, hidden, y = stride if repeat == 0 else 1, inner * expansion, x
            if expansion != 1:
                y = graph.clip(graph.conv(y, inner, hidden, 1), 0, 6)
            y = graph.clip(graph.conv(y, hidden, hidden, 3, stride=step, groups=hidden), 0, 6)
            y = graph.conv(y, hidden, outer, 1, gain=1.0)
            x = graph.op("Add", x, y) if step == 1 and inner == outer else y
            inner = outer
    x = graph.clip(graph.conv(x, inner, 1280, 1), 0, 6)
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x), axis=1)
    finish(graph, graph.linear(x, 1280, 1000), path)


def squeeze_excite(graph, x, channels):
    """The gate of MobileNetV3: one number per channel, from the mean over the image."""
    squeezed = max(8, (channels // 4 + 4) // 8 * 8)
    squeezed += 8 if squeezed < 0.9 * channels / 4 else 0
    gate = graph.op("GlobalAveragePool", x)
    gate = graph.op("Relu", graph.conv(gate, channels, squeezed, 1))
    gate = graph.op("HardSigmoid", graph.conv(gate, squeezed, channels, 1), alpha=1 / 6, beta=0.5)
    return graph.op("Mul", gate, x)


def mobilenet_v3_small(path):
    graph, x = image_graph("mobilenet_v3_small", 3)
    x = graph.op("HardSwish", graph.conv(x, 3, 16, 3, stride=2))
    inner = 16
    for kernel, hidden, outer, squeeze, hard, stride in MOBILENET_V3_SMALL:
        kind, y = "HardSwish" if hard else "Relu", x
        if hidden != inner:
            y = graph.op(kind, graph.conv(y, inner, hidden, 1))
        y = graph.op(kind, graph.conv(y, hidden, hidden, kernel, stride=stride, groups=hidden))
        if squeeze:
            y = squeeze_excite(graph, y, hidden)
        y = graph.conv(y, hidden, outer, 1, gain=1.0)
        x = graph.op("Add", x, y) if stride == 1 and inner == outer else y
        inner = outer
    x = graph.op("HardSwish", graph.conv(x, inner, 576, 1))
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x), axis=1)
    x = graph.op("HardSwish", graph.linear(x, 576, 1024))
    finish(graph, graph.linear(x, 1024, 1000), path)
