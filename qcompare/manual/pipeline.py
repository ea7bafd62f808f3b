"""The output pipeline: the stages that make an accumulator the integer that is stored, as gemmlowp has them.

Requantize, add the zero point, clamp. An operator brings its accumulators and says which multiplier it forms. Numbers
in parentheses are the equations of docs/arithmetic.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qcompare.core.graph import Tensor
from qcompare.manual.activation import NO_BOUNDS, bounds, integer_bounds
from qcompare.manual.blocks import in_blocks
from qcompare.manual.call import Call
from qcompare.manual.rounding import double
from qcompare.manual.rule import Halves, Requantization, Scale

Stage = Callable[[np.ndarray], np.ndarray]
"""Array in, array of equal shape out; it may reuse the memory of what it is given."""


def through(x: np.ndarray, *stages: Stage) -> np.ndarray:
    """What comes out of the last stage. x is given away."""
    for stage in stages:
        x = stage(x)
    return x


@dataclass(frozen=True, eq=False)
class Requantize:
    """Accumulators, int64, times a multiplier of one number or one an element of the last axis: int64."""

    rule: Requantization
    multiplier: Scale | float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        multiply, blocks = self.rule.multiply, self.rule.blocks
        if blocks is None:
            return multiply(x, self.multiplier)
        return in_blocks(blocks, multiply, double, x, np.broadcast_to(self.multiplier, x.shape[-1:]))


@dataclass(frozen=True)
class AddZeroPoint:
    """zero_point: one number, or an array that broadcasts."""

    zero_point: int | np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x += self.zero_point
        return x


@dataclass(frozen=True)
class Clamp:
    """Within [low, high], and of the dtype that is stored."""

    low: int
    high: int
    dtype: np.dtype

    def __call__(self, x: np.ndarray) -> np.ndarray:
        clamped: np.ndarray = np.clip(x, self.low, self.high).astype(self.dtype)
        return clamped


Ending = tuple[AddZeroPoint, Clamp]
"""The last two stages."""


def clamp_to(tensor: Tensor, low: float, high: float, halves: Halves = Halves.AWAY) -> Clamp:
    """Between two real numbers, as integers of the tensor's grid: (17), or (80) for EVEN."""
    return Clamp(*integer_bounds(tensor, low, high, halves), tensor.dtype)


def clamp_of(call: Call, halves: Halves = Halves.AWAY) -> Clamp:
    """The fused activation of the call, within its output's dtype. Raises NotCoveredError."""
    return clamp_to(call.outputs[0], *bounds(call), halves)


def ending(call: Call, halves: Halves = Halves.AWAY) -> Ending:
    """The output's zero point and the fused activation. Raises NotCoveredError."""
    return AddZeroPoint(call.outputs[0].zero_point), clamp_of(call, halves)


def saturating(output: Tensor) -> Ending:
    """The output's zero point and the range of its dtype, whatever activation is fused."""
    return AddZeroPoint(output.zero_point), clamp_to(output, *NO_BOUNDS)


def requantized(call: Call, accumulators: np.ndarray, rule: Requantization, multiplier: Scale) -> np.ndarray:
    """The call's output [samples, *shape] from accumulators, int64, with as many elements; they are given away."""
    stored = through(accumulators, Requantize(rule, multiplier), *ending(call, rule.bounds))
    return stored.reshape(call.samples, *call.outputs[0].shape)
