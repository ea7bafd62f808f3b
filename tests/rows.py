"""Rows of errors.csv made by hand."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from qcompare.analysis.errors import ERRORS, ErrorsRow
from qcompare.analysis.figures import Figures
from qcompare.analysis.statistics import SUMMARY
from qcompare.core.comparison import Side
from qcompare.core.engine import LABELS, EngineId
from qcompare.core.key import RowKey
from qcompare.core.tap import OUTPUT, Tap

CONFIGURATION = "lstm-int8"


def row(
    seed: int,
    a: str = "qat",
    b: str = "interpreter:reference",
    route: str = "qat",
    tap: Tap = OUTPUT,
    beside: str | None = None,
    **figures: Any,
) -> ErrorsRow:
    """b against a on a route, in a seed; without figures where none are given. beside: the route of a, if another."""
    first, second = EngineId.parse(a), EngineId.parse(b)
    sides = Side("" if first == LABELS else beside or route, first), Side(route, second)
    return ErrorsRow(key=RowKey.of(CONFIGURATION, seed, *sides, tap), figures=Figures(**figures))


def errors_of(rows: Iterable[ErrorsRow]) -> pd.DataFrame:
    """The rows as errors.csv has them."""
    return ERRORS.frame(rows)


def summary_of(rows: Iterable[ErrorsRow]) -> pd.DataFrame:
    """What summary.csv says of the rows."""
    return SUMMARY.made(errors_of(rows))
