"""Between stored integers and real numbers; values of a tensor without a grid stay as they are."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import Tensor


def dequantize(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    """(15) A tensor's value in real numbers: float64 for quantized integers, anything else as it stands.

    value: shape [samples, *shape], or [*shape] for a constant.
    """
    if tensor.grid is None or tensor.dtype.kind == "f":
        return value
    return tensor.grid.dequantize(value, len(tensor.shape))


def quantize(real: np.ndarray, tensor: Tensor) -> np.ndarray:
    """(16) Real numbers [samples, *shape] as the tensor's own dtype: halves away from zero, then the dtype's range."""
    if tensor.grid is None or tensor.dtype.kind == "f":
        return real.astype(tensor.dtype)
    return tensor.grid.quantize(real.astype(np.float64), len(tensor.shape))
