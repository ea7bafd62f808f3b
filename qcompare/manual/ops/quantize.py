"""QUANTIZE (float to integer, integer to integer) and DEQUANTIZE."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import Tensor
from qcompare.manual.activation import NO_BOUNDS
from qcompare.manual.blocks import in_blocks
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, any_dtypes, of_conversion, requantizations
from qcompare.manual.pipeline import AddZeroPoint, clamp_to, requantized, saturating, through
from qcompare.manual.rounding import round_half_away, wrap32
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding


def _real(call: Call) -> Outputs:
    # Reading the input and writing the output do all the work (15, 16).
    return [call.input(0).value]


def _requantize(call: Call, rule: Requantization) -> Outputs:
    """By s_in / s_out. Blocks are of the whole tensor."""
    x = call.input(0)
    centred = x.value.reshape(call.samples, -1).astype(np.int64) - x.tensor.zero_point
    return [requantized(call, centred, rule, rule.multiplier.ratio((x.tensor.scale,), call.outputs[0].scale))]


def _away(call: Call) -> Outputs:
    """(93) round_half_away(x / s) in float32: TFLite `AffineQuantize` (reference/quantize.h)."""
    x, y = call.input(0).value, call.outputs[0]
    if y.grid is None:
        raise NotCoveredError(call.operator, "an output without a scale is")
    scale, zero_point = y.grid.channels(len(y.shape))
    return [_stored(round_half_away(x / scale), y, zero_point)]


def _even_by_8(call: Call) -> Outputs:
    """(94) rint(x * f32(1 / s)) for whole groups of 8 elements, half away from the float64 quotient for the rest.

    TFLite `AffineQuantize` (optimized/optimized_ops.h).
    """
    x, y = call.input(0).value, call.outputs[0]

    def whole(part: np.ndarray) -> np.ndarray:
        return _stored(np.rint(part * np.float32(1.0 / np.float64(y.scale))), y, y.zero_point)

    def rest(part: np.ndarray) -> np.ndarray:
        return _stored(round_half_away(part.astype(np.float64) / np.float64(y.scale)), y, y.zero_point)

    return [in_blocks(8, whole, rest, x.reshape(call.samples, -1)).reshape(x.shape)]


def _even(call: Call) -> Outputs:
    """(95) rint(x * f32(1 / s)), the largest integer for NaN: XNNPACK `xnn_init_f32_qs8_cvt_scalar_params`."""
    y = call.outputs[0]
    limits = np.iinfo(y.dtype)
    scaled = call.input(0).value * (np.float32(1) / y.scale)
    # The minimum with NaN on its left is what stands on its right.
    scaled = np.where(np.isnan(scaled), np.float32(np.inf), scaled)
    nearest = np.rint(np.clip(scaled, limits.min - y.zero_point, limits.max - y.zero_point))
    return [through(nearest, *saturating(y))]


def _stored(rounded: np.ndarray, output: Tensor, zero_point: int | np.ndarray) -> np.ndarray:
    # What int32 cannot hold becomes its lowest number, and adding a negative zero point to that wraps, as on x86.
    held = np.where(np.abs(rounded) < 2.0**31, rounded, -(2.0**31)).astype(np.int64)
    return through(held, AddZeroPoint(zero_point), wrap32, clamp_to(output, *NO_BOUNDS))


def _dequantize(call: Call) -> Outputs:
    """(96) f32(s) * f32(q - z): TFLite `Dequantize` (reference/dequantize.h)."""
    x = call.input(0)
    if x.tensor.grid is None:
        raise NotCoveredError(call.operator, "an input without a scale is")
    scale, zero_point = x.tensor.grid.channels(len(x.tensor.shape))
    return [(x.value.astype(np.int64) - zero_point).astype(np.float32) * scale]


def _dequantize_by_8(call: Call) -> Outputs:
    """(102) f32(s) * q + f32(-z s) for whole groups of 8 elements, (96) for the rest: `Dequantize` (optimized)."""
    x, shape = call.input(0), call.outputs[0].shape
    scale, offset = x.tensor.scale, np.float32(-x.tensor.zero_point) * x.tensor.scale

    def whole(q: np.ndarray) -> np.ndarray:
        return q.astype(np.float32) * scale + offset

    def rest(q: np.ndarray) -> np.ndarray:
        return (q.astype(np.int64) - x.tensor.zero_point).astype(np.float32) * scale

    return [in_blocks(8, whole, rest, x.value.reshape(call.samples, -1)).reshape(call.samples, *shape)]


def _delegated(call: Call) -> bool:
    """The delegate takes floats, and 8-bit integers to the same with ratios of 2^-8 to 2^7."""
    x, y = call.input(0).tensor, call.outputs[0]
    if x.dtype.kind == "f":
        return y.dtype.itemsize == 1
    return x.dtype == y.dtype and x.dtype.itemsize == 1 and bool(2.0**-8 <= x.scale / y.scale <= 2.0**7)


def _cast(call: Call) -> Outputs:
    return [call.input(0).value.astype(call.outputs[0].dtype)]


DEQUANTIZE = Op(
    real=_real,
    rules={
        Method("FLOAT32"): _dequantize,
        Method("FLOAT32", blocks=8): _dequantize_by_8,
        Method("CAST"): _cast,
    },
    variant=of_conversion,
    dtypes=any_dtypes,
)
QUANTIZE = Op(
    real=_real,
    rules={
        Method("NEAREST"): _away,
        Method("NEAREST", Halves.EVEN): _even,
        Method("NEAREST", Halves.EVEN, blocks=8): _even_by_8,
        **requantizations(
            _requantize,
            # TFLite `Requantize` (reference/requantize.h), and in whole blocks `Requantize` (optimized_ops.h).
            Rounding.DOUBLE.by(Precision.FLOAT64),
            Rounding.UP.by(Precision.FLOAT64, blocks=16),
            # XNNPACK `xnn_init_qs8_cvt_scalar_params`.
            Rounding.Q8.by(Precision.FLOAT32),
        ),
    },
    variant=of_conversion,
    delegated=_delegated,
    dtypes=any_dtypes,
)
