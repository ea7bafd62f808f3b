"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, LOGICAL_AND and LOGICAL_OR, with broadcasting;
LOGICAL_NOT."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Operand, Outputs, align, equal_dtypes, require_equal_dtypes
from qcompare.manual.rounding import double
from qcompare.manual.rule import Method

COMPARE, FIXED = Method("COMPARE"), Method("FIXED")

Compare = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _equal_inputs(call: Call) -> None:
    require_equal_dtypes(call, [call.input(0).tensor, call.input(1).tensor])


def _scaled(call: Call, operand: Operand, value: np.ndarray) -> np.ndarray:
    scale = operand.tensor.scale
    if scale >= 1:
        raise NotCoveredError(call.operator, f"a scale of {scale} (only one below 1) is")
    return double((value.astype(np.int64) - operand.tensor.zero_point) << 8, scale)


def _comparison(compare: Compare) -> Op:
    def stored(call: Call) -> Outputs:
        return [compare(*align(call.input(0), call.input(1)))]

    def fixed(call: Call) -> Outputs:
        """(114) Both sides as integers of 1/256: TFLite `ComparisonWithScaling` (reference/comparisons.h)."""
        operands = call.input(0), call.input(1)
        sides = (_scaled(call, *each) for each in zip(operands, align(*operands), strict=True))
        return [compare(*sides)]

    return Op(real=stored, rules={COMPARE: stored, FIXED: fixed}, dtypes=_equal_inputs)


def _logical(connect: Callable[..., np.ndarray], operands: int) -> Op:
    def connected(call: Call) -> Outputs:
        return [connect(*align(*(call.input(position) for position in range(operands))))]

    return Op(real=connected, rules={COMPARE: connected}, dtypes=equal_dtypes())


EQUAL = _comparison(np.equal)
GREATER = _comparison(np.greater)
GREATER_EQUAL = _comparison(np.greater_equal)
LESS = _comparison(np.less)
LESS_EQUAL = _comparison(np.less_equal)
LOGICAL_AND = _logical(np.logical_and, 2)
LOGICAL_NOT = _logical(np.logical_not, 1)
LOGICAL_OR = _logical(np.logical_or, 2)
NOT_EQUAL = _comparison(np.not_equal)
