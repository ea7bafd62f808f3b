"""Means, medians and interquartile means: against SciPy, by hand, and how often their intervals hold the truth."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from benchmarks.coverage import DISTRIBUTIONS, coverage
from qcompare.analysis.intervals import (
    SHARES,
    Estimate,
    bound_of_nothing_seen,
    interquartile_mean,
    mean,
    median,
    standard_error_of_share,
)

ESTIMATES = (mean, interquartile_mean, median)


def parts(found: Estimate) -> list[np.ndarray]:
    return [found.value, found.low, found.high]


def drawn(seeds: int, figures: int = 5) -> np.ndarray:
    return np.random.default_rng(seeds).exponential(size=(seeds, figures))


@pytest.mark.parametrize("seeds", range(1, 16))
def test_the_values_are_those_of_scipy(seeds: int) -> None:
    values = drawn(seeds)
    np.testing.assert_allclose(mean(values).value, values.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(interquartile_mean(values).value, stats.trim_mean(values, 0.25), rtol=1e-14)
    np.testing.assert_allclose(median(values).value, np.median(values, axis=0), rtol=1e-14)


@pytest.mark.parametrize("seeds", [2, 3, 10, 30])
def test_without_skewness_the_interval_of_the_mean_is_students(seeds: int) -> None:
    values = stats.norm.ppf(np.arange(1, seeds + 1) / (seeds + 1))
    found = mean(values)
    expected = stats.t.interval(0.95, seeds - 1, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-9)


def halls(t: float, n: int, values: np.ndarray) -> float:
    """The mean at which Hall's statistic of the values is t, found by bisection of his formula (3.2)."""
    skewness, s = stats.skew(values), values.std(ddof=1)
    far = values.mean() + np.array([-100, 100]) * s
    for _ in range(200):
        w = (values.mean() - far.mean()) / s
        statistic = np.sqrt(n) * (w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * n))
        far[0 if statistic > t else 1] = far.mean()
    return far.mean()


@pytest.mark.parametrize("seeds", [3, 5, 10, 30])
def test_the_interval_of_the_mean_is_the_hull_of_students_and_halls(seeds: int) -> None:
    values = np.exp(2 * stats.norm.ppf(np.arange(1, seeds + 1) / (seeds + 1)))
    quantile = stats.t.ppf(0.975, seeds - 1)
    student = values.mean() + np.array([-1, 1]) * quantile * stats.sem(values)
    hall = [halls(sign * quantile, seeds, values) for sign in (1, -1)]
    found = mean(values)
    assert float(found.low) == pytest.approx(min(student[0], hall[0]), rel=1e-9)
    assert float(found.high) == pytest.approx(max(student[1], hall[1]), rel=1e-9)
    assert found.high > student[1]


def test_the_interval_of_the_interquartile_mean_is_that_of_the_winsorized_values() -> None:
    """Ten symmetric values: two from each end go; Tukey and McLaughlin's error, and t with five degrees of freedom."""
    values = np.array([-9.0, -4, -3, -2, -1, 1, 2, 3, 4, 9])
    winsorized = np.array([-3.0, -3, -3, -2, -1, 1, 2, 3, 3, 3])
    reach = stats.t.ppf(0.975, 5) * winsorized.std(ddof=1) / (0.6 * np.sqrt(10))
    found = interquartile_mean(values)
    np.testing.assert_allclose([found.low, found.high], [-reach, reach], rtol=1e-12)


def test_the_interval_of_the_median_is_between_order_statistics() -> None:
    """Ten values: those of rank 2 and 9 hold it in 1 - 2 * 11 / 1024 of cases, of 3 and 8 in 1 - 2 * 56 / 1024."""
    wide, narrow = (1 - 2 * Fraction(sum(comb(10, i) for i in range(rank)), 1024) for rank in (2, 3))
    surplus = (wide - Fraction(95, 100)) / (wide - narrow)
    inwards = 8 * surplus / (2 + 6 * surplus)
    found = median(np.arange(1.0, 11.0))
    np.testing.assert_allclose([found.low, found.high], [float(2 + inwards), float(9 - inwards)], rtol=1e-12)


@pytest.mark.parametrize(("estimate", "fewest"), [(mean, 2), (interquartile_mean, 2), (median, 6)])
def test_too_few_seeds_have_no_interval(estimate, fewest) -> None:
    for seeds in range(1, 8):
        found = estimate(drawn(seeds))
        assert np.isfinite(found.value).all()
        for end in (found.low, found.high):
            assert (np.isfinite(end) if seeds >= fewest else np.isnan(end)).all()
    assert np.isnan(parts(estimate(np.empty((0, 3))))).all()
    assert np.isnan(parts(estimate([np.nan]))).all()


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_equal_values_are_exact_and_have_an_interval_without_width(estimate) -> None:
    assert parts(estimate([0.1] * 10)) == [0.1] * 3


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_undefined_values_are_left_out_figure_by_figure(estimate) -> None:
    values = drawn(12, 4)
    values[[2, 5], 1] = values[:, 2] = values[1:, 3] = np.nan
    together = estimate(values)
    for figure in range(4):
        own = values[:, figure]
        alone = estimate(own[~np.isnan(own)])
        for found, expected in zip(parts(together), parts(alone), strict=True):
            np.testing.assert_allclose(found[figure], expected, rtol=1e-12)


@pytest.mark.parametrize("estimate", ESTIMATES)
@given(hits=arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 360)))
@settings(deadline=None, max_examples=50)
def test_intervals_of_shares_are_within_0_and_1_and_hold_the_value(estimate, hits) -> None:
    values = hits / 360
    found = estimate(values, within=SHARES)
    if not np.isnan(found.low):
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1
    turned = estimate(1 - values, within=SHARES)
    np.testing.assert_allclose([turned.low, turned.high], [1 - found.high, 1 - found.low], atol=1e-9)


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_shares_of_which_nothing_was_seen_have_no_interval(estimate) -> None:
    for end in SHARES:
        found = estimate([end] * 10, within=SHARES)
        assert found.value == end
        assert np.isnan([found.low, found.high]).all()
    assert parts(estimate([0.5] * 10, within=SHARES)) == [0.5] * 3
    assert parts(estimate([1.0] * 10)) == [1.0] * 3


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_neither_the_order_nor_the_unit_matters(estimate) -> None:
    values = drawn(11, 1)[:, 0]
    for other in (values[::-1], np.roll(values, 3)):
        assert parts(estimate(other)) == parts(estimate(values))
    for found, expected in zip(parts(estimate(1000 * values - 5)), parts(estimate(values)), strict=True):
        assert float(found) == pytest.approx(1000 * float(expected) - 5, rel=1e-9)


FAR = {"lognormal(1)", "paired, lognormal(1)", "Pareto 2.5", "share, Beta, mean 0.002"}
"""Distributions of which ten seeds do not tell enough."""


@pytest.mark.parametrize("seeds", [10, 30])
@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_intervals_hold_the_truth_in_95_of_100_studies(name: str, seeds: int) -> None:
    """Of 10,000, as in benchmarks/RESULTS.md; three standard deviations of that many are 0.7 %."""
    found = coverage(DISTRIBUTIONS[name], seeds, 10_000, bootstraps=False)
    low, high = (0.8, 0.98) if name in FAR else (0.93, 0.97)
    for estimate in ("mean", "IQM", "median"):
        assert low <= found[estimate] <= high


def test_where_nothing_was_seen_a_bound_of_three() -> None:
    """Of a share p none is seen in n trials in (1 - p)^n of cases: 5 % at 1 - 0.05^(1/n), just below 3/n."""
    np.testing.assert_array_equal(bound_of_nothing_seen([1, 3, 10, 36_000]), [1, 1, 0.3, 3 / 36_000])
    for trials in (10, 100, 36_000):
        assert 0.99 * bound_of_nothing_seen(trials) * (1 - 1.6 / trials) < 1 - 0.05 ** (1 / trials)
        assert 1 - 0.05 ** (1 / trials) < bound_of_nothing_seen(trials)


def test_the_error_of_a_finite_test_set() -> None:
    assert standard_error_of_share(0.9, 400) == pytest.approx(0.015, rel=1e-12)
    assert np.isnan(standard_error_of_share([0.0, 1.0, np.nan], 400)).all()
