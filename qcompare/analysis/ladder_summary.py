"""ladder_summary.csv: the rungs at the output over the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qcompare.analysis.drawn_ladder import at_output
from qcompare.analysis.intervals import REALS, Range
from qcompare.analysis.ladder import WHOLE
from qcompare.analysis.statistics import KEY, Spread, spreads
from qcompare.core.key import PairKey
from qcompare.core.table import Table

if TYPE_CHECKING:
    import pandas as pd

SHARE = "share"
"""Of a rung in the squared error of the whole, in a seed: its `added` over that of all rungs together."""

METRICS: dict[str, Range] = {
    "changed_integers": (0.0, np.inf),
    "mean": REALS,
    "rms": (0.0, np.inf),
    "added": REALS,
    SHARE: REALS,
}
"""Columns of ladder.csv and the share, and where their figures lie."""


@dataclass(frozen=True, kw_only=True)
class LadderSummaryRow:
    """A figure of ladder.csv of one rung at the output, over the seeds."""

    key: PairKey
    kernels: str
    rung: str
    metric: str
    spread: Spread


def rows(ladder: pd.DataFrame) -> Iterator[LadderSummaryRow]:
    """The rungs in the order in which the lowest seed has them. ladder: the rows of ladder.csv."""
    ordered = with_shares(at_output(ladder)).sort_values("seed", kind="stable")
    groups = list(ordered.groupby([*KEY, "kernels", "rung"], sort=False, dropna=False))
    most = max((len(group) for _, group in groups), default=0)
    by_metric = {
        metric: spreads(np.stack([_padded(group[metric], most) for _, group in groups], axis=1), within)
        for metric, within in (METRICS.items() if groups else ())
    }
    for number, (values, _) in enumerate(groups):
        *of_key, kernels, rung = values
        named: dict[str, Any] = dict(zip(KEY, of_key, strict=True)) | {"step": None}
        for metric, found in by_metric.items():
            yield LadderSummaryRow(
                key=PairKey(**named), kernels=str(kernels), rung=str(rung), metric=metric, spread=found[number]
            )


def with_shares(rungs: pd.DataFrame) -> pd.DataFrame:
    """The rungs at the output with a column of their shares; empty where there is no error to have a share in."""
    keys = ["seed", "route_b", "kernels"]
    wholes = rungs[rungs["rung"] == WHOLE].set_index(keys)["added"]
    whole = wholes.reindex(list(zip(*(rungs[name] for name in keys), strict=True))).to_numpy(np.float64)
    return rungs.assign(**{SHARE: rungs["added"].to_numpy(np.float64) / np.where(whole > 0, whole, np.nan)})


def _padded(column: pd.Series, most: int) -> np.ndarray:
    """A figure of the seeds that have it, NaN behind them, [most]."""
    found = np.full(most, np.nan)
    found[: len(column)] = column.to_numpy(np.float64, na_value=np.nan)
    return found


LADDER_SUMMARY = Table(file="ladder_summary.csv", row=LadderSummaryRow, rows=rows)
