"""gemmlowp's fixed-point functions of int16, as the LSTM's gates and `optimized` TANH and LOGISTIC use them.

A number with b integer bits stands for `raw * 2^(b - 15)`. Arrays are int64 within int16's range; additions wrap, as
16-bit registers do. Source: gemmlowp fixedpoint/fixedpoint.h.
"""

from __future__ import annotations

import numpy as np

from qcompare.manual.gemmlowp32 import (
    EXP_OF_MINUS_EIGHTH,
    EXP_OF_MINUS_POWERS,
    FORTY_EIGHT_SEVENTEENTHS,
    MINUS_THIRTY_TWO_SEVENTEENTHS,
    ONE_THIRD,
)
from qcompare.manual.rounding import rdbp, saturate16, wrap16

ONE = (1 << 15) - 1
"""1.0 with no integer bits, saturated."""


def constant(raw32: int) -> int:
    """(31) A 32-bit constant of gemmlowp with its lower half rounded away, halves away from zero."""
    return int(rdbp(np.asarray(raw32), 16))


def high_mul(a: np.ndarray | int, b: np.ndarray | int) -> np.ndarray:
    """(30) a * b / 2^15, halves up, saturated: `SaturatingRoundingDoublingHighMul` on int16."""
    product: np.ndarray = np.minimum((np.asarray(a, np.int64) * b + (1 << 14)) >> 15, ONE)
    return product


def saturating_shift(x: np.ndarray, exponent: int) -> np.ndarray:
    """x * 2^exponent, saturated to int16: `SaturatingRoundingMultiplyByPOT`."""
    return rdbp(x, -exponent) if exponent < 0 else saturate16(x << exponent)


def exp_on_negative_values(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """(32) exp(x) of x <= 0 with that many integer bits, with no integer bits."""
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    modulo = (x & (quarter - 1)) - quarter
    t = saturating_shift(modulo, integer_bits) + (1 << 12)
    t2 = high_mul(t, t)
    t3, t4 = high_mul(t2, t), high_mul(t2, t2)
    sixth = high_mul(wrap16(rdbp(t4, 2) + t3), constant(ONE_THIRD))
    series = rdbp(wrap16(sixth + t2), 1)
    eighth = constant(EXP_OF_MINUS_EIGHTH)
    result = saturate16(eighth + high_mul(eighth, wrap16(t + series)))
    rest = wrap16(modulo - x)
    for exponent, raw32 in zip(range(-2, integer_bits), EXP_OF_MINUS_POWERS, strict=False):
        result = np.where(rest >> (fraction_bits + exponent) & 1, high_mul(result, constant(raw32)), result)
    if integer_bits > 5:
        result = np.where(x < -(1 << (20 - integer_bits)), 0, result)
    return np.where(x == 0, ONE, result)


def _reciprocal(half_denominator: np.ndarray) -> np.ndarray:
    """(33) 1 / (2 half_denominator) with two integer bits: three Newton steps from 48/17 - 32/17 d."""
    y = wrap16(constant(FORTY_EIGHT_SEVENTEENTHS) + high_mul(half_denominator, constant(MINUS_THIRTY_TWO_SEVENTEENTHS)))
    for _ in range(3):
        rest = wrap16((1 << 13) - high_mul(half_denominator, y))
        y = wrap16(y + saturating_shift(high_mul(y, rest), 2))
    return y


def _half_denominator(x: np.ndarray) -> np.ndarray:
    return (x + ONE + 1) >> 1


def logistic(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """(34) 1 / (1 + exp(-x)) with no integer bits: gemmlowp `logistic`."""
    size = wrap16(np.where(x > 0, x, -x))
    e = exp_on_negative_values(wrap16(-size), integer_bits)
    positive = saturating_shift(_reciprocal(_half_denominator(e)), 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, positive, ONE - positive))


def tanh(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """(35) tanh(x) with no integer bits: gemmlowp `tanh`, (1 - e) / (1 + e) with e = exp(-2 |x|)."""
    size = np.where(x < 0, x, wrap16(-x))
    e = exp_on_negative_values(size, integer_bits + 1)
    result = saturating_shift(_reciprocal(_half_denominator(e)) - (1 << 13), 2)
    return np.where(x == 0, 0, np.where(x < 0, wrap16(-result), result))
