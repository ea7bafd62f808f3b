"""SQUARED_DIFFERENCE, with broadcasting."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, Op, Outputs, align, equal_dtypes, requantizations
from qcompare.manual.pipeline import Requantize, saturating, through
from qcompare.manual.rule import Precision, Requantization, Rounding

LEFT_SHIFT = {"int8": 7, "int16": 0}
"""Fraction bits of the inputs on their common scale."""


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [(a - b) ** 2]


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(78) Of both inputs to twice the larger scale, and of the square to the output's."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    left = LEFT_SHIFT[output.dtype.name]
    common = 2.0 * float(max(a.scale, b.scale))
    back = common * common / float(np.float32(1 << (2 * left)) * output.scale)
    scaled = [
        Requantize(rule, float(tensor.scale) / common)((value.astype(np.int64) - tensor.zero_point) << left)
        for value, tensor in zip(align(call.input(0), call.input(1)), (a, b), strict=True)
    ]
    return [through((scaled[0] - scaled[1]) ** 2, Requantize(rule, back), *saturating(output))]


SQUARED_DIFFERENCE = Op(
    real=_real,
    rules=requantizations(_compute, Rounding.DOUBLE.by(Precision.FLOAT64)),
    dtypes=equal_dtypes(),
)
