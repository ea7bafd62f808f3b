"""The operators in float32: what networks are trained with, whatever becomes of the results.

`FloatOps` computes; a `Rounding` says how results, weights and biases are as the kernels have them: not rounded at
all (`Unrounded`), or by fake quantization (`FakeQuant` and `Aligned` in `training/fake_quant.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, final

import tensorflow as tf

from qcompare.core.lstm import GATES
from qcompare.core.tap import Tap
from qcompare.models.ops import CELL_CLIP, LOGISTIC_RANGE, TANH_RANGE, Place, Range, activated
from qcompare.models.values import divided, flattened, joined, unstacked


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Reals:
    """Real numbers in float32.

    scale: float32, scalar, of the grid that they lie on; None where no grid is known, and for zeros, which lie on all.
    """

    tensor: tf.Tensor
    scale: tf.Tensor | None = None

    def alike(self, tensor: tf.Tensor) -> Reals:
        """Elements of these values in another shape."""
        return replace(self, tensor=tensor)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LSTMStep:
    """What one time step of the fused LSTM gives.

    h: [batch, units], before it is rounded. cell: the next one, [batch, units], in units of the recurrence's own.
    inner: name -> real numbers within the step, where they can be seen; with the range that an int8 kernel of an
        operator would prescribe for them, if any.
    """

    h: tf.Tensor
    cell: tf.Tensor
    inner: Mapping[str, tuple[tf.Tensor, Range | None]] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Recurrence:
    """What a fused LSTM computes, in three functions of float32 tensors.

    from_input: inputs [steps, batch, features] -> the gates' arguments [steps, batch, 4 units], bias included.
    from_hidden: h [batch, units] -> what it adds to the arguments [batch, 4 units].
    step: arguments [batch, 4 units] and cell [batch, units] -> the step; the first cell is zero.
    """

    from_input: Callable[[tf.Tensor], tf.Tensor]
    from_hidden: Callable[[tf.Tensor], tf.Tensor]
    step: Callable[[tf.Tensor, tf.Tensor], LSTMStep]


class Rounding(Protocol):
    """What becomes of float operators' results, weights and biases before they are used."""

    def result(self, role: str, value: tf.Tensor, fixed: Range | None = None) -> Reals:
        """The result as its kernel hands it on. fixed: the range that the kernel prescribes, if any."""

    def product(self, role: str, value: tf.Tensor, a: Reals, b: Reals) -> Reals:
        """The result of a MUL, `value = a * b`, as its kernel hands it on."""

    def part(self, role: str, whole: Reals, part: tf.Tensor) -> Reals:
        """A part of what a SPLIT divides; the role is of the whole."""

    def zeros(self, role: str, value: tf.Tensor) -> Reals:
        """A state of zeros, on the grid of what later steps write there."""

    def weight(self, name: str) -> tf.Tensor:
        """The matrix [inputs, outputs] as its kernel reads it."""

    def bias(self, name: str, x: Reals, weight: str) -> tf.Tensor:
        """The bias [outputs] as the kernel adds it to the product of x and the weight."""

    def lstm(self, layer: str, x: Reals, units: int) -> Recurrence:
        """The fused LSTM of a layer; x: any of its inputs."""


See = Callable[[Tap, Reals, Range | None], None]
"""Told each result as it is handed on, with the range that its kernel prescribes, if any."""

Read = Callable[[str, str], None]
"""Told (role, weight) of each FULLY_CONNECTED; both are `layer/name`."""


@final
class FloatOps:
    """The operators in float32; a `models.ops.Ops` of Reals."""

    def __init__(self, rounding: Rounding, see: See | None = None, read: Read | None = None) -> None:
        self.place = Place()
        self.rounding = rounding
        self.see = see
        self.read = read

    @contextmanager
    def scope(self, layer: str, step: int | None = None) -> Iterator[None]:
        """Within it graph names say layer and time step, too."""
        with self.place.within(layer, step), tf.name_scope(layer if step is None else f"{layer}/step_{step}"):
            yield

    def input(self, x: tf.Tensor) -> Reals:
        return self._seen("x", self.rounding.result("x", x))

    def output(self, value: Reals) -> tf.Tensor:
        return value.tensor

    def steps(self, x: Reals) -> list[Reals]:
        return unstacked(x)

    def flatten(self, x: Reals, width: int) -> Reals:
        return flattened(x, width)

    def side_by_side(self, sequence: Sequence[Reals]) -> Reals:
        return joined(sequence)

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> Reals:
        return self.rounding.zeros(self.place.role(name), tf.zeros([batch, units]))

    def fully_connected(
        self, name: str, x: Reals, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Reals:
        weight = self.place.role(weight)
        if self.read is not None:
            self.read(self.place.role(name), weight)
        with tf.name_scope(name):
            value = tf.matmul(x.tensor, self.rounding.weight(weight))
            if bias is not None:
                value = value + self.rounding.bias(self.place.role(bias), x, weight)
        return self._activated(name, value, activation)

    def add(self, name: str, a: Reals, b: Reals, activation: str = "linear") -> Reals:
        with tf.name_scope(name):
            value = tf.add(a.tensor, b.tensor)
        return self._activated(name, value, activation)

    def multiply(self, name: str, a: Reals, b: Reals) -> Reals:
        with tf.name_scope(name):
            value = tf.multiply(a.tensor, b.tensor)
        role = self.place.role(name)
        return self._seen(role, self.rounding.product(role, value, a, b))

    def one_minus(self, name: str, x: Reals) -> Reals:
        with tf.name_scope(name):
            value = tf.subtract(1.0, x.tensor)
        return self._result(self.place.role(name), value)

    def tanh(self, name: str, x: Reals) -> Reals:
        with tf.name_scope(name):
            value = tf.tanh(x.tensor)
        return self._result(self.place.role(name), value, TANH_RANGE)

    def logistic(self, name: str, x: Reals) -> Reals:
        with tf.name_scope(name):
            value = tf.sigmoid(x.tensor)
        return self._result(self.place.role(name), value, LOGISTIC_RANGE)

    def split(self, name: str, x: Reals, parts: int) -> list[Reals]:
        with tf.name_scope(name):
            divisions = divided(x, parts)
        return [self.rounding.part(self.place.role(name), x, part.tensor) for part in divisions]

    def turned(self, sequence: Sequence[Reals]) -> list[Reals]:
        return list(sequence[::-1])

    def beside(self, first: Sequence[Reals], second: Sequence[Reals]) -> list[Reals]:
        return [joined(pair) for pair in zip(first, second, strict=True)]

    def lstm(self, sequence: Sequence[Reals], units: int) -> list[Reals]:
        recurrence = self.rounding.lstm(self.place.layer, sequence[0], units)
        inputs = tf.stack([x.tensor for x in sequence])
        from_input = tf.unstack(recurrence.from_input(inputs))
        cell = tf.zeros([tf.shape(inputs)[1], units])
        outputs: list[Reals] = []
        for number, arguments in enumerate(from_input):
            with tf.name_scope(f"step_{number}"), self.place.within(self.place.layer, number):
                if outputs:
                    arguments = arguments + recurrence.from_hidden(outputs[-1].tensor)
                step = recurrence.step(arguments, cell)
                for name, (value, fixed) in step.inner.items():
                    self._seen(self.place.role(name), Reals(tensor=value), fixed)
                outputs.append(self._result(self.place.role("h"), step.h))
                cell = step.cell
        return outputs

    def _activated(self, name: str, value: tf.Tensor, activation: str) -> Reals:
        if activation == "relu":
            with tf.name_scope(name):
                value = tf.nn.relu(value)
        result = self._result(self.place.role_before(name, activation), value)
        return activated(self, name, result, activation)

    def _result(self, role: str, value: tf.Tensor, fixed: Range | None = None) -> Reals:
        return self._seen(role, self.rounding.result(role, value, fixed), fixed)

    def _seen(self, role: str, value: Reals, fixed: Range | None = None) -> Reals:
        if self.see is not None:
            self.see(self.place.tap(role), value, fixed)
        return value


@final
class Unrounded:
    """Float operators as they are: a Rounding that rounds nothing."""

    def __init__(self, weights: Mapping[str, tf.Tensor]) -> None:
        """weights: by `layer/name`; matrices are [inputs, outputs]."""
        self.weights = weights

    def result(self, role: str, value: tf.Tensor, fixed: Range | None = None) -> Reals:
        return Reals(tensor=value)

    def product(self, role: str, value: tf.Tensor, a: Reals, b: Reals) -> Reals:
        return Reals(tensor=value)

    def part(self, role: str, whole: Reals, part: tf.Tensor) -> Reals:
        return whole.alike(part)

    def zeros(self, role: str, value: tf.Tensor) -> Reals:
        return Reals(tensor=value)

    def weight(self, name: str) -> tf.Tensor:
        return self.weights[name]

    def bias(self, name: str, x: Reals, weight: str) -> tf.Tensor:
        return self.weights[name]

    def lstm(self, layer: str, x: Reals, units: int) -> Recurrence:
        return float_recurrence(self.weights, layer)


def float_recurrence(weights: Mapping[str, tf.Tensor], layer: str) -> Recurrence:
    """The LSTM in real numbers, its cell clipped; weights: by `layer/name`."""
    kernel, recurrent, bias = (weights[f"{layer}/{name}"] for name in ("kernel", "recurrent_kernel", "bias"))

    def step(arguments: tf.Tensor, cell: tf.Tensor) -> LSTMStep:
        i, f, g, o = tf.split(arguments, len(GATES), axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        cell = tf.clip_by_value(f * cell + i * g, -CELL_CLIP, CELL_CLIP)
        ranges = (LOGISTIC_RANGE, LOGISTIC_RANGE, TANH_RANGE, LOGISTIC_RANGE)
        gates = {f"gate_{gate}": seen for gate, seen in zip(GATES, zip((i, f, g, o), ranges, strict=True), strict=True)}
        return LSTMStep(h=o * tf.tanh(cell), cell=cell, inner={**gates, "cell_state": (cell, None)})

    return Recurrence(
        from_input=lambda inputs: tf.tensordot(inputs, kernel, 1) + bias,
        from_hidden=lambda h: tf.matmul(h, recurrent),
        step=step,
    )
