"""What methods are worth against what their models take: a panel a model, every seed a dot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, pairwise
from typing import TYPE_CHECKING

import numpy as np

from qcompare.core.archive import Files
from qcompare.core.engine import LABELS
from qcompare.report import csv
from qcompare.report.looks import MARGIN, WIDTH, notes
from qcompare.report.page import (
    HEAD,
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
    files,
    fitting,
    line_height,
    padded,
    room_below,
    room_left,
    round_ticks,
    widest,
)
from qcompare.report.scales import accuracy_ends
from qcompare.report.seed_rows import BAND, LINK
from qcompare.report.terminal import in_float

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 1.9
LINE = line_height(TICK) + 0.05
APART = 0.1
"""Inches from the dots of one method to those of another one of the same size."""

BESIDE = 0.13
"""Inches from a panel to the dots of its names, and from these to the names."""

COLOURS = ("#000000", "#56B4E9", "#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F")
LOOKS = [Look(colour=colour, marker=marker) for colour, marker in zip(COLOURS, "osD^vPX<", strict=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Method:
    """What is drawn of one method. kib: mean size. values: by seed, as the axis has them, those that are defined; mean,
    low, high: theirs and the interval, NaN for one seed. samples: of which a value is a share; 0 of a regression."""

    name: str
    kib: float
    values: Mapping[int, float]
    samples: int
    mean: float
    low: float
    high: float
    look: Look


def draw(about: str, methods: str, errors: str, techniques: pd.DataFrame) -> Files:
    """File name -> plot. about: data and seeds. methods, errors: methods.csv and errors.csv over all configurations.
    techniques: the rows of techniques.csv."""
    samples = samples_of(csv.texts(errors.encode()))
    if len(counts := set(samples.values())) == 1:
        about = f"{about}, {counts.pop()} test samples"
    return files("methods", against_size(csv.texts(methods.encode()), techniques, samples, about=about))


def samples_of(errors: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Configuration -> the fewest samples of a seed that its engines answered. errors: the rows of errors.csv."""
    found: dict[str, int] = {}
    for row in errors:
        if row["engine_a"] == str(LABELS) and (n := int(row["n"] or 0)):
            found[row["configuration"]] = min(n, found.get(row["configuration"], n))
    return found


def against_size(
    methods: Sequence[Mapping[str, str]], techniques: pd.DataFrame, samples: Mapping[str, int], *, about: str = ""
) -> Page:
    """Accuracy in percent, or the mean absolute error of a regression, against KiB of the `.tflite`.

    Methods whose files have the same size stand side by side, APART from each other. samples: by configuration.
    """
    looks = dict(zip(dict.fromkeys(techniques["method"]), cycle(LOOKS), strict=False))
    panels = {
        (str(model), str(metric)): [_method(row, methods, samples, looks) for _, row in own.iterrows()]
        for (model, metric), own in techniques.groupby(["model", "metric"], sort=False)
    }
    axes = {key: _values_axis(key[1], shown) for key, shown in panels.items()}
    left = MARGIN + max((room_left(axis) for axis in axes.values()), default=0)
    names = [method.name for shown in panels.values() for method in _known(shown)]
    beside = 2 * BESIDE + widest(names) + MARGIN
    page_width = max(WIDTH, left + 0.5 * WIDTH + beside)
    words, bottom = notes(
        [*_told(shown for shown in panels.values()), "files of one size stand side by side"], page_width
    )
    bottom += 0.08
    laid: list[Panel] = []
    for key, shown in reversed(panels.items()):
        own = _panel(key[0], _known(shown), axes[key], page_width - left - beside)
        last = not laid
        x = replace(own.x, label="size of the .tflite (KiB)" if last else "")
        bottom += room_below(x)
        laid.append(replace(own, left=left, bottom=bottom, x=x))
        bottom += own.height + line_height(LABEL) + 0.14
    worth = " and ".join(WORTH[metric] for metric in dict.fromkeys(techniques["metric"]))
    title = f"{worth[0].upper()}{worth[1:]} against the size of the model, by method"
    return Page(width=page_width, height=bottom + HEAD, title=title, about=about, panels=laid, words=words)


def _told(panels: Iterable[Sequence[Method]]) -> Iterator[str]:
    """What dots, lines and bands are, and how much one sample is."""
    shown = [method for panel in panels for method in panel]
    yield "a dot: one seed"
    if any(len(method.values) > 1 for method in shown):
        yield "grey lines join the same seed"
        yield "line and band: mean over the seeds and its 95 % interval"
    if len(counts := {method.samples for method in shown if method.samples}) == 1:
        yield f"one sample is {100 / counts.pop():.2g} points"


WORTH = {"accuracy": "accuracy", "mae": "mean absolute error"}
AXES = {"accuracy": "accuracy (%)", "mae": "MAE (real units)"}


def _method(
    row: pd.Series, methods: Sequence[Mapping[str, str]], samples: Mapping[str, int], looks: Mapping[str, Look]
) -> Method:
    percent = 100 if row["metric"] == "accuracy" else 1
    own = [each for each in methods if all(each[name] == row[name] for name in ("configuration", "route"))]
    values = {int(each["seed"]): percent * float(each[str(row["metric"])]) for each in own if each[str(row["metric"])]}
    kib = _real(row["file_bytes"]) / 1024
    marked = f"{row['method']}{in_float(str(row['method']), _real(row['weights_in_float32']))}"
    return Method(
        name=f"{marked}: {kib:.1f} KiB",
        kib=kib,
        values=values,
        samples=samples.get(str(row["configuration"]), 0) if row["metric"] == "accuracy" else 0,
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
    return sorted((method for method in shown if method.values and method.kib > 0), key=lambda each: each.kib)


def _values_axis(metric: str, shown: Sequence[Method]) -> Axis:
    label = AXES[metric]
    known = _known(shown)
    if not known:
        return Axis(low=0, high=1, label=label)
    ends = np.array([end for each in known for end in (*each.values.values(), each.low, each.high)])
    ends = ends[~np.isnan(ends)]
    samples = min((each.samples for each in known), default=0)
    low, high = (100 * end for end in accuracy_ends(ends / 100, samples)) if samples else padded(ends, 0.01)
    ticks = round_ticks(low, high, 5)
    if samples:
        ticks = {at: text for at, text in ticks.items() if 0 <= at <= 100}
    return Axis(low=low, high=high, ticks=ticks, label=label, lines=True)


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
    placed = list(zip(shown, at, strict=True))
    marks = [
        *(mark for method, x in placed for mark in _band(method, x, inches)),
        *_links(placed),
        *(mark for method, x in placed for mark in _dots(method, x, inches)),
    ]
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
    values = np.array(list(method.values.values()))
    return [
        Dots(x=np.full(len(values), x), y=values, look=method.look, size=3, edge=0.6),
        Lines(points=np.array([[(x - half, method.mean), (x + half, method.mean)]]), colour="black", width=1.1),
    ]


def _band(method: Method, x: float, inches: float) -> list[Mark]:
    """The interval, if there is one."""
    if np.isnan(method.low):
        return []
    half = 0.04 / inches
    ends = (np.asarray(end) for end in (x - half, x + half, method.low, method.high))
    return [Polygons(corners=boxes(*ends), face=BAND)]


def _links(placed: Sequence[tuple[Method, float]]) -> list[Mark]:
    """Lines that join the dots of a seed."""
    lines = [
        [(left, one.values[seed]), (right, after.values[seed])]
        for (one, left), (after, right) in pairwise(placed)
        for seed in one.values
        if seed in after.values
    ]
    return [Lines(points=np.array(lines), colour=LINK, width=0.5)] if lines else []
