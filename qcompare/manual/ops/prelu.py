"""PRELU: x, or where x is negative x times a slope of its own; the slopes broadcast."""

from __future__ import annotations

import numpy as np

from qcompare.manual import variant
from qcompare.manual.call import Call, Op, Outputs, align, requantizations
from qcompare.manual.pipeline import Requantize, saturating, through
from qcompare.manual.rounding import wrap32
from qcompare.manual.rule import Precision, Requantization, Rounding
from qcompare.manual.variant import Variant


def _real(call: Call) -> Outputs:
    x, slopes = align(call.input(0), call.input(1))
    return [np.where(x >= 0, x, x * slopes)]


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(113) By one of two multipliers."""
    data, slopes, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    x, a = (values.astype(np.int64) for values in align(call.input(0), call.input(1)))
    x -= data.zero_point
    above = Requantize(rule, rule.multiplier.ratio((data.scale,), output.scale))
    below = Requantize(rule, rule.multiplier.ratio((data.scale, slopes.scale), output.scale))
    return [through(np.where(x >= 0, above(x), below(wrap32(x * (a - slopes.zero_point)))), *saturating(output))]


def _variant(call: Call) -> Variant:
    """The dtypes of data and slopes; one of floats alone."""
    data, slopes = (call.input(position).tensor.dtype for position in (0, 1))
    return variant.of(data) if data == slopes and data.kind == "f" else variant.of(data, slopes)


PRELU = Op(
    real=_real,
    rules=requantizations(
        _compute,
        # TFLite `PreluPrepare` (kernels/activations.cc).
        Rounding.DOUBLE.by(Precision.FLOAT32),
        # TFLite Micro `CalculatePreluParams` (kernels/prelu_common.cc).
        Rounding.DOUBLE.by(Precision.FLOAT64),
    ),
    variant=_variant,
)
