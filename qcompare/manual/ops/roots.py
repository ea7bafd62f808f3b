"""RSQRT and L2_NORMALIZATION: what divides by a square root."""

from __future__ import annotations

import math

import numpy as np

from qcompare.manual.activation import NO_BOUNDS
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, requantizations
from qcompare.manual.gemmlowp32 import inverse_root
from qcompare.manual.lookup import look_up16, table16
from qcompare.manual.pipeline import clamp_to, saturating, through
from qcompare.manual.rounding import multiply_double, quantize_multiplier
from qcompare.manual.rule import Method, Precision, Requantization, Rounding

EPSILON = 1e-6
"""The smallest norm that L2_NORMALIZATION divides by, in floats."""

EXTRA_BITS = 20
"""Fraction bits of the inverse root between the two multiplications of RSQRT."""


def _real_rsqrt(call: Call) -> Outputs:
    with np.errstate(divide="ignore", invalid="ignore"):
        return [1 / np.sqrt(call.input(0).value)]


def _require_positive(call: Call) -> None:
    data = call.input(0)
    if (data.value < data.tensor.zero_point).any():
        raise NotCoveredError(call.operator, "a negative input is")


def _norm(x: np.float32, y: np.float32, precision: Precision) -> float:
    """sqrt(s_in) s_out: TFLite `SetRsqrtOutputMultiplier` in float32, TFLite Micro as built in float64."""
    return float(np.sqrt(x) * y) if precision is Precision.FLOAT32 else math.sqrt(float(x)) * float(y)


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(76) Two multiplications by DOUBLE: the inverse root of each step, then the scales."""
    _require_positive(call)
    data, output = call.input(0), call.outputs[0]
    x = data.value.astype(np.int64) - data.tensor.zero_point
    steps, index = np.unique(x, return_inverse=True)
    m, s = inverse_root(steps)
    between = multiply_double(np.ones_like(m), m, s + EXTRA_BITS)
    multiplier, shift = quantize_multiplier(1.0 / _norm(data.tensor.scale, output.scale, rule.multiplier))
    y = through(multiply_double(between, multiplier, shift - EXTRA_BITS), *saturating(output))
    return [np.where(steps == 0, np.iinfo(output.dtype).max, y).astype(output.dtype)[index].reshape(x.shape)]


def _interpolated(call: Call) -> Outputs:
    """(41) with the inverse root in the table."""
    _require_positive(call)
    data, output = call.input(0), call.outputs[0]

    def f(x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x <= 0, np.float32(32767) * output.scale, np.float32(1) / np.sqrt(x))

    table = table16(
        f,
        np.float32,
        input_scale=data.tensor.scale,
        input_zero_point=data.tensor.zero_point,
        output_scale=output.scale,
        output_zero_point=output.zero_point,
    )
    return [look_up16(data.value.astype(np.int64), table).astype(np.int16)]


def _real_l2(call: Call) -> Outputs:
    x = call.input(0).value
    return [x / np.maximum(np.sqrt((x * x).sum(axis=-1, keepdims=True)), x.dtype.type(EPSILON))]


def _fixed_l2(call: Call) -> Outputs:
    """(77) The centred integers times the inverse root of the sum of their squares."""
    data, output = call.input(0), call.outputs[0]
    if output.scale != np.float32(1 / 128) or output.zero_point:
        raise NotCoveredError(call.operator, "an output scale other than 1 / 128 or with a zero point is")
    x = data.value.astype(np.int64) - data.tensor.zero_point
    m, s = inverse_root((x * x).sum(axis=-1, keepdims=True))
    return [clamp_to(output, *NO_BOUNDS)(multiply_double(x, m, s + 7))]


L2_NORMALIZATION = Op(real=_real_l2, rules={Method("FIXED"): _fixed_l2})
RSQRT = Op(
    real=_real_rsqrt,
    rules={
        **requantizations(_compute, Rounding.DOUBLE.by(Precision.FLOAT32), Rounding.DOUBLE.by(Precision.FLOAT64)),
        Method("LUT", precision=Precision.FLOAT32): _interpolated,
    },
)
