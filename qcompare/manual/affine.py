"""Between stored integers and real numbers: `real = (q - zero_point) * scale`."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import Quantization, Tensor
from qcompare.manual.rounding import round_half_away, saturate


def dequantize(value: np.ndarray, tensor: Tensor, *, constant: bool) -> np.ndarray:
    """(15) A tensor's value in real numbers: float64 for quantized integers, anything else as it stands.

    value: shape [samples, *shape], or [*shape] for a constant.
    """
    if tensor.quantization is None or tensor.dtype.kind == "f":
        return value
    scale, zero_point = channels(tensor.quantization, len(tensor.shape))
    if not constant:
        scale, zero_point = scale[None], zero_point[None]
    return (value.astype(np.float64) - zero_point) * scale


def quantize(real: np.ndarray, tensor: Tensor) -> np.ndarray:
    """(16) Real numbers [samples, *shape] as the tensor's own dtype: halves away from zero, then the dtype's range."""
    if tensor.quantization is None or tensor.dtype.kind == "f":
        return real.astype(tensor.dtype)
    scale, zero_point = channels(tensor.quantization, len(tensor.shape))
    return saturate(round_half_away(real / scale[None]) + zero_point[None], tensor.dtype)


def channels(quantization: Quantization, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Scale (float64) and zero point, shaped to broadcast over a tensor of that rank."""
    shape = [1] * rank
    if quantization.per_channel:
        shape[quantization.axis] = quantization.scale.size
    return quantization.scale.astype(np.float64).reshape(shape), quantization.zero_point.reshape(shape)
