"""One model, measured: rounds that go from engine to engine, so that a slow minute of the machine hits all."""

import statistics

import numpy as np
from worker import Failed

# One engine's turn in a round, and how few and how many runs it has.
TURN_NANOS = 60e6
RUNS = (1, 400)
# An engine with longer runs takes part in the first rounds only.
SLOW_NANOS, SLOW_ROUNDS = 1e9, 2


def arrays(path):
    """The inputs and the recorded outputs of a model, in its order."""
    with np.load(path) as file:
        part = lambda prefix: [file[name] for name in file.files if name.startswith(prefix)]
        return part("in/"), part("out/")


def ready(worker, file, inputs):
    """Loads and warms up; returns what loading took and how many runs fill a turn."""
    before = worker.memory()
    loaded = {key: int(value) for key, value in worker.ask("load", file).items() if value.isdigit()}
    worker.give(inputs)
    first = worker.run(1)[0]
    slow = first > SLOW_NANOS
    if not slow:
        first = worker.run(1)[0]
    count = int(min(max(TURN_NANOS / max(first, 1), RUNS[0]), RUNS[1]))
    loading = worker.memory()
    worker.ask("settle")
    if not slow:
        worker.run(min(count, 3))
    return {"load": loaded, "count": count, "rounds": SLOW_ROUNDS if slow else None, "before": before, "loading": loading}


def interleave(workers, taken, rounds):
    """Nanoseconds of every run, by engine; who starts a round changes from one to the next."""
    times = {name: [] for name in workers}
    for turn in range(rounds):
        names = [name for name in workers if turn < (taken[name]["rounds"] or rounds)]
        for index in range(len(names)):
            name = names[(turn + index) % len(names)]
            times[name] += workers[name].run(taken[name]["count"])
    return times


def difference(ours, theirs):
    """The largest difference relative to the output's scale; of labels, 0 or 1."""
    worst = 0.0
    for a, b in zip(ours, theirs):
        if a.dtype.kind == "f":
            scale = max(float(np.abs(b).max()), 1e-30)
            worst = max(worst, float(np.abs(a.astype(np.float64) - b).max()) / scale)
        else:
            worst = max(worst, float((a != b).any()))
    return worst


def model(workers, files, data, rounds):
    """Measures one model in every engine that takes it; the reasons of the others are in `failed`."""
    inputs, recorded = arrays(data)
    taken, failed = {}, {}
    for name, worker in workers.items():
        try:
            taken[name] = ready(worker, files[name], inputs)
        except (Failed, FileNotFoundError) as error:
            failed[name] = str(error)
    alive = {name: workers[name] for name in taken}
    times = interleave(alive, taken, rounds)
    for name, found in taken.items():
        found["min"], found["median"] = min(times[name]), statistics.median(times[name])
        found["runs"] = len(times[name])
        found["after"] = workers[name].memory()
        if name.startswith("ours"):
            found["plan"] = workers[name].ask("plan")
        found["difference"] = difference(workers[name].outputs(recorded), recorded)
    return taken, failed
