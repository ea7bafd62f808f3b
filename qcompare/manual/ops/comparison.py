"""LESS, with broadcasting."""

from __future__ import annotations

from qcompare.manual.call import Call, Op, Outputs, align
from qcompare.manual.rule import Method


def _less(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [a < b]


LESS = Op(real=_less, rules={Method("COMPARE"): _less})
