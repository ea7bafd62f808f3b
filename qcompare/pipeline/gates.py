"""Gates held against the rows of configurations, and told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from qcompare.analysis.gates import Rows, judge, told
from qcompare.config.options import Check
from qcompare.report import terminal


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A configuration by its name, its gates, and the rows of its errors.csv."""

    configuration: str
    check: Check
    errors: Rows


def tell(configurations: Sequence[Judged], console: Console) -> bool:
    """Judge each: a line for each gate that fails, and one for those that hold. Returns whether any failed."""
    failing: list[str] = []
    judged = 0
    for each in configurations:
        verdicts = list(judge(each.errors, each.check.bounds, each.check.pairs))
        judged += len(verdicts)
        of = f"{each.configuration}: " if len(configurations) > 1 else ""
        failing += [of + told(verdict) for verdict in verdicts if not verdict.held]
    terminal.gates(console, failing, judged)
    return bool(failing)
