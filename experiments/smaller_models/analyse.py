"""Pruned and clustered networks in int8: what the sweeps of run.sh say, as a table and a figure.

    python analyse.py OUTPUTS FOLDER

reads methods.csv, errors.csv and configurations.csv of the folders of results in OUTPUTS and writes into FOLDER

    results.csv  figures of each network, kind and route over the seeds, and their differences to the whole network's
    size.png     accuracy against the compressed file, every seed a dot

Exit status 2, and one line that names it, when a configuration or a seed is missing.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from qcompare.analysis.statistics import Spread, paired_difference, spread
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS

KINDS = {"whole": COLOURS["reference"], "pruned": COLOURS["xnnpack"], "clustered": COLOURS["optimized"]}
"""The kinds of networks, and their colours."""

MODELS, ROUTES, CHANNELS = ("dense", "lstm"), ("ptq", "qat"), ("True", "False")
FIGURES = (
    *("accuracy", "agreement_with_float", "compressed_bytes", "file_bytes"),
    *("zero_share", "distinct_values", "unequal"),
)
"""What is told: unequal is the share of integers that the trained network and the reference kernels have otherwise."""

STATISTICS = [field.name for field in fields(Spread)]
KEY = ["model", "per_channel", "kind", "route"]


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files of the experiment by name. Raises IncompleteError."""
    rows = rows_of(outputs)
    results = results_of(rows)
    return {"results.csv": csv.written(results), "size.png": png(drawn(rows))}


def rows_of(outputs: Path) -> pd.DataFrame:
    """One row for each seed, network, kind and route."""
    folders = sorted(path.parent for path in outputs.glob("*/methods.csv"))
    if not folders:
        raise IncompleteError(f"{outputs}: no folders of results")
    parts = [one(folder) for folder in folders]
    rows = pd.concat(parts, ignore_index=True)
    seeds = sorted(rows["seed"].unique().tolist())
    for model in MODELS:
        for per_channel in CHANNELS:
            for kind in KINDS:
                for route in ROUTES:
                    found = of(rows, model, per_channel, kind, route)
                    if sorted(found["seed"]) != seeds:
                        named = f"{model}, {kind}, per_channel={per_channel}, {route}"
                        raise IncompleteError(f"{outputs}: {named}: not in all of the seeds {seeds}")
    return rows


def one(folder: Path) -> pd.DataFrame:
    """The rows of a folder of results."""
    (options,) = csv.texts((folder / "configurations.csv").read_bytes())
    kind = (
        "pruned" if float(options["prune.sparsity"]) else "clustered" if int(options["cluster.clusters"]) else "whole"
    )
    methods, errors = pd.read_csv(folder / "methods.csv"), pd.read_csv(folder / "errors.csv")
    trained = errors[(errors["route_a"] == "qat") & (errors["route_b"] == "qat")]
    trained = trained[(trained["engine_a"] == "qat") & (trained["engine_b"] == "interpreter:reference")]
    unequal = trained.set_index("seed")["mismatch_rate"]
    return methods.assign(
        model=options["model.name"],
        per_channel=options["quant.per_channel"],
        kind=kind,
        zero_share=methods["zero_weights"] / methods["weights"],
        unequal=np.where(methods["route"] == "qat", methods["seed"].map(unequal), np.nan),
    )


def of(rows: pd.DataFrame, *key: str) -> pd.DataFrame:
    """The rows of a model, scales of weights, kind and route."""
    return rows[np.logical_and.reduce([rows[name] == value for name, value in zip(KEY, key, strict=True)])]


def results_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Each figure over the seeds; and for accuracy and bytes the difference to the whole network, paired by seed."""
    found = []
    for key in [(m, c, k, r) for m in MODELS for c in CHANNELS for k in KINDS for r in ROUTES]:
        own = of(rows, *key)
        found += [(*key, figure, spread(own[figure].to_numpy(float))) for figure in FIGURES]
        if key[2] != "whole":
            both = pd.concat([own, of(rows, key[0], key[1], "whole", key[3])])
            for figure in ("accuracy", "compressed_bytes"):
                differs = paired_difference(both, figure, by="kind", first="whole", second=key[2])
                found.append((*key, f"{figure}_minus_whole", differs))
    values = [(*key, *(getattr(statistics, name) for name in STATISTICS)) for *key, statistics in found]
    numbers = {name: "Int64" if name == "n" else "float64" for name in STATISTICS}
    return pd.DataFrame(values, columns=[*KEY, "metric", *STATISTICS], dtype=object).astype(numbers)


def drawn(rows: pd.DataFrame) -> Figure:
    """Accuracy in percent against KiB of the file after gzip: every seed a dot, hollow per tensor; routes apart."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.0, 4.8), layout="constrained")
        panels = figure.subplots(len(MODELS), len(ROUTES), sharex="row", sharey="row")
        for line, model in zip(panels, MODELS, strict=True):
            for panel, route in zip(line, ROUTES, strict=True):
                panel.set_title(f"{model}, {route}", loc="left")
                panel.grid()
                for kind, colour in KINDS.items():
                    for per_channel in CHANNELS:
                        own = of(rows, model, per_channel, kind, route)
                        face = colour if per_channel == "True" else "none"
                        size = own["compressed_bytes"] / 1024
                        panel.scatter(size, 100 * own["accuracy"], 14, facecolor=face, edgecolor=colour, linewidth=0.8)
            line[0].set_ylabel("accuracy (%)")
        for panel in panels[-1]:
            panel.set_xlabel("file after gzip (KiB)")
        figure.legend(handles=legend(), loc="outside lower center", ncols=5, title="a dot: one seed")
    return figure


def legend() -> list[Line2D]:
    """What colours and hollow dots mean."""
    plain = {"marker": "o", "markersize": 4, "linestyle": "none"}
    kinds = [Line2D([], [], color=colour, label=kind, **plain) for kind, colour in KINDS.items()]
    filled = Line2D([], [], color="0.3", label="per channel", **plain)
    hollow = Line2D([], [], color="0.3", markerfacecolor="none", label="per tensor", **plain)
    return [*kinds, filled, hollow]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
