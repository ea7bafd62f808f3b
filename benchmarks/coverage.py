"""How often the 95 % intervals of `qcompare.analysis.intervals` hold the truth: many studies of figures whose truth is
known.

    python benchmarks/coverage.py --studies 10000

prints the tables of RESULTS.md: a row for each distribution, in % of the studies. Beside each interval stand others
that people use, for the same figures: Student's t, the percentile bootstrap, and the hull of t and bootstrap-t.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import integrate, stats
from scipy.special import stdtrit

from qcompare.analysis.intervals import REALS, SHARES, Array, Range, interquartile_mean, mean, median

Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of one distribution. of: that distribution; of a paired difference, that of both sides. paired: whether a
    figure is the difference of two. within: where the figures lie."""

    of: stats.rv_frozen
    paired: bool = False
    within: Range = REALS

    def draw(self, random: np.random.Generator, shape: tuple[int, int]) -> Array:
        """shape: seeds, studies."""
        first: Array = self.of.rvs(size=shape, random_state=random)
        return first - self.of.rvs(size=shape, random_state=random) if self.paired else first

    @property
    def truth(self) -> tuple[float, float, float]:
        """Mean, interquartile mean and median. The difference of two of one distribution is symmetric about 0."""
        if self.paired:
            return 0.0, 0.0, 0.0
        middle, _ = integrate.quad(self.of.ppf, 0.25, 0.75)
        return float(self.of.mean()), 2 * middle, float(self.of.median())


NORMAL, EXPONENTIAL, T3 = stats.norm(1.0, 2.0), stats.expon(), stats.t(3)

DISTRIBUTIONS: dict[str, Figures] = {
    "normal": Figures(of=NORMAL),
    "exponential": Figures(of=EXPONENTIAL),
    "t, 3 degrees": Figures(of=T3),
    "paired, normal": Figures(of=NORMAL, paired=True),
    "paired, exponential": Figures(of=EXPONENTIAL, paired=True),
    "paired, t, 3 degrees": Figures(of=T3, paired=True),
    "share, Beta, mean 0.02": Figures(of=stats.beta(1, 49), within=SHARES),
    "share, Beta, mean 0.98": Figures(of=stats.beta(49, 1), within=SHARES),
    "share, Beta, mean 0.002": Figures(of=stats.beta(0.1, 49.9), within=SHARES),
    "lognormal(1)": Figures(of=stats.lognorm(1.0)),
    "paired, lognormal(1)": Figures(of=stats.lognorm(1.0), paired=True),
    "Pareto 2.5": Figures(of=stats.pareto(2.5)),
}
"""By the name in the table. Beta distributions have the concentration 50."""

RESAMPLES = 1000
"""Of a bootstrap."""

Ends = tuple[Array, Array]


def student(values: Array) -> Ends:
    """Student's t."""
    n = len(values)
    reach = stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return values.mean(axis=0) - reach, values.mean(axis=0) + reach


def bootstrap(values: Array) -> tuple[Ends, Ends]:
    """The percentile bootstrap, and the hull of t and bootstrap-t."""
    n, studies = values.shape
    random = np.random.default_rng(0)
    resampled, statistic = (np.empty((RESAMPLES, studies)) for _ in range(2))
    centre, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n)
    for each in range(RESAMPLES):
        drawn = np.take_along_axis(values, random.integers(n, size=values.shape), axis=0)
        resampled[each] = drawn.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic[each] = (resampled[each] - centre) * np.sqrt(n) / drawn.std(axis=0, ddof=1)
    percentile = np.quantile(resampled, 0.025, axis=0), np.quantile(resampled, 0.975, axis=0)
    low, high = student(values)
    below, above = np.nanquantile(statistic, 0.025, axis=0), np.nanquantile(statistic, 0.975, axis=0)
    return percentile, (np.minimum(low, centre - above * error), np.maximum(high, centre - below * error))


def coverage(figures: Figures, seeds: int, studies: int, *, bootstraps: bool) -> Mapping[str, float]:
    """Interval -> share of the studies in which it holds the truth."""
    values = figures.draw(np.random.default_rng(1), (seeds, studies))
    of_mean, of_middle, of_median = figures.truth
    estimates = {"mean": (mean, of_mean), "IQM": (interquartile_mean, of_middle), "median": (median, of_median)}
    found = {}
    for name, (estimate, truth) in estimates.items():
        interval = estimate(values, within=figures.within)
        found[name] = _held((interval.low, interval.high), truth)
    found["Student's t"] = _held(student(values), of_mean)
    if bootstraps:
        halves = [bootstrap(part) for part in np.array_split(values, max(1, studies // 1000), axis=1)]
        for place, name in enumerate(("percentile bootstrap", "hull of t and bootstrap-t")):
            ends = [np.concatenate([half[place][end] for half in halves]) for end in (0, 1)]
            found[name] = _held((ends[0], ends[1]), of_mean)
    return found


def _held(ends: Ends, truth: float) -> float:
    return float(np.mean((ends[0] <= truth) & (truth <= ends[1])))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000)
    studies = parser.parse_args(arguments).studies
    rows = {
        name: [coverage(figures, seeds, studies, bootstraps=True) for seeds in (10, 30)]
        for name, figures in DISTRIBUTIONS.items()
    }
    columns = list(next(iter(rows.values()))[0])
    print("| figures |", *(f"{column} |" for column in columns))
    print("| --- |", *("--- |" for _ in columns))
    for name, found in rows.items():
        cells = (" / ".join(f"{100 * each[column]:.1f}" for each in found) + " |" for column in columns)
        print(f"| {name} |", *cells)


if __name__ == "__main__":
    main()
