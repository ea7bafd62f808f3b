"""ELU: x, or exp(x) - 1 where x is negative."""

from __future__ import annotations

import numpy as np

from qcompare.manual import c_library
from qcompare.manual.call import Call, Op, Outputs
from qcompare.manual.ops.activations import by_table, table_away, table_even
from qcompare.manual.rule import Halves, Method


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    return [np.where(x < 0, np.expm1(np.minimum(x, 0)), x)]


def expm1(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, c_library.apply("expm1f", x), x)


def exp_less_one(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, c_library.apply("expf", x) - np.float32(1), x)


ELU = Op(
    real=_real,
    rules={
        # (105) TFLite `EluPrepare` (kernels/activations.cc), XNNPACK `ELUOp` (reference/unary-elementwise.cc).
        Method("TABLE"): by_table(table_away, expm1),
        Method("TABLE", Halves.EVEN): by_table(table_even, expm1),
        # (106) TFLite Micro `CalculateOpData` (kernels/elu.cc).
        Method("EXP_TABLE"): by_table(table_away, exp_less_one),
    },
)
