"""LEAKY_RELU: x, or alpha x where x is negative."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.rounding import multiply_double, quantize_multiplier, saturate, shift_half_up


def _alpha(call: Call) -> np.float32:
    return np.float32(call.option("alpha", 0.0))


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    return [np.where(x > 0, x, x * x.dtype.type(_alpha(call)))]


def _multiplied(call: Call, above: float, below: float) -> Outputs:
    """(71) DOUBLE by one of two multipliers."""
    data, output = call.input(0), call.outputs[0]
    if below < 0:
        raise NotCoveredError(call.operator, "a negative alpha is")
    x = data.value.astype(np.int64) - data.tensor.zero_point
    y = np.where(
        x >= 0, multiply_double(x, *quantize_multiplier(above)), multiply_double(x, *quantize_multiplier(below))
    )
    return [saturate(y + output.zero_point, output.dtype)]


def _double(call: Call) -> Outputs:
    """(71) with multipliers formed in float32: TFLite `LeakyReluPrepare`."""
    data, output = call.input(0).tensor.scale, call.outputs[0].scale
    return _multiplied(call, float(data / output), float(data * _alpha(call) / output))


def _double64(call: Call) -> Outputs:
    """(71) with multipliers formed in float64: TFLite Micro as built."""
    data, output = float(call.input(0).tensor.scale), float(call.outputs[0].scale)
    return _multiplied(call, data / output, data * float(_alpha(call)) / output)


def _scales(call: Call) -> tuple[np.float32, np.float32]:
    above = call.input(0).tensor.scale / call.outputs[0].scale
    return above, above * _alpha(call)


def _q8(call: Call) -> Outputs:
    """(72) By one of two multipliers of 8 fraction bits, halves up: XNNPACK `xnn_init_qs8_lrelu_scalar_params`."""
    data, output = call.input(0), call.outputs[0]
    above, below = (int(np.rint(np.float32(256) * scale)) for scale in _scales(call))
    x = data.value.astype(np.int64) - data.tensor.zero_point
    return [saturate(shift_half_up(x * np.where(x > 0, above, below), 8) + output.zero_point, output.dtype)]


def _delegated(call: Call) -> bool:
    """The delegate takes int8 while both multipliers fit."""
    if call.input(0).tensor.dtype != np.int8:
        return False
    above, below = _scales(call)
    return bool(2**-8 <= above <= 2**7 and -127.99609375 <= below <= 2**7 and abs(below) >= 2**-8)


LEAKY_RELU = Op(real=_real, rules={"DOUBLE": _double, "DOUBLE_64": _double64, "Q8": _q8}, delegated=_delegated)
