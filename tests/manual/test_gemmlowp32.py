import numpy as np
import pytest

from qcompare.manual.gemmlowp32 import (
    exp_on_negative_values,
    inverse_root,
    leading_zeros32,
    multiply_power_of_two,
    one_over_one_plus_x,
)

ONE = 1 << 31


def test_exponential_at_zero_is_the_largest_number_below_one() -> None:
    assert exp_on_negative_values(np.array([0]), 5).tolist() == [ONE - 1]


@pytest.mark.parametrize("integer_bits", [0, 3, 5])
def test_exponential_is_within_a_few_units_of_the_real_one(integer_bits: int) -> None:
    x = -np.random.default_rng(0).integers(1, ONE, 5000)
    real = np.exp(x / 2.0 ** (31 - integer_bits)) * ONE
    # The polynomial about -1/8 on [-1/4, 0] is cut after its fourth power: (1/8)^5 / 5! = 2.5e-7.
    assert np.abs(exp_on_negative_values(x, integer_bits) - real).max() < 2.6e-7 * ONE


def test_reciprocal_is_within_a_few_units_of_the_real_one() -> None:
    x = np.concatenate([[0, ONE - 1], np.random.default_rng(1).integers(0, ONE, 5000)])
    assert np.abs(one_over_one_plus_x(x) - ONE / (1 + x / ONE)).max() < 16


def test_multiply_by_a_power_of_two_saturates_and_rounds_away_from_zero() -> None:
    assert multiply_power_of_two(np.array([1 << 30, -(1 << 30), 3]), 2).tolist() == [ONE - 1, -ONE, 12]
    assert multiply_power_of_two(np.array([2, -2, 6, -6, 5, -5]), -2).tolist() == [1, -1, 2, -2, 1, -1]


def test_leading_zeros() -> None:
    x = [1, 2, 3, 4, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
    assert leading_zeros32(np.array(x)).tolist() == [32 - value.bit_length() for value in x]


def test_inverse_root_is_the_real_one() -> None:
    x = np.concatenate([np.arange(2, 5000), np.random.default_rng(2).integers(2, ONE, 5000)])
    m, s = inverse_root(x)
    np.testing.assert_allclose(m * 2.0 ** (s - 31), 1 / np.sqrt(x), rtol=2e-6)


def test_inverse_root_of_zero_and_one_is_just_under_one() -> None:
    m, s = inverse_root(np.array([0, 1]))
    assert m.tolist() == [ONE - 1, ONE - 1]
    assert s.tolist() == [0, 0]
