"""LSTM: gates i, f, g (the cell candidate) and o side by side in one matrix, as Keras has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from qcompare.models.initial import glorot_uniform, orthogonal
from qcompare.models.network import State
from qcompare.models.ops import Ops, Value


@dataclass(frozen=True, kw_only=True)
class LSTMCell:
    units: int

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        recurrent = [orthogonal(self.units, generator) for _ in range(4)]
        bias = np.zeros(4 * self.units, np.float32)
        bias[self.units : 2 * self.units] = 1.0  # an open forget gate at the start
        return {
            "kernel": glorot_uniform((features, 4 * self.units), generator),
            "recurrent_kernel": np.concatenate(recurrent, axis=1),
            "bias": bias,
        }

    def constants(self) -> dict[str, np.ndarray]:
        return {}

    def zero_state(self, ops: Ops, batch: int | tf.Tensor) -> State:
        return ops.zeros("h", batch, self.units), ops.zeros("cell", batch, self.units)

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        h, cell = state
        from_input = ops.fully_connected("from_input", x, "kernel", "bias")
        from_state = ops.fully_connected("from_state", h, "recurrent_kernel")
        i, f, g, o = ops.split("gates", ops.add("gates", from_input, from_state), 4)
        i = ops.logistic("gate_i", i)
        f = ops.logistic("gate_f", f)
        g = ops.tanh("gate_g", g)
        o = ops.logistic("gate_o", o)
        cell = ops.add("cell", ops.multiply("kept", f, cell), ops.multiply("added", i, g))
        h = ops.multiply("h", o, ops.tanh("tanh_cell", cell))
        return h, (h, cell)


@dataclass(frozen=True, kw_only=True)
class FusedLSTM(LSTMCell):
    """The same layer as one UNIDIRECTIONAL_SEQUENCE_LSTM, whose cell is clipped."""

    def sequence(self, ops: Ops, sequence: list[Value]) -> list[Value]:
        return ops.lstm(sequence, self.units)
