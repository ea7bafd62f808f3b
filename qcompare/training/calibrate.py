"""The ranges of a float network's results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.layers import DIRECTIONS
from qcompare.core.tap import Tap
from qcompare.models.float_ops import FloatOps, Reals, Unrounded
from qcompare.models.network import Architecture
from qcompare.models.ops import Range
from qcompare.training.scales import SMALLEST_RANGE, cell_range, is_cell


@final
class RangeObserver:
    """Keeps the values of each role, to tell their ranges."""

    def __init__(self) -> None:
        self.values: dict[str, list[tf.Tensor]] = {}

    def see(self, tap: Tap, value: Reals, fixed: Range | None) -> None:
        """A result; those whose range is prescribed are of no account."""
        if fixed is None:
            self.keep(tap.role, value.tensor)

    def keep(self, role: str, values: tf.Tensor) -> None:
        """More values of a role, [batch, width]."""
        self.values.setdefault(role, []).append(values)

    def ranges(self) -> dict[str, tf.Tensor]:
        """Role -> [min, max], float32, over everything kept; zero is always inside."""
        ranges = {}
        for role, seen in self.values.items():
            values = tf.concat(seen, axis=0)
            low = tf.minimum(tf.reduce_min(values), 0.0)
            high = tf.maximum(tf.reduce_max(values), SMALLEST_RANGE)
            ranges[role] = tf.stack([low, high])
        return together(ranges)


def together(ranges: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The ranges, both directions of a layer with one for their outputs, which stand side by side."""
    found, (first, second) = dict(ranges), DIRECTIONS
    for role, forward in ranges.items():
        scope = role.removesuffix(f"/{first}/h")
        if scope != role:
            other = f"{scope}/{second}/h"
            low, high = tf.minimum(forward[0], ranges[other][0]), tf.maximum(forward[1], ranges[other][1])
            found |= dict.fromkeys((role, other), tf.stack([low, high]))
    return found


PART = 1024
"""Samples that are seen at once: whose results of all time steps memory holds."""


def extremes(observe: Callable[[tf.Tensor], dict[str, tf.Tensor]], x: np.ndarray) -> dict[str, np.ndarray]:
    """Role -> [smallest min, largest max], float32, of the ranges that observe finds in parts of the samples x."""
    observed = tf.function(observe, autograph=False)
    parts = [observed(tf.constant(x[start : start + PART])) for start in range(0, len(x), PART)]
    found = {role: np.stack([part[role].numpy() for part in parts]) for role in parts[0]}
    return {role: np.array([ends[:, 0].min(), ends[:, 1].max()]) for role, ends in found.items()}


def calibrate(architecture: Architecture, weights: Mapping[str, np.ndarray], x: np.ndarray) -> dict[str, np.ndarray]:
    """Role -> [min, max] of the float model over the samples x, float32; of a fused LSTM's cell as its kernel has it.

    weights: float32 by `layer/name`. x: float32 [samples, steps, features].
    """
    rounding = Unrounded({**weights, **architecture.constants()})

    def observe(samples: tf.Tensor) -> dict[str, tf.Tensor]:
        observer = RangeObserver()
        architecture.forward(FloatOps(rounding, observer.see), samples)
        return observer.ranges()

    ranges = extremes(observe, x)
    for role in ranges:
        if is_cell(role):
            ranges[role] = np.array(cell_range(float(np.abs(ranges[role]).max())), np.float32)
    return ranges
