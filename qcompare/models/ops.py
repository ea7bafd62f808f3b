"""The operators that networks are written in: those that TFLite runs them with.

A network names what each operator computes and what its result is called. Who computes it, and how it is rounded, is
the business of the class that it is given: `FloatOps` in `models/float_ops.py`, `ExactOps` in `training/exact.py`,
`GraphOps` in `export/written.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar, final

import tensorflow as tf

from qcompare.core.tap import Tap

V = TypeVar("V")
"""What operators take and give."""

Range = tuple[float, float]
"""The smallest and the largest number."""

TANH_RANGE: Range = (-1.0, 127 / 128)
LOGISTIC_RANGE: Range = (0.0, 255 / 256)
"""Output ranges that the int8 TANH and LOGISTIC kernels prescribe (docs/arithmetic.md)."""

ONE_RANGE: Range = (0.0, 1.0)
"""What the converter rounds the constant one in: its largest integer."""

GATE_MATRICES = ("kernel", "recurrent_kernel")
"""The matrices of a fused LSTM, the gates side by side in each."""

CELL_CLIP = 10.0
"""Largest magnitude of the fused LSTM's cell: what the converter writes for a Keras layer, which has none."""

FUSED_ACTIVATIONS = ("linear", "relu")
"""Activations that an operator has in itself; TFLite runs tanh and sigmoid as operators of their own."""


class Ops(Protocol[V]):
    """The operators. Each result has a role: its layer and name, shared by all time steps."""

    def scope(self, layer: str, step: int | None = None) -> AbstractContextManager[None]:
        """Within it roles and weights belong to that layer, and results to that time step."""

    def input(self, x: tf.Tensor) -> V:
        """The network's input [batch, steps, features], float32."""

    def output(self, value: V) -> tf.Tensor:
        """The network's output as a float32 tensor of real numbers, where there are numbers."""

    def steps(self, x: V) -> list[V]:
        """[batch, steps, features] -> `steps` values [batch, features]."""

    def flatten(self, x: V, width: int) -> V:
        """[batch, ...] -> [batch, width]."""

    def side_by_side(self, sequence: Sequence[V]) -> V:
        """Steps [batch, units] of one role -> [batch, steps * units]."""

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> V:
        """A state of zeros [batch, units] with the role of the state that later steps write."""

    def fully_connected(self, name: str, x: V, weight: str, bias: str | None = None, activation: str = "linear") -> V:
        """`activation(x W + b)`, [batch, outputs]; the weight [inputs, outputs]."""

    def add(self, name: str, a: V, b: V, activation: str = "linear") -> V:
        """`activation(a + b)`."""

    def multiply(self, name: str, a: V, b: V) -> V:
        """`a * b`, element by element."""

    def one_minus(self, name: str, x: V) -> V:
        """`1 - x`: a SUB whose first operand is a constant."""

    def tanh(self, name: str, x: V) -> V:
        """TANH, whose range its kernel prescribes."""

    def logistic(self, name: str, x: V) -> V:
        """LOGISTIC, whose range its kernel prescribes."""

    def split(self, name: str, x: V, parts: int) -> list[V]:
        """Equal parts of the last axis; each has the role `name` of the whole."""

    def turned(self, sequence: Sequence[V]) -> list[V]:
        """The steps of one tensor, the last first: REVERSE_V2."""

    def beside(self, first: Sequence[V], second: Sequence[V]) -> list[V]:
        """Each step [batch, units] of one sequence beside that of another, all on one grid: [batch, 2 units]."""

    def lstm(self, sequence: Sequence[V], units: int) -> list[V]:
        """The output of every step of one UNIDIRECTIONAL_SEQUENCE_LSTM that starts from zeros.

        Its weights are `kernel`, `recurrent_kernel` and `bias`, the gates side by side. What the operator rounds has
        two roles: `h`, and `cell_state`, which is int16.
        """


@final
class Place:
    """Where a network is being computed: the layer and the time step."""

    def __init__(self) -> None:
        self.layer = ""
        self.step: int | None = None

    @contextmanager
    def within(self, layer: str, step: int | None) -> Iterator[None]:
        outer = self.layer, self.step
        self.layer, self.step = layer, step
        try:
            yield
        finally:
            self.layer, self.step = outer

    def role(self, name: str) -> str:
        """The name in the current layer: of a result, or of a weight."""
        return f"{self.layer}/{name}"

    def role_before(self, name: str, activation: str) -> str:
        """The role of what an operator gives to its activation, if that is an operator of its own, else of both."""
        return self.role(name if activation in FUSED_ACTIVATIONS else f"{name}_before_activation")

    def tap(self, role: str) -> Tap:
        """A role at the current time step."""
        return Tap(role, self.step)


def activated(ops: Ops[V], name: str, value: V, activation: str) -> V:
    """What an operator's activation makes of its result; `value` has those of FUSED_ACTIVATIONS already."""
    match activation:
        case "tanh":
            return ops.tanh(name, value)
        case "sigmoid":
            return ops.logistic(name, value)
        case _:
            return value
