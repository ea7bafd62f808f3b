"""The rounding primitives of `manual/rounding.py` in TensorFlow: twins that a test holds equal on the full range.

Integers are int64 tensors. Numbers in parentheses are the equations of docs/arithmetic.md.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

left, right = tf.bitwise.left_shift, tf.bitwise.right_shift

Requantize = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(accumulator int64, real multiplier float64 or float32, broadcastable) -> int64: a named requantization rule."""


def round_half_away(x: tf.Tensor) -> tf.Tensor:
    """(1)"""
    whole = tf.floor(tf.abs(x))
    return tf.sign(x) * (whole + tf.cast(tf.abs(x) - whole >= 0.5, x.dtype))


def wrap32(x: tf.Tensor) -> tf.Tensor:
    """(5)"""
    return tf.cast(tf.cast(x, tf.int32), tf.int64)


def quantize_multiplier(real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(6) float64, zero or a normal number: mantissa and exponent are read from its bits."""
    bits = tf.bitcast(real, tf.int64)
    exponent = right(bits, 52) - 1022
    fraction = tf.bitwise.bitwise_and(bits, (1 << 52) - 1) + (1 << 52)
    m = right(fraction + (1 << 21), 22)  # 53 bits to 31, halves up
    full = tf.equal(m, 1 << 31)
    m, s = tf.where(full, right(m, 1), m), exponent + tf.cast(full, tf.int64)
    tiny = s < -31
    return tf.where(tiny, tf.zeros_like(m), m), tf.where(tiny, tf.zeros_like(s), s)


def rdbp(x: tf.Tensor, exponent: tf.Tensor | int) -> tf.Tensor:
    """(8) int32 or int64."""
    exponent = tf.convert_to_tensor(exponent, x.dtype)
    sign = right(x, tf.minimum(exponent, 1) * (8 * x.dtype.size - 1)) * tf.minimum(exponent, 1)
    return right(x + sign + _half(exponent), exponent)


def shift_half_up(x: tf.Tensor, exponent: tf.Tensor | int) -> tf.Tensor:
    """(9)"""
    exponent = tf.convert_to_tensor(exponent, x.dtype)
    return right(x + _half(exponent), exponent)


def _half(exponent: tf.Tensor) -> tf.Tensor:
    return right(left(tf.ones_like(exponent), exponent), 1)


def _high(x: tf.Tensor, m: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    return right(wrap32(left(x, tf.maximum(s, 0))) * m + (1 << 30), 31)


def multiply_double(x: tf.Tensor, m: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """(10)"""
    return rdbp(_high(x, m, s), tf.maximum(-s, 0))


def multiply_up(x: tf.Tensor, m: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """(11)"""
    return shift_half_up(_high(x, m, s), tf.maximum(-s, 0))


def double(accumulator: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
    """(10) after (6)."""
    return multiply_double(accumulator, *quantize_multiplier(multiplier))


def up(accumulator: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
    """(11) after (6)."""
    return multiply_up(accumulator, *quantize_multiplier(multiplier))


def f64(accumulator: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
    """(13)"""
    return tf.cast(round_half_away(tf.cast(accumulator, tf.float64) * multiplier), tf.int64)


def rne32(accumulator: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
    """(14)"""
    return tf.cast(tf.round(tf.cast(accumulator, tf.float32) * multiplier), tf.int64)
