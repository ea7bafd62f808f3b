"""The fused LSTM between its products and h: tables and int16 steps of one rule, with the gradients of the real ones.

All values are whole numbers in float32. Numbers in parentheses are the equations of docs/arithmetic.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core import lstm
from qcompare.manual.ops.lstm import INTERPOLATED, gemmlowp_tables, interpolated_tables
from qcompare.manual.rounding import quantize_multiplier
from qcompare.manual.rules import RULES
from qcompare.manual.variant import of
from qcompare.models.ops import CELL_CLIP
from qcompare.training import fixed_point
from qcompare.training.gradients import Gradient, Gradients

GATE_UNIT = 2.0**12
"""Steps to one of a gate's 16-bit argument."""


Slope = Callable[[tf.Tensor], tf.Tensor]
"""A function's value -> its derivative there."""


def tabulated(x: tf.Tensor, table: tf.Tensor, smallest: int, slope: Slope) -> tf.Tensor:
    """table[x - smallest] of whole numbers x; slope: the table's value -> its derivative by x."""

    @tf.custom_gradient
    def compute(x: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        y = tf.gather_nd(table, (tf.cast(x, tf.int32) - smallest)[..., None])
        return y, lambda gradient: gradient * slope(y)

    return compute(x)


def held(table: np.ndarray) -> tf.Tensor:
    """A constant outside of all graphs, so that many operators share one copy."""
    with tf.init_scope():
        return tf.constant(table)


def saturated16(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, tf.constant(-32768, x.dtype), tf.constant(32767, x.dtype))


@tf.custom_gradient
def saturating16(real: tf.Tensor, exact: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
    """The exact int64 saturated to int16, in float32, with the gradient of the real one where it is inside."""
    inside = saturated16(exact)

    def gradient(outer: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        return tf.where(tf.equal(inside, exact), outer, 0.0), None

    return tf.cast(inside, tf.float32), gradient


def _ordered(table: np.ndarray) -> np.ndarray:
    """A table of int16 by bits as one from the smallest to the largest argument, float32."""
    return np.roll(table, 1 << 15).astype(np.float32)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LSTMKernels:
    """The fused LSTM between the gates' arguments and h in one rule; all values are whole numbers in float32.

    gate_table: of the logistic function and of tanh, one after the other, each from the smallest int16 on;
    cell_tanh_table likewise. clip: largest magnitude of the cell.
    """

    log2: int
    micro: bool
    gate_table: tf.Tensor
    cell_tanh_table: tf.Tensor
    clip: int

    def gate_multiplier(self, scale: np.float32, weight_scale: tf.Tensor) -> tf.Tensor:
        """s_x s_W / 2^-12, float64: the product in float32, or under `micro` in float64."""
        if self.micro:
            return tf.cast(weight_scale, tf.float64) * float(scale) * GATE_UNIT
        return tf.cast(weight_scale * scale, tf.float64) * GATE_UNIT

    def gates(self, argument: tf.Tensor, units: int) -> tf.Tensor:
        """i, f, g, o side by side with 15 fraction bits."""
        is_candidate = np.repeat([0, 0, 1, 0], units)
        candidate = tf.constant(is_candidate, tf.float32)

        @tf.custom_gradient
        def compute(argument: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            index = tf.cast(argument, tf.int32) + tf.constant(32768 + 65536 * is_candidate, tf.int32)
            y = tf.gather_nd(self.gate_table, index[..., None])  # twice as fast as tf.gather

            def gradient(outer: tf.Tensor) -> tf.Tensor:
                real = y * 2.0**-15
                slope = candidate + (1 - candidate) * real - real * real
                return outer * slope * (2.0**15 / GATE_UNIT)

            return y, gradient

        return compute(argument)

    def cell(self, i: tf.Tensor, f: tf.Tensor, g: tf.Tensor, cell: tf.Tensor) -> tf.Tensor:
        """The next int16 cell."""
        keep_scale, add_scale = 2.0**-15, 2.0 ** -(30 + self.log2)

        @tf.custom_gradient
        def compute(i: tf.Tensor, f: tf.Tensor, g: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
            kept, added = _integer_product(f, cell), _integer_product(i, g)
            if self.micro:
                kept = saturated16(_scaled(kept, quantize_multiplier(keep_scale)))
                added = saturated16(_scaled(added, quantize_multiplier(add_scale)))
            else:
                kept, added = fixed_point.rdbp(kept, 15), fixed_point.rdbp(added, 30 + self.log2)
            exact = kept + added
            inside = tf.clip_by_value(exact, tf.constant(-self.clip, exact.dtype), tf.constant(self.clip, exact.dtype))

            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
                outer = tf.where(tf.equal(exact, inside), outer, 0.0)
                to_kept, to_added = outer * keep_scale, outer * add_scale
                return to_added * g, to_kept * cell, to_added * i, to_kept * f

            return tf.cast(inside, tf.float32), gradient

        return compute(i, f, g, cell)

    def cell_tanh(self, cell: tf.Tensor) -> tf.Tensor:
        """tanh with 15 fraction bits."""
        step = 2.0 ** (15 + self.log2)
        return tabulated(cell, self.cell_tanh_table, -32768, lambda y: (1 - (y * 2.0**-15) ** 2) * step)

    def hidden(self, o: tf.Tensor, cell_tanh: tf.Tensor, h_scale: np.float32, bounds: tuple[float, float]) -> tf.Tensor:
        """The int8 output less its zero point, within the bounds."""
        scale = 2.0**-30 / float(h_scale)
        multiplier = quantize_multiplier(
            scale if self.micro else float(np.float32(2.0**-15 / float(h_scale) * 2.0**-15))
        )
        low, high = (tf.constant(int(bound), tf.int64) for bound in bounds)

        @tf.custom_gradient
        def compute(o: tf.Tensor, cell_tanh: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
            exact = _scaled(_integer_product(o, cell_tanh), multiplier)
            inside = tf.clip_by_value(exact, low, high)

            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
                outer = tf.where(tf.equal(exact, inside), outer, 0.0) * scale
                return outer * cell_tanh, outer * o

            return tf.cast(inside, tf.float32), gradient

        return compute(o, cell_tanh)


def _integer_product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """int32: products of int16 numbers fit it."""
    return tf.cast(a, tf.int32) * tf.cast(b, tf.int32)


def _scaled(x: tf.Tensor, multiplier: tuple[int, int] | tuple[np.ndarray, np.ndarray]) -> tf.Tensor:
    m, s = (tf.constant(int(part), tf.int64) for part in multiplier)
    return fixed_point.multiply_double(tf.cast(x, tf.int64), m, s)


def lstm_kernels(kernels: str, cell_range: np.ndarray) -> LSTMKernels:
    """What a kernel set prepares for a cell in the range [min, max], float32, a power of two."""
    micro = RULES[lstm.OPERATOR, of("int8")].rule(kernels) == INTERPOLATED
    return _prepared(micro, int(np.frexp(-cell_range[0])[1]) - 16)


@lru_cache(maxsize=64)
def _prepared(micro: bool, log2: int) -> LSTMKernels:
    sigmoid, tanh, cell_tanh = (interpolated_tables if micro else gemmlowp_tables)(log2)
    return LSTMKernels(
        log2=log2,
        micro=micro,
        gate_table=held(np.concatenate([_ordered(sigmoid), _ordered(tanh)])),
        cell_tanh_table=held(_ordered(cell_tanh)),
        clip=int(min(CELL_CLIP / 2.0**log2, 32767.0)),
    )
