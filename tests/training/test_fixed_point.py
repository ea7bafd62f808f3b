"""The rounding primitives of the training graph against those of the manual engine."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from qcompare.manual import rounding
from qcompare.training import fixed_point

INT32 = np.iinfo(np.int32)


def accumulators() -> np.ndarray:
    """The ends of int32, every small number, and numbers of every size."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 32, 200_000)
    spread = rng.integers(-(1 << 31), 1 << 31, 200_000) >> sizes
    return np.concatenate([[INT32.min, INT32.min + 1, INT32.max - 1, INT32.max], np.arange(-3000, 3000), spread])


def multipliers() -> np.ndarray:
    """Real multipliers of every exponent, float64; ends, powers of two and their neighbours, and zero."""
    rng = np.random.default_rng(1)
    powers = 2.0 ** np.arange(-34, 4)
    return np.concatenate(
        [
            [0.0],
            powers,
            np.nextafter(powers, 0),
            powers * (1 - 2.0**-33),
            (powers * rng.uniform(1, 2, (20, len(powers)))).ravel(),
        ]
    )


def test_multipliers_have_the_same_mantissa_and_exponent() -> None:
    expected = rounding.quantize_multiplier(multipliers())
    found = fixed_point.quantize_multiplier(tf.constant(multipliers()))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("name", ["double", "up", "f64", "rne32"])
def test_requantization_is_the_same_on_the_full_range(name: str) -> None:
    rng = np.random.default_rng(2)
    x = accumulators()
    for real in rng.permutation(multipliers())[:120]:
        real = np.float32(real) if name == "rne32" else real
        expected = getattr(rounding, name)(x, np.asarray(real))
        found = getattr(fixed_point, name)(tf.constant(x), tf.constant(real)).numpy()
        np.testing.assert_array_equal(found, expected, err_msg=f"multiplier {real!r}")


@pytest.mark.parametrize("name", ["rdbp", "shift_half_up"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_right_shifts_are_the_same(name: str, dtype: type) -> None:
    x: np.ndarray = (accumulators() // 4).astype(dtype)
    for exponent in range(31):
        expected = getattr(rounding, name)(x, exponent)
        np.testing.assert_array_equal(getattr(fixed_point, name)(tf.constant(x), exponent).numpy(), expected)


def test_halves_away_from_zero_are_the_same() -> None:
    x = np.concatenate([np.arange(-50, 50) / 2, [0.49999999999999994, -0.49999999999999994, 2.0**52 + 1, -(2.0**53)]])
    np.testing.assert_array_equal(fixed_point.round_half_away(tf.constant(x)).numpy(), rounding.round_half_away(x))


def test_wrapping_to_int32_is_the_same() -> None:
    x = np.array([0, 1, -1, 1 << 31, (1 << 31) - 1, -(1 << 31) - 1, (1 << 40) + 5, -(1 << 40) - 5])
    np.testing.assert_array_equal(fixed_point.wrap32(tf.constant(x)).numpy(), rounding.wrap32(x))
