"""Which values differ, counted."""

import numpy as np

from qcompare.audit.tally import NOTHING, Tally, differing_samples, tally, unequal


def test_integers_differ_by_lsb():
    a, b = np.array([[-128, 5, 7]], np.int8), np.array([[127, 5, 6]], np.int8)
    assert unequal(a, b).tolist() == [[True, False, True]]
    assert tally(a, b) == Tally(n=3, mismatches=2, max_lsb=255)


def test_floats_differ_beyond_the_tolerance():
    nan, inf = np.nan, np.inf
    a = np.array([[1.0, nan, inf, -inf, 0.0, nan]], np.float32)
    b = np.array([[1.00009, nan, inf, inf, 0.00009, 1.0]], np.float32)
    assert unequal(a, b).tolist() == [[False, False, False, True, False, True]]
    assert tally(a, b) == Tally(n=6, mismatches=2, max_lsb=None)


def test_the_tolerance_is_the_samples_own():
    a = np.array([[0.001, 0.0], [1000.0, 0.0]])
    b = a + np.array([0.0, 0.001])
    assert unequal(a, b).tolist() == [[False, True], [False, False]]
    assert differing_samples(a, b).tolist() == [True, False]


def test_tallies_add_up():
    assert Tally(n=3, mismatches=1, max_lsb=2) + Tally(n=4, mismatches=2, max_lsb=7) == Tally(
        n=7, mismatches=3, max_lsb=7
    )
    assert NOTHING + Tally(n=3, max_lsb=0) == Tally(n=3, max_lsb=0)
    assert Tally(n=3) + Tally(n=2) == Tally(n=5, max_lsb=None)
