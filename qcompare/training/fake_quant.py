"""Fake quantization at the tensors that the int8 kernels round: ranges observed, applied and read out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from qcompare.core.grid import Grid
from qcompare.models.ops import GATES, Ops, Value
from qcompare.training.gradients import clipped
from qcompare.training.near_lstm import GateWeight, coarsened, exponent_of, near_lstm
from qcompare.training.number_format import INT8, NumberFormat

SMALLEST_RANGE = 1e-6
"""A weight column or an activation that is all zero still needs a scale."""


BIAS_LIMIT = 2.0**31


class RangeObserver(Ops):
    """Float operators that keep the values of each role, to tell their ranges."""

    def __init__(self, weights: Mapping[str, tf.Tensor]) -> None:
        super().__init__(weights)
        self.observed: dict[str, list[tf.Tensor]] = {}

    def rounded(self, role: str, value: tf.Tensor, fixed: tuple[float, float] | None = None) -> Value:
        if fixed is None:
            self.observed.setdefault(role, []).append(value)
        return value

    def cell_state(self, role: str, value: tf.Tensor) -> tf.Tensor:
        RangeObserver.rounded(self, role, value)
        return value

    def ranges(self) -> dict[str, tf.Tensor]:
        """Role -> [min, max], float32, over everything seen; zero is always inside."""
        ranges = {}
        for role, seen in self.observed.items():
            if len({value.shape[-1] for value in seen}) > 1:  # the whole of a SPLIT and its parts
                seen = [tf.reshape(value, [-1]) for value in seen]
            values = tf.concat(seen, axis=0)
            low = tf.minimum(tf.reduce_min(values), 0.0)
            high = tf.maximum(tf.reduce_max(values), SMALLEST_RANGE)
            ranges[role] = tf.stack([low, high])
        return ranges


class WeightReaders(Ops):
    """Float operators that note which weight each FULLY_CONNECTED reads."""

    def __init__(self, weights: Mapping[str, tf.Tensor]) -> None:
        super().__init__(weights)
        self.weight_of: dict[str, str] = {}
        self.gate_weights: list[str] = []

    def gate_weight(self, name: str) -> tf.Tensor:
        self.gate_weights.append(self.role(name))
        return super().gate_weight(name)

    def fully_connected(
        self, name: str, x: Value, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Value:
        self.weight_of[self.role(name)] = f"{self.layer}/{weight}"
        return super().fully_connected(name, x, weight, bias, activation)


@dataclass(frozen=True, kw_only=True, eq=False)
class FakeQuantized:
    """Float32 values on an int8 grid, with the grid's scale (float32, scalar)."""

    tensor: tf.Tensor
    scale: tf.Tensor


class FakeQuantOps(RangeObserver):
    """Operators whose results are rounded to the int8 grid of their role's range, with straight-through gradients.

    This is what the converter wants to see. It rounds constant weights per channel itself, to max|W| / 127,
    and biases; a fake quantization written on them makes it fail or is thrown away
    (docs/architecture.md, "Conversion").
    """

    def __init__(self, weights: Mapping[str, tf.Tensor], learned: Mapping[str, tf.Tensor]) -> None:
        """learned: role -> [min, max], float32."""
        super().__init__(weights)
        self.learned = learned
        self._ranges: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}

    def range_of(self, role: str, fixed: tuple[float, float] | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """[min, max] of a role; read once a pass, however many steps share it."""
        if role not in self._ranges:
            low, high = fixed if fixed is not None else tf.unstack(tf.convert_to_tensor(self.learned[role]))
            self._ranges[role] = tf.convert_to_tensor(low), tf.convert_to_tensor(high)
        return self._ranges[role]

    def rounded(self, role: str, value: tf.Tensor, fixed: tuple[float, float] | None = None) -> FakeQuantized:
        super().rounded(role, value, fixed)
        low, high = self.range_of(role, fixed)
        with tf.name_scope(role.rpartition("/")[2]):
            rounded = tf.quantization.fake_quant_with_min_max_vars(value, low, high)
        return FakeQuantized(tensor=rounded, scale=(high - low) / 255.0)

    def tensor(self, value: FakeQuantized) -> tf.Tensor:
        return value.tensor

    def alike(self, value: FakeQuantized, tensor: tf.Tensor) -> FakeQuantized:
        return FakeQuantized(tensor=tensor, scale=value.scale)

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> FakeQuantized:
        # The role's scale is not needed: a product with zero is zero on every grid.
        return FakeQuantized(tensor=tf.zeros([batch, units]), scale=tf.constant(1.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class TracedGrid:
    """The grid of a role: values `q * scale` for whole q from low to high (zero point taken off)."""

    scale: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor


class AlignedOps(FakeQuantOps):
    """Fake quantization of all that the int8 kernels round, as they round it: weights, biases and MUL too.

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
        """learned: as above; the cell's ranges are NumPy arrays. kernels: the kernel set whose LSTM is followed."""
        super().__init__(weights, learned)
        self.kernels = kernels
        self.format = number_format
        self._weights: dict[str, FakeQuantized] = {}
        self._biases: dict[str, tf.Tensor] = {}
        self._grids: dict[str, TracedGrid] = {}

    def grid(self, role: str, fixed: tuple[float, float] | None = None) -> TracedGrid:
        """The grid of a role; computed once a pass, however many steps share it."""
        if role not in self._grids:
            self._grids[role] = self._symmetric(role, fixed) if self.format.symmetric else self._affine(role, fixed)
        return self._grids[role]

    def _affine(self, role: str, fixed: tuple[float, float] | None) -> TracedGrid:
        """`NumberFormat.grid`, in float64 as there: float32 takes other sides of ties."""
        low, high = (tf.cast(end, tf.float64) for end in self.range_of(role, fixed))
        scale = (high - low) / 255.0
        lowest = tf.cast(-tf.floor(0.5 - low / scale), tf.float32)
        return TracedGrid(scale=tf.cast(scale, tf.float32), low=lowest, high=lowest + 255.0)

    def _symmetric(self, role: str, fixed: tuple[float, float] | None) -> TracedGrid:
        bounds = {"low": tf.constant(float(self.format.lowest)), "high": tf.constant(float(self.format.highest))}
        if fixed is not None:
            return TracedGrid(scale=tf.constant(self.format.prescribed(fixed).scale[0]), **bounds)
        low, high = (tf.cast(end, tf.float64) for end in self.range_of(role))
        return TracedGrid(scale=tf.cast(tf.maximum(-low, high) / self.format.highest, tf.float32), **bounds)

    def rounded(self, role: str, value: tf.Tensor, fixed: tuple[float, float] | None = None) -> FakeQuantized:
        RangeObserver.rounded(self, role, value, fixed)
        grid = self.grid(role, fixed)
        return FakeQuantized(tensor=on_grid(value, grid.scale, grid.low, grid.high), scale=grid.scale)

    def split(self, name: str, x: FakeQuantized, parts: int) -> list[FakeQuantized]:
        with tf.name_scope(name):
            return [self.alike(x, part) for part in tf.split(x.tensor, parts, axis=-1)]

    def _weight(self, name: str) -> FakeQuantized:
        """The weight with the range it has now; once a pass, however many steps read it."""
        if name not in self._weights:
            weight = tf.convert_to_tensor(self.weights[name])
            largest = tf.maximum(tf.reduce_max(tf.abs(weight), axis=0), SMALLEST_RANGE)
            scale = tf.cast(tf.cast(largest, tf.float64) / 127.0, tf.float32)
            rounded = on_grid(weight, scale, -127.0, 127.0)
            self._weights[name] = FakeQuantized(tensor=rounded, scale=scale)
        return self._weights[name]

    def weight(self, name: str) -> tf.Tensor:
        return self._weight(name).tensor

    def bias(self, name: str, x: FakeQuantized, weight: str) -> tf.Tensor:
        """Biases are int32 with the scale of the product, which is the same in all steps."""
        if name not in self._biases:
            scale = x.scale * self._weight(weight).scale
            self._biases[name] = on_grid(self.weights[name], scale, -BIAS_LIMIT, BIAS_LIMIT)
        return self._biases[name]

    def lstm(self, sequence: list[FakeQuantized], units: int) -> list[FakeQuantized]:
        """The kernel's 16-bit steps and tables, on products of real numbers in float32.

        These products differ from the kernel's by float32 rounding: a rare argument of a gate is its neighbour.
        """
        x, h = sequence[0], self.grid(self.role("h"))
        kernel, recurrent = (self._gates(self.role(name)) for name in ("kernel", "recurrent_kernel"))
        from_input = GateWeight.of(kernel.tensor, x.scale * kernel.scale)
        from_hidden = GateWeight.of(recurrent.tensor, h.scale * recurrent.scale)
        bias = on_grid(self.weights[self.role("bias")], x.scale * kernel.scale, -BIAS_LIMIT, BIAS_LIMIT)
        near = near_lstm(self.kernels, self.learned[self.role("cell_state")], units)
        inputs = tf.stack([x.tensor for x in sequence])
        arguments = tf.unstack(from_input.biased_arguments(inputs, bias))
        cell = tf.zeros([tf.shape(inputs)[1], units])
        outputs: list[FakeQuantized] = []
        for step, argument in enumerate(arguments):
            with tf.name_scope(f"step_{step}"):
                if outputs:
                    argument = argument + from_hidden.arguments(outputs[-1].tensor)
                value, cell = near(argument, cell)
                outputs.append(self.rounded(self.role("h"), value))
        return outputs

    def _gates(self, name: str) -> FakeQuantized:
        """A matrix with one scale for each gate's part."""
        weight = tf.convert_to_tensor(self.weights[name])
        scale = gate_scales(weight)
        return FakeQuantized(tensor=on_grid(weight, scale, -127.0, 127.0), scale=scale)

    def multiply(self, name: str, a: FakeQuantized, b: FakeQuantized) -> FakeQuantized:
        """The int8 MUL rounds twice: to the bits that its fixed-point multiplier leaves, then to the grid.

        A single rounding differs from the kernel in up to 0.7 % of the products, which in an LSTM feeds back
        (docs/architecture.md, "Aligned fake quantization").
        """
        if self.format.symmetric:
            return super().multiply(name, a, b)
        grid = self.grid(self.role(name))
        shift = tf.maximum(-exponent_of(a.scale * b.scale / grid.scale), 0.0)
        with tf.name_scope(name):
            product = tf.multiply(a.tensor, b.tensor)
        RangeObserver.rounded(self, self.role(name), product)
        rounded = on_grid_twice(product, grid.scale, tf.pow(2.0, shift), grid.low, grid.high)
        return FakeQuantized(tensor=rounded, scale=grid.scale)


def gate_scales(weight: tf.Tensor) -> tf.Tensor:
    """The scale of each column [4 units] of an LSTM's matrix [inputs, 4 units]: max|W| / 127 over its gate."""
    largest = tf.reduce_max(tf.abs(tf.reshape(weight, [weight.shape[0], len(GATES), -1])), axis=(0, 2))
    scale = tf.cast(tf.maximum(largest, SMALLEST_RANGE), tf.float64) / 127
    return tf.repeat(tf.cast(scale, tf.float32), weight.shape[1] // len(GATES))


@tf.custom_gradient
def on_grid(
    value: tf.Tensor, scale: tf.Tensor, low: tf.Tensor | float, high: tf.Tensor | float
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, None, None, None]]]:
    """The nearest `q * scale` with whole q in [low, high]; the gradient passes where q was inside."""
    nearest = tf.round(tf.convert_to_tensor(value) / scale)
    inside = clipped(nearest, low, high)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None, None]:
        return tf.where(tf.equal(nearest, inside), upstream, 0.0), None, None, None

    return inside * scale, gradient


@tf.custom_gradient
def on_grid_twice(
    value: tf.Tensor, scale: tf.Tensor, finer: tf.Tensor, low: tf.Tensor, high: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, None, None, None, None]]]:
    """As `on_grid`, after rounding to `scale / finer`; the second rounding meets ties and takes them away from zero."""
    nearest = coarsened(tf.round(value / (scale / finer)), finer)
    inside = clipped(nearest, low, high)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None, None, None]:
        return tf.where(tf.equal(nearest, inside), upstream, 0.0), None, None, None, None

    return inside * scale, gradient


def weight_scale(weight: np.ndarray, *, per_channel: bool) -> Grid:
    """The int8 scales of a weight [inputs, outputs], one for each output channel or one in all; zero points are 0."""
    largest = np.abs(weight).max(axis=0 if per_channel else (0, 1), keepdims=not per_channel).reshape(-1)
    scale = (np.maximum(largest, np.float32(SMALLEST_RANGE)).astype(np.float64) / 127).astype(np.float32)
    return Grid(scale=scale, zero_point=np.zeros(scale.shape, np.int64), dtype=np.dtype(np.int8))


def gate_weight_scales(weight: np.ndarray) -> np.ndarray:
    """The scale of each gate of an LSTM's matrix [inputs, 4 units], float32 [4]: `gate_scales` in NumPy."""
    gates = np.split(weight, len(GATES), axis=1)
    return np.concatenate([weight_scale(gate, per_channel=False).scale for gate in gates])


def is_cell(role: str) -> bool:
    """Whether a role is the fused LSTM's cell, whose range is a power of two and does not move."""
    return role.endswith("/cell_state")


def cell_range(largest: float) -> tuple[float, float]:
    """The range [min, max] of the fused LSTM's int16 cell: the power of two that holds the largest magnitude.

    The scale 2^(exponent - 15) must lie in 2^-15 to 2^-9, or the kernel gives meaningless numbers; the clip keeps it
    at 2^-11 or below, and a smaller cell gets the finest grid there is.
    """
    mantissa, exponent = np.frexp(max(largest, 1.0))
    bound = float(np.ldexp(1.0, int(exponent) - (mantissa == 0.5)))
    return -bound, bound * (1 - 2.0**-15)


def cell_scale(low: np.float32, high: np.float32) -> Grid:
    """The int16 scale of the fused LSTM's cell in the range [low, high] of `cell_range`."""
    return Grid.single(-low / np.float32(32768), 0, np.int16)
