"""What is left of the figures over many seeds: means with intervals, and differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from qcompare.analysis.figures import FIGURES
from qcompare.core.key import PairKey
from qcompare.core.table import Table

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
METRICS = tuple(figure for figure in FIGURES if figure != "n")


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Values over seeds. None where it is undefined: without a value, or with one value what needs two.

    n: how many values there are.
    std: sample standard deviation (n - 1).
    ci95_low, ci95_high: the 95 % interval of the mean by Student's t with n - 1 degrees of freedom.
    """

    n: int
    mean: float | None = None
    std: float | None = None
    median: float | None = None
    min: float | None = None
    max: float | None = None
    ci95_low: float | None = None
    ci95_high: float | None = None


def spread(values: Sequence[float] | np.ndarray) -> Spread:
    """The spread of one-dimensional values; NaN, an undefined figure, is left out and not counted in n."""
    defined = np.asarray(values, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    n = defined.size
    if n == 0:
        return Spread(n=0)
    mean = float(defined.mean())
    middle = {"median": float(np.median(defined)), "min": float(defined.min()), "max": float(defined.max())}
    if n == 1:
        return Spread(n=1, mean=mean, **middle)
    # Half a second, which a command that finds everything stored does not spend.
    from scipy import stats

    std = float(defined.std(ddof=1))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / math.sqrt(n)
    return Spread(n=n, mean=mean, std=std, ci95_low=mean - reach, ci95_high=mean + reach, **middle)


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One metric of one comparison over its seeds."""

    key: PairKey
    metric: str
    spread: Spread


KEY = tuple(field.name for field in fields(PairKey))


def summarise(errors: pd.DataFrame) -> Iterator[SummaryRow]:
    """Each metric of each comparison over its seeds.

    errors: the rows of errors.csv. A comparison without figures keeps its rows, with n = 0.
    Comparisons stand in the order in which the lowest seed has them, metrics in the order of `METRICS`; in which
    order the seeds come does not matter.
    """
    import pandas as pd

    ordered = errors.sort_values("seed", kind="stable")
    for values, group in ordered.groupby(list(KEY), sort=False, dropna=False):
        named: dict[str, Any] = dict(zip(KEY, values, strict=True))
        named["step"] = None if pd.isna(named["step"]) else int(named["step"])
        for metric in METRICS:
            yield SummaryRow(key=PairKey(**named), metric=metric, spread=spread(_numbers(group[metric])))


SUMMARY = Table(file="summary.csv", row=SummaryRow, rows=summarise)


def paired_difference(frame: pd.DataFrame, metric: str, *, by: str, first: str, second: str) -> Spread:
    """The spread over seeds of `metric where by is second, minus metric where by is first`, in the same seed.

    frame: rows with the columns `seed`, `by` and `metric`, such as one comparison of errors.csv on two routes
        (`by="route_b", first="ptq", second="qat"`).
    A seed in which either is missing or undefined is left out and not counted in n.
    Raises ValueError when a seed has more than one row for first or second, or neither ever occurs.
    """
    import pandas as pd

    sides = []
    for value in (first, second):
        side = frame.loc[frame[by] == value, ["seed", metric]]
        if side.empty:
            raise ValueError(f"no row has {by}={value}")
        if side["seed"].duplicated().any():
            raise ValueError(f"{by}={value} has more than one row in a seed; select one comparison first")
        sides.append(pd.Series(_numbers(side[metric]), index=side["seed"].to_numpy()).sort_index())
    return spread((sides[1] - sides[0]).to_numpy())


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
