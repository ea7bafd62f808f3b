"""What the plots of one seed show, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qcompare.analysis.errors import route_grid
from qcompare.analysis.figures import comparable, lsb_histogram, to_reals
from qcompare.analysis.result import Result
from qcompare.core.comparison import Comparison, Side
from qcompare.core.engine import EngineId, Family
from qcompare.core.grid import Grid
from qcompare.core.tap import OUTPUT

Histogram = tuple[np.ndarray, np.ndarray]
"""Differences in LSB, ascending, and how often each occurs; both int64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnRoute:
    """One route of one seed.

    title: the configuration, the route and the seed. about: the data and how many samples.
    histograms: of b - a, by (a, b). base, values: the engine along the horizontal axis, and its output in real units.
    others: what the runtimes give, in real units. lsb: one LSB of the output in real units.
    beside: the route of base where that is a runtime on another one.
    """

    route: str
    title: str
    about: str
    histograms: Mapping[tuple[EngineId, EngineId], Histogram]
    base: EngineId
    values: np.ndarray
    others: Mapping[EngineId, np.ndarray]
    lsb: float
    beside: str = ""


def of(result: Result, data: str) -> list[DrawnRoute]:
    """The routes whose output has a grid. data: their name."""
    drawn = []
    for route in dict.fromkeys(pair.b.route for pair in result.comparisons):
        grid = route_grid(result, route, OUTPUT)
        pairs = [pair for pair in result.comparisons if pair.b.route == route and _both(result, pair.a, pair.b)]
        if grid is None or not pairs:
            continue
        base = _base(pairs)
        measured = dict.fromkeys(pair.b for pair in pairs if pair.b.engine.measured)
        drawn.append(
            DrawnRoute(
                route=route,
                title=f"{result.configuration}, route {route}, seed {result.seed}",
                about=about(data, len(result.traces[base].values[OUTPUT])),
                histograms={
                    (pair.a.engine, pair.b.engine): lsb_histogram(
                        _values(result, pair.a, grid), _values(result, pair.b, grid), grid
                    )
                    for pair in pairs
                },
                base=base.engine,
                values=_real(result, base),
                others={side.engine: _real(result, side) for side in measured},
                lsb=float(grid.lsb),
                beside=base.route if base.engine.measured and base.route != route else "",
            )
        )
    return drawn


def about(data: str, samples: int) -> str:
    """What stands below the title of a plot of one seed."""
    return f"data {data}, {samples} test samples"


def _both(result: Result, a: Side, b: Side) -> bool:
    traces = [result.traces.get(side) for side in (a, b)]
    there = all(trace is not None and OUTPUT in trace.values for trace in traces)
    return there and a.engine.family is not Family.LABELS


def _base(pairs: Sequence[Comparison]) -> Side:
    """What the runtimes are held against: a network, else what was computed by hand and meets most of them.

    pairs: at least one, of a route; without runtimes it is what any engine is held against.
    """
    against = [pair.a for pair in pairs if pair.b.engine.measured] or [pair.a for pair in pairs]
    return max(against, key=lambda side: (not _by_hand(side), against.count(side)))


def _by_hand(side: Side) -> bool:
    return side.engine.family is Family.MANUAL


def _values(result: Result, side: Side, grid: Grid) -> np.ndarray:
    trace = result.traces[side]
    return comparable(trace.values[OUTPUT], trace.grids.get(OUTPUT), grid)


def _real(result: Result, side: Side) -> np.ndarray:
    trace = result.traces[side]
    return to_reals(trace.values[OUTPUT], trace.grids.get(OUTPUT))
