"""LSTM: gates i, f, g (the cell candidate) and o side by side in one matrix, as Keras has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.lstm import GATES
from qcompare.models.initial import glorot_uniform, orthogonal
from qcompare.models.ops import Ops, V


def lstm_weights(units: int, features: int, generator: np.random.Generator, *, use_bias: bool) -> dict[str, np.ndarray]:
    """Initial kernel [features, 4 units], recurrent_kernel [units, 4 units] and, if any, bias [4 units], float32."""
    recurrent = [orthogonal(units, generator) for _ in GATES]
    weights = {
        "kernel": glorot_uniform((features, 4 * units), generator),
        "recurrent_kernel": np.concatenate(recurrent, axis=1),
    }
    if not use_bias:
        return weights
    bias = np.zeros(4 * units, np.float32)
    bias[units : 2 * units] = 1.0  # an open forget gate at the start
    return weights | {"bias": bias}


@final
@dataclass(frozen=True, kw_only=True)
class LSTMCell:
    """The layer in operators of its own for each time step."""

    units: int
    use_bias: bool = True

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        return lstm_weights(self.units, features, generator, use_bias=self.use_bias)

    def constants(self) -> dict[str, np.ndarray]:
        return {}

    def zero_state(self, ops: Ops[V], batch: int | tf.Tensor) -> tuple[V, ...]:
        return ops.zeros("h", batch, self.units), ops.zeros("cell", batch, self.units)

    def step(self, ops: Ops[V], x: V, state: tuple[V, ...]) -> tuple[V, tuple[V, ...]]:
        h, cell = state
        from_input = ops.fully_connected("from_input", x, "kernel", "bias" if self.use_bias else None)
        from_state = ops.fully_connected("from_state", h, "recurrent_kernel")
        i, f, g, o = ops.split("gates", ops.add("gates", from_input, from_state), 4)
        i = ops.logistic("gate_i", i)
        f = ops.logistic("gate_f", f)
        g = ops.tanh("gate_g", g)
        o = ops.logistic("gate_o", o)
        cell = ops.add("cell", ops.multiply("kept", f, cell), ops.multiply("added", i, g))
        h = ops.multiply("h", o, ops.tanh("tanh_cell", cell))
        return h, (h, cell)


@final
@dataclass(frozen=True, kw_only=True)
class FusedLSTM:
    """The same layer as one UNIDIRECTIONAL_SEQUENCE_LSTM, whose cell is clipped."""

    units: int
    use_bias: bool = True

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        return lstm_weights(self.units, features, generator, use_bias=self.use_bias)

    def constants(self) -> dict[str, np.ndarray]:
        """The operator always reads a bias."""
        return {} if self.use_bias else {"bias": np.zeros(4 * self.units, np.float32)}

    def sequence(self, ops: Ops[V], sequence: Sequence[V]) -> list[V]:
        return ops.lstm(sequence, self.units)
