"""LEAKY_RELU: x, or alpha x where x is negative."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, requantizations
from qcompare.manual.pipeline import Requantize, saturating, through
from qcompare.manual.rule import Precision, Requantization, Rounding, Scale

XNNPACK = Rounding.Q8.by(Precision.FLOAT32)
"""(72) `xnn_init_qs8_lrelu_scalar_params`."""


def _alpha(call: Call) -> np.float32:
    return np.float32(call.option("alpha", 0.0))


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    return [np.where(x > 0, x, x * x.dtype.type(_alpha(call)))]


def _multipliers(call: Call, rule: Requantization) -> tuple[Scale, Scale]:
    """Of what is above zero and of what is below."""
    x, y, alpha = call.input(0).tensor.scale, call.outputs[0].scale, _alpha(call)
    above = rule.multiplier.ratio((x,), y)
    # XNNPACK multiplies the quotient by alpha, the others alpha by the input's scale.
    return above, above * alpha if rule.rounding is Rounding.Q8 else rule.multiplier.ratio((x, alpha), y)


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(71), (72) By one of two multipliers."""
    data = call.input(0)
    above, below = (float(multiplier) for multiplier in _multipliers(call, rule))
    if rule.rounding is Rounding.DOUBLE and below < 0:
        raise NotCoveredError(call.operator, "a negative alpha is")
    x = data.value.astype(np.int64) - data.tensor.zero_point
    y = np.where(x >= 0, Requantize(rule, above)(x), Requantize(rule, below)(x))
    return [through(y, *saturating(call.outputs[0]))]


def _delegated(call: Call) -> bool:
    """The delegate takes int8 while both multipliers fit."""
    if call.input(0).tensor.dtype != np.int8:
        return False
    above, below = (float(multiplier) for multiplier in _multipliers(call, XNNPACK))
    return bool(2**-8 <= above <= 2**7 and -127.99609375 <= below <= 2**7 and abs(below) >= 2**-8)


LEAKY_RELU = Op(
    real=_real,
    rules=requantizations(
        _compute,
        # TFLite `LeakyReluPrepare`.
        Rounding.DOUBLE.by(Precision.FLOAT32),
        # TFLite Micro as built.
        Rounding.DOUBLE.by(Precision.FLOAT64),
        XNNPACK,
    ),
    delegated=_delegated,
)
