"""The fused LSTM's kernel in float32: fake quantization of all that it rounds between h and h.

Arguments of gates are whole steps of 2^-12, the cell is whole steps of its scale, gates and tanh are real numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.training.gradients import Gradients, clipped, logistic_gradient, replaced, tanh_gradient
from qcompare.training.lstm_kernels import GATE_UNIT, lstm_kernels

AWAY = 1 + 2.0**-22
"""A half below 2^15 times this rounds away from zero; numbers that are not so near to a half round as before."""

StepGradients = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""The gradients by a step's arguments and cell, for those by its h and next cell."""

Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""(arguments [batch, 4 units], cell [batch, units]) -> h before it is rounded, and the next cell."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class GateWeight:
    """A matrix [inputs, 4 units] whose products are arguments of gates.

    The kernel rounds a product twice: to the bits that its fixed-point multiplier leaves, then to whole steps.

    real: the weights. finer: the finer steps in a step, powers of two, float32 [4 units]. fine: the weights in them.
    """

    real: tf.Tensor
    finer: tf.Tensor
    fine: tf.Tensor

    @classmethod
    def of(cls, weight: tf.Tensor, product_scale: tf.Tensor) -> GateWeight:
        """The matrix of real weights whose products with the layer's input have that scale, float32 [4 units]."""
        finer = tf.pow(2.0, tf.maximum(-exponent_of(product_scale * GATE_UNIT), 0.0))
        return cls(real=weight, finer=finer, fine=weight * (finer * GATE_UNIT))

    def arguments(self, x: tf.Tensor) -> tf.Tensor:
        """`x W` for real x [batch, inputs], rounded; its gradients are those of the real product."""

        @tf.custom_gradient
        def rounded_product(x: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
                return tf.matmul(outer, real, transpose_b=True), tf.matmul(x, outer, transpose_a=True)

            return coarsened(tf.round(tf.matmul(x, self.fine)), self.finer), gradient

        return rounded_product(x, self.real)

    def biased_arguments(self, x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        """`x W + bias` for real x [..., inputs] and bias [4 units], rounded; gradients as in `arguments`."""
        scale = self.finer * GATE_UNIT
        fine = tf.tensordot(x, self.fine, 1) + bias * scale
        return replaced(fine * (1 / scale), coarsened(tf.round(fine), self.finer))


def near_lstm(kernels: str, cell_range: np.ndarray, units: int) -> Step:
    """One time step as a kernel set takes it, for a cell in the range [min, max], float32, a power of two.

    Its gradients are by the gates' arguments and the cell in real units.
    """
    prepared = lstm_kernels(kernels, cell_range)
    cell_scale = 2.0**prepared.log2
    clip = float(prepared.clip)
    gate_table, cell_table = prepared.gate_table * 2.0**-15, prepared.cell_tanh_table * 2.0**-15
    first = tf.constant(np.repeat([0, 0, 1, 0], units) * 65536 + 32768, tf.int32)

    @tf.custom_gradient
    def step(argument: tf.Tensor, cell: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], StepGradients]:
        index = tf.cast(clipped(argument, -32768.0, 32767.0), tf.int32) + first
        i, f, g, o = tf.split(tf.gather_nd(gate_table, index[..., None]), 4, axis=-1)
        total = tf.round(f * cell) + tf.round(i * g * (1 / cell_scale))
        inside = clipped(total, -clip, clip)
        cell_tanh = tf.gather_nd(cell_table, tf.cast(inside, tf.int32)[..., None] + 32768)

        def gradient(to_h: tf.Tensor, to_cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            to_cell = to_cell + tanh_gradient(cell_tanh, to_h * o)
            to_cell = tf.where(tf.equal(total, inside), to_cell, 0.0)
            to_arguments = [
                logistic_gradient(i, to_cell * g),
                logistic_gradient(f, to_cell * cell * cell_scale),
                tanh_gradient(g, to_cell * i),
                logistic_gradient(o, to_h * cell_tanh),
            ]
            return tf.concat(to_arguments, axis=-1), to_cell * f

        return (o * cell_tanh, inside), gradient

    return step


def coarsened(fine: tf.Tensor, finer: tf.Tensor) -> tf.Tensor:
    """Whole numbers of finer steps in whole steps, halves away from zero. finer: the finer steps in a step, 2^k."""
    return tf.round(fine * (AWAY / finer))


def exponent_of(value: tf.Tensor) -> tf.Tensor:
    """The exponent e, as a float, of a positive normal float32 `value = fraction * 2^e` with a fraction in [0.5, 1)."""
    return tf.cast(tf.bitwise.right_shift(tf.bitcast(value, tf.int32), 23) - 126, tf.float32)
