"""Fake quantization at the tensors that the int8 kernels round, applied to float operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import tensorflow as tf

from qcompare.core.lstm import GATES
from qcompare.models.float_ops import LSTMStep, Reals, Recurrence, float_recurrence
from qcompare.models.ops import GATE_MATRICES, TANH_RANGE, Range
from qcompare.training.calibrate import RangeObserver
from qcompare.training.gradients import Gradients, clipped
from qcompare.training.near_lstm import GateWeight, coarsened, exponent_of, near_lstm
from qcompare.training.number_format import INT8, NumberFormat
from qcompare.training.scales import SMALLEST_RANGE

BIAS_LIMIT = 2.0**31


@final
class LearnedRanges:
    """The ranges of roles within a pass; each is read once, however many steps share it."""

    def __init__(self, learned: Mapping[str, tf.Tensor]) -> None:
        """learned: role -> [min, max], float32."""
        self.learned = learned
        self._read: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}

    def of(self, role: str, fixed: Range | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """[min, max] of a role, or those that its kernel prescribes."""
        if role not in self._read:
            low, high = fixed if fixed is not None else tf.unstack(tf.convert_to_tensor(self.learned[role]))
            self._read[role] = tf.convert_to_tensor(low), tf.convert_to_tensor(high)
        return self._read[role]


@final
class FakeQuant:
    """Results rounded to the int8 grid of their role's range, with straight-through gradients; a Rounding.

    This is what the converter wants to see. It rounds constant weights per channel itself, to max|W| / 127,
    and biases; a fake quantization written on them makes it fail or is thrown away
    (docs/architecture.md, "Conversion").
    """

    def __init__(self, weights: Mapping[str, tf.Tensor], learned: Mapping[str, tf.Tensor]) -> None:
        """learned: role -> [min, max], float32."""
        self.weights = weights
        self.ranges = LearnedRanges(learned)

    def result(self, role: str, value: tf.Tensor, fixed: Range | None = None) -> Reals:
        low, high = self.ranges.of(role, fixed)
        with tf.name_scope(role.rpartition("/")[2]):
            return Reals(tensor=tf.quantization.fake_quant_with_min_max_vars(value, low, high))

    def product(self, role: str, value: tf.Tensor, a: Reals, b: Reals) -> Reals:
        return self.result(role, value)

    def part(self, role: str, whole: Reals, part: tf.Tensor) -> Reals:
        """Rounding a part once more changes no value; without it the converter now and then leaves float operators
        around SPLIT (docs/architecture.md, "Conversion").
        """
        return self.result(role, part)

    def zeros(self, role: str, value: tf.Tensor) -> Reals:
        return Reals(tensor=value)

    def weight(self, name: str) -> tf.Tensor:
        return self.weights[name]

    def bias(self, name: str, x: Reals, weight: str) -> tf.Tensor:
        return self.weights[name]

    def lstm(self, layer: str, x: Reals, units: int) -> Recurrence:
        return float_recurrence(self.weights, layer)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TracedGrid:
    """The grid of a role as tensors, for its range may be trained: `q * scale` for whole q from low to high.

    The zero point is taken off: low is the smallest q less the zero point.
    """

    scale: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RoundedWeight:
    """A matrix [inputs, outputs] on its grid, float32, and its scales, float32 [outputs] or [1]."""

    tensor: tf.Tensor
    scale: tf.Tensor


@final
class Aligned:
    """All that the int8 kernels round, as they round it: weights, biases and MUL too; a Rounding.

    Values are whole multiples of their scale: `fake_quant_with_min_max_vars` adds the range's end to each, whose
    float32 rounding alone turns some values in 100,000 into their neighbours.
    """

    def __init__(
        self,
        weights: Mapping[str, tf.Tensor],
        learned: Mapping[str, tf.Tensor],
        kernels: str = "reference",
        number_format: NumberFormat = INT8,
    ) -> None:
        """learned: role -> [min, max], float32; the cell's ranges are NumPy arrays.

        kernels: the kernel set whose LSTM is followed.
        """
        self.weights = weights
        self.learned = learned
        self.kernels = kernels
        self.format = number_format
        self.observer = RangeObserver()
        self._ranges = LearnedRanges(learned)
        self._weights: dict[str, RoundedWeight] = {}
        self._biases: dict[str, tf.Tensor] = {}
        self._grids: dict[str, TracedGrid] = {}

    def ranges(self) -> dict[str, tf.Tensor]:
        """Role -> [min, max], float32, of the results of this pass before they were rounded."""
        return self.observer.ranges()

    def grid(self, role: str, fixed: Range | None = None) -> TracedGrid:
        """The grid of a role; computed once a pass, however many steps share it."""
        if role not in self._grids:
            self._grids[role] = self._symmetric(role, fixed) if self.format.symmetric else self._affine(role, fixed)
        return self._grids[role]

    def _affine(self, role: str, fixed: Range | None) -> TracedGrid:
        """`NumberFormat.grid`, in float64 as there: float32 takes other sides of ties."""
        low, high = (tf.cast(end, tf.float64) for end in self._ranges.of(role, fixed))
        scale = (high - low) / 255.0
        lowest = tf.cast(-tf.floor(0.5 - low / scale), tf.float32)
        return TracedGrid(scale=tf.cast(scale, tf.float32), low=lowest, high=lowest + 255.0)

    def _symmetric(self, role: str, fixed: Range | None) -> TracedGrid:
        bounds = {"low": tf.constant(float(self.format.lowest)), "high": tf.constant(float(self.format.highest))}
        if fixed is not None:
            return TracedGrid(scale=tf.constant(self.format.prescribed(fixed).lsb), **bounds)
        low, high = (tf.cast(end, tf.float64) for end in self._ranges.of(role))
        return TracedGrid(scale=tf.cast(tf.maximum(-low, high) / self.format.highest, tf.float32), **bounds)

    def result(self, role: str, value: tf.Tensor, fixed: Range | None = None) -> Reals:
        if fixed is None:
            self.observer.keep(role, value)
        grid = self.grid(role, fixed)
        return Reals(tensor=on_grid(value, grid.scale, grid.low, grid.high), scale=grid.scale)

    def product(self, role: str, value: tf.Tensor, a: Reals, b: Reals) -> Reals:
        """The int8 MUL rounds twice: to the bits that its fixed-point multiplier leaves, then to the grid.

        A single rounding differs from the kernel in up to 0.7 % of the products, which in an LSTM feeds back
        (docs/architecture.md, "Aligned fake quantization").
        """
        if self.format.symmetric:
            return self.result(role, value)
        self.observer.keep(role, value)
        grid = self.grid(role)
        shift = tf.maximum(-exponent_of(scale_of(a) * scale_of(b) / grid.scale), 0.0)
        rounded = on_grid_twice(value, grid.scale, tf.pow(2.0, shift), grid.low, grid.high)
        return Reals(tensor=rounded, scale=grid.scale)

    def part(self, role: str, whole: Reals, part: tf.Tensor) -> Reals:
        return whole.alike(part)

    def zeros(self, role: str, value: tf.Tensor) -> Reals:
        """A role without a range of its own is what a TANH writes."""
        return Reals(tensor=value, scale=self.grid(role, None if role in self.learned else TANH_RANGE).scale)

    def weight(self, name: str) -> tf.Tensor:
        return self._weight(name).tensor

    def _weight(self, name: str) -> RoundedWeight:
        """The weight with the range it has now; once a pass, however many steps read it."""
        if name not in self._weights:
            weight = tf.convert_to_tensor(self.weights[name])
            scales = column_scales if self.format.per_channel else whole_scale
            self._weights[name] = _rounded_weight(weight, scales(weight))
        return self._weights[name]

    def bias(self, name: str, x: Reals, weight: str) -> tf.Tensor:
        """Biases are int32 with the scale of the product, which is the same in all steps."""
        if name not in self._biases:
            scale = scale_of(x) * self._weight(weight).scale
            self._biases[name] = on_grid(self.weights[name], scale, -BIAS_LIMIT, BIAS_LIMIT)
        return self._biases[name]

    def lstm(self, layer: str, x: Reals, units: int) -> Recurrence:
        """The kernel's 16-bit steps and tables, on products of real numbers in float32.

        These products differ from the kernel's by float32 rounding: a rare argument of a gate is its neighbour.
        """
        h_scale = self.grid(f"{layer}/h").scale
        kernel, recurrent = (self._gates(f"{layer}/{name}") for name in GATE_MATRICES)
        product_scale = scale_of(x) * kernel.scale
        from_input = GateWeight.of(kernel.tensor, product_scale)
        from_hidden = GateWeight.of(recurrent.tensor, h_scale * recurrent.scale)
        bias = on_grid(self.weights[f"{layer}/bias"], product_scale, -BIAS_LIMIT, BIAS_LIMIT)
        near = near_lstm(self.kernels, self.learned[f"{layer}/cell_state"], units)

        def step(arguments: tf.Tensor, cell: tf.Tensor) -> LSTMStep:
            h, following = near(arguments, cell)
            return LSTMStep(h=h, cell=following)

        return Recurrence(
            from_input=lambda inputs: from_input.biased_arguments(inputs, bias),
            from_hidden=from_hidden.arguments,
            step=step,
        )

    def _gates(self, name: str) -> RoundedWeight:
        """A matrix with one scale for each gate's part."""
        weight = tf.convert_to_tensor(self.weights[name])
        return _rounded_weight(weight, gate_scales(weight))


def scale_of(value: Reals) -> tf.Tensor:
    """The scale of a value's grid; any will do for zeros, as a product with zero is zero on every grid."""
    return tf.constant(1.0) if value.scale is None else value.scale


def _rounded_weight(weight: tf.Tensor, scale: tf.Tensor) -> RoundedWeight:
    return RoundedWeight(tensor=on_grid(weight, scale, -127.0, 127.0), scale=scale)


def column_scales(weight: tf.Tensor) -> tf.Tensor:
    """The scale of each column [outputs] of a matrix [inputs, outputs]: max|W| / 127, formed in float64."""
    largest = tf.maximum(tf.reduce_max(tf.abs(weight), axis=0), SMALLEST_RANGE)
    return tf.cast(tf.cast(largest, tf.float64) / 127.0, tf.float32)


def whole_scale(weight: tf.Tensor) -> tf.Tensor:
    """The one scale [1] of a matrix [inputs, outputs]: max|W| / 127, formed in float64."""
    return column_scales(tf.reshape(weight, [-1, 1]))


def gate_scales(weight: tf.Tensor) -> tf.Tensor:
    """The scale of each column [4 units] of an LSTM's matrix [inputs, 4 units]: max|W| / 127 over its gate."""
    largest = tf.reduce_max(tf.abs(tf.reshape(weight, [weight.shape[0], len(GATES), -1])), axis=(0, 2))
    scale = tf.cast(tf.maximum(largest, SMALLEST_RANGE), tf.float64) / 127
    return tf.repeat(tf.cast(scale, tf.float32), weight.shape[1] // len(GATES))


@tf.custom_gradient
def on_grid(
    value: tf.Tensor, scale: tf.Tensor, low: tf.Tensor | float, high: tf.Tensor | float
) -> tuple[tf.Tensor, Gradients]:
    """The nearest `q * scale` with whole q in [low, high]; the gradient passes where q was inside."""
    nearest = tf.round(tf.convert_to_tensor(value) / scale)
    inside = clipped(nearest, low, high)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        return tf.where(tf.equal(nearest, inside), upstream, 0.0), None, None, None

    return inside * scale, gradient


@tf.custom_gradient
def on_grid_twice(
    value: tf.Tensor, scale: tf.Tensor, finer: tf.Tensor, low: tf.Tensor, high: tf.Tensor
) -> tuple[tf.Tensor, Gradients]:
    """As `on_grid`, after rounding to `scale / finer`; the second rounding meets ties and takes them away from zero."""
    nearest = coarsened(tf.round(value / (scale / finer)), finer)
    inside = clipped(nearest, low, high)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        return tf.where(tf.equal(nearest, inside), upstream, 0.0), None, None, None, None

    return inside * scale, gradient
