"""GRU (Cho et al., 2014), as Keras computes it: gates z (update) and r (reset), and the candidate, side by side.

z_t = sigmoid(x_t W_z + b_z + h_(t-1) U_z + c_z), and r_t alike
candidate = tanh(x_t W_h + b_h + r_t * (h_(t-1) U_h + c_h)), or, with the reset before the product,
candidate = tanh(x_t W_h + b_h + (r_t * h_(t-1)) U_h), where there is no second bias c
h_t = z_t * h_(t-1) + (1 - z_t) * candidate
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.gru import PARTS, gru_weights
from qcompare.models.initial import glorot_uniform, orthonormal_rows
from qcompare.models.ops import Ops, V


@final
@dataclass(frozen=True, kw_only=True)
class GRUCell:
    """reset_after: whether the reset gate scales the product with the state, or the state itself."""

    units: int
    reset_after: bool = True
    use_bias: bool = True

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        width = PARTS * self.units
        kernel = glorot_uniform((features, width), generator)
        recurrent_kernel = orthonormal_rows((self.units, width), generator)
        bias = np.zeros((2, width) if self.reset_after else width, np.float32) if self.use_bias else None
        return gru_weights(kernel, recurrent_kernel, bias, reset_after=self.reset_after)

    def constants(self) -> dict[str, np.ndarray]:
        return {}

    def zero_state(self, ops: Ops[V], batch: int | tf.Tensor) -> tuple[V, ...]:
        return (ops.zeros("h", batch, self.units),)

    def step(self, ops: Ops[V], x: V, state: tuple[V, ...]) -> tuple[V, tuple[V, ...]]:
        (h,) = state
        from_input = ops.fully_connected("from_input", x, "kernel", "bias" if self.use_bias else None)
        x_z, x_r, x_candidate = ops.split("from_input", from_input, PARTS)
        second = "recurrent_bias" if self.use_bias and self.reset_after else None
        from_state = ops.fully_connected("from_state", h, "recurrent_kernel", second)
        h_z, h_r, *h_candidate = ops.split("from_state", from_state, PARTS if self.reset_after else PARTS - 1)
        z = ops.add("gate_z", x_z, h_z, "sigmoid")
        r = ops.add("gate_r", x_r, h_r, "sigmoid")
        if h_candidate:
            remembered = ops.multiply("reset", r, *h_candidate)
        else:
            remembered = ops.fully_connected("from_reset", ops.multiply("reset", r, h), "candidate_kernel")
        candidate = ops.add("candidate", x_candidate, remembered, "tanh")
        kept = ops.multiply("kept", z, h)
        h = ops.add("h", kept, ops.multiply("added", ops.one_minus("one_minus_z", z), candidate))
        return h, (h,)
