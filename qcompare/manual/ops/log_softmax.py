"""LOG_SOFTMAX over the last axis."""

from __future__ import annotations

import math

import numpy as np

from qcompare.manual import c_library
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.gemmlowp32 import exp_on_negative_values, log_of_one_or_more
from qcompare.manual.pipeline import saturating, through
from qcompare.manual.rounding import quantize_multiplier, rdbp, srdhm, wrap32
from qcompare.manual.rule import Method

SCALE, ZERO_POINT = 2.0**-4, 127
"""That the output must have."""

SUM_BITS, DIFFERENCE_BITS, OUTPUT_BITS = 12, 5, 4
"""Integer bits of the sum of exponentials, of the difference to the largest logit, and of the result."""


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    below = x - x.max(axis=-1, keepdims=True)
    return [below - np.log(np.exp(below).sum(axis=-1, keepdims=True))]


def _differences(call: Call) -> np.ndarray:
    """Each logit less the largest of its row."""
    output = call.outputs[0]
    if output.scale != SCALE or output.zero_point != ZERO_POINT:
        raise NotCoveredError(call.operator, f"an output scale {output.scale}, zero point {output.zero_point} is")
    x = call.input(0).value.astype(np.int64)
    differences: np.ndarray = x - x.max(axis=-1, keepdims=True)
    return differences


def _fixed(call: Call) -> Outputs:
    """(120) gemmlowp in 32 bits: TFLite `LogSoftmax` (reference/integer_ops/log_softmax.h)."""
    differences = _differences(call)
    m, s = quantize_multiplier(min(float(call.input(0).tensor.scale) * 2.0 ** (31 - DIFFERENCE_BITS), 2.0**31 - 1))
    shift, lowest = int(s), np.iinfo(call.outputs[0].dtype).min
    if shift < 1:
        raise NotCoveredError(call.operator, f"a scale of {call.input(0).tensor.scale} is")
    least = -math.floor((2**DIFFERENCE_BITS - 1) * 2.0 ** (31 - DIFFERENCE_BITS) / 2.0**shift)
    scaled = srdhm(wrap32(np.maximum(differences, least - 1) << shift), m)
    exponentials = rdbp(exp_on_negative_values(scaled, DIFFERENCE_BITS), SUM_BITS)
    total = np.where(differences >= least, exponentials, 0).sum(axis=-1, keepdims=True)
    logarithm = log_of_one_or_more(total, SUM_BITS, DIFFERENCE_BITS)
    inverse, right = quantize_multiplier((1 << (31 - shift)) / float(m))
    beyond = np.maximum(least - 1, rdbp(srdhm(logarithm - (1 << 31), inverse), -right))
    y = through(rdbp(scaled - logarithm, 31 - DIFFERENCE_BITS - OUTPUT_BITS), *saturating(call.outputs[0]))
    return [np.where(differences > beyond, y, lowest).astype(call.outputs[0].dtype)]


def _table(call: Call) -> Outputs:
    """(121) In float32, with exponentials from a table: TFLite `LogSoftmax` (optimized/optimized_ops.h)."""
    differences, data, output = _differences(call), call.input(0), call.outputs[0]
    table = c_library.apply("expf", -data.tensor.scale * np.arange(256, dtype=np.float32))
    # The runtime adds one after the other; NumPy's sum would pair them.
    total = np.add.accumulate(table[-differences], axis=-1)[..., -1:]
    largest = data.value.max(axis=-1, keepdims=True).astype(np.float32)
    offset = (data.tensor.scale * largest + c_library.apply("logf", total)) / output.scale
    y = np.rint(data.tensor.scale / output.scale * data.value.astype(np.float32) - offset)
    return [through(y.astype(np.int64), *saturating(output))]


LOG_SOFTMAX = Op(real=_real, rules={Method("FIXED"): _fixed, Method("TABLE"): _table})
