"""DIV, with broadcasting."""

from __future__ import annotations

from functools import partial

import numpy as np

from qcompare.manual.activation import activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, align, equal_dtypes
from qcompare.manual.gemmlowp32 import leading_zeros32, one_over_one_plus_x
from qcompare.manual.pipeline import ending, through
from qcompare.manual.rounding import quantize_multiplier, srdhm, wrap32
from qcompare.manual.rule import Method, Precision


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [activate(a / b, call)]


def _divide_by_power(x: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """(8), but as x86 runs it for exponents of 32 and more: a mask of all bits, and a shift by the exponent less 32."""
    mask = wrap32((np.int64(1) << exponent) - 1)
    divided: np.ndarray = (x >> (exponent & 31)) + ((x & mask) > (mask >> 1) + (x < 0))
    return divided


def _fixed(call: Call, precision: Precision) -> Outputs:
    """(119) By the fixed-point reciprocal of the divisor: TFLite `DivElementwise` (reference/div.h)."""
    first, second = call.input(0).tensor, call.input(1).tensor
    a, b = (values.astype(np.int64) for values in align(call.input(0), call.input(1)))
    a, b = np.broadcast_arrays(a - first.zero_point, b - second.zero_point)
    if (b == 0).any():
        raise NotCoveredError(call.operator, "a division by zero is")
    a, b = np.where(b < 0, -a, a), np.abs(b)
    above = leading_zeros32(b)
    reciprocal = one_over_one_plus_x((b << above) - (1 << 31))
    # The bits that repeat the sign.
    headroom = leading_zeros32(2 * np.where(a < 0, ~a, a) + 1)
    quotient = srdhm(wrap32(a << headroom), reciprocal)
    scale = precision.float_
    m, s = quantize_multiplier(scale(first.scale) / (scale(second.scale) * scale(call.outputs[0].scale)))
    exponent = (31 - above) + headroom - s
    if (exponent < 0).any() or (exponent > 62).any():
        raise NotCoveredError(call.operator, f"a ratio of scales of 2^{int(s)} is")
    zero_point, clamp = ending(call)
    return [through(_divide_by_power(srdhm(quotient, m), exponent), zero_point, wrap32, clamp)]


DIV = Op(
    real=_real,
    rules={
        Method("FIXED", precision=precision): partial(_fixed, precision=precision)
        for precision in (Precision.FLOAT32, Precision.FLOAT64)
    },
    dtypes=equal_dtypes(),
)
