"""SOFTMAX over the last axis."""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np

from qcompare.manual import c_library, variant
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, any_dtypes, of_conversion
from qcompare.manual.gemmlowp32 import exp_on_negative_values, leading_zeros32, one_over_one_plus_x
from qcompare.manual.lookup import look_up16, table16
from qcompare.manual.pipeline import Clamp, saturating, through
from qcompare.manual.rounding import (
    multiply_double,
    quantize_multiplier,
    rdbp,
    round_half_away,
    saturate16,
    srdhm,
    wrap32,
)
from qcompare.manual.rule import Method, Precision
from qcompare.manual.variant import Variant

SUM_BITS = 12
"""Integer bits of the fixed-point sum of exponentials."""

DIFFERENCE_BITS = 5
"""Integer bits of the fixed-point difference to the largest logit."""

OUTPUTS = {
    variant.of(np.int8, np.int8): (2.0**-8, -128),
    variant.of(np.int8, np.int16): (2.0**-16, -32768),
    variant.of(np.int16, np.int16): (2.0**-15, 0),
}
"""The output's scale and zero point that the kernels demand."""


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    x = x * x.dtype.type(call.option("beta", 1.0))
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return [e / e.sum(axis=-1, keepdims=True)]


def _fixed(call: Call) -> Outputs:
    """(46) to (50): exponentials and their sum in gemmlowp fixed point."""
    _require_output(call)
    output = call.outputs[0]
    below = _below_largest(call)
    real = _beta(call) * float(call.input(0).tensor.scale) * 2.0 ** (31 - DIFFERENCE_BITS)
    multiplier, shift = quantize_multiplier(min(real, 2.0**31 - 1.0))
    if shift < 0:
        raise NotCoveredError(call.operator, f"a scale times beta of {real} * 2^-26 is")
    exponentials, counted = _exponentials(int(multiplier), int(shift))
    total = np.where(counted, rdbp(exponentials, SUM_BITS), 0)[below].sum(axis=-1, keepdims=True)
    headroom = leading_zeros32(total)
    scale = one_over_one_plus_x(wrap32((total << headroom) - (1 << 31)))
    exponent = SUM_BITS - headroom + 31 - 8 * output.dtype.itemsize
    if (exponent > 31).any():
        raise NotCoveredError(call.operator, "a sum of exponentials of 512 or more, at which the kernel aborts, is")
    y = through(rdbp(srdhm(scale, exponentials[below]), exponent), *saturating(output))
    return [np.where(counted[below], y, np.iinfo(output.dtype).min).astype(output.dtype)]


def _table(call: Call) -> Outputs:
    """(51), (52): float32 exponentials from a table of 256."""
    _require_output(call)
    output = call.outputs[0]
    below = _below_largest(call)
    slope = -call.input(0).tensor.scale * np.float32(call.option("beta", 1.0))
    e = c_library.apply("expf", slope * np.arange(256, dtype=np.float32))[below]
    # The runtime adds one after the other; NumPy's sum would pair them.
    total = np.add.accumulate(e, axis=-1)[..., -1:]
    y = round_half_away(e * (np.float32(1) / (total * output.scale))).astype(np.int64)
    return [through(y, *saturating(output))]


def _interpolated(call: Call, dtype: type[np.floating], real: np.floating) -> Outputs:
    """(53) to (56): exponentials and the reciprocal of their sum by interpolated tables of 513."""
    _require_output(call)
    if call.input(0).tensor.zero_point:
        raise NotCoveredError(call.operator, "an int16 input with a zero point is")
    exponential, reciprocal = _tables16(np.dtype(dtype))
    x = call.input(0).value.astype(np.int64)
    below = x - x.max(axis=-1, keepdims=True)
    scaled = multiply_double(below, *quantize_multiplier(float(real) / (10.0 / 65535.0))) + 32767
    e = look_up16(saturate16(wrap32(scaled)), exponential)
    total = e.sum(axis=-1, keepdims=True)
    headroom = leading_zeros32(total)
    fraction = (((total << (headroom - 1)) + (1 << 13)) >> 14) - ((1 << 15) + (1 << 16))
    inverse = look_up16(saturate16(fraction), reciprocal)
    right = 31 - headroom
    y = (e * inverse + (np.int64(1) << (right - 1))) >> right
    return [Clamp(0, 32767, np.dtype(np.int16))(y)]


def _interpolated64(call: Call) -> Outputs:
    # TFLite multiplies scale and beta in float32 and fills the tables in float64.
    return _interpolated(call, np.float64, call.input(0).tensor.scale * np.float32(call.option("beta", 1.0)))


def _interpolated32(call: Call) -> Outputs:
    # TFLite Micro multiplies in float64 and fills the tables in float32.
    return _interpolated(call, np.float32, np.float64(call.input(0).tensor.scale) * _beta(call))


def _require_output(call: Call) -> None:
    output = call.outputs[0]
    scale, zero_point = OUTPUTS[of_conversion(call)]
    if output.zero_point != zero_point or abs(float(output.scale) - scale) > 1e-3 * scale:
        raise NotCoveredError(call.operator, f"an output scale {output.scale}, zero point {output.zero_point} is")


def _variant(call: Call) -> Variant:
    """The dtypes of input and output, one for two equal floats."""
    both = of_conversion(call)
    return variant.of(np.float32) if both == variant.of(np.float32, np.float32) else both


def _beta(call: Call) -> float:
    return float(np.float32(call.option("beta", 1.0)))


def _below_largest(call: Call) -> np.ndarray:
    """How far each int8 logit lies below the largest of its row, 0 to 255."""
    x = call.input(0).value.astype(np.int16)
    below: np.ndarray = x.max(axis=-1, keepdims=True) - x
    return below


@lru_cache(maxsize=64)
def _exponentials(multiplier: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """(46), (47) The exponential of minus 0 to 255 input steps in 0.31 fixed point, and which of them count."""
    below = np.arange(256)
    counted = below <= math.floor((2**DIFFERENCE_BITS - 1) * 2.0 ** (31 - DIFFERENCE_BITS) / 2.0**shift)
    difference = srdhm(wrap32(np.where(counted, -below, 0) << shift), multiplier)
    return exp_on_negative_values(difference, DIFFERENCE_BITS), counted


@lru_cache(maxsize=2)
def _tables16(format_: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """(53) exp on [-10, 0] and 1 / (1 + x) on [0, 1], filled in that floating format."""
    dtype = format_.type
    exponential = table16(
        np.exp if dtype is np.float64 else partial(c_library.apply, "expf"),
        dtype,
        input_scale=dtype(10) / dtype(65535),
        input_zero_point=32767,
        output_scale=dtype(2) / dtype(65535),
    )
    reciprocal = table16(
        lambda x: dtype(1) / (dtype(1) + x),
        dtype,
        input_scale=dtype(1) / dtype(65535),
        input_zero_point=-32768,
        output_scale=dtype(2) / dtype(65535),
    )
    return exponential, reciprocal


SOFTMAX = Op(
    real=_real,
    rules={
        Method("FIXED"): _fixed,
        Method("TABLE"): _table,
        Method("LUT"): _interpolated64,
        Method("LUT", precision=Precision.FLOAT32): _interpolated32,
    },
    variant=_variant,
    dtypes=any_dtypes,
)
