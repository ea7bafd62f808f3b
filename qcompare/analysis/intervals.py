"""Means, medians and interquartile means with 95 % intervals: plain arrays in and out, the seed on the first axis.

Nothing is drawn at random: the same figures give the same interval. How often the intervals hold the truth is measured
by `benchmarks/coverage.py`. NaN is an undefined figure; it is left out and not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95

Array = NDArray[np.float64]
Range = tuple[ArrayLike, ArrayLike]
"""The smallest and the largest value that there is, which bound the ends of an interval. Figures that are all at one of
them, such as shares of zero, have no interval: how common the rest is they do not tell, but `bound_of_nothing_seen`."""

REALS: Range = (-np.inf, np.inf)
SHARES: Range = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """A figure over seeds and its 95 % interval, each of the shape of the values without their first axis.

    NaN where undefined: all of it without a value; low and high where the seeds are too few.
    """

    value: Array
    low: Array
    high: Array


def mean(values: ArrayLike, *, within: Range = REALS) -> Estimate:
    """The mean over the first axis. Its interval takes two seeds; that of equal values has no width.

    The interval is the hull of two: Student's t, and the t statistic freed of its skewness by Hall's cubic
    transformation (P. Hall, On the removal of skewness by transformation, J. R. Stat. Soc. B 54, 1992), with the
    skewness of `scipy.stats.skew`. The first alone misses skewed figures, the second heavy tails. A skewness without
    bias would widen the intervals, those of one far seed to nearly twice, and hold the truth no better.

    values: shape [seeds, ...], float64. within: where the figures lie, such as `SHARES`; of one or of each figure.
    """
    ordered, n = _ordered(values)
    middle = _mean(ordered, n)
    return _estimate(ordered, n, middle, *_hull(ordered, n, middle, np.ones(n.shape), n - 1), within)


def interquartile_mean(values: ArrayLike, *, within: Range = REALS) -> Estimate:
    """The mean of what is left without the lowest and the highest quarter, `scipy.stats.trim_mean(values, 0.25)`: of
    quarters that are not whole the fraction stays. Its interval takes two seeds.

    The interval is that of `mean`, of the winsorized values, whose error is divided by the share that is left, with one
    degree of freedom less than values are left (J. W. Tukey and D. H. McLaughlin, Sankhya A 25, 1963).

    values, within: as for `mean`.
    """
    ordered, n = _ordered(values)
    cut = n // 4
    place = _place(ordered)
    middle = _mean(np.where((place >= cut) & (place < n - cut), ordered, np.nan), n - 2 * cut)
    lowest, highest = _at(ordered, cut), _at(ordered, n - cut - 1)
    winsorized = np.clip(ordered, lowest, highest)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = 1 - 2 * cut / n
    return _estimate(ordered, n, middle, *_hull(winsorized, n, middle, left, n - 2 * cut - 1), within)


def median(values: ArrayLike, *, within: Range = REALS) -> Estimate:
    """The median over the first axis. Its interval takes six seeds: of fewer, even the smallest and the largest hold
    the median in less than 95 of 100 cases.

    The interval is between two order statistics, by the binomial distribution, interpolated so that it holds the median
    in 95 % of cases (T. P. Hettmansperger and S. J. Sheather, Statistics & Probability Letters 4, 1986).

    values, within: as for `mean`.
    """
    ordered, n = _ordered(values)
    low, high = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
    for count in np.unique(n[n >= FEWEST_FOR_MEDIAN]):
        rank, inwards = _order_statistics(int(count))
        own = n == count
        of_count = ordered[:, own]
        ends = (of_count[rank - 1], of_count[count - rank]), (of_count[rank], of_count[count - rank - 1])
        low[own], high[own] = ((1 - inwards) * out + inwards * further for out, further in zip(*ends, strict=True))
    middle = (_at(ordered, (n - 1) // 2) + _at(ordered, n // 2)) / 2
    return _estimate(ordered, n, middle, low, high, within)


FEWEST_FOR_MEDIAN = 6


def bound_of_nothing_seen(trials: ArrayLike) -> Array:
    """The upper end of the 95 % interval of a share of which none was seen in so many independent trials: 3 / trials
    (the rule of three), at most 1."""
    found: Array = np.minimum(1.0, 3.0 / np.asarray(trials, dtype=np.float64))
    return found


def standard_error_of_share(share: ArrayLike, samples: ArrayLike) -> Array:
    """The standard error of a share of independent samples, sqrt(p (1 - p) / samples); NaN of a share of 0 or 1, whose
    error that formula does not tell."""
    p = np.asarray(share, dtype=np.float64)
    found: Array = np.sqrt(np.where((p > 0) & (p < 1), p * (1 - p), np.nan) / np.asarray(samples, dtype=np.float64))
    return found


def _ordered(values: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
    """Values as float64, ascending along the first axis with NaN at the end, and how many of each are defined.
    Raises ValueError for a scalar."""
    given = np.asarray(values, dtype=np.float64)
    if given.ndim == 0:
        raise ValueError("values over seeds have an axis of seeds")
    if len(given) == 0:
        given = np.full((1, *given.shape[1:]), np.nan)
    ordered: Array = np.sort(given, axis=0)
    return ordered, np.count_nonzero(~np.isnan(ordered), axis=0)[...].astype(np.int64)


def _place(ordered: Array) -> NDArray[np.int64]:
    """0, 1, ... along the first axis, which broadcasts to the others."""
    return np.arange(len(ordered)).reshape(-1, *[1] * (ordered.ndim - 1))


def _at(ordered: Array, place: Any) -> Array:
    """The value at a place of each; of none, NaN."""
    inside = np.clip(np.asarray(place), 0, len(ordered) - 1)
    found: Array = np.take_along_axis(ordered, inside[np.newaxis], axis=0)[0]
    return found


def _mean(values: Array, n: NDArray[np.int64]) -> Array:
    """Of what is no NaN, which are n."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.nansum(values, axis=0) / n
    return found


def _hull(
    values: Array, n: NDArray[np.int64], middle: Array, left: Array, freedom: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Ends of the hull of Student's t and Hall's transformation, about `middle`.

    left: what the standard error of the values is divided by. freedom: degrees of freedom.
    """
    # A tenth of a second, which a command that finds everything stored does not spend.
    from scipy.special import stdtrit

    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = values - _mean(values, n)
        scale = np.sqrt(np.nansum(deviation**2, axis=0) / (n - 1))
        third = np.nansum((deviation / scale) ** 3, axis=0) / n
        skewness = np.where(scale > 0, third * (n / (n - 1)) ** 1.5, 0.0)
        quantile = stdtrit(np.where(freedom > 0, freedom, np.nan), (1 + CONFIDENCE) / 2)
        # Hall's g(W) = W + k W^2 / 3 + k^2 W^3 / 27 + k / 6n equals T / sqrt(n) at W = 3u / (c^2 + c + 1), c^3 = 1 + k
        # u: the cube's root without the division by k, which may be 0.
        above, below = (sign * quantile / np.sqrt(n) for sign in (1, -1))
        ends = []
        for student, outer in ((above, np.maximum), (below, np.minimum)):
            u = student - skewness / (6 * n)
            c = np.cbrt(1 + skewness * u)
            ends.append(middle - scale / left * outer(student, 3 * u / (c**2 + c + 1)))
    return ends[0], ends[1]


def _order_statistics(n: int) -> tuple[int, float]:
    """(rank, inwards): the 95 % interval of a median begins between the values of rank (from 1 on) and rank + 1,
    `inwards` of the way, and ends likewise from above."""
    from scipy.special import bdtr

    def held(rank: int) -> float:
        """How often the values of that rank from below and from above hold the median between them."""
        return 1 - 2 * float(bdtr(rank - 1, n, 0.5))

    rank = max(each for each in range(1, n // 2 + 1) if held(each) >= CONFIDENCE)
    surplus = (held(rank) - CONFIDENCE) / (held(rank) - held(rank + 1))
    return rank, (n - rank) * surplus / (rank + (n - 2 * rank) * surplus)


def _estimate(ordered: Array, n: NDArray[np.int64], middle: Array, low: Array, high: Array, within: Range) -> Estimate:
    """Values that are all the same are their mean, to the last bit, and leave an interval without width; at an end of
    the range they leave none."""
    first, same = ordered[0], ordered[0] == _at(ordered, n - 1)
    value, low, high = (np.where(same & ~np.isnan(each), first, each) for each in (middle, low, high))
    unseen = same & ((first == within[0]) | (first == within[1]))
    low, high = (np.where(unseen, np.nan, np.clip(each, *within)) for each in (low, high))
    return Estimate(value=value, low=low, high=high)
