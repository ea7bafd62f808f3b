"""Does quantization-aware training help the fused LSTM? What the sweeps of run.sh say, as tables and a figure.

    python analyse.py OUTPUTS FOLDER

reads the folders of results in OUTPUTS by their config.yaml, whatever they are called, and writes into FOLDER

    results.csv      each method, kernel set and metric over the seeds
    differences.csv  methods against each other, paired by seed
    accuracy.png     every seed a dot, means and intervals

Exit status 2, and one line that names it, when a configuration or a seed is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.statistics import Spread, paired_difference, spread
from qcompare.core.engine import EngineId
from qcompare.core.tap import OUTPUT
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS, MARKERS

STATISTICS = tuple(field.name for field in fields(Spread))
WIDTH = 7.0

SHAPES = (("digits", 8), ("digits", 32), ("digit_pixels", 8), ("digit_pixels", 48))
"""(data, units) of the experiment."""

KERNELS = ("interpreter:reference", "interpreter:xnnpack", "micro")
"""The engines that run int8 models as a device does."""

NO_KERNELS = "float"
"""What stands for the kernel set of a network that is not quantized."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to a network, and the configuration whose folder holds it.

    epochs, qat_epochs: of float training and of quantization-aware training; the latter is 1 where its network is not
        looked at.
    route: `ptq` or `qat`, the int8 model that is looked at; None for the float network itself.
    """

    name: str
    route: str | None
    lowering: str = "fused"
    simulate: str = "fake_quant"
    epochs: int = 60
    qat_epochs: int = 15

    @property
    def engines(self) -> tuple[str, ...]:
        return KERNELS if self.route else (NO_KERNELS,)


FLOAT = Method(name="float", route=None)
PTQ = Method(name="PTQ fused", route="ptq")
FLOAT_LONG = Method(name="float trained as long", route=None, epochs=75, qat_epochs=1)
PTQ_LONG = Method(name="PTQ of float trained as long", route="ptq", epochs=75, qat_epochs=1)
UNROLLED = Method(name="QAT unrolled", route="qat", lowering="unrolled")
FAKE_QUANT = Method(name="QAT fused fake quant", route="qat")
EXACT = Method(name="QAT fused exact", route="qat", simulate="exact")
METHODS = (FLOAT, PTQ, FLOAT_LONG, PTQ_LONG, UNROLLED, FAKE_QUANT, EXACT)

DIFFERENCES = (
    *((method, PTQ) for method in METHODS if method is not PTQ),
    (EXACT, FAKE_QUANT),
    (FAKE_QUANT, UNROLLED),
    (FAKE_QUANT, PTQ_LONG),
    (EXACT, PTQ_LONG),
)
"""(method, the one that is subtracted from it)."""

CASE = ["data", "units"]
FIGURES_COLUMNS = [*CASE, "method", "kernels", "metric", "seed", "value"]
RESULTS_COLUMNS = [*CASE, "method", "kernels", "metric", *STATISTICS]
DIFFERENCES_COLUMNS = [*CASE, "method", "minus", "kernels", "metric", *STATISTICS]


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    figures = figures_of(outputs)
    results, differences = results_of(figures), differences_of(figures)
    return {
        "results.csv": csv.written(results),
        "differences.csv": csv.written(differences),
        "accuracy.png": png(draw(figures, results, differences)),
    }


def figures_of(outputs: Path) -> pd.DataFrame:
    """Every figure of every seed, `FIGURES_COLUMNS`; shares are between 0 and 1, `sqnr_db` is in dB.

    The metrics of an engine b: `accuracy` against the labels; `agreement_with_float`, the share of samples in which b
    and the float network that it was made from answer the same, and `sqnr_db` against that network's outputs; on
    route qat `qat_max_lsb`, the largest difference to the QAT network, and `qat_equal_integers`, the share of equal
    ones. Raises IncompleteError.
    """
    stored = list(stored_configs(outputs))
    cases = [(data, units, method) for data, units in SHAPES for method in METHODS]
    folders = {case: [folder for config, folder in stored if holds(config, config_of(*case))] for case in cases}
    complain(f"{name_of(*case)}: {count(found)}" for case, found in folders.items() if len(found) != 1)

    errors = {folder: table_of(folder) for (folder,) in folders.values()}
    asked = {seed for config, folder in stored if folder in errors for seed in config["seed"]}
    seeds = sorted(asked.union(*(table["seed"] for table in errors.values())))
    values = {
        (*case, kernels, metric): values_of(errors[folder], case[2].route or "float", a, kernels, column)
        for case, (folder,) in folders.items()
        for kernels, metric, a, column in comparisons(case[2])
    }
    lacking = {key: [seed for seed in seeds if seed not in found.index] for key, found in values.items()}
    complain(
        f"{name_of(*key[:3])}: no figures of {key[3]} in seed {listed(lacks)}"
        for key, lacks in lacking.items()
        if lacks
    )

    rows = [
        (data, units, method.name, kernels, metric, seed, found[seed])
        for (data, units, method, kernels, metric), found in values.items()
        for seed in seeds
    ]
    return pd.DataFrame(rows, columns=FIGURES_COLUMNS)


def config_of(data: str, units: int, method: Method) -> dict[str, Any]:
    """The options that tell the folder of a method from the others."""
    return {
        "model": {"name": "lstm", "units": [units], "head": [], "lowering": method.lowering},
        "quant": {"name": "int8", "simulate": method.simulate, "kernels": "reference"},
        "data": {"name": data},
        "train": {"epochs": method.epochs},
        "qat": {"scheme": "aligned", "epochs": method.qat_epochs},
    }


def name_of(data: str, units: int, method: Method) -> str:
    """The same options as they are given on the command line, as far as they differ in this experiment."""
    options = f"model.lowering={method.lowering} quant.simulate={method.simulate} train.epochs={method.epochs}"
    return f"data={data} model.units={units} {options} qat.epochs={method.qat_epochs}"


def count(folders: Sequence[Path]) -> str:
    """Why folders are not the one that is wanted."""
    names = " and ".join(folder.name for folder in folders)
    return f"more than one folder has this configuration: {names}" if folders else "no folder has this configuration"


def listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


def complain(complaints: Iterable[str]) -> None:
    """Raises IncompleteError for all complaints, each once, in one line; does nothing when there are none."""
    if found := list(dict.fromkeys(complaints)):
        raise IncompleteError("; ".join(found))


def stored_configs(outputs: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """The configuration and the folder of all results in outputs. Raises IncompleteError for a file that is broken."""
    for path in sorted(outputs.glob("*/config.yaml")):
        try:
            config = yaml.safe_load(path.read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise IncompleteError(f"{path}: cannot be read: {type(error).__name__}") from error
        if isinstance(config, dict):
            yield config, path.parent


def holds(config: Any, wanted: Any) -> bool:
    """Whether a configuration has all the options wanted, with these values."""
    if not isinstance(wanted, dict):
        return bool(config == wanted)
    return isinstance(config, dict) and all(holds(config.get(name), value) for name, value in wanted.items())


def table_of(folder: Path) -> pd.DataFrame:
    """The rows of a folder's errors.csv that have figures. Raises IncompleteError."""
    try:
        errors = csv.read((folder / ERRORS.file).read_bytes(), ERRORS.dtypes)
    except (OSError, ValueError) as error:
        raise IncompleteError(f"{folder / 'errors.csv'}: cannot be read: {type(error).__name__}") from error
    return errors[(errors["tap"] == OUTPUT.role) & (errors["n"].fillna(0) > 0)]


def comparisons(method: Method) -> Iterator[tuple[str, str, str, str]]:
    """(kernels, metric, a, column) of all that is looked at: the column of errors.csv where b is the kernels."""
    for kernels in method.engines:
        yield kernels, "accuracy", "labels", "top1_agreement"
        if method.route:
            yield kernels, "agreement_with_float", "float", "top1_agreement"
            yield kernels, "sqnr_db", "float", "sqnr_db"
        if method.route == "qat":
            yield kernels, "qat_max_lsb", "qat", "max_lsb"
            yield kernels, "qat_equal_integers", "qat", "equal_rate"


def values_of(errors: pd.DataFrame, route: str, a: str, b: str, column: str) -> pd.Series:
    """A column of one comparison by seed, float64; NaN where the figure is undefined.

    column: of errors.csv, or `equal_rate`, the share of equal integers.
    """
    rows = errors[(errors["route_b"] == route) & (errors["engine_a"] == a) & (errors["engine_b"] == b)]
    figure = 1 - rows["mismatch_rate"] if column == "equal_rate" else rows[column]
    return pd.Series(figure.to_numpy(dtype=np.float64, na_value=np.nan), index=rows["seed"].to_numpy())


def results_of(figures: pd.DataFrame) -> pd.DataFrame:
    """The rows of results.csv: each metric over the seeds."""
    keys = [*CASE, "method", "kernels", "metric"]
    groups = figures.groupby(keys, sort=False)["value"]
    return as_frame([(*key, *statistics(spread(values.to_numpy()))) for key, values in groups], RESULTS_COLUMNS)


def differences_of(figures: pd.DataFrame) -> pd.DataFrame:
    """The rows of differences.csv: of each pair of methods, on each kernel set, each metric that both have.

    A float network is on all kernel sets what it is.
    """
    rows = []
    for case, of_case in figures.groupby(CASE, sort=False):
        for method, other in DIFFERENCES:
            for kernels in KERNELS:
                same = of_case[of_case["kernels"].isin((kernels, NO_KERNELS))]
                metrics = [set(same.loc[same["method"] == side.name, "metric"]) for side in (method, other)]
                for metric in [metric for metric in same["metric"].unique() if metric in metrics[0] & metrics[1]]:
                    pairs = same[same["metric"] == metric]
                    found = paired_difference(pairs, "value", by="method", first=other.name, second=method.name)
                    rows.append((*case, method.name, other.name, kernels, metric, *statistics(found)))
    return as_frame(rows, DIFFERENCES_COLUMNS)


def statistics(found: Any) -> tuple[Any, ...]:
    """A Spread as the cells of `STATISTICS`."""
    return tuple(getattr(found, name) for name in STATISTICS)


def as_frame(rows: Sequence[tuple[Any, ...]], columns: list[str]) -> pd.DataFrame:
    """The rows with numbers in the columns of `STATISTICS`; what is undefined is NaN."""
    numbers = {name: "Int64" if name == "n" else "float64" for name in STATISTICS}
    return pd.DataFrame(rows, columns=columns, dtype=object).astype(numbers | {"units": "int64"})


def draw(figures: pd.DataFrame, results: pd.DataFrame, differences: pd.DataFrame) -> Figure:
    """Accuracy, a row of panels for each data and units, a line for each method.

    On the left every seed a dot with the mean and its interval, in percent; on the right the mean difference to PTQ
    of the fused LSTM, paired by seed, and its interval, in percentage points.
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, 9.6), layout="constrained")
        panels = figure.subplots(len(SHAPES), 2, sharey=True, gridspec_kw={"width_ratios": (3, 2)})
        for (data, units), (left, right) in zip(SHAPES, panels, strict=True):
            of_case = [accuracy_of(frame, data, units) for frame in (figures, results, differences)]
            left.set_title(f"{data}, {units} units", loc="left", fontweight="bold")
            draw_seeds(left, *of_case[:2])
            draw_differences(right, of_case[2][of_case[2]["minus"] == PTQ.name])
        panels[-1, 0].set_xlabel("accuracy on the test set (%)")
        panels[-1, 1].set_xlabel(f"difference to {PTQ.name}\n(percentage points)")
        title = "left, a dot: one seed; right, a dot and its bar: the mean and its 95 % interval, paired by seed"
        figure.legend(handles=legend(), loc="outside lower center", ncols=3, title=title)
    return figure


def accuracy_of(frame: pd.DataFrame, data: str, units: int) -> pd.DataFrame:
    """The rows of one data set and one number of units about accuracy."""
    return frame[(frame["data"] == data) & (frame["units"] == units) & (frame["metric"] == "accuracy")]


def draw_seeds(panel: Axes, figures: pd.DataFrame, results: pd.DataFrame) -> None:
    """Every seed's accuracy a dot; the mean a black line on the grey band of its interval."""
    seeds = sorted(set(figures["seed"]))
    offsets = dict(zip(seeds, np.linspace(-0.09, 0.09, len(seeds)), strict=True))
    for line, kernels, rows in lines(figures):
        colour, marker = look(kernels)
        heights = [line + offsets[seed] for seed in rows["seed"]]
        size = 12 if marker == "*" else 4.5
        panel.scatter(100 * rows["value"], heights, size, color=colour, marker=marker, linewidth=0, zorder=3)
    for line, _, rows in lines(results):
        low, high = 100 * rows["ci95_low"], 100 * rows["ci95_high"]
        panel.barh([line] * len(rows), high - low, 0.24, left=low, color="0.87", zorder=1)
        panel.vlines(100 * rows["mean"], line - 0.12, line + 0.12, color="black", linewidth=1, zorder=4)
    panel.set_yticks(range(len(METHODS)), [method.name for method in METHODS])
    finish(panel)


def draw_differences(panel: Axes, differences: pd.DataFrame) -> None:
    """Means and intervals of the paired differences; PTQ itself has none."""
    for line, kernels, rows in lines(differences):
        colour, marker = look(kernels)
        height = [line] * len(rows)
        panel.hlines(height, 100 * rows["ci95_low"], 100 * rows["ci95_high"], color=colour, linewidth=1.1, zorder=3)
        panel.scatter(100 * rows["mean"], height, 30 if marker == "*" else 14, color=colour, marker=marker, zorder=4)
    panel.axvline(0, color="0.4", linewidth=0.8, zorder=1)
    finish(panel)


def lines(frame: pd.DataFrame) -> Iterator[tuple[float, str, pd.DataFrame]]:
    """(height, kernels, rows) of each method and kernel set. The float networks have one line, in the middle."""
    for row, method in enumerate(METHODS):
        for offset, kernels in zip((-0.27, 0.0, 0.27), KERNELS, strict=True):
            rows = frame[frame["method"] == method.name]
            if method.route is None and kernels == KERNELS[1]:
                yield row, NO_KERNELS, rows[rows["kernels"].isin((NO_KERNELS, kernels))]
            elif method.route is not None:
                yield row + offset, kernels, rows[rows["kernels"] == kernels]


def look(kernels: str) -> tuple[str, str]:
    """Colour and marker of a kernel set, as in all of qcompare's plots."""
    name = EngineId.parse(kernels).look
    return COLOURS[name], MARKERS[name]


def finish(panel: Axes) -> None:
    """What both kinds of panels have."""
    panel.set_ylim(len(METHODS) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x")
    for row in range(1, len(METHODS)):
        panel.axhline(row - 0.5, color="0.75", linewidth=0.5, zorder=0)


def legend() -> list[Line2D]:
    """What dots and bars mean."""
    names = {NO_KERNELS: "float network", KERNELS[0]: "LiteRT, reference kernels"}
    names |= {KERNELS[1]: "LiteRT, XNNPACK (default)", KERNELS[2]: "TensorFlow Lite Micro"}
    handles = [
        Line2D([], [], color=look(kernels)[0], marker=look(kernels)[1], markersize=4, linestyle="none", label=label)
        for kernels, label in names.items()
    ]
    mean = Line2D([], [], color="black", marker="|", markersize=7, linestyle="none", label="mean of the seeds")
    return [*handles, mean, Patch(color="0.87", label="95 % interval of the mean")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
