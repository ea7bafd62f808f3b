"""errors.csv: how far the two sides of each comparison are apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qcompare.analysis.figures import Figures, comparable, compare, compare_with_labels
from qcompare.analysis.result import Result
from qcompare.core.comparison import Comparison
from qcompare.core.engine import LEARNED, Family
from qcompare.core.grid import Grid
from qcompare.core.key import RowKey
from qcompare.core.table import Table
from qcompare.core.tap import Tap


@dataclass(frozen=True, kw_only=True)
class ErrorsRow:
    """One comparison at one tap in one seed; without figures where a side has no values there."""

    key: RowKey
    figures: Figures


def rows(result: Result) -> Iterator[ErrorsRow]:
    """A row for each comparison and tap."""
    for pair in result.comparisons:
        for tap in pair.taps:
            key = RowKey.of(result.configuration, result.seed, pair.a, pair.b, tap)
            yield ErrorsRow(key=key, figures=figures(result, pair, tap))


def figures(result: Result, pair: Comparison, tap: Tap) -> Figures:
    """The figures of a comparison at a tap."""
    a, b = result.traces.get(pair.a), result.traces.get(pair.b)
    if a is None or b is None or tap not in a.values or tap not in b.values:
        return Figures()
    if pair.a.engine.family is Family.LABELS:
        return compare_with_labels(a.values[tap], b.values[tap], b.grids.get(tap), classification=result.classification)
    # A network's reals are put on the grid of the model that they stand beside.
    grid = b.grids.get(tap) or a.grids.get(tap) or route_grid(result, pair.b.route, tap)
    own = comparable(a.values[tap], a.grids.get(tap), grid)
    return compare(own, b.values[tap], grid, classification=result.classification)


def route_grid(result: Result, route: str, tap: Tap) -> Grid | None:
    """The grid on which a route's model has a tap; None where no engine of it has integers."""
    grids = (
        trace.grids.get(tap) for side, trace in result.traces.items() if side.route == route and side.engine != LEARNED
    )
    return next((grid for grid in grids if grid is not None), None)


ERRORS = Table(file="errors.csv", row=ErrorsRow, rows=rows)
