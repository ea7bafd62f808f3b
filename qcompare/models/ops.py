"""The operators that networks are written in: those that TFLite runs them with, here in float32.

A cell names what each operator computes; how its result is rounded is the business of the subclass:
not at all here, by fake quantization in `training/fake_quant.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

Value = Any
"""What an operator takes and gives: here a tensor; a subclass may carry more with it."""

TANH_RANGE = (-1.0, 127 / 128)
LOGISTIC_RANGE = (0.0, 255 / 256)
"""Output ranges that the int8 TANH and LOGISTIC kernels prescribe (docs/arithmetic.md)."""

GATES = ("i", "f", "g", "o")
"""The gates of an LSTM in the order in which its matrices hold them; g is the cell candidate."""

CELL_CLIP = 10.0
"""Largest magnitude of the fused LSTM's cell: what the converter writes for a Keras layer, which has none."""


class Ops:
    """Operators over float32 tensors. Each result has a role: its layer and name, shared by all time steps."""

    def __init__(self, weights: Mapping[str, tf.Tensor]) -> None:
        """weights: by `layer/name`; matrices are [inputs, outputs]."""
        self.weights = weights
        self.layer = ""

    @contextmanager
    def scope(self, layer: str, step: int | None = None) -> Iterator[None]:
        """Within it roles and weights belong to that layer, and graph names say layer and time step."""
        outer, self.layer = self.layer, layer
        try:
            with tf.name_scope(layer if step is None else f"{layer}/step_{step}"):
                yield
        finally:
            self.layer = outer

    def rounded(self, role: str, value: tf.Tensor, fixed: tuple[float, float] | None = None) -> Value:
        """The value as its kernel hands it on. fixed: the range [min, max] that the kernel prescribes, if any."""
        return value

    def tensor(self, value: Value) -> tf.Tensor:
        """The float32 tensor of a value."""
        return value

    def alike(self, value: Value, tensor: tf.Tensor) -> Value:
        """A tensor that holds elements of `value`, in another shape."""
        return tensor

    def weight(self, name: str) -> tf.Tensor:
        """The matrix [inputs, outputs] as its kernel reads it."""
        return self.weights[name]

    def bias(self, name: str, x: Value, weight: str) -> tf.Tensor:
        """The bias [outputs] as the kernel adds it to the product of x and the weight."""
        return self.weights[name]

    def input(self, x: tf.Tensor) -> Value:
        """The network's input."""
        return self.rounded("x", x)

    def output(self, value: Value) -> tf.Tensor:
        """The network's output as a float32 tensor of real numbers."""
        return self.tensor(value)

    def steps(self, x: Value) -> list[Value]:
        """[batch, steps, features] -> `steps` values [batch, features]."""
        return [self.alike(x, step) for step in tf.unstack(self.tensor(x), axis=1)]

    def flatten(self, x: Value, width: int) -> Value:
        """[batch, ...] -> [batch, width]."""
        return self.alike(x, tf.reshape(self.tensor(x), [-1, width]))

    def side_by_side(self, sequence: list[Value]) -> Value:
        """Steps [batch, units] of one role -> [batch, steps * units]."""
        with tf.name_scope("side_by_side"):
            return self.alike(sequence[0], tf.concat([self.tensor(value) for value in sequence], axis=-1))

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> Value:
        """A state of zeros [batch, units] with the role of the state that later steps write."""
        return tf.zeros([batch, units])

    def fully_connected(
        self, name: str, x: Value, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Value:
        """`activation(x W + b)`, [batch, outputs]."""
        weight = f"{self.layer}/{weight}"
        with tf.name_scope(name):
            value = tf.matmul(self.tensor(x), self.weight(weight))
            if bias is not None:
                value = value + self.bias(f"{self.layer}/{bias}", x, weight)
        return self._activated(name, value, activation)

    def add(self, name: str, a: Value, b: Value, activation: str = "linear") -> Value:
        """`activation(a + b)`."""
        with tf.name_scope(name):
            value = tf.add(self.tensor(a), self.tensor(b))
        return self._activated(name, value, activation)

    def multiply(self, name: str, a: Value, b: Value) -> Value:
        """`a * b`, element by element."""
        with tf.name_scope(name):
            value = tf.multiply(self.tensor(a), self.tensor(b))
        return self.rounded(self.role(name), value)

    def tanh(self, name: str, x: Value) -> Value:
        with tf.name_scope(name):
            value = tf.tanh(self.tensor(x))
        return self.rounded(self.role(name), value, TANH_RANGE)

    def logistic(self, name: str, x: Value) -> Value:
        with tf.name_scope(name):
            value = tf.sigmoid(self.tensor(x))
        return self.rounded(self.role(name), value, LOGISTIC_RANGE)

    def split(self, name: str, x: Value, parts: int) -> list[Value]:
        """Equal parts of the last axis; each has the role `name` of the whole.

        Rounding a part once more changes no value; without it the converter now and then leaves float
        operators around SPLIT (docs/architecture.md, "Conversion").
        """
        with tf.name_scope(name):
            values = tf.split(self.tensor(x), parts, axis=-1)
        return [self.rounded(self.role(name), value) for value in values]

    def lstm(self, sequence: list[Value], units: int) -> list[Value]:
        """The output of every step of one UNIDIRECTIONAL_SEQUENCE_LSTM that starts from zeros.

        Its weights are `kernel`, `recurrent_kernel` and `bias`, the gates side by side. What the operator rounds has
        two roles: `h`, and `cell_state`, which is int16.
        """
        kernel, recurrent = self.gate_weight("kernel"), self.gate_weight("recurrent_kernel")
        bias = self.weights[self.role("bias")]
        inputs = tf.stack([self.tensor(x) for x in sequence])
        from_input = tf.unstack(tf.tensordot(inputs, kernel, 1) + bias)
        cell = tf.zeros([tf.shape(inputs)[1], units])
        outputs: list[Value] = []
        for step, arguments in enumerate(from_input):
            with tf.name_scope(f"step_{step}"):
                if outputs:
                    arguments = arguments + tf.matmul(self.tensor(outputs[-1]), recurrent)
                i, f, g, o = self.gates(tf.split(arguments, len(GATES), axis=-1))
                cell = tf.clip_by_value(f * cell + i * g, -CELL_CLIP, CELL_CLIP)
                cell = self.cell_state(self.role("cell_state"), cell)
                outputs.append(self.rounded(self.role("h"), o * tf.tanh(cell)))
        return outputs

    def gates(self, arguments: list[tf.Tensor]) -> list[tf.Tensor]:
        """The fused LSTM's gates i, f, g, o [batch, units] of their arguments."""
        i, f, g, o = arguments
        return [tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)]

    def cell_state(self, role: str, value: tf.Tensor) -> tf.Tensor:
        """The fused LSTM's cell as the kernel keeps it."""
        return value

    def gate_weight(self, name: str) -> tf.Tensor:
        """A matrix [inputs, 4 units] of the fused LSTM as its kernel reads it."""
        return self.weights[self.role(name)]

    def role(self, name: str) -> str:
        """The name in the current layer."""
        return f"{self.layer}/{name}"

    def _activated(self, name: str, value: tf.Tensor, activation: str) -> Value:
        """TFLite fuses relu into the operator before it and runs tanh and sigmoid as operators of their own."""
        if activation == "relu":
            with tf.name_scope(name):
                value = tf.nn.relu(value)
            return self.rounded(self.role(name), value)
        if activation == "linear":
            return self.rounded(self.role(name), value)
        before = self.rounded(self.role(f"{name}_before_activation"), value)
        return self.tanh(name, before) if activation == "tanh" else self.logistic(name, before)
