"""The rounding primitives of the runtimes, each under its name.

Numbers in parentheses are the equations of docs/arithmetic.md. Integers are int64 arrays unless told otherwise; a
multiplier m is a 31-bit fixed-point number with exponent s: m * 2^(s - 31).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Integers = np.ndarray | int

Multiply = Callable[[np.ndarray, np.ndarray | np.floating | float], np.ndarray]
"""(accumulators int64, real multiplier, broadcastable) -> int64, a new array: one of (10) to (14) and (92)."""


def round_half_away(x: np.ndarray | np.floating) -> np.ndarray:
    """(1) To the nearest integer, halves away from zero; floating in, floating out: C's `std::round`."""
    x = np.asarray(x)
    # The number before a half: with it, all below a half stay below one, and a half becomes one.
    below = np.nextafter(x.dtype.type(0.5), x.dtype.type(0))
    rounded: np.ndarray = np.trunc(x + np.copysign(below, x))
    return rounded


def round_half_up(x: np.ndarray) -> np.ndarray:
    """(2) To the nearest integer, halves towards plus infinity; floating in, floating out."""
    x = np.asarray(x)
    whole = np.floor(x)
    rounded: np.ndarray = whole + (x - whole >= 0.5).astype(x.dtype)
    return rounded


def round_half_even(x: np.ndarray) -> np.ndarray:
    """(3) To the nearest integer, halves to the even one; floating in, floating out: C's `lrint`."""
    rounded: np.ndarray = np.rint(x)
    return rounded


def saturate(x: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """(4) Clamped to the range of an integer dtype, and of that dtype."""
    limits = np.iinfo(dtype)
    clamped: np.ndarray = np.clip(x, limits.min, limits.max).astype(dtype)
    return clamped


def wrap32(x: np.ndarray) -> np.ndarray:
    """(5) int64 reduced to the int32 of equal lower bits, as int64."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def saturate16(x: np.ndarray) -> np.ndarray:
    """Clamped to the range of int16, in the dtype that it has."""
    clamped: np.ndarray = np.clip(x, -(1 << 15), (1 << 15) - 1)
    return clamped


def wrap16(x: np.ndarray) -> np.ndarray:
    """int64 reduced to the int16 of equal lower bits, as int64."""
    return x.astype(np.int16).astype(np.int64)


def quantize_multiplier(real: np.ndarray | np.floating | float) -> tuple[np.ndarray, np.ndarray]:
    """(6) A real multiplier as (m, s), real ~ m * 2^(s - 31), 2^30 <= m < 2^31: TFLite `QuantizeMultiplier`.

    real: float64, non-negative. Returns int64 arrays of its shape; zero, and what is under 2^-32, give (0, 0).
    """
    mantissa, shift = np.frexp(np.asarray(real, np.float64))
    m = np.floor(mantissa * 2.0**31 + 0.5).astype(np.int64)
    full = m == 1 << 31
    m, s = np.where(full, m >> 1, m), np.where(full, shift + 1, shift).astype(np.int64)
    tiny = (s < -31) | (m == 0)
    return np.where(tiny, 0, m), np.where(tiny, 0, s)


def srdhm(a: np.ndarray, b: Integers) -> np.ndarray:
    """(7) a * b / 2^31, halves up, saturated: gemmlowp `SaturatingRoundingDoublingHighMul`. a, b in int32's range.

    gemmlowp adds a nudge that depends on the sign and divides with truncation: the floor of (a*b + 2^30) / 2^31.
    """
    product: np.ndarray = np.minimum((np.asarray(a, np.int64) * b + (1 << 30)) >> 31, (1 << 31) - 1)
    return product


def rdbp(x: np.ndarray, exponent: Integers) -> np.ndarray:
    """(8) x / 2^exponent, halves away from zero: gemmlowp `RoundingDivideByPOT`. exponent >= 0; int32 or int64."""
    x = np.asarray(x)
    if not np.any(exponent):
        return x
    bits = x.dtype.itemsize * 8 - 1
    y = x >> bits
    if not np.all(exponent):
        y = np.where(exponent, y, 0)  # nothing is rounded where nothing is shifted
    y += x
    y += _half(x.dtype, exponent)
    y >>= exponent
    return y


def shift_half_up(x: np.ndarray, exponent: Integers) -> np.ndarray:
    """(9) x / 2^exponent, halves up: the rounding right shift of SIMD instruction sets. exponent >= 0."""
    x = np.asarray(x)
    if not np.any(exponent):
        return x
    y: np.ndarray = x + _half(x.dtype, exponent)
    y >>= exponent
    return y


def _half(dtype: np.dtype, exponent: Integers) -> np.ndarray:
    half: np.ndarray = (np.ones(1, dtype)[0] << np.asarray(exponent, dtype)) >> 1
    return half


def multiply_double(x: np.ndarray, m: Integers, s: Integers) -> np.ndarray:
    """(10) DOUBLE: x * m * 2^(s - 31), rounded twice: TFLite `MultiplyByQuantizedMultiplier` on int32."""
    return rdbp(_high(x, m, s), np.maximum(np.negative(s), 0))


def multiply_up(x: np.ndarray, m: Integers, s: Integers) -> np.ndarray:
    """(11) UP: as DOUBLE, but halves up in the second rounding too: ruy's x86 kernels."""
    return shift_half_up(_high(x, m, s), np.maximum(np.negative(s), 0))


def _high(x: np.ndarray, m: Integers, s: Integers) -> np.ndarray:
    # As (7) of (5), of a multiplier that is no int32 minimum: nothing saturates.
    x = np.asarray(x, np.int64)
    left = np.maximum(s, 0)
    y: np.ndarray = (wrap32(x << left) if np.any(left) else x) * m
    y += 1 << 30
    y >>= 31
    return y


def multiply_m64(x: np.ndarray, m: Integers, s: Integers) -> np.ndarray:
    """(12) M64: an int64 x by the multiplier reduced to 15 bits: TFLite `MultiplyByQuantizedMultiplier` on int64.

    The product is stored in int32 and wraps.
    """
    return wrap32(shift_half_up(np.asarray(x, np.int64) * _reduced(m), 15 - np.asarray(s, np.int64)))


def _reduced(m: Integers) -> np.ndarray:
    return np.where(np.less(m, 0x7FFF0000), (np.asarray(m) + (1 << 15)) >> 16, 0x7FFF)


def double(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(10) after (6)."""
    return multiply_double(accumulators, *quantize_multiplier(multiplier))


def up(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(11) after (6)."""
    return multiply_up(accumulators, *quantize_multiplier(multiplier))


def m64(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(12) after (6)."""
    return multiply_m64(accumulators, *quantize_multiplier(multiplier))


def f64(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(13) F64: the product in float64, halves away from zero: TFLite's reference per-channel kernels."""
    return round_half_away(accumulators * np.asarray(multiplier, np.float64)).astype(np.int64)


def rne32(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(14) RNE32: the product in float32, halves to even: XNNPACK's `fp32` requantization."""
    return np.rint(np.asarray(accumulators).astype(np.float32) * np.asarray(multiplier, np.float32)).astype(np.int64)


def q8(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(92) Q8: by a multiplier of 8 fraction bits, halves up: XNNPACK's int8 conversions and LEAKY_RELU."""
    return shift_half_up(np.asarray(accumulators, np.int64) * _fraction8(multiplier), 8)


def _fraction8(multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    steps: np.ndarray = np.rint(np.float32(256) * np.asarray(multiplier, np.float32)).astype(np.int64)
    return steps


def once(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(108) of (10) and (11): by the multiplier of (6), x in int32."""
    m, s = quantize_multiplier(multiplier)
    return rdbp(np.asarray(accumulators, np.int64) * m, 31 - s)


def m64_once(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(108) of (12)."""
    m, s = quantize_multiplier(multiplier)
    return rdbp(np.asarray(accumulators, np.int64) * _reduced(m), 15 - s)


def f32_once(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(108) of (14): exact in float64 for accumulators below 2^29."""
    return f64(accumulators, np.asarray(multiplier, np.float32))


def q8_once(accumulators: np.ndarray, multiplier: np.ndarray | np.floating | float) -> np.ndarray:
    """(108) of (92)."""
    return rdbp(np.asarray(accumulators, np.int64) * _fraction8(multiplier), 8)
