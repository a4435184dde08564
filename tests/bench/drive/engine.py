"""`make bench` part engine: every model in this engine, ONNX Runtime and tract, one thread, in one interleaved run.

    engine.py --bin FOLDER --peers FILE --models FOLDER --cache FOLDER --out FOLDER [--rounds N] [--only WORD]
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
import onnxruntime
import report
import suite
from worker import Failed, Worker


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("bin", "peers", "models", "cache", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="only models with this word in their name")
    return parser.parse_args()


def machine():
    words = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    found = {key.strip(): value.strip() for key, _, value in words}
    flags = set(found.get("flags", "").split())
    return {
        "cpu": found.get("model name", platform.processor()),
        "features": sorted(flags & {"avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni"}),
        "threads": int(found.get("processor", 0)) + 1,
        "system": f"{platform.system()} {platform.machine()}",
        "onnxruntime": onnxruntime.__version__,
    }


class Bench:
    def __init__(self, options):
        self.options = options
        self.scratch = Path(tempfile.mkdtemp(prefix="assay-bench-"))
        self.log = open(options.out / "engine.log", "w")
        self.rows, self.failed = [], {}
        self.names = [name for name in suite.MODELS if options.only in name]

    def start(self, name, *command):
        return Worker(name, [str(word) for word in command], self.scratch, self.log)

    def ours(self, name="ours", isa="best", packed=None):
        return self.start(name, self.options.bin / "assay-bench", isa, packed or self.options.cache / "packed")

    def onnx_runtime(self):
        folder = Path(onnxruntime.__file__).parent / "capi"
        library = next(iter(sorted(folder.glob("libonnxruntime.so.*"))), None)
        if library is None:
            raise SystemExit("this wheel of onnxruntime has no C library")
        return self.start("onnxruntime", self.options.peers, "ort", library)

    def plan(self, name):
        return self.options.cache / "plans" / f"{name}.plan"

    def compile(self):
        """Every plan, made in the sandbox, and its hash; the engine itself from nothing and from its cache."""
        folder = self.options.cache / "plans"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        compiler = self.start("compiler", self.options.bin / "examples/sandbox", self.options.cache / "engines")
        base = compiler.memory()["peak"]
        ours = self.ours()
        for name in self.names:
            try:
                shapes = suite.SHAPES.get(name, "")
                found = compiler.ask("compile", self.options.models / f"{name}.onnx", self.plan(name), shapes)
            except Failed as error:
                self.failed[name] = str(error)
                print(f"{name}: {error}", file=sys.stderr)
                continue
            ours.ask("record", self.plan(name))
            millis, file = int(found["nanos"]) / 1e6, int(found["file"])
            over = int(found["sandbox"]) / file
            row = report.row
            if name in suite.COMPILED:
                self.rows.append(report.limit(name, "compile_ms", millis, suite.COMPILE_MS))
                self.rows.append(report.limit(name, "compile_memory_over_file", over, suite.COMPILE_MEMORY))
            else:
                self.rows.append(row(name, "compile_ms", millis))
                self.rows.append(row(name, "compile_memory_over_file", over))
        warm = min(int(compiler.ask("engine")["nanos"]) / 1e6 for _ in range(3))
        self.rows.append(report.limit("engine", "engine_warm_ms", warm, suite.ENGINE_WARM_MS, base=base))
        compiler.close()
        ours.close()

    def engine_cold(self):
        cold = self.start("compiler", self.options.bin / "examples/sandbox", self.scratch / "engines")
        seconds = int(cold.ask("started")["nanos"]) / 1e9
        self.rows.append(report.limit("engine", "engine_cold_s", seconds, suite.ENGINE_COLD_S))
        cold.close()

    def loads(self, name):
        """Packing from nothing, then what every later start of a process takes."""
        packed = self.scratch / "packed"
        times = []
        for _ in range(4):
            worker = self.ours(packed=packed)
            times.append(int(worker.ask("load", self.plan(name))["nanos"]) / 1e6)
            worker.close()
        shutil.rmtree(packed, ignore_errors=True)
        self.rows.append(report.limit(name, "load_cold_ms", times[0], suite.LOAD_COLD_MS))
        self.rows.append(report.limit(name, "load_warm_ms", min(times[1:]), suite.LOAD_WARM_MS))

    def model(self, name):
        onnx = self.options.models / f"{name}.onnx"
        workers = {"ours": self.ours(), "onnxruntime": self.onnx_runtime(),
                   "tract": self.start("tract", self.options.peers, "tract")}
        files = {"ours": self.plan(name), "onnxruntime": onnx, "tract": onnx}
        if "avx512f" in machine()["features"]:
            workers["ours_avx2"], files["ours_avx2"] = self.ours("ours_avx2", "avx2"), self.plan(name)
        taken, failed = measure.model(workers, files, onnx.with_suffix(".npz"), self.options.rounds)
        for worker in workers.values():
            worker.close()
        for engine, reason in failed.items():
            print(f"{name} in {engine}: {reason[:200]}", file=sys.stderr)
            if engine != "tract":
                self.failed[f"{name} ({engine})"] = reason
        if "ours" in taken:
            self.rows += report.latency(name, suite.MODELS[name], taken)
            self.rows += report.others(name, suite.MODELS[name], taken)
            times = "  ".join(f"{engine} {found['min'] / 1e3:.1f} us" for engine, found in taken.items())
            print(f"{name}: {times}", flush=True)

    def run(self):
        self.compile()
        for name in self.names:
            if self.plan(name).exists():
                self.model(name)
                if name in suite.LARGE:
                    self.loads(name)
        if not self.options.only:
            self.engine_cold()
        shutil.rmtree(self.scratch, ignore_errors=True)
        return self.rows


def commit():
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        return found.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    rows = bench.run()
    summary = report.summary(rows, bench.failed)
    here = machine()
    found = {"name": "engine", "machine": here, "commit": commit(), "rows": rows, "summary": summary}
    path = options.out / "engine.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    report.plot(rows, f"{here['cpu']}, {' '.join(here['features'])}",
                [options.out / "engine.svg", options.out / "engine.png"])
    print("\n" + report.table(rows))
    for group in suite.MEAN:
        part = summary[group]
        if part["models"]:
            print(f"{group}: geometric mean {part['geometric_mean']:.2f} (to reach {part['bar']}), worst "
                  f"{part['worst']} {part['worst_ratio']:.2f} (to reach {part['worst_bar']}), {part['models']} models")
    for line in summary["missed"]:
        print(f"missed: {line}")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
