"""What is wrong with a trained quantized network although it converts and runs: each finding in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.tap import Tap
from qcompare.models.float_ops import FloatOps, Reals, Unrounded
from qcompare.models.network import Architecture
from qcompare.models.ops import CELL_CLIP, Range
from qcompare.training.learned import TrainedQat
from qcompare.training.scales import SMALLEST_RANGE, is_cell

SATURATED_SHARE = 0.01
"""A cell that is at its bound in more of its values than this is named."""

CLOSED = 1 / 512
"""A gate below half a step of an int8 LOGISTIC is closed."""


CLOSING_GATES = ("i", "f", "o", "z", "r")
"""Gates that are a share from 0 to 1: an LSTM's first, then a GRU's."""


@final
class Watcher:
    """Keeps the largest value of each gate and unit, and how often a fused LSTM's cell is at its bound."""

    def __init__(self, layers: Iterable[str], ranges: Mapping[str, np.ndarray]) -> None:
        """layers: scopes of recurrent ones. ranges: role -> float32 [min, max]."""
        self.gates = {f"{layer}/gate_{gate}": f"{layer}/{gate}" for layer in layers for gate in CLOSING_GATES}
        self.bounds = {role: min(CELL_CLIP, float(high)) for role, (_, high) in ranges.items() if is_cell(role)}
        self.gate_values: dict[str, list[tf.Tensor]] = {}
        self.at_bound: dict[str, list[tf.Tensor]] = {}

    def see(self, tap: Tap, value: Reals, fixed: Range | None) -> None:
        """A result of float operators."""
        if tap.role in self.gates:
            self.gate_values.setdefault(self.gates[tap.role], []).append(tf.reduce_max(value.tensor, axis=0))
        elif tap.role in self.bounds:
            reached = tf.abs(value.tensor) >= self.bounds[tap.role]
            self.at_bound.setdefault(tap.role, []).append(tf.reduce_mean(tf.cast(reached, tf.float32)))


def findings(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> list[str]:
    """Dead gates, saturating cells and ranges that never moved, over the samples x."""
    watcher = Watcher(architecture.one_way_layers(), trained.ranges)
    rounding = Unrounded({**trained.weights, **architecture.constants()})
    architecture.forward(FloatOps(rounding, watcher.see), tf.constant(x))
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
