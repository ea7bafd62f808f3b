"""gemmlowp's fixed-point functions of int32, and what TFLite builds from them.

A number with b integer bits stands for `raw * 2^(b - 31)`; the product of two is `srdhm` of the raw integers. All
arrays are int64. Numbers in parentheses are the equations of docs/arithmetic.md.
"""

from __future__ import annotations

import numpy as np

from qcompare.manual.rounding import rdbp, srdhm, wrap32

EXP_OF_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2^e) with no integer bits, for e from -2 to 4."""

EXP_OF_MINUS_EIGHTH = 1895147668
ONE_THIRD = 715827883
"""With no integer bits."""

FORTY_EIGHT_SEVENTEENTHS, MINUS_THIRTY_TWO_SEVENTEENTHS = 1515870810, -1010580540
"""With two integer bits: where the Newton steps of 1 / d start."""


def leading_zeros32(x: np.ndarray) -> np.ndarray:
    """Zero bits above the highest one bit of a 32-bit number; x >= 1."""
    return 32 - np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def multiply_power_of_two(x: np.ndarray, exponent: int) -> np.ndarray:
    """(42) x * 2^exponent, saturated to int32: gemmlowp `SaturatingRoundingMultiplyByPOT`."""
    if exponent < 0:
        return rdbp(x, -exponent)
    shifted: np.ndarray = np.clip(np.asarray(x, np.int64) << exponent, -(1 << 31), (1 << 31) - 1)
    return shifted


def exp_on_negative_values(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """(43), (44) exp(x) as 0.31 fixed point of an int32 x <= 0 with that many integer bits (at most 5).

    gemmlowp `exp_on_negative_values` (fixedpoint/fixedpoint.h): a Taylor polynomial about -1/8 on [-1/4, 0),
    times exp(-2^e) for each bit of the rest.
    """
    x = np.asarray(x, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    modulo = (x & (quarter - 1)) - quarter
    t = multiply_power_of_two(modulo, integer_bits) + (1 << 28)
    t2 = srdhm(t, t)
    t3, t4 = srdhm(t2, t), srdhm(t2, t2)
    series = multiply_power_of_two(srdhm(multiply_power_of_two(t4, -2) + t3, ONE_THIRD) + t2, -1)
    result = EXP_OF_MINUS_EIGHTH + srdhm(t + series, EXP_OF_MINUS_EIGHTH)
    rest = modulo - x
    for exponent, constant in zip(range(-2, integer_bits), EXP_OF_MINUS_POWERS, strict=False):
        result = np.where(rest >> (fraction_bits + exponent) & 1, srdhm(result, constant), result)
    return np.where(x == 0, (1 << 31) - 1, result)


def reciprocal_of_one_plus(x: np.ndarray) -> np.ndarray:
    """(33) 2 / (1 + x) for x in [0, 1) of 0.31 fixed point, with two integer bits: three Newton steps."""
    half_denominator = (np.asarray(x, np.int64) + (1 << 31)) >> 1
    y = FORTY_EIGHT_SEVENTEENTHS + srdhm(half_denominator, MINUS_THIRTY_TWO_SEVENTEENTHS)
    for _ in range(3):
        y = y + multiply_power_of_two(srdhm(y, (1 << 29) - srdhm(half_denominator, y)), 2)
    return y


def one_over_one_plus_x(x: np.ndarray) -> np.ndarray:
    """(45) 1 / (1 + x) for x in [0, 1), both 0.31 fixed point.

    gemmlowp `one_over_one_plus_x_for_x_in_0_1` (fixedpoint/fixedpoint.h).
    """
    return multiply_power_of_two(reciprocal_of_one_plus(x), 1)


LOG_2, ROOT_HALF, ROOT_ROOT_HALF, QUARTER = 1488522236, 1518500250, 1805811301, 536870912
LOG_NUMERATOR, LOG_SQUARE, LOG_CONSTANT, LOG_LINEAR = 117049297, 127690142, 1057819769, 638450708
"""Of (122), with no integer bits."""


def log_of_one_or_more(x: np.ndarray, integer_bits: int, output_bits: int) -> np.ndarray:
    """(122) log(x) for x >= 1 with that many integer bits, with output_bits of them.

    TFLite `log_x_for_x_greater_than_or_equal_to_1_impl` (kernels/internal/common.h): the power of two that leaves the
    fourth root of 1/2 to that of 2, and a rational function of the rest.
    """
    x = np.asarray(x, np.int64)
    kept, quarter = 31 - (output_bits + 1), QUARTER >> (output_bits + 1)
    zeros = leading_zeros32(x)
    first = _saturated(srdhm(_saturated(x << (zeros - 1)), ROOT_HALF) << 1)
    first_power = _saturated(_saturated((integer_bits - zeros) << kept) + quarter)
    zeros = leading_zeros32(srdhm(x, ROOT_HALF)) - 1
    second = _saturated(x << zeros)
    second_power = _saturated(_saturated((integer_bits - zeros) << kept) - quarter)
    r, power = np.minimum(first, second), np.maximum(first_power, second_power)
    p, q = (r + ROOT_ROOT_HALF + 1) >> 1, wrap32(2 * (r - ROOT_ROOT_HALF))
    square = srdhm(q, q)
    numerator = srdhm(q, r) + srdhm(srdhm(q, square), LOG_NUMERATOR)
    denominator = srdhm(p, LOG_CONSTANT + q + srdhm(square, LOG_SQUARE)) + srdhm(q, LOG_LINEAR)
    rest = srdhm(rdbp(numerator, output_bits + 1), one_over_one_plus_x(denominator))
    return multiply_power_of_two(srdhm(power, LOG_2) + rest, 1)


def _saturated(x: np.ndarray) -> np.ndarray:
    saturated: np.ndarray = np.clip(x, -(1 << 31), (1 << 31) - 1)
    return saturated


def inverse_root(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(75) 1 / sqrt(x) of integers x >= 0 as multiplier and shift: TFLite `GetInvSqrtQuantizedMultiplierExp`.

    Five Newton steps in 3.28 fixed point. 0 counts as 1.
    """
    x = np.asarray(x, np.int64)
    small = x <= 1
    value, shift = np.maximum(x, 2), np.full(x.shape, 11, np.int64)
    while (value >= 1 << 29).any():
        large = value >= 1 << 29
        value, shift = np.where(large, value >> 2, value), shift + large
    pairs = (leading_zeros32(value) - 1) // 2 - 1
    shift = shift - pairs
    value = (value << (2 * pairs)) >> 1
    half = multiply_power_of_two(value, -1)
    root = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = multiply_power_of_two(srdhm(srdhm(root, root), root), 6)
        root = multiply_power_of_two(srdhm(root, 3 << 27) - srdhm(half, cube), 3)
    root = srdhm(root, 1518500250)
    left = np.maximum(-shift, 0)
    return np.where(small, (1 << 31) - 1, root << left), np.where(small, 0, -np.maximum(shift, 0))


def logistic(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """(34) 1 / (1 + exp(-x)) as 0.31 fixed point: gemmlowp `logistic`."""
    x = np.asarray(x, np.int64)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(x), integer_bits))
    return np.where(x == 0, 1 << 30, np.where(x > 0, positive, (1 << 31) - 1 - positive))


def tanh(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """(35) tanh(x) as 0.31 fixed point: gemmlowp `tanh`, (1 - e) / (1 + e) with e = exp(-2 |x|)."""
    x = np.asarray(x, np.int64)
    e = exp_on_negative_values(-np.abs(x), integer_bits + 1)
    result = multiply_power_of_two(reciprocal_of_one_plus(e) - (1 << 29), 2)
    signed: np.ndarray = np.sign(x) * result
    return signed
