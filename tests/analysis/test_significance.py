"""p values against exact enumeration, and Holm's correction against a hand-worked example."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from qcompare.analysis.significance import MOST_EXACT, holm, sign_flip


def enumerated(differences: list[Fraction]) -> Fraction:
    sums = [Fraction(0)]
    for each in differences:
        sums = [before + sign * each for before in sums for sign in (-1, 1)]
    return Fraction(sum(abs(each) >= abs(sum(differences, Fraction(0))) for each in sums), len(sums))


@pytest.mark.parametrize("seeds", [1, 2, 5, 8])
def test_all_signs_are_tried(seeds: int) -> None:
    """Tenths, of which many sums are equal in real numbers and not in floats."""
    random = np.random.default_rng(seeds)
    tenths = random.integers(-6, 9, size=(seeds, 20))
    found = sign_flip(tenths / 10)
    expected = [float(enumerated([Fraction(int(each), 10) for each in column])) for column in tenths.T]
    np.testing.assert_array_equal(found, expected)


def test_the_smallest_p_of_ten_seeds() -> None:
    values = np.random.default_rng(0).uniform(0.1, 1, size=10)
    assert sign_flip(values) == sign_flip(-values) == 2 / 1024
    assert sign_flip(np.zeros(10)) == 1


def test_a_seed_without_a_pair_or_a_difference_counts_for_nothing() -> None:
    values = np.random.default_rng(3).normal(0.5, size=10)
    alone = sign_flip(values)
    for other in (np.nan, 0.0):
        assert sign_flip([*values, other, other]) == alone
    assert np.isnan(sign_flip([np.nan, np.nan]))
    assert sign_flip(np.full((3, 2, 4), 1.0)).shape == (2, 4)


def test_more_seeds_are_drawn_and_always_the_same() -> None:
    values = np.random.default_rng(4).normal(0.35, size=(MOST_EXACT + 1, 6))
    found = sign_flip(values)
    np.testing.assert_array_equal(found, sign_flip(values))
    for p, column in zip(found, values.T, strict=True):
        exact = stats.permutation_test(
            (column,), np.mean, permutation_type="samples", vectorized=True, n_resamples=2 ** len(column), batch=4096
        ).pvalue
        assert p == pytest.approx(exact, abs=4 * np.sqrt(exact / 19_999))
    assert sign_flip(np.ones(30)) == 1 / 20_000


def test_of_no_effect_one_in_twenty_is_below_a_twentieth() -> None:
    p = sign_flip(np.random.default_rng(5).normal(size=(10, 4000)))
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 4000))


def test_holm_by_hand() -> None:
    """Of 4: 0.005 * 4, 0.01 * 3, then 0.03 * 2, and 0.04 * 1, which is no less than the one before."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], rtol=1e-15)
    np.testing.assert_allclose(holm([0.01, np.nan, 0.9, 0.8]), [0.03, np.nan, 1.0, 1.0])
    assert holm([]).shape == (0,)


def test_ten_seeds_reject_among_25_and_not_among_26() -> None:
    for comparisons, rejects in ((25, True), (26, False)):
        p = np.ones(comparisons)
        p[3] = 2 / 1024
        assert (holm(p)[3] <= 0.05) == rejects
