"""Writes `tests/data/corpus.zst`: models of one operator each, with inputs and ONNX Runtime's outputs.

    python -m venv .venv && .venv/bin/pip install -r tests/operators/requirements.txt
    .venv/bin/python tests/operators/make.py

The operators are those of the allow-list in `app/compiler/src/admission/ops.rs`; one without a case is an error.
"""

import pathlib
import re
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATORS = ROOT / "app/compiler/src/admission/ops.rs"
ARCHIVE = ROOT / "tests/data/corpus.zst"


def allowed():
    """Every operator of the allow-list by domain, from the lists of names at the top of its source."""
    source = OPERATORS.read_text()
    found = {}
    for constant, domain in [("ONNX", "ai.onnx"), ("ONNX_ML", "ai.onnx.ml"), ("MICROSOFT", "com.microsoft")]:
        block = re.search(rf"const {constant}: &\[&str\] =\s*&\[(.*?)\];", source, re.S)
        found[domain] = set(re.findall(r'"(\w+)"', block.group(1))) if block else set()
    return found


def main():
    names = allowed()
    modules = [
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
    for module in modules:
        module.cases()
    if case.FAILED:
        sys.exit("\n".join(case.FAILED))
    kept = [item for item in case.CASES if item.operator in names[item.domain]]
    left = sorted({item.operator for item in case.CASES} - {item.operator for item in kept})
    covered = {(item.domain, item.operator) for item in kept}
    missing = sorted(
        name for domain, group in names.items() for name in group if (domain, name) not in covered
    )
    body = struct.pack("<I", len(kept)) + b"".join(case.encode(item) for item in kept)
    packed = zstandard.ZstdCompressor(level=22, write_content_size=True).compress(body)
    ARCHIVE.write_bytes(packed)
    print(f"{len(kept)} cases of {len(covered)} operators, {len(body)} bytes, {len(packed)} compressed")
    if left:
        print("not on the allow-list:", " ".join(left))
    if missing:
        sys.exit("without a case: " + " ".join(missing))


if __name__ == "__main__":
    main()
