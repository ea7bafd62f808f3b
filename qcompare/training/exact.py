"""Operators that give a kernel set's own integers in the forward pass, and the gradients of the real computation.

Functions of one or two int8 values (ADD, MUL, TANH, LOGISTIC) are tables that the manual engine fills; what depends on
trained weights (FULLY_CONNECTED, the fused LSTM's gates) is computed in the graph by the twins in `fixed_point.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from qcompare.core.graph import Graph, Operator, Tensor, model_of
from qcompare.core.grid import Grid
from qcompare.manual import executor
from qcompare.manual.arithmetic import RULES
from qcompare.manual.exact import EXACT32
from qcompare.models.ops import GATES, LOGISTIC_RANGE, TANH_RANGE, Ops
from qcompare.training import fixed_point
from qcompare.training.fake_quant import SMALLEST_RANGE, gate_scales
from qcompare.training.gradients import replaced
from qcompare.training.lstm_kernels import held, lstm_kernels, saturated16, saturating16
from qcompare.training.number_format import INT8

CHUNK = EXACT32 // (255 * 127)
"""Inputs of which a float32 matrix product of centred int8 values and int8 weights is exact."""


@dataclass(frozen=True, kw_only=True)
class Int8Grid:
    """`real = (q - zero_point) * scale` in int8."""

    scale: np.float32
    zero_point: int

    @property
    def smallest(self) -> int:
        """The smallest q, less the zero point."""
        return -128 - self.zero_point

    @property
    def largest(self) -> int:
        return 127 - self.zero_point

    @property
    def grid(self) -> Grid:
        return Grid.single(self.scale, self.zero_point, np.int8)


def grid_of(low: float | np.floating, high: float | np.floating) -> Int8Grid:
    """The grid of the range [low, high]."""
    grid = INT8.grid(np.float32(low), np.float32(high))
    return Int8Grid(scale=grid.lsb, zero_point=grid.zero)


@dataclass(frozen=True, kw_only=True, eq=False)
class Integers:
    """Whole numbers `q - zero_point` in float32, which carry the gradient of the loss by themselves."""

    tensor: tf.Tensor
    grid: Int8Grid


@dataclass(frozen=True, kw_only=True, eq=False)
class Weight:
    """int8 weights in float32 [inputs, outputs], and their scales, float32 [outputs]."""

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


@lru_cache(maxsize=1024)
def elementwise_table(
    operator: str, inputs: tuple[Int8Grid, ...], output: Int8Grid, units: int, activation: str, kernels: str
) -> tuple[tf.Tensor, np.ndarray]:
    """What an operator on [1, units] gives for every int8 or pair of them, as the manual engine computes it.

    Returns float32 [rows * 256^inputs], less the output's zero point, and the row of each unit: in some kernel sets a
    result depends on where it stands in its tensor.
    """
    tensors = [
        Tensor(index=i, name=f"t{i}", shape=(1, units), dtype=np.dtype(np.int8), grid=grid.grid)
        for i, grid in enumerate((*inputs, output))
    ]
    count = len(inputs)
    node = Operator(
        index=0,
        name=operator,
        inputs=tuple(range(count)),
        outputs=(count,),
        options={"fused_activation_function": activation.upper() if activation == "relu" else "NONE"},
    )
    graph = Graph(tensors=tuple(tensors), operators=(node,), inputs=tuple(range(count)), outputs=(count,))
    values = np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * count, indexing="ij")
    fed = {i: np.repeat(value.reshape(-1, 1, 1), units, axis=2) for i, value in enumerate(values)}
    result = executor.run(model_of(graph), fed, kernels).result.reshape(-1, units)
    columns, row_of_unit = np.unique(result, axis=1, return_inverse=True)
    table = columns.T.astype(np.float32) - np.float32(output.zero_point)
    return held(table.reshape(-1)), row_of_unit.reshape(-1)


class ExactOps(Ops):
    """The operators in one kernel set's integers; activation ranges stand still, weights may be trained."""

    def __init__(self, weights: Mapping[str, tf.Tensor], learned: Mapping[str, np.ndarray], kernels: str) -> None:
        """learned: role -> [min, max], float32. kernels: reference, optimized, xnnpack or micro."""
        super().__init__(weights)
        self.learned = learned
        self.kernels = kernels
        self._weights: dict[str, Weight] = {}

    def grid(self, role: str) -> Int8Grid:
        return grid_of(*self.learned[role])

    def tensor(self, value: Integers) -> tf.Tensor:
        return value.tensor

    def alike(self, value: Integers, tensor: tf.Tensor) -> Integers:
        return Integers(tensor=tensor, grid=value.grid)

    def input(self, x: tf.Tensor) -> Integers:
        """Divided in float32, halves away from zero: QUANTIZE. A float64 quotient rounded once more is the same."""
        grid = self.grid("x")
        steps = tf.cast(tf.cast(x, tf.float64) / tf.constant(grid.scale, tf.float64), tf.float32)
        rounded = fixed_point.round_half_away(steps)
        return Integers(tensor=tf.clip_by_value(rounded, float(grid.smallest), float(grid.largest)), grid=grid)

    def output(self, value: Integers) -> tf.Tensor:
        return value.tensor * value.grid.scale

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> Integers:
        role = self.role(name)
        grid = self.grid(role) if role in self.learned else Int8Grid(scale=np.float32(1), zero_point=0)
        return Integers(tensor=tf.zeros([batch, units]), grid=grid)

    def _weight(self, name: str, *, gates: bool = False) -> Weight:
        """The weight as training has left it, rounded; once a pass, however many steps read it."""
        if name not in self._weights:
            weight = tf.convert_to_tensor(self.weights[name])
            if gates:
                scale = gate_scales(weight)
            else:
                largest = tf.maximum(tf.reduce_max(tf.abs(weight), axis=0), SMALLEST_RANGE)
                scale = tf.cast(tf.cast(largest, tf.float64) / 127, tf.float32)
            scale = tf.stop_gradient(scale)
            steps = tf.round(tf.cast(weight, tf.float64) / tf.cast(scale, tf.float64))
            exact = tf.cast(tf.clip_by_value(steps, -127.0, 127.0), tf.float32)
            self._weights[name] = Weight(tensor=replaced(weight / scale, exact), scale=scale)
        return self._weights[name]

    def _bias(self, name: str, x: Integers, weight: Weight) -> tuple[tf.Tensor, tf.Tensor]:
        """In steps of the product's scale: float32 with gradients, and int64 exactly."""
        bias = tf.convert_to_tensor(self.weights[name])
        scale = tf.constant(x.grid.scale, tf.float64) * tf.cast(weight.scale, tf.float64)
        steps = tf.round(tf.cast(bias, tf.float64) / scale)
        limits = np.iinfo(np.int32)
        exact = tf.cast(tf.clip_by_value(steps, float(limits.min), float(limits.max)), tf.int64)
        return bias / tf.cast(scale, tf.float32), exact

    def fully_connected(
        self, name: str, x: Integers, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Integers:
        constant = self._weight(f"{self.layer}/{weight}")
        with tf.name_scope(name):
            real, exact = product(x.tensor, constant.tensor)
            if bias is not None:
                real_bias, exact_bias = self._bias(f"{self.layer}/{bias}", x, constant)
                real, exact = real + real_bias, exact + exact_bias
            grid = self.grid(self._role_before(name, activation))
            multiplier = self._multiplier(x.grid, constant.scale, grid)
            scaled = tf.cast(REQUANTIZE[self._rule("FULLY_CONNECTED")](exact, multiplier), tf.float32)
            low, high = self._bounds(grid, activation)
            value = replaced(
                tf.clip_by_value(real * tf.cast(multiplier, tf.float32), low, high),
                tf.clip_by_value(scaled, low, high),
            )
        return self._function(name, Integers(tensor=value, grid=grid), activation)

    def _rule(self, operator: str) -> str:
        return str(getattr(RULES[operator, "int8"], self.kernels))

    def _multiplier(self, x: Int8Grid, weight: tf.Tensor, y: Int8Grid) -> tf.Tensor:
        """(27), (28), (29). Quotients are formed in float64: the graph's optimizer multiplies by reciprocals."""
        rule, x64, y64 = self._rule("FULLY_CONNECTED"), tf.constant(x.scale, tf.float64), np.float64(y.scale)
        if rule == "RNE32":
            return tf.cast(tf.cast(x.scale * weight, tf.float64) / y64, tf.float32)
        if rule == "UP" and weight.shape[0] == 1:
            return tf.cast(x.scale * weight, tf.float64) / y64
        return x64 * tf.cast(weight, tf.float64) / y64

    def _role_before(self, name: str, activation: str) -> str:
        return self.role(name if activation in ("linear", "relu") else f"{name}_before_activation")

    def _bounds(self, grid: Int8Grid, activation: str) -> tuple[float, float]:
        low = max(grid.smallest, 0) if activation == "relu" else grid.smallest
        return float(low), float(grid.largest)

    def _function(self, name: str, value: Integers, activation: str) -> Integers:
        if activation == "tanh":
            return self.tanh(name, value)
        return self.logistic(name, value) if activation == "sigmoid" else value

    def _elementwise(
        self, operator: str, values: list[Integers], grid: Int8Grid, activation: str = "linear"
    ) -> tf.Tensor:
        """The operator's integers less the zero point, by table, without gradient."""
        units = values[0].tensor.shape[-1]
        table, rows = elementwise_table(
            operator, tuple(value.grid for value in values), grid, units, activation, self.kernels
        )
        index = tf.zeros([], tf.int32)
        for value in values:
            index = index * 256 + tf.cast(value.tensor, tf.int32) + (value.grid.zero_point + 128)
        if rows.any():
            index = index + tf.constant(rows * 256 ** len(values), tf.int32)
        return tf.gather_nd(table, index[..., None])

    def add(self, name: str, a: Integers, b: Integers, activation: str = "linear") -> Integers:
        grid = self.grid(self._role_before(name, activation))
        low, high = self._bounds(grid, activation)
        with tf.name_scope(name):
            real = a.tensor * (a.grid.scale / grid.scale) + b.tensor * (b.grid.scale / grid.scale)
            exact = self._elementwise("ADD", [a, b], grid, activation)
            value = replaced(tf.clip_by_value(real, low, high), exact)
        return self._function(name, Integers(tensor=value, grid=grid), activation)

    def multiply(self, name: str, a: Integers, b: Integers) -> Integers:
        grid = self.grid(self.role(name))
        with tf.name_scope(name):
            real = a.tensor * b.tensor * (a.grid.scale * b.grid.scale / grid.scale)
            value = replaced(
                tf.clip_by_value(real, float(grid.smallest), float(grid.largest)),
                self._elementwise("MUL", [a, b], grid),
            )
        return Integers(tensor=value, grid=grid)

    def tanh(self, name: str, x: Integers) -> Integers:
        grid = grid_of(*TANH_RANGE)
        return self._table_function(name, "TANH", x, grid, lambda y: 1 - (y * grid.scale) ** 2)

    def logistic(self, name: str, x: Integers) -> Integers:
        grid = grid_of(*LOGISTIC_RANGE)
        return self._table_function(name, "LOGISTIC", x, grid, lambda y: y * grid.scale * (1 - y * grid.scale))

    def _table_function(self, name: str, operator: str, x: Integers, grid: Int8Grid, derivative: object) -> Integers:
        @tf.custom_gradient
        def compute(tensor: tf.Tensor) -> tuple[tf.Tensor, object]:
            y = self._elementwise(operator, [self.alike(x, tensor)], grid)
            slope = derivative(y) * (x.grid.scale / grid.scale)  # type: ignore[operator]
            return y, lambda gradient: gradient * slope

        with tf.name_scope(name):
            return Integers(tensor=compute(x.tensor), grid=grid)

    def split(self, name: str, x: Integers, parts: int) -> list[Integers]:
        return [self.alike(x, part) for part in tf.split(x.tensor, parts, axis=-1)]

    def lstm(self, sequence: list[Integers], units: int) -> list[Integers]:
        """(97) to (101), as in `manual/ops/lstm.py`."""
        kernel, recurrent = (self._weight(self.role(part), gates=True) for part in ("kernel", "recurrent_kernel"))
        x, h = sequence[0], self.grid(self.role("h"))
        kernel_set = lstm_kernels(self.kernels, self.learned[self.role("cell_state")])
        real, exact = product(tf.stack([value.tensor for value in sequence]), kernel.tensor)
        real_bias, exact_bias = self._bias(self.role("bias"), x, kernel)
        from_x = kernel_set.gate_multiplier(x.grid.scale, kernel.scale)
        from_h = kernel_set.gate_multiplier(h.scale, recurrent.scale)
        h_multiplier = fixed_point.quantize_multiplier(from_h)
        h_bounds = float(h.smallest), float(h.largest)
        x_terms = tf.unstack(
            saturating16(
                (real + real_bias) * tf.cast(from_x, tf.float32), fixed_point.double(exact + exact_bias, from_x)
            )
        )
        cell = tf.zeros([tf.shape(x.tensor)[0], units])
        outputs: list[Integers] = []
        for step, x_term in enumerate(x_terms):
            with tf.name_scope(f"step_{step}"):
                argument = x_term
                if outputs:
                    real, exact = product(outputs[-1].tensor, recurrent.tensor)
                    exact = fixed_point.multiply_double(exact, *h_multiplier)
                    exact = tf.cast(x_term, tf.int64) + (saturated16(exact) if kernel_set.micro else exact)
                    argument = saturating16(x_term + real * tf.cast(from_h, tf.float32), exact)
                i, f, g, o = tf.split(kernel_set.gates(argument, units), len(GATES), axis=-1)
                cell = kernel_set.cell(i, f, g, cell)
                hidden = kernel_set.hidden(o, kernel_set.cell_tanh(cell), h.scale, h_bounds)
                outputs.append(Integers(tensor=hidden, grid=h))
        return outputs


REQUANTIZE = {
    "DOUBLE": fixed_point.double,
    "F64": fixed_point.f64,
    "RNE32": fixed_point.rne32,
    "UP": fixed_point.up,
}
"""Rules of FULLY_CONNECTED."""
