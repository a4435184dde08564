"""An engine under measurement: a process that takes commands and times itself (see `worker/src/lib.rs`)."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np


class Failed(Exception):
    """What the engine said instead of an answer."""


class Worker:
    def __init__(self, name, command, folder, log):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
        )

    def ask(self, *words):
        try:
            self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed(f"{self.name} ended with status {self.process.wait()}")
        kind, _, rest = line.strip().partition(" ")
        if kind != "ok":
            raise Failed(f"{self.name}: {rest}")
        pairs = (word.partition("=") for word in rest.split())
        return {key: value for key, _, value in pairs}

    def give(self, arrays):
        """Hands the inputs over, in the model's order."""
        for index, array in enumerate(arrays):
            path = self.folder / f"in{index}.bin"
            path.write_bytes(np.ascontiguousarray(array).tobytes())
            self.ask("input", index, array.dtype.name, "x".join(map(str, array.shape)), path)

    def run(self, count):
        """Nanoseconds of each run."""
        return [int(nanos) for nanos in self.ask("run", count)["nanos"].split(",")]

    def outputs(self, like):
        """The last run's outputs, with the dtypes and dims of these arrays."""
        self.ask("outputs", self.folder)
        paths = (self.folder / f"{index}.bin" for index in range(len(like)))
        return [np.frombuffer(path.read_bytes(), a.dtype).reshape(a.shape) for path, a in zip(paths, like)]

    def memory(self):
        return {key: int(value) for key, value in self.ask("memory").items()}

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
