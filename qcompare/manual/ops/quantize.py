"""QUANTIZE (float to integer, integer to integer) and DEQUANTIZE."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.rounding import (
    multiply_double,
    multiply_up,
    quantize_multiplier,
    round_half_away,
    saturate,
    wrap32,
)


def conversion(call: Call) -> str:
    """The variant: from which dtype to which, such as `float32-int8`."""
    return f"{call.input(0).tensor.dtype.name}-{call.outputs[0].dtype.name}"


def _real(call: Call) -> Outputs:
    # Reading the input and writing the output do all the work (15, 16).
    return [call.input(0).value]


def _requantize(call: Call, multiply: object) -> np.ndarray:
    x, y = call.input(0), call.outputs[0]
    m, s = quantize_multiplier(float(x.tensor.scale) / float(y.scale))
    return saturate(multiply(x.value.astype(np.int64) - x.tensor.zero_point, m, s) + y.zero_point, y.dtype)  # type: ignore[operator]


def _double(call: Call) -> Outputs:
    """DOUBLE with f64(s_in) / f64(s_out): TFLite `Requantize` (reference/requantize.h)."""
    return [_requantize(call, multiply_double)]


def _up_by_16(call: Call) -> Outputs:
    """UP for the tensor's whole groups of 16 elements, DOUBLE for the rest: `Requantize` (optimized_ops.h)."""
    shape = call.outputs[0].shape
    size = int(np.prod(shape))
    cut = size // 16 * 16
    up, double = (_requantize(call, rule).reshape(-1, size) for rule in (multiply_up, multiply_double))
    return [np.concatenate([up[:, :cut], double[:, cut:]], axis=1).reshape(call.samples, *shape)]


def _q8(call: Call) -> Outputs:
    """(92) `((x - z_in) * rint(256 s_in / s_out) + 128) >> 8`: XNNPACK `xnn_init_qs8_cvt_scalar_params`."""
    x, y = call.input(0), call.outputs[0]
    multiplier = int(np.rint(np.float32(256) * (x.tensor.scale / y.scale)))
    scaled = ((x.value.astype(np.int64) - x.tensor.zero_point) * multiplier + 128) >> 8
    return [saturate(scaled + y.zero_point, y.dtype)]


def _away(call: Call) -> Outputs:
    """(93) round_half_away(x / s) in float32: TFLite `AffineQuantize` (reference/quantize.h)."""
    x, y = call.input(0).value, call.outputs[0]
    if y.grid is None:
        raise NotCoveredError(call.operator, "an output without a scale is")
    scale, zero_point = y.grid.channels(len(y.shape))
    return [_stored(_rounded(x / scale), zero_point, y.dtype)]


def _reciprocal(call: Call) -> np.float32:
    return np.float32(1.0 / np.float64(call.outputs[0].scale))


def _even_by_8(call: Call) -> Outputs:
    """(94) rint(x * f32(1 / s)) for whole groups of 8 elements, half away from the float64 quotient for the rest.

    TFLite `AffineQuantize` (optimized/optimized_ops.h).
    """
    x, y = call.input(0).value, call.outputs[0]
    size = int(np.prod(y.shape))
    cut = size // 8 * 8
    flat = x.reshape(-1, size)
    body = np.rint(flat[:, :cut] * _reciprocal(call))
    tail = _rounded(flat[:, cut:].astype(np.float64) / np.float64(y.scale))
    stored = [_stored(part, np.asarray(y.zero_point), y.dtype) for part in (body, tail)]
    return [np.concatenate(stored, axis=1).reshape(x.shape)]


def _even(call: Call) -> Outputs:
    """(95) rint(x * f32(1 / s)): XNNPACK `xnn_init_f32_qs8_cvt_scalar_params`."""
    y = call.outputs[0]
    limits = np.iinfo(y.dtype)
    scaled = call.input(0).value * (np.float32(1) / y.scale)
    return [
        saturate(np.rint(np.clip(scaled, limits.min - y.zero_point, limits.max - y.zero_point)) + y.zero_point, y.dtype)
    ]


def _rounded(x: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # infinities have no fraction
        return round_half_away(x)


def _stored(rounded: np.ndarray, zero_point: np.ndarray, dtype: np.dtype) -> np.ndarray:
    # What int32 cannot hold becomes its lowest number, and adding a negative zero point to that wraps, as on x86.
    held = np.where(np.abs(rounded) < 2.0**31, rounded, -(2.0**31)).astype(np.int64)
    return saturate(wrap32(held + zero_point), dtype)


def _dequantize(call: Call) -> Outputs:
    """(96) f32(s) * f32(q - z): TFLite `Dequantize` (reference/dequantize.h)."""
    x = call.input(0)
    if x.tensor.grid is None:
        raise NotCoveredError(call.operator, "an input without a scale is")
    scale, zero_point = x.tensor.grid.channels(len(x.tensor.shape))
    return [(x.value.astype(np.int64) - zero_point).astype(np.float32) * scale]


def _dequantize_by_8(call: Call) -> Outputs:
    """(102) f32(s) * q + f32(-z s) for whole groups of 8 elements, (96) for the rest: `Dequantize` (optimized)."""
    x = call.input(0)
    shape = call.outputs[0].shape
    size = int(np.prod(shape))
    cut = size // 8 * 8
    scale = x.tensor.scale
    body = x.value.reshape(-1, size)[:, :cut].astype(np.float32) * scale + np.float32(-x.tensor.zero_point) * scale
    tail = np.asarray(_dequantize(call)[0]).reshape(-1, size)[:, cut:]
    return [np.concatenate([body, tail], axis=1).reshape(call.samples, *shape)]


def _cast(call: Call) -> Outputs:
    return [call.input(0).value.astype(call.outputs[0].dtype)]


DEQUANTIZE = Op(
    real=_real,
    rules={"FLOAT32": _dequantize, "FLOAT32_BY_8": _dequantize_by_8, "CAST": _cast},
    variant=conversion,
)
QUANTIZE = Op(
    real=_real,
    rules={
        "AWAY": _away,
        "EVEN_BY_8": _even_by_8,
        "DOUBLE": _double,
        "EVEN": _even,
        "Q8": _q8,
        "UP_BY_16": _up_by_16,
    },
    variant=conversion,
)
