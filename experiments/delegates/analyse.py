"""LiteRT with and without XNNPACK: what the sweeps of run.sh say, as a table and a figure.

    python analyse.py OUTPUTS FOLDER

reads the folders of results in OUTPUTS, whatever they are called, and writes into FOLDER

    results.csv  of each model: operators that XNNPACK takes, what it changes in outputs and in time
    times.png    time with XNNPACK as a ratio to that without, every seed a dot

Exit status 2, and one line that names it, when a folder or a seed is missing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from qcompare.analysis.latency import LATENCY
from qcompare.analysis.methods import METHODS
from qcompare.core import method
from qcompare.core.engine import interpreter
from qcompare.engines import litert
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS

WITHOUT, WITH = interpreter("optimized"), interpreter("xnnpack")
TRAINED = {"ptq": "", "qat": " QAT"}
DELEGATE = "DELEGATE"
MODEL = ["model", "method", "route"]
COLUMNS = {
    **dict.fromkeys(MODEL, "str"),
    **dict.fromkeys(("seeds", "operators", "taken", "delegates"), "Int64"),
    "left": "str",
    "elements": "Int64",
    "unequal": "Int64",
    "max_lsb": "Int64",
    "max_difference": "float64",
    **dict.fromkeys(("us_without", "us_with", "ratio", "ratio_min", "ratio_max"), "float64"),
}


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    folders = [path.parent for path in sorted(outputs.glob("*/configurations.csv"))]
    if not folders:
        raise IncompleteError(f"{outputs}: no folder of results there; run.sh makes them")
    found = [row for folder in folders for row in rows_of(folder)]
    seeds = {row["seed"] for row in found}
    frame = pd.DataFrame(found)
    for key, own in frame.groupby(MODEL, sort=False):
        if set(own["seed"]) != seeds:
            raise IncompleteError(f"{', '.join(map(str, key))}: not in all of the seeds {sorted(seeds)}")
    results = results_of(frame)
    return {"results.csv": csv.written(results), "times.png": png(draw(frame, results))}


def rows_of(folder: Path) -> list[dict[str, object]]:
    """A row for each model of a folder. Raises IncompleteError."""
    (options,) = csv.texts((folder / "configurations.csv").read_bytes())
    lowering = options.get("model.lowering", "")
    named = f"{options['model.name']}, {lowering}" if lowering else options["model.name"]
    try:
        models = csv.read((folder / METHODS.file).read_bytes(), METHODS.dtypes)
        times = csv.read((folder / LATENCY.file).read_bytes(), LATENCY.dtypes)
    except (FileNotFoundError, ValueError) as error:
        raise IncompleteError(f"{folder}: no {LATENCY.file}; run.sh makes it") from error
    medians = {(row["seed"], row["route"], row["engine"]): row["median_us"] for row in times.to_dict("records")}
    found = []
    for row in models.to_dict("records"):
        seed, route = row["seed"], row["route"]
        without, taken = (medians.get((seed, route, str(engine))) for engine in (WITHOUT, WITH))
        if without is None or taken is None:
            raise IncompleteError(f"{folder}, {route}, seed {seed}: not measured under both kernel sets")
        place = folder / f"seed={seed}"
        described = {"model": named, "method": row["method"], "route": route, "seed": seed}
        found.append(
            described
            | delegated((place / f"{route}.tflite").read_bytes())
            | differing(place / f"{route}_outputs.npz")
            | {"us_without": without, "us_with": taken}
        )
    return found


def delegated(model: bytes) -> dict[str, object]:
    """How many operators lead to a model's output, how many of them XNNPACK takes, by how many delegates, and the names
    of the others.

    LiteRT lists the model's own operators and behind them a DELEGATE for each part that one computes, with the tensors
    that it reads and writes: it took what leads from these to those.
    """
    runtime = litert.interpreter_of(model, WITH.kernels)
    runtime.allocate_tensors()
    listed = runtime._get_ops_details()
    delegates = [each for each in listed if each["op_name"] == DELEGATE]
    own = [each for each in listed if each["op_name"] != DELEGATE]
    alive = leading(own, [], [each["index"] for each in runtime.get_output_details()])
    taken = {number for each in delegates for number in leading(own, each["inputs"], each["outputs"])}
    left = Counter(own[number]["op_name"] for number in alive - taken)
    return {
        "operators": len(alive),
        "taken": len(alive & taken),
        "delegates": len(delegates),
        "left": ", ".join(f"{count} {name}" for name, count in sorted(left.items())),
    }


def leading(operators: Sequence[Mapping[str, Any]], inputs: Iterable[int], outputs: Iterable[int]) -> set[int]:
    """The numbers of the operators on the ways to these outputs that go no further back than these inputs."""
    writer = {int(output): number for number, each in enumerate(operators) for output in each["outputs"]}
    ends, wanted = {int(index) for index in inputs}, [int(index) for index in outputs]
    found: set[int] = set()
    while wanted:
        index = wanted.pop()
        number = writer.get(index)
        if index not in ends and number is not None and number not in found:
            found.add(number)
            wanted += [int(each) for each in operators[number]["inputs"]]
    return found


def differing(path: Path) -> dict[str, object]:
    """What XNNPACK changes of the outputs over the test set: how many are unequal, and by how much at most, integers in
    LSB, floats as a share of the largest output."""
    with np.load(path) as outputs:
        a, b = (outputs[str(engine)] for engine in (WITHOUT, WITH))
    whole = np.issubdtype(a.dtype, np.integer)
    apart = np.abs(b.astype(np.float64) - a.astype(np.float64)).max()
    return {
        "elements": a.size,
        "unequal": int(np.count_nonzero(a != b)),
        "max_lsb": int(apart) if whole else None,
        "max_difference": None if whole else float(apart / np.abs(a).max()),
    }


def results_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of results.csv: sums and largest differences over the seeds; medians of times and of their ratios."""
    found = []
    for key, own in frame.groupby(MODEL, sort=False):
        if len(own[["operators", "taken", "delegates", "left"]].drop_duplicates()) > 1:
            raise IncompleteError(f"{', '.join(map(str, key))}: XNNPACK takes other operators in some seeds")
        ratios = own["us_with"] / own["us_without"]
        first = own.iloc[0]
        found.append(
            (
                *key,
                len(own),
                *first[["operators", "taken", "delegates", "left"]],
                own["elements"].sum(),
                own["unequal"].sum(),
                own["max_lsb"].max(),
                own["max_difference"].max(),
                *own[["us_without", "us_with"]].median(),
                ratios.median(),
                ratios.min(),
                ratios.max(),
            )
        )
    order = {name: number for number, name in enumerate(method.METHODS)}
    found.sort(key=lambda row: (row[0], order[row[1]], row[2]))
    return pd.DataFrame(found, columns=list(COLUMNS), dtype=object).astype(COLUMNS)


def draw(frame: pd.DataFrame, results: pd.DataFrame) -> Figure:
    """Every seed a dot on a log axis, a line for each model."""
    keys = list(results[MODEL].itertuples(index=False, name=None))
    names = [f"{model}: {method}{TRAINED[route]}" for model, method, route in keys]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.0, 0.7 + 0.15 * len(names)), layout="constrained")
        panel = figure.subplots()
        for line, key in enumerate(keys):
            if line and key[0] != keys[line - 1][0]:
                panel.axhline(line - 0.5, color="0.75", linewidth=0.5, zorder=0)
            own = frame[(frame[MODEL] == list(key)).all(axis=1)]
            ratios = (own["us_with"] / own["us_without"]).to_numpy()
            panel.scatter(ratios, offsets(line, len(ratios)), 8, color=COLOURS[WITH.kernels], linewidth=0, zorder=3)
            panel.vlines(np.median(ratios), line - 0.3, line + 0.3, color="black", linewidth=1, zorder=4)
        panel.axvline(1, color="0.4", linewidth=0.8, zorder=1)
        panel.set_xscale("log", base=2)
        ticks = [2.0**power for power in range(-4, 4)]
        shown = [tick for tick in ticks if panel.get_xlim()[0] <= tick <= panel.get_xlim()[1]]
        panel.set_xticks(shown, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in shown])
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
        panel.set_xlabel("time with XNNPACK / time without (a dot: one seed; line: their median)")
    return figure


def offsets(line: int, count: int) -> Sequence[float]:
    return [float(at) for at in line + np.linspace(-0.2, 0.2, count)] if count > 1 else [float(line)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
