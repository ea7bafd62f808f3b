"""SimpleRNN: `h_t = activation(x_t W + b + h_(t-1) U)`, as Keras computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.models.initial import glorot_uniform, orthogonal
from qcompare.models.ops import Ops, V


@final
@dataclass(frozen=True, kw_only=True)
class SimpleRNNCell:
    units: int
    activation: str
    use_bias: bool = True

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        weights = {
            "kernel": glorot_uniform((features, self.units), generator),
            "recurrent_kernel": orthogonal(self.units, generator),
        }
        return weights | ({"bias": np.zeros(self.units, np.float32)} if self.use_bias else {})

    def constants(self) -> dict[str, np.ndarray]:
        return {}

    def zero_state(self, ops: Ops[V], batch: int | tf.Tensor) -> tuple[V, ...]:
        return (ops.zeros("h", batch, self.units),)

    def step(self, ops: Ops[V], x: V, state: tuple[V, ...]) -> tuple[V, tuple[V, ...]]:
        (h,) = state
        from_input = ops.fully_connected("from_input", x, "kernel", "bias" if self.use_bias else None)
        from_state = ops.fully_connected("from_state", h, "recurrent_kernel")
        h = ops.add("h", from_input, from_state, self.activation)
        return h, (h,)
