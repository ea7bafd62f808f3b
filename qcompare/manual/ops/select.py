"""SELECT_V2: the second input where the first is true, else the third, with broadcasting."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, align, equal_dtypes, of_output
from qcompare.manual.ops.movement import COPY, require_equal_quantization

CONDITION, IF_TRUE, IF_FALSE = range(3)


def _select(call: Call) -> Outputs:
    condition, a, b = align(call.input(CONDITION), call.input(IF_TRUE), call.input(IF_FALSE))
    return [np.broadcast_to(np.where(condition, a, b), (call.samples, *call.outputs[0].shape))]


def _copy(call: Call) -> Outputs:
    require_equal_quantization(call)
    return _select(call)


def _dtypes(call: Call) -> None:
    equal_dtypes(IF_TRUE, IF_FALSE)(call)
    condition = call.input(CONDITION).tensor.dtype
    if condition != np.bool_:
        raise NotCoveredError(call.operator, f"a condition of {condition.name} is")


SELECT_V2 = Op(real=_select, rules={COPY: _copy}, variant=of_output, dtypes=_dtypes)
