"""What methods are worth against what their models take: a panel a model, every seed a dot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from qcompare.core.archive import Files
from qcompare.report import csv
from qcompare.report.page import (
    HEADING,
    LABEL,
    TICK,
    Axis,
    Dots,
    Lines,
    Look,
    Mark,
    Page,
    Panel,
    Polygons,
    Words,
    boxes,
    fitting,
    line_height,
    padded,
    png,
    room_below,
    room_left,
    round_ticks,
    widest,
)
from qcompare.report.terminal import in_float

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEIGHT, MARGIN = 7.0, 1.9, 0.1
LINE = line_height(TICK) + 0.05
APART = 0.1
"""Inches from the dots of one method to those of another one of the same size."""

BESIDE = 0.13
"""Inches from a panel to the dots of its names, and from these to the names."""

COLOURS = ("#000000", "#56B4E9", "#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F")
LOOKS = [Look(colour=colour, marker=marker) for colour, marker in zip(COLOURS, "osD^vPX<", strict=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Method:
    """What is drawn of one method. kib: mean size. values: of each seed, as the axis has them; mean, low, high: theirs
    and the interval, NaN for one seed."""

    name: str
    kib: float
    values: np.ndarray
    mean: float
    low: float
    high: float
    look: Look


def draw(methods: str, techniques: pd.DataFrame) -> Files:
    """File name -> PNG. methods: methods.csv over all configurations. techniques: the rows of techniques.csv."""
    return {"methods.png": png(against_size(csv.texts(methods.encode()), techniques))}


def against_size(methods: Sequence[Mapping[str, str]], techniques: pd.DataFrame) -> Page:
    """Accuracy in percent, or the mean absolute error of a regression, against KiB of the `.tflite`.

    Methods whose files have the same size stand side by side, APART from each other.
    """
    looks = dict(zip(dict.fromkeys(techniques["method"]), cycle(LOOKS), strict=False))
    panels = {
        (str(model), str(metric)): [_method(row, methods, looks) for _, row in own.iterrows()]
        for (model, metric), own in techniques.groupby(["model", "metric"], sort=False)
    }
    axes = {key: _values_axis(key[1], shown) for key, shown in panels.items()}
    left = MARGIN + max((room_left(axis) for axis in axes.values()), default=0)
    names = [method.name for shown in panels.values() for method in _known(shown)]
    beside = 2 * BESIDE + widest(names) + MARGIN
    page_width = max(WIDTH, left + 0.5 * WIDTH + beside)
    note = "a dot: one seed; line and band: mean and its 95 % interval; files of one size stand side by side"
    bottom = MARGIN + line_height(TICK) + 0.08
    laid: list[Panel] = []
    for key, shown in reversed(panels.items()):
        own = _panel(key[0], _known(shown), axes[key], page_width - left - beside)
        last = not laid
        x = replace(own.x, label="size of the .tflite (KiB)" if last else "")
        bottom += room_below(x)
        laid.append(replace(own, left=left, bottom=bottom, x=x))
        bottom += own.height + line_height(LABEL) + 0.14
    words = (Words(x=page_width / 2, y=MARGIN, text=note, across="center", along="bottom"),)
    height = bottom + line_height(HEADING) + 0.1
    worth = " and ".join(WORTH[metric] for metric in dict.fromkeys(techniques["metric"]))
    title = f"{worth[0].upper()}{worth[1:]} against the size of the model, by method"
    return Page(width=page_width, height=height, title=title, panels=laid, words=words)


WORTH = {"accuracy": "accuracy", "mae": "mean absolute error"}
AXES = {"accuracy": "accuracy (%)", "mae": "MAE (real units)"}


def _method(row: pd.Series, methods: Sequence[Mapping[str, str]], looks: Mapping[str, Look]) -> Method:
    percent = 100 if row["metric"] == "accuracy" else 1
    own = [each for each in methods if all(each[name] == row[name] for name in ("configuration", "route"))]
    values = np.array([float(each[str(row["metric"])] or "nan") for each in own])
    kib = _real(row["file_bytes"]) / 1024
    marked = f"{row['method']}{in_float(str(row['method']), _real(row['weights_in_float32']))}"
    return Method(
        name=f"{marked}: {kib:.1f} KiB",
        kib=kib,
        values=percent * values[~np.isnan(values)],
        mean=percent * _real(row["mean"]),
        low=percent * _real(row["ci95_low"]),
        high=percent * _real(row["ci95_high"]),
        look=looks[row["method"]],
    )


def _real(value: object) -> float:
    """A cell of a frame; what is missing is NaN."""
    return float(value) if isinstance(value, int | float) else float("nan")


def _known(shown: Sequence[Method]) -> list[Method]:
    """Those that have a size and figures, by size."""
    return sorted((method for method in shown if method.values.size and method.kib > 0), key=lambda each: each.kib)


def _values_axis(metric: str, shown: Sequence[Method]) -> Axis:
    label = AXES[metric]
    known = _known(shown)
    if not known:
        return Axis(low=0, high=1, label=label)
    ends = [end for each in known for end in (*each.values, each.low, each.high) if not np.isnan(end)]
    low, high = padded(np.array(ends), 0.01)
    return Axis(low=low, high=high, ticks=round_ticks(low, high, 5), label=label, lines=True)


def _panel(title: str, shown: Sequence[Method], y: Axis, width: float) -> Panel:
    """The panel of a model, its place left open. shown: by size, as their names stand beside the panel."""
    if not shown:
        nothing = Words(x=0.5, y=0.5, text="no figures in any seed: findings.csv says why", across="center")
        unit = Axis(low=0, high=1)
        return Panel(left=0, bottom=0, width=width, height=HEIGHT, x=unit, y=unit, title=title, marks=[nothing])
    places = [method.kib for method in shown]
    inches = (width - 2 * APART - APART * len(shown)) / max(places)
    high = width / inches
    ticks = fitting((round_ticks(0, high, count) for count in range(8, 0, -1)), 0, high, width)
    at = [place / inches for place in side_by_side([place * inches for place in places])]
    marks = [mark for method, x in zip(shown, at, strict=True) for mark in _dots(method, x, inches)]
    height = max(HEIGHT, LINE * len(shown))
    for number, method in enumerate(shown):
        x, up = high + BESIDE / inches, y.high - (number + 0.5) * LINE * (y.high - y.low) / height
        marks.append(Dots(x=np.array([x]), y=np.array([up]), look=method.look, size=4.5, edge=0.6))
        marks.append(Words(x=x + BESIDE / inches, y=up, text=method.name))
    x_axis = Axis(low=0, high=high, ticks=ticks, lines=True)
    return Panel(left=0, bottom=0, width=width, height=height, x=x_axis, y=y, title=title, marks=marks)


def side_by_side(places: Sequence[float]) -> list[float]:
    """Ascending places moved as little as it takes for neighbours to be APART."""
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _begin(groups[-1]) - _end(groups[-2]) < APART:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_begin(group) + APART * number for group in groups for number in range(len(group))]


def _begin(group: Sequence[float]) -> float:
    return sum(group) / len(group) - APART * (len(group) - 1) / 2


def _end(group: Sequence[float]) -> float:
    return _begin(group) + APART * (len(group) - 1)


def _dots(method: Method, x: float, inches: float) -> list[Mark]:
    """inches: that a unit of x takes."""
    half = 0.04 / inches
    marks: list[Mark] = [
        Dots(x=np.full(method.values.size, x), y=method.values, look=method.look, size=3, edge=0.6),
        Lines(points=np.array([[(x - half, method.mean), (x + half, method.mean)]]), colour="black", width=1.1),
    ]
    if np.isnan(method.low):
        return marks
    ends = (np.asarray(end) for end in (x - half, x + half, method.low, method.high))
    return [Polygons(corners=boxes(*ends), face="0.87"), *marks]
