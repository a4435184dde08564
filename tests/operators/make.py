"""Writes `tests/data/corpus.zst`: models of one operator each, with inputs and ONNX Runtime's outputs.

    python3 -m venv .venv && .venv/bin/pip install -r tests/operators/requirements.txt
    .venv/bin/python tests/operators/make.py

Operators that the engine refuses are in it too: the test pins that they are refused, until they are not. The test
also says which operators of the allow-list have no case.
"""

import pathlib
import struct
import sys

import zstandard

import case
import activations
import contraction
import elementwise
import integers
import movement
import normal
import pooling
import quantised
import recurrent
import reduction
import shapes
import learned

ARCHIVE = pathlib.Path(__file__).resolve().parents[2] / "tests/data/corpus.zst"
NOUNS = [
    activations,
    contraction,
    elementwise,
    integers,
    movement,
    normal,
    pooling,
    quantised,
    recurrent,
    reduction,
    shapes,
    learned,
]


def main():
    for noun in NOUNS:
        noun.cases()
    if case.FAILED:
        sys.exit("\n".join(case.FAILED))
    body = struct.pack("<I", len(case.CASES)) + b"".join(case.encode(item) for item in case.CASES)
    packed = zstandard.ZstdCompressor(level=22, write_content_size=True).compress(body)
    ARCHIVE.write_bytes(packed)
    operators = {(item.domain, item.operator) for item in case.CASES}
    print(
        f"{len(case.CASES)} cases of {len(operators)} operators, {len(body)} bytes, {len(packed)} compressed"
    )


if __name__ == "__main__":
    main()
