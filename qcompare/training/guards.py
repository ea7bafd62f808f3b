"""What is wrong with a trained quantized network although it converts and runs: each finding in a few words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from qcompare.models.network import Architecture
from qcompare.models.ops import CELL_CLIP, Ops, Value
from qcompare.training.fake_quant import SMALLEST_RANGE
from qcompare.training.qat import TrainedQat

SATURATED_SHARE = 0.01
"""A cell that is at its bound in more of its values than this is named."""

CLOSED = 1 / 512
"""A gate below half a step of an int8 LOGISTIC is closed."""


class Watcher(Ops):
    """Float operators that keep the largest value of each gate and unit, and how often the cell is at its bound."""

    def __init__(self, weights: Mapping[str, tf.Tensor], ranges: Mapping[str, np.ndarray]) -> None:
        super().__init__(weights)
        self.ranges = ranges
        self.gate_values: dict[str, list[tf.Tensor]] = {}
        self.at_bound: dict[str, list[tf.Tensor]] = {}

    def logistic(self, name: str, x: Value) -> Value:
        value = super().logistic(name, x)
        if name.startswith("gate_"):
            self._keep(name[-1], value)
        return value

    def gates(self, arguments: list[tf.Tensor]) -> list[tf.Tensor]:
        i, f, g, o = super().gates(arguments)
        for name, value in (("i", i), ("f", f), ("o", o)):
            self._keep(name, value)
        return [i, f, g, o]

    def _keep(self, gate: str, value: tf.Tensor) -> None:
        self.gate_values.setdefault(self.role(gate), []).append(tf.reduce_max(value, axis=0))

    def cell_state(self, role: str, value: tf.Tensor) -> tf.Tensor:
        bound = min(CELL_CLIP, float(self.ranges[role][1]))
        self.at_bound.setdefault(role, []).append(tf.reduce_mean(tf.cast(tf.abs(value) >= bound, tf.float32)))
        return value


def findings(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> list[str]:
    """Dead gates, saturating cells and ranges that never moved, over the samples x."""
    watcher = Watcher({**trained.weights, **architecture.constants()}, trained.ranges)
    architecture.forward(watcher, tf.constant(x))
    found = [f"the range of {role} never moved: nothing but zero was seen" for role in unmoved(trained.ranges)]
    for gate, values in watcher.gate_values.items():
        closed = int((np.max([value.numpy() for value in values], axis=0) < CLOSED).sum())
        if closed:
            found.append(f"gate {gate} is closed in every sample and step for {closed} of {len(values[0])} units")
    for role, values in watcher.at_bound.items():
        share = float(np.mean([value.numpy() for value in values]))
        if share > SATURATED_SHARE:
            found.append(f"{role} is at its bound in {share:.1%} of its values")
    return found


def unmoved(ranges: Mapping[str, np.ndarray]) -> list[str]:
    """Roles whose range is what a calibration that sees only zeros leaves."""
    return [role for role, (low, high) in ranges.items() if low == 0 and high <= SMALLEST_RANGE]
