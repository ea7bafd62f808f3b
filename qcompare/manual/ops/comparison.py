"""LESS and LOGICAL_AND, with broadcasting."""

from __future__ import annotations

from qcompare.manual.call import Call, Op, Outputs, align, equal_dtypes, require_equal_dtypes
from qcompare.manual.rule import Method

COMPARE = Method("COMPARE")


def _less(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [a < b]


def _and(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [a & b]


def _equal_inputs(call: Call) -> None:
    require_equal_dtypes(call, [call.input(0).tensor, call.input(1).tensor])


LESS = Op(real=_less, rules={COMPARE: _less}, dtypes=_equal_inputs)
LOGICAL_AND = Op(real=_and, rules={COMPARE: _and}, dtypes=equal_dtypes())
