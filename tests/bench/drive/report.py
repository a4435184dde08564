"""From measurements to rows, a summary, a table and a plot."""

import math

import suite


def row(case, metric, ours, peer=None, peer_name=None, ratio=None, bar=None, **more):
    found = {"case": case, "metric": metric, "ours": ours, "peer": peer, "peer_name": peer_name}
    return found | {"ratio": ratio, "bar": bar} | more


def limit(case, metric, ours, most, **more):
    """A row whose peer is a limit that we must stay under."""
    return row(case, metric, ours, most, "limit", most / max(ours, 1e-9), 1.0, **more)


def latency(case, kind, taken):
    """Microseconds beside each peer: the best of all runs, and the median."""
    group = kind
    theirs = taken.get("onnxruntime")
    if kind == "f32" and theirs and theirs["min"] < suite.SMALL_NANOS:
        group = "small"
    rows = []
    for body in (name for name in taken if name.startswith("ours")):
        main = body == "ours"
        for which in ("min", "median"):
            metric = f"latency_{which}_us" + ("" if main else "_" + body.removeprefix("ours_"))
            ours = taken[body][which] / 1e3
            for peer in ("onnxruntime", "tract"):
                if peer not in taken:
                    continue
                peer_us, bar = taken[peer][which] / 1e3, None
                if peer == "onnxruntime" and which == "min":
                    bar = suite.WORST[group] if main else suite.NARROW
                rows.append(row(case, metric, ours, peer_us, peer, peer_us / ours, bar, group=group))
    return rows


def others(case, kind, taken):
    """Units, memory, loading, agreement."""
    ours = taken["ours"]
    plan = ours["plan"]
    units, seconds = int(plan["units"]), ours["min"] / 1e9
    rows = [row(case, "units", units), row(case, "units_per_second", units / seconds)]
    weights = int(plan["weights"])
    # What a run holds beyond the constants is its arena; the store of packed constants is a mapped file.
    needed = weights + max(int(plan["holds"]) - weights, 0)
    grown = ours["after"]["peak"] - ours["before"]["rss"]
    # Of small models the allocator's own pages are what one sees.
    if needed > 4e6:
        rows.append(limit(case, "peak_over_weights_and_arena", grown / needed, suite.PEAK, bytes=grown))
    theirs = taken.get("onnxruntime")
    if theirs:
        peer = theirs["after"]["peak"] - theirs["before"]["rss"]
        rows.append(row(case, "memory_bytes", grown, peer, "onnxruntime", peer / max(grown, 1)))
        load = {name: taken[name]["load"]["nanos"] / 1e6 for name in ("ours", "onnxruntime")}
        rows.append(row(case, "load_ms", load["ours"], load["onnxruntime"], "onnxruntime",
                        load["onnxruntime"] / load["ours"]))
    if kind == "int8":
        rows.append(row(case, "difference", ours["difference"]))
    else:
        rows.append(limit(case, "difference", ours["difference"], suite.DIFFERENCE))
    return rows


def mean(ratios):
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios)) if ratios else None


def summary(rows, failed):
    """Geometric means and the worst of each group, and every row that misses its bar."""
    found = {}
    for group, bar in suite.MEAN.items():
        ratios = {row["case"]: row["ratio"] for row in rows
                  if row.get("group") == group and row["peer_name"] == "onnxruntime"
                  and row["metric"] == "latency_min_us"}
        worst = min(ratios, key=ratios.get, default=None)
        found[group] = {"geometric_mean": mean(list(ratios.values())), "bar": bar, "models": len(ratios),
                        "worst": worst, "worst_ratio": ratios.get(worst), "worst_bar": suite.WORST[group]}
        tract = [row["ratio"] for row in rows if row.get("group") == group and row["peer_name"] == "tract"
                 and row["metric"] == "latency_min_us"]
        found[group]["geometric_mean_tract"] = mean(tract)
    missed = [f"{row['case']} {row['metric']} {row['ratio']:.2f} < {row['bar']}" for row in rows
              if row["bar"] is not None and row["ratio"] < row["bar"]]
    missed += [f"{group} geometric mean {part['geometric_mean']:.2f} < {part['bar']}"
               for group, part in found.items() if part["models"] and part["geometric_mean"] < part["bar"]]
    return found | {"missed": missed, "not_measured": failed}


def columns(lines):
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    text = [[word.ljust(width) if index == 0 else word.rjust(width)
             for index, (word, width) in enumerate(zip(line, widths))] for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in text)


def table(rows):
    """One line a model."""
    head = ["model", "ours us", "ORT us", "ratio", "bar", "tract us", "ratio", "units", "ns/unit", "peak MB",
            "ORT MB", "load ms", "first ms", "difference"]
    by_case, lines = {}, [head]
    for row in rows:
        by_case.setdefault(row["case"], {})[row["metric"], row["peer_name"]] = row
    for case, found in by_case.items():
        get = lambda metric, peer, key, text: (
            text.format(found[metric, peer][key])
            if (metric, peer) in found and found[metric, peer][key] is not None else "-")
        if ("units", None) not in found:
            continue
        ours = next((row["ours"] for (metric, _), row in found.items() if metric == "latency_min_us"), None)
        units = found["units", None]["ours"]
        lines.append([
            case, f"{ours:.1f}" if ours else "-",
            get("latency_min_us", "onnxruntime", "peer", "{:.1f}"),
            get("latency_min_us", "onnxruntime", "ratio", "{:.2f}"),
            get("latency_min_us", "onnxruntime", "bar", "{}"), get("latency_min_us", "tract", "peer", "{:.1f}"),
            get("latency_min_us", "tract", "ratio", "{:.2f}"), f"{units}",
            f"{ours * 1e3 / units:.3f}" if ours else "-",
            f"{found['memory_bytes', 'onnxruntime']['ours'] / 1e6:.1f}"
            if ("memory_bytes", "onnxruntime") in found else "-",
            f"{found['memory_bytes', 'onnxruntime']['peer'] / 1e6:.1f}"
            if ("memory_bytes", "onnxruntime") in found else "-",
            get("load_warm_ms", "limit", "ours", "{:.1f}") if ("load_warm_ms", "limit") in found
            else get("load_ms", "onnxruntime", "ours", "{:.1f}"),
            get("load_cold_ms", "limit", "ours", "{:.1f}"),
            get("difference", "limit", "ours", "{:.1e}") if ("difference", "limit") in found
            else get("difference", None, "ours", "{:.1e}"),
        ])
    return columns(lines)


def plot(rows, title, paths):
    """Bars of the ratio, on a scale where twice and half are as far from one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [row for row in rows if row["metric"] == "latency_min_us" and row["peer_name"] == "onnxruntime"]
    tract = {row["case"]: row["ratio"] for row in rows
             if row["metric"] == "latency_min_us" and row["peer_name"] == "tract"}
    colours = {"f32": "#2a6f97", "small": "#61a5c2", "int8": "#e09f3e", "forest": "#4c956c"}
    figure, axes = pyplot.subplots(figsize=(9, 0.32 * len(shown) + 1.6))
    for place, row in enumerate(reversed(shown)):
        axes.barh(place, row["ratio"] - 1, left=1, color=colours[row["group"]], height=0.7)
        axes.plot([row["bar"]] * 2, [place - 0.4, place + 0.4], color="black", linewidth=1.2)
        if row["case"] in tract:
            axes.plot(tract[row["case"]], place, "k.", markersize=4)
    axes.set_yticks(range(len(shown)), [row["case"] for row in reversed(shown)], fontsize=8)
    axes.set_xscale("log", base=2)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel("ONNX Runtime's time / ours (one thread); line: the number to reach; dot: tract's time / ours")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.set_title(title, fontsize=10)
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
    axes.legend(handles, colours, fontsize=8, loc="lower right")
    figure.tight_layout()
    for path in paths:
        figure.savefig(path)
    pyplot.close(figure)
