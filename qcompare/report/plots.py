"""The plots of a run. They draw what they are given and compute no statistics.

Every function returns a Figure for `save_png`; none touches pyplot, so that trials may draw side by side. An engine
has one colour everywhere, from a palette that colour-blind readers can tell apart (Okabe and Ito, 2008); a kernel set
gives `interpreter`, `manual` and `micro` the same colour, and `manual` is drawn hollow.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from qcompare.core.files import write_whole

WIDTH = 7.0
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "figure.titlesize": 9,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
COLOURS = {
    "float": "#000000",
    "qat": "#E69F00",
    "dequantized": "#7F7F7F",
    "reference": "#0072B2",
    "optimized": "#009E73",
    "xnnpack": "#D55E00",
    "micro": "#CC79A7",
}
MARKERS = {
    "float": "*", "qat": "P", "dequantized": "v", "reference": "o", "optimized": "s", "xnnpack": "^", "micro": "D",
}  # fmt: skip

Pair = tuple[str, str]


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in this file's style, whatever the user's matplotlibrc says."""

    @wraps(draw)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return styled


def save_png(figure: Figure, path: Path) -> None:
    """The figure as a PNG, whole or not at all, without date or version: the same figure gives the same bytes."""
    content = io.BytesIO()
    with matplotlib.style.context(["default", STYLE]):
        figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    write_whole(path, content.getvalue())


@_styled
def error_histograms(histograms: Mapping[Pair, tuple[np.ndarray, np.ndarray]], *, title: str) -> Figure:
    """How often each difference b - a occurs in one seed, a panel a pair, counts on a log axis.

    histograms: for at least one pair, (a, b) -> differences in LSB and how often each occurs, as `lsb_histogram`
        counts them; both empty for a pair that has no figures.
    """
    columns = min(len(histograms), 3 if len(histograms) <= 6 else 4)
    rows = math.ceil(len(histograms) / columns)
    figure = Figure(figsize=(min(WIDTH, 1 + 2.2 * columns), 0.7 + 1.45 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    tallest = max((int(counts.max()) for _, counts in histograms.values() if counts.size), default=1)
    for panel, ((a, b), (differences, counts)) in zip(panels, histograms.items(), strict=False):
        panel.set_title(f"{b}\nminus {a}", loc="left", fontsize=7)
        panel.set_yscale("log")
        panel.set_ylim(0.6, max(12, 2.5 * tallest))
        panel.yaxis.set_minor_locator(NullLocator())
        if not counts.size:
            _say_no_figures(panel)
            continue
        reach = max(3, int(np.abs(differences).max()))
        # A bar narrower than a pixel would vanish; beyond 60 LSB each is drawn wider than its one LSB.
        width = max(0.8, reach / 75)
        panel.set_xlim(-reach - width, reach + width)
        panel.xaxis.set_major_locator(MaxNLocator(5 if reach < 1000 else 2, integer=True, symmetric=True))
        panel.grid(axis="y")
        colour, _, hollow = _look(b)
        panel.bar(differences, counts, width, color="white" if hollow else colour, edgecolor=colour, linewidth=0.8)
    for panel in panels[len(histograms) :]:
        panel.set_visible(False)
    figure.supxlabel("difference (LSB)", fontsize=8)
    figure.supylabel("elements", fontsize=8)
    figure.suptitle(title)
    return figure


@_styled
def scatter(name: str, values: np.ndarray, others: Mapping[str, np.ndarray], *, scale: float, title: str) -> Figure:
    """The outputs of some engines against those of one engine, a column each; below, the differences in LSB.

    name, values: the engine along the horizontal axis and its output in real units, any shape.
    others: for at least one engine, its output in real units, shape of values.
    scale: one LSB in real units.
    Equal points are drawn once, so that no rare one is hidden or left out.
    """
    figure = Figure(figsize=(min(WIDTH, 1.7 + 2 * len(others)), 4.0), layout="constrained")
    panels = figure.subplots(
        2, len(others), sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": (3, 2)}
    )
    for (above, below), (other, outputs) in zip(panels.T, others.items(), strict=True):
        points = np.unique(np.stack([values.ravel(), outputs.ravel()], axis=1).astype(np.float64), axis=0)
        x, y = points[np.isfinite(points).all(axis=1)].T
        colour, marker, hollow = _look(other)
        dots = {"s": 4, "marker": marker, "facecolor": "none" if hollow else colour, "edgecolor": colour, "lw": 0.4}
        above.set_title(other, loc="left")
        above.axline((0, 0), slope=1, color="0.4", linewidth=0.8, zorder=0)
        ends = np.array([x.min(initial=0), x.max(initial=0)])
        above.fill_between(ends, ends - scale, ends + scale, color="0.85", linewidth=0, zorder=0)
        above.scatter(x, y, **dots)
        below.axhline(0, color="0.4", linewidth=0.8, zorder=0)
        below.axhspan(-1, 1, color="0.85", linewidth=0, zorder=0)
        below.scatter(x, (y - x) / scale, **dots)
        below.yaxis.set_major_locator(MaxNLocator(5, integer=True, symmetric=True))
        below.set_xlabel(f"{name} (real units)")
    reach = max(2.5, *(abs(end) for end in panels[1, 0].get_ylim()))
    panels[1, 0].set_ylim(-reach, reach)
    panels[0, 0].set_ylabel("output (real units)")
    panels[1, 0].set_ylabel("difference (LSB)")
    figure.suptitle(title)
    figure.legend(
        handles=[
            Line2D([], [], color="0.4", linewidth=0.8, label="equal"),
            Patch(color="0.85", label="\N{PLUS-MINUS SIGN}1 LSB"),
            Line2D([], [], color="0.4", marker="o", markersize=2.5, linestyle="none", label="outputs, equal ones once"),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure


@_styled
def over_seeds(errors: pd.DataFrame, summary: pd.DataFrame, *, title: str) -> Figure:
    """Every seed a dot, a row for each pair: mismatch rate, largest difference and SQNR of the outputs.

    errors, summary: the rows of errors.csv and of summary.csv of one route; the medians are the summary's.
    What an axis cannot hold has a grey lane of its own: on the left a rate or a difference of zero, on the right an
    output without noise, whose SQNR is undefined. A median is drawn where at least two
    seeds have figures and all of them have the metric.
    """
    errors, summary = (frame[(frame["scope"] == "output") & (frame["a"] != "labels")] for frame in (errors, summary))
    if not _with_figures(errors):
        return _without_figures(errors, title)
    pairs = _pairs(errors)
    figure = Figure(figsize=(WIDTH, 1.3 + 0.2 * max(len(pairs), 3)), layout="constrained")
    figure.suptitle(title)
    rate, largest, sqnr = figure.subplots(1, 3, sharey=True)
    _seed_rows(rate, errors, pairs, [f"{a} vs {b}" for a, b in pairs])
    for panel, metric in ((rate, "mismatch_rate"), (largest, "max_lsb"), (sqnr, "sqnr_db")):
        _seed_dots(panel, errors, summary, pairs, metric)
        for row in range(1, len(pairs)):
            if _kind(pairs[row]) != _kind(pairs[row - 1]):
                panel.axhline(row - 0.5, color="0.6", linewidth=0.6)

    rates, steps = (_defined(errors[metric]) for metric in ("mismatch_rate", "max_lsb"))
    lowest = math.floor(math.log10(min(rates[rates > 0], default=0.01)))
    lowest = min(lowest, -2)
    _zero_lane(rate, 10.0**lowest, max(rates, default=1), [10.0**power for power in range(lowest, 1)])
    rate.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    rate.set_xlabel("unequal integers (%)")
    _zero_lane(largest, 1, max(steps, default=1), [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4])
    largest.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    largest.set_xlabel("largest difference (LSB)")
    _exact_lane(sqnr, errors, pairs)
    sqnr.set_xlabel("SQNR (dB)")
    _seed_legend(figure, [b for _, b in pairs])
    return figure


@_styled
def against_labels(errors: pd.DataFrame, summary: pd.DataFrame, *, title: str) -> Figure:
    """Every seed a dot, a row for each engine, a panel a route: accuracy, or for a regression the RMSE.

    errors, summary: the rows of errors.csv and of summary.csv, of which those against the labels are drawn.
    """
    errors, summary = (frame[(frame["scope"] == "output") & (frame["a"] == "labels")] for frame in (errors, summary))
    if not _with_figures(errors):
        return _without_figures(errors, title)
    regression = errors["top1_agreement"].isna().all() and errors["rmse"].notna().any()
    routes = sorted(set(errors["route"]))
    heights = [len(_pairs(errors[errors["route"] == route])) for route in routes]
    figure = Figure(figsize=(WIDTH * 0.75, 1.3 + 0.2 * sum(heights)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(len(routes), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, route in zip(panels.ravel(), routes, strict=True):
        found, medians = errors[errors["route"] == route], summary[summary["route"] == route]
        pairs = _pairs(found)
        panel.set_title(f"route {route}", loc="left")
        panel.grid(axis="x")
        _seed_rows(panel, found, pairs, [engine for _, engine in pairs])
        _seed_dots(panel, found, medians, pairs, "rmse" if regression else "top1_agreement")
    panels[-1, 0].xaxis.set_major_locator(MaxNLocator(6))
    panels[-1, 0].set_xlabel("RMSE (real units)" if regression else "accuracy (share of samples)")
    _seed_legend(figure, list(errors["b"]))
    return figure


def _look(engine: str) -> tuple[str, str, bool]:
    """Colour, marker, and whether the marker is hollow."""
    name = engine.split(":")[-1]
    return COLOURS[name], MARKERS[name], engine.startswith("manual:")


def _kind(pair: Pair) -> tuple[str, ...]:
    return tuple(engine.split(":")[0].replace("micro", "interpreter") for engine in pair)


def _pairs(errors: pd.DataFrame) -> list[Pair]:
    """The pairs compared; the rows of a trial that died name none."""
    named = errors[errors["b"] != ""]
    return list(dict.fromkeys(zip(named["a"], named["b"], strict=True)))


def _with_figures(errors: pd.DataFrame) -> int:
    return int((errors["n"].fillna(0) > 0).sum())


def _defined(column: pd.Series) -> np.ndarray:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values[~np.isnan(values)]


def _of_pair(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    return frame[(frame["a"] == pair[0]) & (frame["b"] == pair[1])]


def _heights(errors: pd.DataFrame) -> dict[int, float]:
    """How far each seed's dot stands from the middle of its row, the same in every row."""
    seeds = sorted(set(errors["seed"]))
    return dict(zip(seeds, np.linspace(-0.27, 0.27, len(seeds)) if len(seeds) > 1 else [0.0], strict=True))


def _seed_rows(panel: Axes, errors: pd.DataFrame, pairs: list[Pair], names: list[str]) -> None:
    """A row for each pair from the top down, named, with how many seeds have figures where not all have."""
    seeds = errors["seed"].nunique()
    labels = []
    for row, (pair, name) in enumerate(zip(pairs, names, strict=True)):
        rows = _of_pair(errors, pair)
        found = _with_figures(rows)
        labels.append(name if found == seeds else f"{name} ({found} of {seeds})")
        if not found:
            panel.text(0.03, row, "no figures", transform=panel.get_yaxis_transform(), va="center", color="0.3")
    panel.set_yticks(range(len(pairs)), labels)
    panel.set_ylim(len(pairs) - 0.5, -0.5)


def _seed_dots(panel: Axes, errors: pd.DataFrame, summary: pd.DataFrame, pairs: list[Pair], metric: str) -> None:
    heights = _heights(errors)
    panel.tick_params(axis="y", length=0)
    for row, pair in enumerate(pairs):
        found = _of_pair(errors, pair)
        _dots(panel, found[metric], [row + heights[seed] for seed in found["seed"]], pair[1])
        medians = _of_pair(summary[summary["metric"] == metric], pair)
        for n, median in zip(medians["n"], medians["median"], strict=True):
            if 1 < n == _with_figures(found):
                panel.vlines(median, row - 0.42, row + 0.42, color="black", linewidth=1.1, zorder=4)


def _dots(panel: Axes, x: pd.Series, y: list[float], engine: str) -> None:
    colour, marker, hollow = _look(engine)
    values = x.to_numpy(dtype=np.float64, na_value=np.nan)
    panel.scatter(
        values, y, 9, marker=marker, facecolor="white" if hollow else colour, edgecolor=colour, linewidth=0.6, zorder=3
    )


def _zero_lane(panel: Axes, lowest: float, highest: float, ticks: list[float]) -> None:
    """A log axis from lowest to highest with a lane on its left for zero. No value lies between zero and lowest."""
    highest = max(highest, 2 * lowest)
    panel.set_xscale("symlog", linthresh=lowest, linscale=max(0.5, 0.22 * math.log10(highest / lowest)))
    panel.set_xlim(-0.5 * lowest, 1.6 * highest)
    panel.axvspan(-0.5 * lowest, 0.5 * lowest, color="0.93", linewidth=0, zorder=0)
    shown = [tick for tick in ticks if tick <= panel.get_xlim()[1]]
    panel.xaxis.set_major_locator(FixedLocator([0, *shown[:: math.ceil(len(shown) / 4)]]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(axis="x")


def _exact_lane(panel: Axes, errors: pd.DataFrame, pairs: list[Pair]) -> None:
    """A lane on the right for the seeds in which b equals a in every element, where there are any."""
    panel.grid(axis="x")
    equal = (errors["max_abs_error"] == 0) & errors["sqnr_db"].isna()
    if not equal.any():
        return
    defined = errors["sqnr_db"].notna().any()
    left, right = panel.get_xlim()
    lane = right + 0.14 * (right - left)
    roomy = right - 0.1 * (right - left)
    ticks = [tick for tick in MaxNLocator(5).tick_values(left, right) if left <= tick <= roomy] if defined else []
    heights = _heights(errors)
    for row, pair in enumerate(pairs):
        exact = _of_pair(errors[equal], pair)
        x = pd.Series(lane, index=exact.index)
        _dots(panel, x, [row + heights[seed] for seed in exact["seed"]], pair[1])
    panel.axvspan(right, 2 * lane - right, color="0.93", linewidth=0, zorder=0)
    panel.set_xlim(left, 2 * lane - right)
    panel.set_xticks([*ticks, lane], [*(f"{tick:g}" for tick in ticks), "exact"])


def _seed_legend(figure: Figure, engines: list[str]) -> None:
    names = {engine.split(":")[-1] for engine in engines}
    looks = [(name, COLOURS[name], COLOURS[name], MARKERS[name]) for name in COLOURS if name in names]
    if any(engine.startswith("manual:") for engine in engines):
        looks.append(("hollow: manual", "0.3", "white", "o"))
    looks.append(("median of the seeds", "black", "black", "|"))
    handles = [
        Line2D([], [], color=edge, markerfacecolor=face, marker=marker, markersize=4.5, linestyle="none", label=label)
        for label, edge, face, marker in looks
    ]
    columns = math.ceil(len(handles) / 2)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=columns,
        handletextpad=0.2,
        columnspacing=1.2,
        title="a dot: one seed",
    )


def _without_figures(errors: pd.DataFrame, title: str) -> Figure:
    """What is drawn when no row has figures: why."""
    figure = Figure(figsize=(WIDTH, 1.2), layout="constrained")
    figure.suptitle(title)
    notes = list(dict.fromkeys(note for note in errors["note"] if note))
    panel = figure.subplots()
    panel.set_axis_off()
    text = "\n".join(textwrap.shorten(line, 110) for line in ["no figures in any seed", *notes[:3]])
    panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center")
    return figure


def _say_no_figures(panel: Axes) -> None:
    panel.set_xticks([])
    panel.text(0.5, 0.5, "no figures", transform=panel.transAxes, ha="center", va="center", color="0.3")
