"""HARD_SWISH: x relu6(x + 3) / 6."""

from __future__ import annotations

from functools import partial

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.pipeline import saturating, through
from qcompare.manual.rounding import quantize_multiplier, rdbp, saturate16
from qcompare.manual.rule import Method, Precision


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    return [x * np.clip(x + 3, 0, 6) / 6]


def _multiplier16(real: np.floating) -> tuple[int, int]:
    """(73) A multiplier of 15 bits and its exponent: TFLite `DownScaleInt32ToInt16Multiplier`."""
    m, s = quantize_multiplier(float(real))
    return min(int(m + (1 << 15)) >> 16, 32767), int(s)


def _srdhm16(a: np.ndarray, b: int) -> np.ndarray:
    """(7) on int16: a * b / 2^15, halves up."""
    return (a * b + (1 << 14)) >> 15


def _compute(call: Call, precision: Precision) -> Outputs:
    """(74) int16 fixed point: TFLite `reference_ops::HardSwish` (kernels/internal/reference/hard_swish.h).

    precision: of the multipliers: float32 in TFLite (`HardSwishPrepare`), float64 in TFLite Micro as built.
    """
    data, output, float_ = call.input(0), call.outputs[0], precision.float_
    fine = float_(1 / 128) * float_(data.tensor.scale)
    scale, scale_exponent = _multiplier16(fine / float_(output.scale))
    relu, relu_exponent = _multiplier16(fine / float_(3 / 32768))
    if scale_exponent > 0:
        raise NotCoveredError(call.operator, "an input scale of 128 output scales or more is")
    x = (np.arange(-128, 128, dtype=np.int64) - data.tensor.zero_point) << 7
    relued = x
    if relu_exponent > 0:
        relued = saturate16(relued << (relu_exponent - 1))
    relued = _srdhm16(relued, relu)
    if relu_exponent > 0:
        relued = saturate16(relued << 1)
    relued = (rdbp(relued, max(-relu_exponent, 0)) + (1 << 15)) >> 1
    product = relued * _srdhm16(x, scale)
    # C's division: towards zero.
    truncated = np.sign(product) * (np.abs(product) >> 15)
    table = through(rdbp(truncated, -scale_exponent), *saturating(output))
    return [table[data.value.astype(np.int64) + 128]]


HARD_SWISH = Op(
    real=_real,
    rules={
        Method("FIXED16", precision=precision): partial(_compute, precision=precision)
        for precision in (Precision.FLOAT32, Precision.FLOAT64)
    },
)
