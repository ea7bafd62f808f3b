"""SQUARED_DIFFERENCE, with broadcasting."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, Op, Outputs, align
from qcompare.manual.rounding import multiply_double, quantize_multiplier, saturate

LEFT_SHIFT = {"int8": 7, "int16": 0}
"""Fraction bits of the inputs on their common scale."""


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [(a - b) ** 2]


def _double(call: Call) -> Outputs:
    """(78) DOUBLE of both inputs to twice the larger scale, and of the square to the output's."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    left = LEFT_SHIFT[output.dtype.name]
    common = 2.0 * float(max(a.scale, b.scale))
    back = common * common / float(np.float32(1 << (2 * left)) * output.scale)
    scaled = [
        multiply_double(
            (value.astype(np.int64) - tensor.zero_point) << left, *quantize_multiplier(float(tensor.scale) / common)
        )
        for value, tensor in zip(align(call.input(0), call.input(1)), (a, b), strict=True)
    ]
    squared = (scaled[0] - scaled[1]) ** 2
    return [saturate(multiply_double(squared, *quantize_multiplier(back)) + output.zero_point, output.dtype)]


SQUARED_DIFFERENCE = Op(real=_real, rules={"DOUBLE": _double})
