"""SimpleRNN on the sum of a sequence, by every method: what the sweeps of run.sh say, and what comes of Keras's loop.

    python analyse.py OUTPUTS FOLDER

reads the folders of results in OUTPUTS, whatever they are called, and writes into FOLDER

    results.csv      error and bytes of each method, lowering, route and runtime over the seeds; `qat` has ranges of all
                     values, `qat, moving average` those that are the program's default
    conversions.csv  each way of `keras_loop.py`, of the first seed's network: what came of it, bytes, operators, error
    plot.png

Exit status 2, and one line that names it, when a configuration is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras_loop
import matplotlib.style
import numpy as np
import pandas as pd
import yaml
from keras_loop import WAYS
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from qcompare.analysis.statistics import spread
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.method import METHODS
from qcompare.data import load
from qcompare.data.dataset import Dataset
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS

CONFIGURATIONS = [(method, lowering) for lowering in ("unrolled", "loop") for method in METHODS][:-1]
"""(method, lowering): all but int16x8 as a loop."""

TRAINED = ("int8", "int16x8")
"""Methods with quantization-aware training."""

BY_DEFAULT = "interpreter:xnnpack"
FLOAT = ("float", "float")
FIGURES = {"rmse": "labels", "mismatch_rate": "manual"}
"""Metric of errors.csv -> the family of the side that b is held against."""

MOVING = "qat, moving average"
ROUTES = {
    "ptq": ("after training", COLOURS["reference"]),
    "qat": ("by training", COLOURS["xnnpack"]),
    MOVING: ("by training, ranges as moving averages", COLOURS["qat"]),
}
COLUMNS = ["method", "lowering", "route", "engine", "metric", "seeds", "mean", "ci95_low", "ci95_high"]


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    folders = folders_of(outputs)
    results = results_of(folders)
    conversions = conversions_of(folders["float32", "unrolled", "all_values"])
    return {
        "results.csv": csv.written(results),
        "conversions.csv": csv.written(conversions),
        "plot.png": png(draw(results)),
    }


Folders = Mapping[tuple[str, str, str], Path]
"""By method, lowering and the rule of ranges."""


def folders_of(outputs: Path) -> Folders:
    """The folder of each configuration. Raises IncompleteError."""
    found: dict[tuple[str, str, str], Path] = {}
    for path in sorted(outputs.glob("*/config.yaml")):
        config = yaml.safe_load(path.read_text())
        found[config["quant"]["name"], config["model"]["lowering"], config["qat"]["ranges"]] = path.parent
    wanted = [(*each, "all_values") for each in CONFIGURATIONS]
    wanted += [(method, "unrolled", "moving_average") for method in TRAINED]
    for method, lowering, ranges in wanted:
        if (method, lowering, ranges) not in found:
            options = f"quant={method} model.lowering={lowering} qat.ranges={ranges}"
            raise IncompleteError(f"{outputs}: no folder of {options}; run.sh makes it")
    return {each: found[each] for each in wanted}


def results_of(folders: Folders) -> pd.DataFrame:
    """`rmse` against the labels, `mismatch_rate` against the manual engine, and `file_bytes`, over the seeds.

    A runtime without a kernel has no figures, and the float network stands in the rows of each method."""
    rows: list[tuple[object, ...]] = []
    for (method, lowering, ranges), folder in folders.items():
        moving = ranges == "moving_average"
        errors, sizes = (pd.read_csv(folder / name, keep_default_na=False) for name in ("errors.csv", "methods.csv"))
        found: dict[tuple[str, str, str], list[float]] = {}
        for row in errors.to_dict("records"):
            side = (row["route_b"], row["engine_b"])
            for metric, family in FIGURES.items():
                wanted = side == FLOAT or not row["engine_b"].startswith("manual")
                if wanted and row["tap"] == "output" and is_of(row["engine_a"], family, row["engine_b"]):
                    value = float(row[metric]) if row[metric] != "" else float("nan")
                    found.setdefault((*side, metric), []).append(value)
        for row in sizes.to_dict("records"):
            found.setdefault((row["route"], "", "file_bytes"), []).append(float(row["file_bytes"]))
        for (route, engine, metric), values in found.items():
            if moving and route != "qat":
                continue
            over = spread(np.array(values))
            name = MOVING if moving else route
            rows.append((method, lowering, name, engine, metric, over.n, over.mean, over.ci95_low, over.ci95_high))
    return pd.DataFrame(rows, columns=COLUMNS)


def is_of(engine: str, family: str, other: str) -> bool:
    """Whether an engine is of the family; of the manual ones, whether it follows the kernels of the other."""
    if family != "manual":
        return engine == family
    return engine == f"manual:{other.rpartition(':')[2]}"


def conversions_of(folder: Path) -> pd.DataFrame:
    """A row for each way, of the network of the first seed."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    with np.load(folder / f"seed={config['seed'][0]}" / "float_weights.npz") as stored:
        weights = dict(stored)
    rows = list(attempts(weights, load.load(config["data"])))
    return pd.DataFrame(rows, columns=["way", "outcome", "bytes", "operators", "rmse"]).astype({"bytes": "Int64"})


def attempts(
    weights: Mapping[str, np.ndarray], data: Dataset
) -> Iterator[tuple[str, str, int | None, str, float | None]]:
    """(way, what came of it, bytes, operators, RMSE against the labels) of each way, in a process of its own."""
    with Child() as child:
        for way in WAYS:
            content, outcome, error = b"", "runs", None
            try:
                content = child.call(keras_loop.convert, way, weights, data.calibration)
                outputs = child.call(keras_loop.predict, content, data.x_test)
                error = float(np.sqrt(np.mean((outputs - data.y_test) ** 2)))
            except ChildCrashedError as failure:
                outcome = f"takes the process down: {failure}"
            except ChildFailedError as failure:
                does = "converts, does not run" if content else "refused"
                outcome = f"{does}: {str(failure).split('. ')[0]}"
            operators = ", ".join(keras_loop.operators(content)) if content else ""
            yield way.name, outcome, len(content) or None, operators, error


def draw(results: pd.DataFrame) -> Figure:
    """Errors on the default runtime, and bytes, a row for each method and lowering."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.0, 3.4), layout="constrained")
        errors, sizes = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for line, (method, lowering) in enumerate(CONFIGURATIONS):
            own = results[(results["method"] == method) & (results["lowering"] == lowering)]
            for offset, (route, (_, colour)) in zip((-0.2, 0.0, 0.2), ROUTES.items(), strict=True):
                of_route = own[own["route"] == route]
                error = of_route[(of_route["engine"] == BY_DEFAULT) & (of_route["metric"] == "rmse")]
                size = of_route[of_route["metric"] == "file_bytes"]
                at = [line + offset] * len(error)
                errors.hlines(at, error["ci95_low"].astype(float), error["ci95_high"].astype(float), color=colour)
                errors.plot(error["mean"], at, "o", color=colour, markersize=4)
                sizes.plot(size["mean"] / 1000, [line + offset] * len(size), "o", color=colour, markersize=4)
        plain = results[(results["route"] == "float") & (results["metric"] == "rmse")]
        errors.axvline(plain["mean"].iloc[0], color=COLOURS["float"], linewidth=0.8, linestyle="--")
        errors.set_yticks(range(len(CONFIGURATIONS)), [", ".join(each) for each in CONFIGURATIONS])
        errors.invert_yaxis()
        errors.set_xlim(left=0)
        sizes.set_xlim(left=0)
        errors.set_xlabel("error on the test set, RMS")
        sizes.set_xlabel("file (kB)")
        for panel in (errors, sizes):
            panel.grid(axis="x")
        handles = [
            Line2D([], [], color=colour, marker="o", markersize=4, label=name) for name, colour in ROUTES.values()
        ]
        handles.append(Line2D([], [], color=COLOURS["float"], linewidth=0.8, linestyle="--", label="float network"))
        figure.legend(
            handles=handles, loc="outside lower center", ncols=3, title="mean of the seeds and its 95 % interval"
        )
    return figure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
