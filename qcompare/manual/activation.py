"""Activations fused into another operator."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import Tensor
from qcompare.manual.call import Call, NotCoveredError
from qcompare.manual.rounding import round_half_away

BOUNDS = {
    "NONE": (-np.inf, np.inf),
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
    return x if (low, high) == BOUNDS["NONE"] else np.clip(x, low, high)


def require_no_activation(call: Call) -> None:
    """Raises NotCoveredError when the call has a fused activation."""
    if bounds(call) != BOUNDS["NONE"]:
        raise NotCoveredError(call.operator, f"the fused activation {call.option('fused_activation_function')} is")


def quantized_bounds(call: Call, output: Tensor) -> tuple[int, int]:
    """(17) Lowest and highest integer of the output: TFLite `CalculateActivationRangeQuantized`.

    `zero_point + round(bound / scale)`, float32 and halves away from zero, within the dtype's range.
    """
    limits = np.iinfo(output.dtype)
    low, high = bounds(call)
    at = [
        output.zero_point + float(round_half_away(np.float32(bound) / output.scale)) if np.isfinite(bound) else bound
        for bound in (low, high)
    ]
    return int(max(at[0], limits.min)), int(min(at[1], limits.max))


def clamp(x: np.ndarray, call: Call, output: Tensor) -> np.ndarray:
    """The integers, zero point included, within (17), in the output's dtype."""
    return np.clip(x, *quantized_bounds(call, output)).astype(output.dtype)


def quantized_bounds_even(call: Call, output: Tensor) -> tuple[int, int]:
    """(80) As (17), `round(zero_point + bound / scale)` with halves to even: XNNPACK `xnn_qs8_quantize`."""
    limits = np.iinfo(output.dtype)
    at = [
        np.rint(np.clip(np.float32(bound) / output.scale + np.float32(output.zero_point), limits.min, limits.max))
        for bound in bounds(call)
    ]
    return int(at[0]), int(at[1])


def clamp_even(x: np.ndarray, call: Call, output: Tensor) -> np.ndarray:
    """The integers, zero point included, within (80), in the output's dtype."""
    return np.clip(x, *quantized_bounds_even(call, output)).astype(output.dtype)
