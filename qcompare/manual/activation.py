"""Activations fused into another operator."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import Tensor
from qcompare.manual.call import Call, NotCoveredError
from qcompare.manual.rounding import round_half_away
from qcompare.manual.rule import Halves

NO_BOUNDS = (-np.inf, np.inf)

BOUNDS = {
    "NONE": NO_BOUNDS,
    "RELU": (0.0, np.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def bounds(call: Call) -> tuple[float, float]:
    """Lowest and highest real value that the call's fused activation lets through. Raises NotCoveredError."""
    name = call.option("fused_activation_function", "NONE")
    if name not in BOUNDS:
        raise NotCoveredError(call.operator, f"the fused activation {name} is")
    return BOUNDS[name]


def activate(x: np.ndarray, call: Call) -> np.ndarray:
    """The call's fused activation in real numbers."""
    low, high = bounds(call)
    return x if (low, high) == NO_BOUNDS else np.clip(x, low, high)


def require_no_activation(call: Call) -> None:
    """Raises NotCoveredError when the call has a fused activation."""
    if bounds(call) != NO_BOUNDS:
        raise NotCoveredError(call.operator, f"the fused activation {call.option('fused_activation_function')} is")


def integer_bounds(tensor: Tensor, low: float, high: float, halves: Halves) -> tuple[int, int]:
    """Two real numbers, infinite ones too, as integers of the tensor's grid within its dtype's range.

    (17) `zero_point + round(bound / scale)`, float32 and halves away from zero: TFLite
    `CalculateActivationRangeQuantized`. (80) `round(zero_point + bound / scale)`, halves to even: XNNPACK
    `xnn_qs8_quantize`.
    """
    limits = np.iinfo(tensor.dtype)
    if (low, high) == NO_BOUNDS:
        return int(limits.min), int(limits.max)
    at = _away if halves is Halves.AWAY else _even
    return at(tensor, low), at(tensor, high)


def _away(tensor: Tensor, bound: float) -> int:
    limits = np.iinfo(tensor.dtype)
    steps = float(round_half_away(np.float32(bound) / tensor.scale)) if np.isfinite(bound) else bound
    return int(min(max(tensor.zero_point + steps, limits.min), limits.max))


def _even(tensor: Tensor, bound: float) -> int:
    limits = np.iinfo(tensor.dtype)
    return int(
        np.rint(np.clip(np.float32(bound) / tensor.scale + np.float32(tensor.zero_point), limits.min, limits.max))
    )
