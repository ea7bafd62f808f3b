"""HARD_SWISH: x relu6(x + 3) / 6."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.rounding import quantize_multiplier, rdbp, saturate


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


def _shift_saturating(x: np.ndarray, exponent: int) -> np.ndarray:
    return np.clip(x << exponent, -32768, 32767)


def _fixed16(call: Call) -> Outputs:
    """(74) with multipliers formed in float32: TFLite `HardSwishPrepare`."""
    return _table(call, np.float32)


def _fixed16_64(call: Call) -> Outputs:
    """(74) with multipliers formed in float64: TFLite Micro as built."""
    return _table(call, np.float64)


def _table(call: Call, dtype: type[np.floating]) -> Outputs:
    """(74) int16 fixed point: TFLite `reference_ops::HardSwish` (kernels/internal/reference/hard_swish.h)."""
    data, output = call.input(0), call.outputs[0]
    fine = dtype(1 / 128) * dtype(data.tensor.scale)
    scale, scale_exponent = _multiplier16(fine / dtype(output.scale))
    relu, relu_exponent = _multiplier16(fine / dtype(3 / 32768))
    if scale_exponent > 0:
        raise NotCoveredError(call.operator, "an input scale of 128 output scales or more is")
    x = (np.arange(-128, 128, dtype=np.int64) - data.tensor.zero_point) << 7
    relued = x
    if relu_exponent > 0:
        relued = _shift_saturating(relued, relu_exponent - 1)
    relued = _srdhm16(relued, relu)
    if relu_exponent > 0:
        relued = _shift_saturating(relued, 1)
    relued = (rdbp(relued, max(-relu_exponent, 0)) + (1 << 15)) >> 1
    product = relued * _srdhm16(x, scale)
    # C's division: towards zero.
    truncated = np.sign(product) * (np.abs(product) >> 15)
    table = saturate(rdbp(truncated, -scale_exponent) + output.zero_point, np.int8)
    return [table[data.value.astype(np.int64) + 128]]


HARD_SWISH = Op(real=_real, rules={"FIXED16": _fixed16, "FIXED16_64": _fixed16_64})
