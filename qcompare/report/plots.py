"""The plots of a run. They draw what they are given and compute no statistics.

Every function lays out a Page, of which `page.png` makes a file. An engine has one colour everywhere, from a palette
that colour-blind readers can tell apart (Okabe and Ito, 2008); a kernel set gives `interpreter`, `manual` and `micro`
the same colour, and `manual` is drawn hollow. Log axes hold the logarithm to base 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from qcompare.core.engine import LABELS, EngineId, Family
from qcompare.core.tap import OUTPUT
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
    Ticks,
    Words,
    boxes,
    fitting,
    line_height,
    numbers,
    padded,
    room_below,
    room_left,
    round_ticks,
    widest,
)

WIDTH = 7.0
TOP = 0.1 + line_height(HEADING)
MARGIN = 0.1
GAP = 0.18
GREY, DARK, PALE, LANE = "0.4", "0.3", "0.85", "0.93"

COLOURS = {
    "float": "#000000",
    "qat": "#E69F00",
    "dequantized": "#7F7F7F",
    "learned": "#8C6D31",
    "reference": "#0072B2",
    "optimized": "#009E73",
    "xnnpack": "#D55E00",
    "micro": "#CC79A7",
    "other": "#56B4E9",
}
MARKERS = {
    "float": "*", "qat": "P", "dequantized": "v", "learned": "<", "reference": "o", "optimized": "s", "xnnpack": "^",
    "micro": "D", "other": "X",
}  # fmt: skip

Pair = tuple[EngineId, EngineId]


def error_histograms(histograms: Mapping[Pair, tuple[np.ndarray, np.ndarray]], *, title: str) -> Page:
    """How often each difference b - a occurs in one seed, a panel a pair, counts on a log axis.

    histograms: for at least one pair, (a, b) -> differences in LSB and how often each occurs, as `lsb_histogram`
        counts them; both empty for a pair that has no figures.
    """
    size = 7.0
    names = {(a, b): f"{b}\nminus {a}" for a, b in histograms}
    tallest = max((int(counts.max()) for _, counts in histograms.values() if counts.size), default=1)
    counts_axis = _counts_axis(max(12, 2.5 * tallest))
    left = MARGIN + room_left(counts_axis) + 0.2
    most = int((WIDTH - left - MARGIN + GAP) // (widest(names.values(), size) + GAP))
    columns = max(1, min(len(histograms), 3 if len(histograms) <= 6 else 4, most))
    page_width = min(WIDTH, 1 + 2.2 * columns)
    width = (page_width - left - MARGIN + GAP) / columns - GAP
    above, below, height = 2 * line_height(size) + 0.09, room_below(Axis(low=0, high=1)) + 0.07, 0.9
    rows = math.ceil(len(histograms) / columns)
    label_room = line_height(LABEL) + 0.1
    page_height = TOP + rows * (above + height + below) + label_room
    panels = []
    for index, (pair, (differences, counts)) in enumerate(histograms.items()):
        row, column = divmod(index, columns)
        axis, marks = _bars(differences, counts, _look(pair[1]), counts_axis, width)
        panels.append(
            Panel(
                left=left + column * (width + GAP),
                bottom=page_height - TOP - row * (above + height + below) - above - height,
                width=width,
                height=height,
                x=axis,
                y=counts_axis if column == 0 else _unlabelled(counts_axis),
                title=names[pair],
                title_size=size,
                marks=marks,
            )
        )
    middle = (left + page_width - MARGIN) / 2, label_room + rows * (above + height + below) / 2
    words = (
        Words(x=middle[0], y=0.07, text="difference (LSB)", size=LABEL, across="center", along="bottom"),
        Words(x=MARGIN + 0.05, y=middle[1], text="elements", size=LABEL, across="center", upright=True),
    )
    return Page(width=page_width, height=page_height, title=title, panels=panels, words=words)


def scatter(
    base: EngineId,
    values: np.ndarray,
    others: Mapping[EngineId, np.ndarray],
    *,
    scale: float,
    title: str,
    beside: str = "",
) -> Page:
    """The outputs of some engines against those of one engine, a column each; below, the differences in LSB.

    base, values: the engine along the horizontal axis and its output in real units, any shape.
    others: for at least one engine, its output in real units, shape of values.
    scale: one LSB in real units.
    beside: the route of base where that is a runtime on another one.
    Equal points are drawn once, so that no rare one is hidden or left out.
    """
    points = {engine: _distinct(values, outputs) for engine, outputs in others.items()}
    x, y = (np.concatenate([[0.0], *(found[:, side] for found in points.values())]) for side in (0, 1))
    ends = np.array([x.min(), x.max()])
    steps = [np.abs(found[:, 1] - found[:, 0]) / scale for found in points.values()]
    reach = max(2.5, 1.1 * max(found.max(initial=0.0) for found in steps))
    x_low, x_high = padded(ends, scale)
    y_low, y_high = padded(np.array([y.min(), y.max(), ends[0] - scale, ends[1] + scale]), scale)
    y_axis = Axis(low=y_low, high=y_high, ticks=round_ticks(y_low, y_high, 6), label="output (real units)")
    step_axis = Axis(low=-reach, high=reach, ticks=_whole_ticks(reach, 5), label="difference (LSB)")
    left = MARGIN + max(room_left(y_axis), room_left(step_axis))
    most = int((WIDTH - left - MARGIN + GAP) // (widest(map(str, others)) * LABEL / TICK + GAP))
    columns = max(1, min(len(others), 4, most))
    page_width = min(WIDTH, 1.7 + 2 * columns)
    width = (page_width - left - MARGIN + GAP) / columns - GAP
    x_axis = Axis(
        low=x_low,
        high=x_high,
        ticks=fitting(_fewer_ticks(x_low, x_high, 5), x_low, x_high, width),
    )
    named = f"{beside} {base}" if beside else str(base)
    whole = f"{named} (real units)"
    fits = widest([whole]) * LABEL / TICK <= width + GAP / 2
    labelled = replace(x_axis, label=whole if fits else named)
    keys, keys_height = _legend(
        [
            ("equal", Lines(points=np.array([[(-0.09, 0), (0.09, 0)]]), colour=GREY, width=0.8)),
            ("\N{PLUS-MINUS SIGN}1 LSB", _box(-0.09, 0.09, -0.04, 0.04, PALE)),
            ("outputs, equal ones once", _dot(Look(colour=GREY, marker="o"), 2.5, 0.4)),
        ],
        page_width,
    )
    title_room, tall, short, between = line_height(LABEL) + 0.1, 1.65, 1.1, 0.13
    block = title_room + tall + between + short + room_below(labelled) + 0.08
    blocks = math.ceil(len(others) / columns)
    page_height = TOP + blocks * block + keys_height
    equal = np.array([max(x_low, y_low), min(x_high, y_high)])
    panels = []
    for first in range(0, len(others), columns):
        upper, lower = [], []
        for column, engine in enumerate(list(others)[first : first + columns]):
            at, outputs = points[engine].T
            top = page_height - TOP - first // columns * block - title_room - tall
            corners = np.stack([np.tile([*ends, *ends[::-1]], 1), [*(ends - scale), *(ends[::-1] + scale)]], axis=1)
            placed = Panel(
                left=left + column * (width + GAP),
                bottom=top,
                width=width,
                height=tall,
                x=replace(x_axis, ticks=dict.fromkeys(x_axis.ticks, "")),
                y=y_axis if column == 0 else _unlabelled(y_axis),
                title=str(engine),
                under=(
                    Polygons(corners=corners[np.newaxis], face=PALE),
                    Lines(points=np.stack([equal, equal], axis=1)[np.newaxis], colour=GREY, width=0.8),
                ),
                marks=(Dots(x=at, y=outputs, look=_look(engine), size=2, edge=0.4),),
            )
            upper.append(placed)
            lower.append(
                replace(
                    placed,
                    bottom=top - between - short,
                    height=short,
                    x=labelled,
                    y=step_axis if column == 0 else _unlabelled(step_axis),
                    title="",
                    under=(
                        _box(x_low, x_high, -1, 1, PALE),
                        Lines(points=np.array([[(x_low, 0), (x_high, 0)]]), colour=GREY, width=0.8),
                    ),
                    marks=(Dots(x=at, y=(outputs - at) / scale, look=_look(engine), size=2, edge=0.4),),
                )
            )
        panels += [*upper, *lower]
    return Page(width=page_width, height=page_height, title=title, panels=[*panels, *keys])


def over_seeds(errors: pd.DataFrame, summary: pd.DataFrame, *, title: str) -> Page:
    """Every seed a dot, a row for each pair: mismatch rate, largest difference and SQNR of the outputs.

    errors, summary: the rows of errors.csv and of summary.csv of one route; the medians are the summary's.
    What an axis cannot hold has a grey lane of its own: on the left a rate or a difference of zero, on the right an
    output without noise, whose SQNR is undefined. A median is drawn where at least two
    seeds have figures and all of them have the metric.
    """
    rows = _rows(errors, summary, labels=False)
    if not any(row.found for row in rows):
        return _without_figures(title)
    axis = _row_axis(rows, [f"{row.beside} {row.a} vs {row.b}".strip() for row in rows])
    left = MARGIN + room_left(axis)
    page_width = max(WIDTH, left + 3 * 1.3 + 2 * GAP + MARGIN)
    width = (page_width - left - MARGIN - 2 * GAP) / 3
    height = ROW * max(len(rows), 3)
    keys, keys_height = _seed_legend(rows, page_width)
    scales = {
        "mismatch_rate": _rate_scale(rows, width),
        "max_lsb": _steps_scale(rows, width),
        "sqnr_db": _sqnr_scale(rows, width),
    }
    bottom = keys_height + room_below(scales["sqnr_db"].axis)
    borders = [number - 0.5 for number, (a, b) in enumerate(pairwise(rows), 1) if a.kind != b.kind]
    panels = [
        Panel(
            left=left + column * (width + GAP),
            bottom=bottom,
            width=width,
            height=height,
            x=scale.axis,
            y=axis if column == 0 else _unlabelled(axis),
            under=[] if scale.lane is None else [_box(*scale.lane, axis.low, axis.high, LANE)],
            marks=[
                *_rules([(scale.axis.low, y, scale.axis.high, y) for y in borders], "0.6", 0.6),
                *_seed_dots(rows, metric, scale),
                *(_no_figures(rows, scale.axis) if column == 0 else []),
            ],
        )
        for column, (metric, scale) in enumerate(scales.items())
    ]
    return Page(width=page_width, height=bottom + height + 0.05 + TOP, title=title, panels=[*panels, *keys])


def against_labels(errors: pd.DataFrame, summary: pd.DataFrame, *, title: str) -> Page:
    """Every seed a dot, a row for each engine, a panel a route: accuracy, or for a regression the RMSE.

    errors, summary: the rows of errors.csv and of summary.csv, of which those against the labels are drawn.
    """
    routes = {
        route: _rows(errors[errors[ROUTE] == route], summary[summary[ROUTE] == route], labels=True)
        for route in sorted(set(errors[ROUTE]))
    }
    routes = {route: rows for route, rows in routes.items() if rows}
    every = [row for rows in routes.values() for row in rows]
    if not any(row.found for row in every):
        return _without_figures(title)
    regression = not _values(every, "top1_agreement").size and bool(_values(every, "rmse").size)
    metric = "rmse" if regression else "top1_agreement"
    axes = {route: _row_axis(rows, [str(row.b) for row in rows]) for route, rows in routes.items()}
    left = MARGIN + max(room_left(axis) for axis in axes.values())
    page_width = max(0.75 * WIDTH, left + 2.5)
    width = page_width - left - 2 * MARGIN
    scale = _linear_scale(
        _values(every, metric), "RMSE (real units)" if regression else "accuracy (share of samples)", width
    )
    keys, keys_height = _seed_legend(every, page_width)
    bottom = keys_height + room_below(scale.axis)
    panels = []
    for last, (route, rows) in enumerate(reversed(routes.items())):
        height = ROW * len(rows)
        panels.append(
            Panel(
                left=left,
                bottom=bottom,
                width=width,
                height=height,
                x=replace(scale.axis, ticks=dict.fromkeys(scale.axis.ticks, ""), label="") if last else scale.axis,
                y=axes[route],
                title=f"route {route}",
                marks=[*_seed_dots(rows, metric, scale), *_no_figures(rows, scale.axis)],
            )
        )
        bottom += height + line_height(LABEL) + 0.18
    return Page(width=page_width, height=bottom - 0.08 + TOP, title=title, panels=[*reversed(panels), *keys])


ROUTE = "route_b"
METRICS = ("mismatch_rate", "max_lsb", "sqnr_db", "top1_agreement", "rmse")
ROW = 0.2
"""Inches from one row of dots to the next."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A pair over the seeds.

    beside: the route of a runtime a, where it is another one than that of b; else "".
    seeds: of all rows of the frame. offsets: how far each dot stands from the middle of the row, [n].
    values: metric -> [n], NaN where undefined; the SQNR of an output without noise is infinite.
    medians: metric -> of how many seeds, and the median. found: how many seeds have figures.
    """

    beside: str
    a: EngineId
    b: EngineId
    seeds: int
    offsets: np.ndarray
    values: Mapping[str, np.ndarray]
    medians: Mapping[str, tuple[int, float]]
    found: int

    @property
    def kind(self) -> tuple[Family, ...]:
        """What a pair compares, whichever runtime it is."""
        return tuple(Family.INTERPRETER if engine.measured else engine.family for engine in (self.a, self.b))


def _rows(errors: pd.DataFrame, summary: pd.DataFrame, *, labels: bool) -> list[Row]:
    """A row for each pair of outputs, in the order of the frame."""
    seeds = sorted(set(errors["seed"]))
    offsets = dict(zip(seeds, np.linspace(-0.27, 0.27, len(seeds)) if len(seeds) > 1 else [0.0], strict=True))
    medians: dict[tuple[str, EngineId, EngineId], dict[str, tuple[int, float]]] = {}
    for pair, of_pair in _by_pair(summary):
        of_metric = zip(of_pair["metric"], of_pair["n"], of_pair["median"], strict=True)
        medians[pair] = {metric: (int(n), float(median)) for metric, n, median in of_metric if n}
    rows = []
    for (beside, a, b), of_pair in _by_pair(errors):
        if (a == LABELS) is labels:
            values = {metric: _floats(of_pair[metric]) for metric in METRICS}
            exact = (_floats(of_pair["max_abs_error"]) == 0) & np.isnan(values["sqnr_db"])
            rows.append(
                Row(
                    beside=beside,
                    a=a,
                    b=b,
                    seeds=len(seeds),
                    offsets=np.array([offsets[seed] for seed in of_pair["seed"]]),
                    values=values | {"sqnr_db": np.where(exact, np.inf, values["sqnr_db"])},
                    medians=medians.get((beside, a, b), {}),
                    found=int((_floats(of_pair["n"]) > 0).sum()),
                )
            )
    return rows


def compared_routes(errors: pd.DataFrame) -> list[str]:
    """The routes whose engines are compared with more than the labels, in the order of the rows."""
    against_labels = [EngineId.parse(name) == LABELS for name in errors["engine_a"]]
    return list(dict.fromkeys(errors.loc[~np.array(against_labels, bool), ROUTE]))


def _by_pair(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, EngineId, EngineId], pd.DataFrame]]:
    """The rows of each pair of outputs, in the order of the frame, by what tells a from b."""
    outputs = frame[frame["tap"] == OUTPUT.role]
    for (route_a, route_b, *engines), rows in outputs.groupby(
        ["route_a", "route_b", "engine_a", "engine_b"], sort=False, dropna=False
    ):
        a, b = (EngineId.parse(str(name)) for name in engines)
        yield (str(route_a) if a.measured and route_a != route_b else "", a, b), rows


def _floats(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _values(rows: Sequence[Row], metric: str) -> np.ndarray:
    """The defined values of a metric in all rows."""
    values = np.concatenate([row.values[metric] for row in rows])
    return values[~np.isnan(values)]


def _look(engine: EngineId) -> Look:
    name = engine.look if engine.look in COLOURS else "other"
    return Look(colour=COLOURS[name], marker=MARKERS[name], hollow=engine.family is Family.MANUAL)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """An axis, where values stand on it, and the lane of what it cannot hold."""

    axis: Axis
    place: Callable[[np.ndarray], np.ndarray]
    lane: tuple[float, float] | None = None


def _rate_scale(rows: Sequence[Row], width: float) -> Scale:
    rates = _values(rows, "mismatch_rate")
    lowest = min(-2, math.floor(math.log10(min(rates[rates > 0], default=0.01))))
    ticks = {float(power): f"{100 * 10.0**power:g}" for power in range(lowest, 1)}
    return _log_scale(max(rates, default=1.0), ticks, "unequal integers (%)", width)


def _steps_scale(rows: Sequence[Row], width: float) -> Scale:
    steps = _values(rows, "max_lsb")
    ticks = {math.log10(step): f"{step:g}" for power in range(5) for step in (10**power, 3 * 10**power)}
    return _log_scale(max(steps, default=1.0), ticks, "largest difference (LSB)", width)


def _log_scale(highest: float, ticks: Ticks, label: str, width: float) -> Scale:
    """A log axis from the first tick to highest with a lane on its left for zero; no value lies between them."""
    low = min(ticks)
    high = max(math.log10(max(highest, 1e-300)), low + math.log10(2))
    room = max(0.2, 0.16 * (high - low))
    zero, end = low - 1.2 * room, high + 0.3 * room
    left = zero - 0.6 * room
    shown = [at for at in ticks if at <= end]
    thinned = (
        {zero: "0"} | {at: ticks[at] for at in shown[start::stride]}
        for stride in range(1, len(shown) + 1)
        for start in range(stride)
    )
    axis = Axis(low=left, high=end, ticks=fitting(thinned, left, end, width), label=label, lines=True)
    return Scale(
        axis=axis,
        place=lambda values: np.log10(values, out=np.full_like(values, zero), where=values != 0),
        lane=(left, zero + 0.6 * room),
    )


def _sqnr_scale(rows: Sequence[Row], width: float) -> Scale:
    """A linear axis with a lane on the right for the seeds in which b equals a in every element, if there are any."""
    values = _values(rows, "sqnr_db")
    plain = _linear_scale(values[np.isfinite(values)], "SQNR (dB)", width)
    if np.isfinite(values).all():
        return plain
    low, right = plain.axis.low, plain.axis.high
    end = right + 0.28 * (right - low)
    lane = (right + end) / 2
    ticks = [round_ticks(low, right, count) if np.isfinite(values).any() else {} for count in range(5, 0, -1)]
    candidates = (
        {at: text for at, text in found.items() if at <= right - spared * (right - low)} | {lane: "exact"}
        for spared in (0.0, 0.15, 1.0)
        for found in ticks
    )
    axis = replace(plain.axis, high=end, ticks=fitting(candidates, low, end, width))
    return Scale(axis=axis, place=lambda values: np.where(np.isinf(values), lane, values), lane=(right, end))


def _linear_scale(values: np.ndarray, label: str, width: float) -> Scale:
    low, high = padded(values, 0.01) if values.size else (0.0, 1.0)
    candidates = _fewer_ticks(low, high, 6) if values.size else ()
    axis = Axis(low=low, high=high, ticks=fitting(candidates, low, high, width), label=label, lines=True)
    return Scale(axis=axis, place=lambda values: values)


def _fewer_ticks(low: float, high: float, most: int) -> Iterator[Ticks]:
    """Round numbers within the ends, fewer each time, at last without the outer ones."""
    for count in range(most, 0, -1):
        yield (ticks := round_ticks(low, high, count))
    yield dict(list(ticks.items())[1:-1])


def _whole_ticks(reach: float, most: int) -> Ticks:
    """Integers on both sides of zero, within the reach."""
    found = np.asarray(MaxNLocator(most, integer=True, symmetric=True).tick_values(-reach, reach))
    return numbers(found[np.abs(found) <= reach])


def _counts_axis(top: float) -> Axis:
    """A log axis of counts from 1 to top."""
    powers = range(math.floor(math.log10(top)) + 1)
    shown = powers[:: math.ceil(len(powers) / 5)]
    ticks = {float(power): f"{10**power}" if power < 5 else f"1e{power}" for power in shown}
    return Axis(low=math.log10(0.6), high=math.log10(top), ticks=ticks, lines=True)


def _bars(differences: np.ndarray, counts: np.ndarray, look: Look, y: Axis, width: float) -> tuple[Axis, list[Mark]]:
    """The axis and the bars of one pair's differences; width: the panel's, in inches."""
    if not counts.size:
        return Axis(low=-1, high=1), [_say_no_figures(0.0, (y.low + y.high) / 2, "center")]
    reach = max(3, int(np.abs(differences).max()))
    # A gap narrower than a pixel would come and go, and a bar narrower than one vanish: beyond 75 LSB each is drawn
    # wider than its one LSB.
    bar = 0.8 if reach < 25 else max(1.0, reach / 75)
    end = reach + bar
    ticks = fitting((_whole_ticks(end, most) for most in range(5, 0, -1)), -end, end, width)
    corners = boxes(differences - bar / 2, differences + bar / 2, np.asarray(y.low), np.log10(counts))
    return Axis(low=-end, high=end, ticks=ticks), [
        Polygons(corners=corners, face=look.face, edge=look.colour if look.hollow else "none")
    ]


def _distinct(values: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The finite ones of the points (value, output), [n, 2], each once."""
    points = np.stack([values.ravel(), outputs.ravel()], axis=1).astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    points = points[np.lexsort(points.T[::-1])]
    new = np.ones(len(points), np.bool_)
    new[1:] = (points[1:] != points[:-1]).any(axis=1)
    return points[new]


def _row_axis(rows: Sequence[Row], names: Sequence[str]) -> Axis:
    """Rows from the top down, named, with how many seeds have figures where not all have."""
    counted = [
        name if row.found == row.seeds else f"{name} ({row.found} of {row.seeds})"
        for row, name in zip(rows, names, strict=True)
    ]
    return Axis(low=len(rows) - 0.5, high=-0.5, ticks=dict(enumerate(counted)), marked=False)


def _unlabelled(axis: Axis) -> Axis:
    return replace(axis, ticks=dict.fromkeys(axis.ticks, ""), label="")


def _seed_dots(rows: Sequence[Row], metric: str, scale: Scale) -> Iterator[Mark]:
    """The dots of all rows, those of one look together, and the medians over them."""
    looks = {
        look: [n for n, row in enumerate(rows) if _look(row.b) == look] for look in map(_look, (r.b for r in rows))
    }
    for look, numbers_of_rows in looks.items():
        x = np.concatenate([rows[n].values[metric] for n in numbers_of_rows])
        y = np.concatenate([n + rows[n].offsets for n in numbers_of_rows])
        shown = ~np.isnan(x)
        yield Dots(x=scale.place(x[shown]), y=y[shown], look=look, size=3, edge=0.6)
    medians = []
    for number, row in enumerate(rows):
        n, median = row.medians.get(metric, (0, math.nan))
        if 1 < n == row.found:
            at = float(scale.place(np.array([median]))[0])
            medians.append((at, number - 0.42, at, number + 0.42))
    yield from _rules(medians, "black", 1.1)


def _rules(lines: Sequence[tuple[float, float, float, float]], colour: str, width: float) -> list[Mark]:
    """Lines from (x, y) to (x, y)."""
    return [Lines(points=np.array(lines).reshape(-1, 2, 2), colour=colour, width=width)] if lines else []


def _no_figures(rows: Sequence[Row], x: Axis) -> list[Mark]:
    left = x.low + 0.03 * (x.high - x.low)
    return [_say_no_figures(left, number, "left") for number, row in enumerate(rows) if not row.found]


def _say_no_figures(x: float, y: float, across: Literal["left", "center"]) -> Mark:
    return Words(x=x, y=y, text="no figures", colour=DARK, across=across)


def _box(left: float, right: float, low: float, high: float, colour: str) -> Polygons:
    return Polygons(corners=boxes(*map(np.asarray, (left, right, low, high))), face=colour)


def _dot(look: Look, size: float, edge: float) -> Dots:
    return Dots(x=np.zeros(1), y=np.zeros(1), look=look, size=size, edge=edge)


def _seed_legend(rows: Sequence[Row], page_width: float) -> tuple[list[Panel], float]:
    engines = [row.b for row in rows]
    solid = {look.colour: look for look in (replace(_look(engine), hollow=False) for engine in engines)}
    keys: list[tuple[str, Mark]] = [
        (name, _dot(solid[colour], 4.5, 1.0)) for name, colour in COLOURS.items() if colour in solid
    ]
    if any(_look(engine).hollow for engine in engines):
        keys.append(("hollow: manual", _dot(Look(colour=DARK, marker="o", hollow=True), 4.5, 1.0)))
    median = Lines(points=np.array([[(0.0, -0.04), (0.0, 0.04)]]), colour="black", width=1.1)
    return _legend([*keys, ("median of the seeds", median)], page_width, "a dot: one seed")


def _legend(keys: Sequence[tuple[str, Mark]], page_width: float, title: str = "") -> tuple[list[Panel], float]:
    """Symbols, drawn in inches around (0, 0), with their labels, in the middle of the lower edge of a page, in as many
    lines as they need; and how high they stand."""
    symbol, gap, line = 0.2, 0.16, line_height(TICK) + 0.04
    for count in range(1, len(keys) + 1):
        columns = [keys[first : first + count] for first in range(0, len(keys), count)]
        widths = [symbol + widest(label for label, _ in column) + gap for column in columns]
        if sum(widths) - gap <= page_width - 2 * MARGIN:
            break
    top = MARGIN + count * line
    left = (page_width - sum(widths) + gap) / 2
    panels = [
        _inches(
            sum(widths[:column], left) + symbol / 2,
            top - (number + 0.5) * line,
            [mark, Words(x=symbol / 2 + 0.04, y=0, text=label)],
        )
        for column, entries in enumerate(columns)
        for number, (label, mark) in enumerate(entries)
    ]
    if title:
        panels.append(_inches(page_width / 2, top + line / 2, [Words(x=0, y=0, text=title, across="center")]))
        top += line
    return panels, top + 0.08


def _inches(x: float, y: float, marks: Sequence[Mark]) -> Panel:
    """Marks in inches around a point of the page."""
    unit = Axis(low=0, high=1)
    return Panel(left=x, bottom=y, width=1, height=1, x=unit, y=unit, marks=marks, framed=False)


def _without_figures(title: str) -> Page:
    """What is drawn when no row has figures."""
    text = "no figures in any seed: findings.csv says why"
    height = TOP + 0.2 + line_height(TICK)
    words = Words(x=WIDTH / 2, y=(height - TOP + MARGIN) / 2, text=text, across="center")
    return Page(width=WIDTH, height=height, title=title, panels=(), words=(words,))
