"""Operators that give a kernel set's own integers in the forward pass, and the gradients of the real computation.

Functions of one or two int8 values (ADD, MUL, TANH, LOGISTIC) are tables that the manual engine fills; what depends on
trained weights (FULLY_CONNECTED, the fused LSTM's gates) is computed in the graph by the twins in `fixed_point.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.core.lstm import GATES
from qcompare.core.tap import Tap
from qcompare.manual import executor
from qcompare.manual.exact import EXACT32
from qcompare.manual.rule import Precision, Requantization, Rounding
from qcompare.manual.rules import RULES
from qcompare.manual.variant import of
from qcompare.models.ops import GATE_MATRICES, LOGISTIC_RANGE, ONE_RANGE, TANH_RANGE, Place, activated
from qcompare.models.values import divided, flattened, joined, unstacked
from qcompare.tflite.builder import Builder
from qcompare.training import fixed_point
from qcompare.training.fake_quant import column_scales, gate_scales, whole_scale
from qcompare.training.gradients import Gradient, replaced
from qcompare.training.lstm_kernels import Slope, held, lstm_kernels, saturated16, saturating16
from qcompare.training.number_format import INT8

CHUNK = EXACT32 // (255 * 127)
"""Inputs of which a float32 matrix product of centred int8 values and int8 weights is exact."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Integers:
    """Whole numbers `q - zero_point` in float32, which carry the gradient of the loss by themselves."""

    tensor: tf.Tensor
    grid: Grid

    def alike(self, tensor: tf.Tensor) -> Integers:
        """Elements of these values in another shape."""
        return replace(self, tensor=tensor)


See = Callable[[Tap, Integers], None]
"""Told each result as it is handed on."""


def bounds(grid: Grid, activation: str = "linear") -> tuple[float, float]:
    """The smallest and the largest q of a grid, less the zero point; from zero on after relu."""
    smallest = grid.smallest - grid.zero
    return float(max(smallest, 0) if activation == "relu" else smallest), float(grid.largest - grid.zero)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Weight:
    """int8 weights in float32 [inputs, outputs], and their scales, float32 [outputs] or [1]."""

    tensor: tf.Tensor
    scale: tf.Tensor


def product(x: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """x [..., inputs] times weight [inputs, outputs], of whole numbers: float32 with gradients, and int64 exactly.

    In float32 as long as that is exact; wider inputs are summed in parts.
    """
    width = weight.shape[0]
    bounds = [(start, min(start + CHUNK, width)) for start in range(0, width, CHUNK)]
    if len(bounds) == 1:
        whole = tf.matmul(x, weight)
        return whole, tf.cast(whole, tf.int64)
    parts = [tf.matmul(x[..., start:stop], weight[start:stop]) for start, stop in bounds]
    return tf.add_n(parts), tf.add_n([tf.cast(part, tf.int64) for part in parts])


def elementwise_table(
    operator: str, inputs: Sequence[Grid], output: Grid, units: int, activation: str, kernels: str
) -> tuple[tf.Tensor, np.ndarray]:
    """What an operator on [1, units] gives for every int8 or pair of them, as the manual engine computes it.

    Returns float32 [rows * 256^inputs], less the output's zero point, and the row of each unit: in some kernel sets a
    result depends on where it stands in its tensor. A table is made once in a process.
    """
    return _made_table(operator, tuple(map(_numbers, inputs)), _numbers(output), units, activation, kernels)


Numbers = tuple[float, int]
"""Scale and zero point of an int8 grid, which a cache can tell from others."""


def _numbers(grid: Grid) -> Numbers:
    return float(grid.lsb), grid.zero


@lru_cache(maxsize=1024)
def _made_table(
    operator: str, inputs: tuple[Numbers, ...], output: Numbers, units: int, activation: str, kernels: str
) -> tuple[tf.Tensor, np.ndarray]:
    builder = Builder()
    *given, result = (
        builder.activation(f"t{number}", (1, units), np.int8, Grid.single(scale, zero_point, np.int8))
        for number, (scale, zero_point) in enumerate((*inputs, output))
    )
    options = {"fused_activation_function": "RELU" if activation == "relu" else "NONE"}
    builder.operator(operator, given, [result], options=options)
    values = np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * len(inputs), indexing="ij")
    fed = {index: np.repeat(q.reshape(-1, 1, 1), units, axis=2) for index, q in zip(given, values, strict=True)}
    model = model_of(builder.graph(given, [result]))
    found = executor.run(model, fed, kernels).result.reshape(-1, units)
    columns, row_of_unit = np.unique(found, axis=1, return_inverse=True)
    table = columns.T.astype(np.float32) - np.float32(output[1])
    return held(table.reshape(-1)), row_of_unit.reshape(-1)


@final
class ExactOps:
    """The operators in one kernel set's integers, a `models.ops.Ops` of Integers.

    Activation ranges stand still, weights may be trained.
    """

    def __init__(
        self,
        weights: Mapping[str, tf.Tensor],
        learned: Mapping[str, np.ndarray],
        kernels: str,
        see: See | None = None,
        *,
        per_channel: bool = True,
    ) -> None:
        """weights: by `layer/name`. learned: role -> [min, max], float32. kernels: the kernel set.

        per_channel: as in NumberFormat.
        """
        self.place = Place()
        self.weights = weights
        self.learned = learned
        self.kernels = kernels
        self.see = see
        self.per_channel = per_channel
        self._weights: dict[str, Weight] = {}

    @contextmanager
    def scope(self, layer: str, step: int | None = None) -> Iterator[None]:
        """Within it graph names say layer and time step, too."""
        with self.place.within(layer, step), tf.name_scope(layer if step is None else f"{layer}/step_{step}"):
            yield

    def grid(self, role: str) -> Grid:
        """The learned int8 grid of a role."""
        return INT8.grid(*self.learned[role])

    def input(self, x: tf.Tensor) -> Integers:
        """Divided in float32, halves away from zero: QUANTIZE. A float64 quotient rounded once more is the same."""
        grid = self.grid("x")
        steps = tf.cast(tf.cast(x, tf.float64) / tf.constant(grid.lsb, tf.float64), tf.float32)
        rounded = fixed_point.round_half_away(steps)
        return self._seen("x", Integers(tensor=tf.clip_by_value(rounded, *bounds(grid)), grid=grid))

    def output(self, value: Integers) -> tf.Tensor:
        return value.tensor * value.grid.lsb

    def steps(self, x: Integers) -> list[Integers]:
        return unstacked(x)

    def flatten(self, x: Integers, width: int) -> Integers:
        return flattened(x, width)

    def side_by_side(self, sequence: Sequence[Integers]) -> Integers:
        return joined(sequence)

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> Integers:
        role = self.place.role(name)
        grid = self.grid(role) if role in self.learned else Grid.single(1, 0, np.int8)
        return Integers(tensor=tf.zeros([batch, units]), grid=grid)

    def _weight(self, name: str, *, gates: bool = False) -> Weight:
        """The weight as training has left it, rounded; once a pass, however many steps read it."""
        if name not in self._weights:
            weight = tf.convert_to_tensor(self.weights[name])
            scales = gate_scales if gates else column_scales if self.per_channel else whole_scale
            scale = tf.stop_gradient(scales(weight))
            steps = tf.round(tf.cast(weight, tf.float64) / tf.cast(scale, tf.float64))
            exact = tf.cast(tf.clip_by_value(steps, -127.0, 127.0), tf.float32)
            self._weights[name] = Weight(tensor=replaced(weight / scale, exact), scale=scale)
        return self._weights[name]

    def _bias(self, name: str, x: Integers, weight: Weight) -> tuple[tf.Tensor, tf.Tensor]:
        """In steps of the product's scale: float32 with gradients, and int64 exactly."""
        bias = tf.convert_to_tensor(self.weights[name])
        scale = tf.constant(x.grid.lsb, tf.float64) * tf.cast(weight.scale, tf.float64)
        steps = tf.round(tf.cast(bias, tf.float64) / scale)
        limits = np.iinfo(np.int32)
        exact = tf.cast(tf.clip_by_value(steps, float(limits.min), float(limits.max)), tf.int64)
        return bias / tf.cast(scale, tf.float32), exact

    def fully_connected(
        self, name: str, x: Integers, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Integers:
        constant = self._weight(self.place.role(weight))
        with tf.name_scope(name):
            real, exact = product(x.tensor, constant.tensor)
            if bias is not None:
                real_bias, exact_bias = self._bias(self.place.role(bias), x, constant)
                real, exact = real + real_bias, exact + exact_bias
            role = self.place.role_before(name, activation)
            grid = self.grid(role)
            multiplier = self._multiplier(x.grid, constant.scale, grid)
            scaled = tf.cast(REQUANTIZE[self._rule().rounding](exact, multiplier), tf.float32)
            low, high = bounds(grid, activation)
            value = replaced(
                tf.clip_by_value(real * tf.cast(multiplier, tf.float32), low, high),
                tf.clip_by_value(scaled, low, high),
            )
        return activated(self, name, self._seen(role, Integers(tensor=value, grid=grid)), activation)

    def _rule(self) -> Requantization:
        """Of FULLY_CONNECTED."""
        rule = RULES["FULLY_CONNECTED", of("int8")].rule(self.kernels)
        assert isinstance(rule, Requantization)
        return rule

    def _multiplier(self, x: Grid, weight: tf.Tensor, y: Grid) -> tf.Tensor:
        """(27), (28), (29). Quotients are formed in float64: the graph's optimizer multiplies by reciprocals."""
        precision, x64, y64 = self._rule().multiplier, tf.constant(x.lsb, tf.float64), np.float64(y.lsb)
        if precision is Precision.FLOAT32:
            return tf.cast(tf.cast(x.lsb * weight, tf.float64) / y64, tf.float32)
        if precision is Precision.MIXED and weight.shape[0] == 1:
            return tf.cast(x.lsb * weight, tf.float64) / y64
        return x64 * tf.cast(weight, tf.float64) / y64

    def _elementwise(self, operator: str, values: list[Integers], grid: Grid, activation: str = "linear") -> tf.Tensor:
        """The operator's integers less the zero point, by table, without gradient."""
        units = values[0].tensor.shape[-1]
        grids = [value.grid for value in values]
        table, rows = elementwise_table(operator, grids, grid, units, activation, self.kernels)
        index = tf.zeros([], tf.int32)
        for value in values:
            index = index * 256 + tf.cast(value.tensor, tf.int32) + (value.grid.zero + 128)
        if rows.any():
            index = index + tf.constant(rows * 256 ** len(values), tf.int32)
        return tf.gather_nd(table, index[..., None])

    def add(self, name: str, a: Integers, b: Integers, activation: str = "linear") -> Integers:
        role = self.place.role_before(name, activation)
        grid = self.grid(role)
        low, high = bounds(grid, activation)
        with tf.name_scope(name):
            real = a.tensor * (a.grid.lsb / grid.lsb) + b.tensor * (b.grid.lsb / grid.lsb)
            exact = self._elementwise("ADD", [a, b], grid, activation)
            value = replaced(tf.clip_by_value(real, low, high), exact)
        return activated(self, name, self._seen(role, Integers(tensor=value, grid=grid)), activation)

    def multiply(self, name: str, a: Integers, b: Integers) -> Integers:
        role = self.place.role(name)
        grid = self.grid(role)
        with tf.name_scope(name):
            real = a.tensor * b.tensor * (a.grid.lsb * b.grid.lsb / grid.lsb)
            value = replaced(tf.clip_by_value(real, *bounds(grid)), self._elementwise("MUL", [a, b], grid))
        return self._seen(role, Integers(tensor=value, grid=grid))

    def one_minus(self, name: str, x: Integers) -> Integers:
        role, one = self.place.role(name), INT8.grid(*ONE_RANGE)
        grid = self.grid(role)
        with tf.name_scope(name):
            ones = Integers(tensor=tf.fill(tf.shape(x.tensor), float(one.largest - one.zero)), grid=one)
            real = 1 / grid.lsb - x.tensor * (x.grid.lsb / grid.lsb)
            exact = self._elementwise("SUB", [ones, x], grid)
            value = replaced(tf.clip_by_value(real, *bounds(grid)), exact)
        return self._seen(role, Integers(tensor=value, grid=grid))

    def tanh(self, name: str, x: Integers) -> Integers:
        grid = INT8.prescribed(TANH_RANGE)
        return self._table_function(name, "TANH", x, grid, lambda y: 1 - (y * grid.lsb) ** 2)

    def logistic(self, name: str, x: Integers) -> Integers:
        grid = INT8.prescribed(LOGISTIC_RANGE)
        return self._table_function(name, "LOGISTIC", x, grid, lambda y: y * grid.lsb * (1 - y * grid.lsb))

    def _table_function(self, name: str, operator: str, x: Integers, grid: Grid, slope: Slope) -> Integers:
        @tf.custom_gradient
        def compute(tensor: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            y = self._elementwise(operator, [x.alike(tensor)], grid)
            by_tensor = slope(y) * (x.grid.lsb / grid.lsb)
            return y, lambda gradient: gradient * by_tensor

        with tf.name_scope(name):
            value = Integers(tensor=compute(x.tensor), grid=grid)
        return self._seen(self.place.role(name), value)

    def split(self, name: str, x: Integers, parts: int) -> list[Integers]:
        return divided(x, parts)

    def _seen(self, role: str, value: Integers) -> Integers:
        if self.see is not None:
            self.see(self.place.tap(role), value)
        return value

    def turned(self, sequence: Sequence[Integers]) -> list[Integers]:
        return list(sequence[::-1])

    def beside(self, first: Sequence[Integers], second: Sequence[Integers]) -> list[Integers]:
        return [joined(pair) for pair in zip(first, second, strict=True)]

    def lstm(self, sequence: Sequence[Integers], units: int) -> list[Integers]:
        """(97) to (101), as in `manual/ops/lstm.py`."""
        role = self.place.role
        kernel, recurrent = (self._weight(role(name), gates=True) for name in GATE_MATRICES)
        x, h = sequence[0], self.grid(role("h"))
        kernel_set = lstm_kernels(self.kernels, self.learned[role("cell_state")])
        real, exact = product(tf.stack([value.tensor for value in sequence]), kernel.tensor)
        real_bias, exact_bias = self._bias(role("bias"), x, kernel)
        from_x = kernel_set.gate_multiplier(x.grid.lsb, kernel.scale)
        from_h = kernel_set.gate_multiplier(h.lsb, recurrent.scale)
        h_multiplier = fixed_point.quantize_multiplier(from_h)
        x_terms = tf.unstack(
            saturating16(
                (real + real_bias) * tf.cast(from_x, tf.float32), fixed_point.double(exact + exact_bias, from_x)
            )
        )
        cell = tf.zeros([tf.shape(x.tensor)[0], units])
        outputs: list[Integers] = []
        for step, x_term in enumerate(x_terms):
            with tf.name_scope(f"step_{step}"), self.place.within(self.place.layer, step):
                argument = x_term
                if outputs:
                    real, exact = product(outputs[-1].tensor, recurrent.tensor)
                    exact = fixed_point.multiply_double(exact, *h_multiplier)
                    exact = tf.cast(x_term, tf.int64) + (saturated16(exact) if kernel_set.micro else exact)
                    argument = saturating16(x_term + real * tf.cast(from_h, tf.float32), exact)
                i, f, g, o = tf.split(kernel_set.gates(argument, units), len(GATES), axis=-1)
                cell = kernel_set.cell(i, f, g, cell)
                hidden = kernel_set.hidden(o, kernel_set.cell_tanh(cell), h.lsb, bounds(h))
                outputs.append(self._seen(role("h"), Integers(tensor=hidden, grid=h)))
        return outputs


REQUANTIZE = {
    Rounding.DOUBLE: fixed_point.double,
    Rounding.F64: fixed_point.f64,
    Rounding.RNE32: fixed_point.rne32,
    Rounding.UP: fixed_point.up,
}
"""Roundings of FULLY_CONNECTED."""
