"""What is left of the figures over many seeds, the unit of all statistics: summary.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from qcompare.analysis.figures import FIGURES
from qcompare.analysis.intervals import (
    REALS,
    SHARES,
    Array,
    Range,
    bound_of_nothing_seen,
    interquartile_mean,
    mean,
    median,
    standard_error_of_share,
)
from qcompare.core.engine import LABELS
from qcompare.core.key import PairKey
from qcompare.core.table import Table

if TYPE_CHECKING:
    import pandas as pd

METRICS = tuple(figure for figure in FIGURES if figure != "n")

ACCURACY = "top1_agreement"
"""Where a is the labels."""

RANGES: dict[str, Range] = dict.fromkeys(METRICS, (0.0, np.inf)) | {
    **dict.fromkeys(("mismatch_rate", "outside_tolerance", "saturation_rate", ACCURACY), SHARES),
    **{"mean_error": REALS, "sqnr_db": REALS, "cosine_similarity": (-1.0, 1.0)},
}
"""Where the figures of each metric lie."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Values over seeds. None where it is undefined: without a value, or with one value what needs two.

    n: how many values there are.
    std: sample standard deviation (n - 1).
    ci95_low, ci95_high: the 95 % interval of the mean, that of `intervals.mean`.
    """

    n: int
    mean: float | None = None
    std: float | None = None
    median: float | None = None
    min: float | None = None
    max: float | None = None
    ci95_low: float | None = None
    ci95_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Middle:
    """Of the same values: the 95 % interval of the median, and the mean between the quartiles with its own."""

    median_ci95_low: float | None
    median_ci95_high: float | None
    iqm: float | None
    iqm_ci95_low: float | None
    iqm_ci95_high: float | None


@dataclass(frozen=True, kw_only=True)
class Errors:
    """What a mean may be off by.

    seeds_error: its standard error over the seeds, std / sqrt(n).
    test_set_error: of an accuracy, the standard error that the finite test set leaves in it, whatever the seeds.
    bound_of_seeds, bound_of_elements: of a share that is 0 in all seeds, or 1 in all, how common what was never seen
        may be among seeds and among all elements of all seeds: upper ends of 95 % intervals, by the rule of three.
    """

    seeds_error: float | None
    test_set_error: float | None
    bound_of_seeds: float | None
    bound_of_elements: float | None


Columns = dict[str, Array]
"""Column -> the figures."""


def spreads(values: Array, within: Range = REALS) -> list[Spread]:
    """The spread of each figure. values: shape [seeds, figures]; NaN, an undefined figure, is left out and not counted
    in n. within: where the figures lie, of all or of each."""
    counts = _count(values).tolist()
    return [Spread(n=n, **cells) for n, cells in zip(counts, _cells(_spread(values, within)), strict=True)]


def spread(values: Sequence[float] | np.ndarray, within: Range = REALS) -> Spread:
    """The spread of one figure. values: shape [seeds]. The rest as for `spreads`."""
    return spreads(np.asarray(values, dtype=np.float64)[:, np.newaxis], within)[0]


def _count(values: Array) -> np.ndarray:
    found: np.ndarray = np.count_nonzero(~np.isnan(values), axis=0)
    return found


def _spread(values: Array, within: Range) -> Columns:
    found, n = mean(values, within=within), _count(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.nansum((values - found.value) ** 2, axis=0)
        std = np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)
    return {
        "mean": found.value,
        "std": std,
        "median": median(values).value,
        "min": np.fmin.reduce(values, axis=0, initial=np.nan),
        "max": np.fmax.reduce(values, axis=0, initial=np.nan),
        "ci95_low": found.low,
        "ci95_high": found.high,
    }


def middles(values: Array, within: Range = REALS) -> list[Middle]:
    """As `spreads`, what is in the middle of each figure."""
    return [Middle(**cells) for cells in _cells(_middle(values, within))]


def _middle(values: Array, within: Range) -> Columns:
    between, middle = interquartile_mean(values, within=within), median(values, within=within)
    return {
        "median_ci95_low": middle.low,
        "median_ci95_high": middle.high,
        "iqm": between.value,
        "iqm_ci95_low": between.low,
        "iqm_ci95_high": between.high,
    }


def _errors(values: Array, about: Columns, elements: Array, metrics: Sequence[str], labels: np.ndarray) -> Columns:
    """about: what `_spread` says of the values. elements: of which a figure is, of the shape of the values. metrics: of
    each figure. labels: whether a figure is against the labels, which its elements are samples of."""
    n = _count(values)
    accuracy, share = (np.array([test(metric) for metric in metrics], dtype=bool) for test in (_is_accuracy, _is_share))
    elements = np.where(np.isnan(values), np.nan, elements)
    unseen = share & (n > 0) & (about["min"] == about["max"]) & np.isin(about["mean"], (0.0, 1.0))
    counted = unseen & (labels | ~accuracy)
    with np.errstate(divide="ignore", invalid="ignore"):
        samples = np.fmin.reduce(elements, axis=0, initial=np.nan)
        return {
            "seeds_error": about["std"] / np.sqrt(n),
            "test_set_error": np.where(accuracy & labels, standard_error_of_share(about["mean"], samples), np.nan),
            "bound_of_seeds": np.where(unseen, bound_of_nothing_seen(n), np.nan),
            "bound_of_elements": np.where(counted, bound_of_nothing_seen(np.nansum(elements, axis=0)), np.nan),
        }


def _is_accuracy(metric: str) -> bool:
    return metric == ACCURACY


def _is_share(metric: str) -> bool:
    return RANGES[metric] == SHARES


def _cells(columns: Columns) -> Iterator[dict[str, float | None]]:
    """The figures one by one; None where one is undefined."""
    for row in np.stack(list(columns.values()), axis=1).tolist():
        yield {name: None if np.isnan(value) else value for name, value in zip(columns, row, strict=True)}


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One metric of one comparison over its seeds."""

    key: PairKey
    metric: str
    spread: Spread
    middle: Middle
    errors: Errors


KEY = tuple(field.name for field in fields(PairKey))


def summarise(errors: pd.DataFrame) -> Iterator[SummaryRow]:
    """Each metric of each comparison over its seeds.

    errors: the rows of errors.csv. A comparison without figures keeps its rows, with n = 0.
    Comparisons stand in the order in which the lowest seed has them, metrics in the order of `METRICS`; in which
    order the seeds come does not matter.
    """
    import pandas as pd

    if errors.empty:
        return
    ordered = errors.sort_values("seed", kind="stable")
    groups = ordered.groupby(list(KEY), sort=False, dropna=False)
    keys = []
    for cells, _ in groups:
        named: dict[str, Any] = dict(zip(KEY, cells, strict=True))
        keys.append(PairKey(**named | {"step": None if pd.isna(named["step"]) else int(named["step"])}))
    seed, pair = groups.cumcount().to_numpy(), groups.ngroup().to_numpy()
    shape = int(seed.max()) + 1, len(keys), len(METRICS)
    cubes = np.full((2, *shape), np.nan)
    cubes[0, seed, pair] = reals(ordered[list(METRICS)])
    cubes[1, seed, pair] = reals(ordered[["n"]])
    # All figures side by side: those of a comparison, then those of the next one.
    values, elements = cubes.reshape(2, shape[0], -1)
    metrics = [metric for _ in keys for metric in METRICS]
    labels = np.repeat([key.engine_a == str(LABELS) for key in keys], len(METRICS))
    lowest, highest = np.array([RANGES[metric] for metric in metrics]).T
    within = (lowest, highest)
    about = _spread(values, within)
    further = _middle(values, within), _errors(values, about, elements, metrics, labels)
    rows = zip(_count(values).tolist(), *map(_cells, (about, *further)), strict=True)
    for place, (n, spread, middle, off) in enumerate(rows):
        yield SummaryRow(
            key=keys[place // len(METRICS)],
            metric=metrics[place],
            spread=Spread(n=n, **spread),
            middle=Middle(**middle),
            errors=Errors(**off),
        )


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
        sides.append(pd.Series(reals(side[metric]), index=side["seed"].to_numpy()).sort_index())
    return spread((sides[1] - sides[0]).to_numpy())


def reals(columns: pd.Series | pd.DataFrame) -> Array:
    """A column, or columns, as float64; NaN where a cell is empty."""
    return columns.to_numpy(dtype=np.float64, na_value=np.nan)
