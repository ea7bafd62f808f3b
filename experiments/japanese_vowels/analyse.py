"""All four models on Japanese Vowels: what the sweeps of run.sh say, as a table and a figure.

    python analyse.py OUTPUTS FOLDER

reads the folders of results in OUTPUTS, whatever they are called, and writes into FOLDER

    results.csv   accuracy of each network, route and kernel set over the seeds, and its difference to the float one
    accuracy.png  every seed a dot, means and intervals

Exit status 2, and one line that names it, when a configuration or a seed is missing.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from qcompare.analysis.statistics import Spread, paired_difference, spread
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS

NETWORKS = {
    ("dense", ""): "dense",
    ("simple_rnn", "loop"): "SimpleRNN, loop",
    ("simple_rnn", "unrolled"): "SimpleRNN, unrolled",
    ("lstm", "fused"): "LSTM, fused",
    ("lmu", "loop"): "LMU, loop",
    ("lmu", "unrolled"): "LMU, unrolled",
}
"""(model, lowering) of the experiment, and its name."""

FLOAT = "float"
SIDES = [
    (FLOAT, FLOAT),
    *((route, kernels) for route in ("ptq", "qat") for kernels in ("reference", "xnnpack", "micro")),
]
"""(route, kernel set) whose accuracy is looked at; the float network has no kernels."""

DRAWN = {
    (FLOAT, FLOAT): ("float network", COLOURS["float"]),
    ("ptq", "xnnpack"): ("int8 by PTQ, LiteRT with XNNPACK", COLOURS["reference"]),
    ("qat", "xnnpack"): ("int8 by QAT, LiteRT with XNNPACK", COLOURS["xnnpack"]),
}
"""Those that are drawn, their names and colours."""

STATISTICS = [field.name for field in fields(Spread)]
COLUMNS = ["model", "lowering", "route", "kernels", "metric", *STATISTICS]


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    accuracies = accuracies_of(outputs)
    results = results_of(accuracies)
    return {"results.csv": csv.written(results), "accuracy.png": png(draw(accuracies, results))}


def accuracies_of(outputs: Path) -> pd.DataFrame:
    """A row for each network, side and seed: model, lowering, route, kernels, seed, accuracy (a share, or NaN where the
    runtime did not run the model). Raises IncompleteError."""
    folders = [path.parent for path in sorted(outputs.glob("*/configurations.csv"))]
    if not folders:
        raise IncompleteError(f"{outputs}: no folder of results there; run.sh makes them")
    configurations, errors = (
        pd.concat([pd.read_csv(folder / name) for folder in folders]) for name in ("configurations.csv", "errors.csv")
    )
    lowerings = configurations["model.lowering"].fillna("") if "model.lowering" in configurations else ""
    named = configurations.assign(model=configurations["model.name"], lowering=lowerings)
    for (model, lowering), name in NETWORKS.items():
        found = named[(named["model"] == model) & (named["lowering"] == lowering)]
        if len(found) != 1:
            raise IncompleteError(f"{outputs}: {len(found)} folders of {name}, where one is needed")
    rows = errors[errors["engine_a"] == "labels"].merge(named, on="configuration")
    rows = rows.assign(
        route=rows["route_b"],
        kernels=rows["engine_b"].str.removeprefix("interpreter:"),
        accuracy=rows["top1_agreement"],
    )
    seeds = sorted(rows["seed"].unique())
    for network, name in NETWORKS.items():
        for side in SIDES:
            own = of(rows, network, side)
            if sorted(own["seed"]) != seeds:
                raise IncompleteError(f"{outputs}: {name}, {' '.join(side)}: not in all of the seeds {seeds}")
    return rows[["model", "lowering", "route", "kernels", "seed", "accuracy"]]


def of(frame: pd.DataFrame, network: tuple[str, str], side: tuple[str, str]) -> pd.DataFrame:
    """The rows of one network and side."""
    wanted = zip(("model", "lowering", "route", "kernels"), (*network, *side), strict=True)
    return frame[np.logical_and.reduce([frame[name] == value for name, value in wanted])]


def results_of(accuracies: pd.DataFrame) -> pd.DataFrame:
    """The rows of results.csv: `accuracy` over the seeds, and `minus_float`, its difference to the float network's in
    the same seed."""
    rows = []
    for network in NETWORKS:
        for side in SIDES:
            own = of(accuracies, network, side)
            rows.append((*network, *side, "accuracy", spread(own["accuracy"].to_numpy())))
            if side[0] != FLOAT:
                both = pd.concat([own, of(accuracies, network, (FLOAT, FLOAT))])
                differs = paired_difference(both, "accuracy", by="route", first=FLOAT, second=side[0])
                rows.append((*network, *side, "minus_float", differs))
    values = [(*key, *(getattr(found, name) for name in STATISTICS)) for *key, found in rows]
    numbers = {name: "Int64" if name == "n" else "float64" for name in STATISTICS}
    return pd.DataFrame(values, columns=COLUMNS, dtype=object).astype(numbers)


def draw(accuracies: pd.DataFrame, results: pd.DataFrame) -> Figure:
    """Accuracy in percent, a line for each network and side of `DRAWN`: every seed a dot, the mean on its interval."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.0, 4.6), layout="constrained")
        panel = figure.subplots()
        panel.use_sticky_edges = False  # a bar would end the axis where it begins
        for line, network in enumerate(NETWORKS):
            for offset, (side, (_, colour)) in zip((-0.27, 0.0, 0.27), DRAWN.items(), strict=True):
                found = of(results[results["metric"] == "accuracy"], network, side).iloc[0]
                draw_side(panel, line + offset, of(accuracies, network, side), found, colour)
        panel.set_yticks(range(len(NETWORKS)), list(NETWORKS.values()))
        panel.set_ylim(len(NETWORKS) - 0.5, -0.5)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
        for line in range(1, len(NETWORKS)):
            panel.axhline(line - 0.5, color="0.75", linewidth=0.5, zorder=0)
        panel.set_xlabel("accuracy on the 370 test sequences (%)")
        figure.legend(handles=legend(), loc="outside lower center", ncols=3, title="a dot: one seed")
    return figure


def draw_side(panel: Axes, line: float, seeds: pd.DataFrame, found: pd.Series, colour: str) -> None:
    """One line; a word where the runtime ran no seed."""
    if found["n"] == 0:
        panel.text(0.01, line, "not run", transform=panel.get_yaxis_transform(), color=colour, va="center", fontsize=7)
        return
    if found["n"] > 1:
        low, high = 100 * found["ci95_low"], 100 * found["ci95_high"]
        panel.barh(line, high - low, 0.22, left=low, color="0.87", zorder=1)
    heights = line + np.linspace(-0.07, 0.07, len(seeds)) if len(seeds) > 1 else [line]
    panel.scatter(100 * seeds["accuracy"], heights, 9, color=colour, linewidth=0, zorder=3)
    panel.vlines(100 * found["mean"], line - 0.11, line + 0.11, color="black", linewidth=1, zorder=4)


def legend() -> list[Line2D | Patch]:
    """What dots and bars mean."""
    dots = [
        Line2D([], [], color=colour, marker="o", markersize=4, linestyle="none", label=name)
        for name, colour in DRAWN.values()
    ]
    mean = Line2D([], [], color="black", marker="|", markersize=7, linestyle="none", label="mean of the seeds")
    return [*dots, mean, Patch(color="0.87", label="95 % interval of the mean")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
