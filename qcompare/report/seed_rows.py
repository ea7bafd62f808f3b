"""Rows of dots, a pair of engines each and a dot a seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from qcompare.core.engine import LABELS, EngineId, Family
from qcompare.core.tap import OUTPUT
from qcompare.report.looks import COLOURS, DARK, dot, legend, look, say_no_figures
from qcompare.report.page import Axis, Dots, Lines, Look, Mark, Panel, Polygons, boxes
from qcompare.report.scales import Scale

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("mismatch_rate", "max_lsb", "sqnr_db", "top1_agreement", "rmse")
ROW = 0.2
"""Inches from one row of dots to the next."""

BAND, LINK = "0.82", "0.75"
"""Colours of intervals, and of the lines that join the dots of a seed."""

SEVERAL = "line and band: mean over the seeds and its 95 % interval"


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Over n seeds, with its 95 % interval, NaN where it has none."""

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A pair over the seeds of the frame.

    route: of b. beside: the route of a runtime a, where it is another one; else "".
    values: metric -> [seeds], NaN where undefined; the SQNR of an output without noise is infinite.
    samples: of the labels, the fewest of a seed. found: how many seeds have figures. means: by metric.
    """

    route: str
    beside: str
    a: EngineId
    b: EngineId
    values: Mapping[str, np.ndarray]
    samples: int
    found: int
    means: Mapping[str, Mean]

    @property
    def kind(self) -> tuple[Family | bool, ...]:
        """What a pair compares, whichever runtime it is; whether a is the manual engine in the arithmetic of b."""
        own = self.b.measured and self.b.emulation == self.a
        return own, *(Family.INTERPRETER if engine.measured else engine.family for engine in (self.a, self.b))


def rows(errors: pd.DataFrame, summary: pd.DataFrame, *, labels: bool) -> list[Row]:
    """A row for each pair of outputs, in the order of the frame; against the labels, or all others.

    errors, summary: the rows of errors.csv and of summary.csv.
    """
    seeds = {seed: place for place, seed in enumerate(sorted(set(errors["seed"])))}
    means: dict[tuple[str, str, EngineId, EngineId], dict[str, Mean]] = {}
    for pair, own in _by_pair(summary):
        cells = zip(*(own[name] for name in ("metric", "n", "mean", "ci95_low", "ci95_high")), strict=True)
        means[pair] = {
            metric: Mean(n=int(n), value=float(mean), low=_end(low), high=_end(high))
            for metric, n, mean, low, high in cells
            if n
        }
    found = []
    for (route, beside, a, b), own in _by_pair(errors):
        if (a == LABELS) is not labels:
            continue
        at = [seeds[seed] for seed in own["seed"]]
        counts = _floats(own["n"])
        values = {}
        for metric in METRICS:
            values[metric] = np.full(len(seeds), np.nan)
            values[metric][at] = _floats(own[metric])
        exact = np.zeros(len(seeds), np.bool_)
        exact[at] = _floats(own["max_abs_error"]) == 0
        sqnr = values["sqnr_db"]
        values["sqnr_db"] = np.where(exact & np.isnan(sqnr), np.inf, sqnr)
        found.append(
            Row(
                route=route,
                beside=beside,
                a=a,
                b=b,
                values=values,
                samples=int(min(counts[counts > 0], default=0)),
                found=int((counts > 0).sum()),
                means=means.get((route, beside, a, b), {}),
            )
        )
    return found


def _by_pair(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, str, EngineId, EngineId], pd.DataFrame]]:
    """The rows of each pair of outputs, in the order of the frame, by what tells one from another."""
    outputs = frame[frame["tap"] == OUTPUT.role]
    for (route_a, route_b, *engines), own in outputs.groupby(
        ["route_a", "route_b", "engine_a", "engine_b"], sort=False, dropna=False
    ):
        a, b = (EngineId.parse(str(name)) for name in engines)
        yield (str(route_b), str(route_a) if a.measured and route_a != route_b else "", a, b), own


def _floats(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _end(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else math.nan


def defined(shown: Sequence[Row], metric: str) -> np.ndarray:
    """The defined values of a metric in all rows, and the ends of the intervals that are drawn."""
    values = np.concatenate([row.values[metric] for row in shown])
    means = [mean for row in shown if (mean := _shown(row, metric)) is not None]
    ends = np.array([end for mean in means for end in (mean.low, mean.high)])
    return np.concatenate([each[~np.isnan(each)] for each in (values, ends)])


def _shown(row: Row, metric: str) -> Mean | None:
    """The mean that is drawn: that of at least two seeds where all that have figures have the metric."""
    mean = row.means.get(metric)
    return mean if mean is not None and 1 < mean.n == row.found else None


def row_axis(shown: Sequence[Row], names: Sequence[str], seeds: int) -> Axis:
    """Rows from the top down, named, with how many seeds have figures where not all have."""
    counted = [
        name if row.found == seeds else f"{name} ({row.found} of {seeds})"
        for row, name in zip(shown, names, strict=True)
    ]
    return Axis(low=len(shown) - 0.5, high=-0.5, ticks=dict(enumerate(counted)), marked=False)


def _spread(seeds: int) -> np.ndarray:
    """How far the dot of each seed stands from the middle of its row, so that equal ones are all seen."""
    return np.linspace(-0.27, 0.27, seeds) if seeds > 1 else np.zeros(1)


def seed_marks(shown: Sequence[Row], metric: str, scale: Scale, borders: Sequence[float]) -> Iterator[Mark]:
    """Intervals, lines that join the dots of a seed in rows without a border between them, the dots, means."""
    yield from _bands(shown, metric, scale)
    yield from _links(shown, metric, scale, borders)
    yield from _dots(shown, metric, scale)
    means = []
    for number, row in enumerate(shown):
        if (mean := _shown(row, metric)) is not None:
            at = float(scale.place(np.array([mean.value]))[0])
            means.append((at, number - 0.42, at, number + 0.42))
    yield from rules(means, "black", 1.1)


def _bands(shown: Sequence[Row], metric: str, scale: Scale) -> Iterator[Mark]:
    found = [
        (number, mean.low, mean.high)
        for number, row in enumerate(shown)
        if (mean := _shown(row, metric)) is not None and mean.high > mean.low
    ]
    if found:
        number, low, high = np.array(found).T
        corners = boxes(scale.place(low), scale.place(high), number - 0.36, number + 0.36)
        yield Polygons(corners=corners, face=BAND)


def _links(shown: Sequence[Row], metric: str, scale: Scale, borders: Sequence[float]) -> Iterator[Mark]:
    ends = []
    for number, (one, next_one) in enumerate(pairwise(shown)):
        if number + 0.5 in borders:
            continue
        upper, lower = (row.values[metric] for row in (one, next_one))
        for offset, left, right in zip(_spread(len(upper)), scale.place(upper), scale.place(lower), strict=True):
            if not (math.isnan(left) or math.isnan(right)):
                ends.append((left, number + offset, right, number + 1 + offset))
    yield from rules(ends, LINK, 0.5)


def _dots(shown: Sequence[Row], metric: str, scale: Scale) -> Iterator[Mark]:
    """Those of one look together."""
    by_look: dict[Look, list[int]] = {}
    for number, row in enumerate(shown):
        by_look.setdefault(look(row.b), []).append(number)
    for drawn, numbers in by_look.items():
        x = np.concatenate([shown[n].values[metric] for n in numbers])
        y = np.concatenate([n + _spread(len(shown[n].values[metric])) for n in numbers])
        there = ~np.isnan(x)
        yield Dots(x=scale.place(x[there]), y=y[there], look=drawn, size=3, edge=0.6)


def rules(lines: Sequence[tuple[float, float, float, float]], colour: str, width: float) -> list[Mark]:
    """Lines from (x, y) to (x, y)."""
    return [Lines(points=np.array(lines).reshape(-1, 2, 2), colour=colour, width=width)] if lines else []


def no_figures(shown: Sequence[Row], x: Axis) -> list[Mark]:
    left = x.low + 0.03 * (x.high - x.low)
    return [say_no_figures(left, number, "left") for number, row in enumerate(shown) if not row.found]


def seed_legend(shown: Sequence[Row], page_width: float, bottom: float) -> tuple[list[Panel], float]:
    """The looks of the engines that there are; and how high they stand."""
    looks = [look(row.b) for row in shown]
    solid = {each.colour: replace(each, hollow=False) for each in looks}
    keys: list[tuple[str, Mark]] = [
        (name, dot(solid[colour], 4.5, 1.0)) for name, colour in COLOURS.items() if colour in solid
    ]
    if any(each.hollow for each in looks):
        keys.append(("hollow: manual", dot(Look(colour=DARK, marker="o", hollow=True), 4.5, 1.0)))
    return legend(keys, page_width, bottom)


def told(shown: Sequence[Row], seeds: int) -> Iterator[str]:
    """What dots, lines and bands are."""
    yield "a dot: one seed"
    if seeds > 1:
        if len(shown) > 1:
            yield "grey lines join the same seed"
        yield SEVERAL
