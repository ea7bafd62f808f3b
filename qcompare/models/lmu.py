"""Legendre Memory Unit (Voelker, Kajić and Eliasmith, 2019): a linear memory of the last theta steps, a hidden state.

u_t = x_t e_x + h_(t-1) e_h + m_(t-1) e_m
m_t = m_(t-1) A^T + u_t B^T
h_t = activation(x_t W_x + b + h_(t-1) W_h + m_t W_m)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf
from scipy.linalg import expm

from qcompare.models.initial import glorot_uniform
from qcompare.models.ops import Ops, V


def legendre_matrices(order: int, theta: float) -> tuple[np.ndarray, np.ndarray]:
    """A [order, order] and B [order, 1] of the memory, float64.

    The delay of theta steps in Legendre coordinates (equations 1 and 2 of the paper), discretised by zero-order hold
    with a step of one: exp of [[A, B], [0, 0]] is [[A of the step, B of the step], [0, 1]].
    """
    row = np.arange(order)[:, None]
    column = np.arange(order)[None, :]
    sign = np.where(row < column, -1.0, (-1.0) ** (row - column + 1))
    a = (2 * row + 1) / theta * sign
    b = (2 * row + 1) / theta * (-1.0) ** row
    held = expm(np.block([[a, b], [np.zeros((1, order + 1))]]))
    return held[:order, :order], held[:order, order:]


@final
@dataclass(frozen=True, kw_only=True)
class LMUCell:
    units: int
    order: int
    theta: float
    activation: str
    use_bias: bool = True

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        limit = np.sqrt(3.0 / features)
        weights = {
            "input_encoder": generator.uniform(-limit, limit, (features, 1)).astype(np.float32),
            "hidden_encoder": glorot_uniform((self.units, 1), generator),
            "memory_encoder": np.zeros((self.order, 1), np.float32),
            "input_kernel": glorot_uniform((features, self.units), generator),
            "hidden_kernel": glorot_uniform((self.units, self.units), generator),
            "memory_kernel": glorot_uniform((self.order, self.units), generator),
        }
        return weights | ({"bias": np.zeros(self.units, np.float32)} if self.use_bias else {})

    def constants(self) -> dict[str, np.ndarray]:
        a, b = legendre_matrices(self.order, self.theta)
        return {"A": a.T.astype(np.float32), "B": b.T.astype(np.float32)}

    def zero_state(self, ops: Ops[V], batch: int | tf.Tensor) -> tuple[V, ...]:
        return ops.zeros("h", batch, self.units), ops.zeros("memory", batch, self.order)

    def step(self, ops: Ops[V], x: V, state: tuple[V, ...]) -> tuple[V, tuple[V, ...]]:
        h, memory = state
        u_from_state = ops.add(
            "u_from_state",
            ops.fully_connected("u_from_hidden", h, "hidden_encoder"),
            ops.fully_connected("u_from_memory", memory, "memory_encoder"),
        )
        u = ops.add("u", ops.fully_connected("u_from_input", x, "input_encoder"), u_from_state)
        memory = ops.add(
            "memory",
            ops.fully_connected("memory_kept", memory, "A"),
            ops.fully_connected("memory_added", u, "B"),
        )
        from_state = ops.add(
            "from_state",
            ops.fully_connected("from_hidden", h, "hidden_kernel"),
            ops.fully_connected("from_memory", memory, "memory_kernel"),
        )
        bias = "bias" if self.use_bias else None
        h = ops.add("h", ops.fully_connected("from_input", x, "input_kernel", bias), from_state, self.activation)
        return h, (h, memory)
