"""GELU: x times the normal distribution function of x, or that by a tanh if the options say `approximate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from qcompare.manual import c_library
from qcompare.manual.call import Call, Op, Outputs
from qcompare.manual.lookup import look_up16, table16
from qcompare.manual.ops.activations import Function, by_table, table_away
from qcompare.manual.rule import Method, Precision

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715

_erfc: Callable[[np.ndarray], np.ndarray] = np.vectorize(math.erfc, otypes=[np.float64])


def _real(call: Call) -> Outputs:
    x = call.input(0).value
    wide = x.astype(np.float64)
    if _approximate(call):
        y = 0.5 * wide * (1 + np.tanh(ROOT * (wide + CUBIC * wide**3)))
    else:
        y = 0.5 * wide * _erfc(wide * -math.sqrt(0.5))
    return [y.astype(x.dtype)]


def _approximate(call: Call) -> bool:
    return bool(call.option("approximate", False))


def exact32(x: np.ndarray) -> np.ndarray:
    """(107) TFLite `GeluTransform` (reference/gelu.h)."""
    gelu: np.ndarray = np.float32(0.5) * x * c_library.apply("erfcf", x * np.float32(-math.sqrt(0.5)))
    return gelu


def approximate32(x: np.ndarray) -> np.ndarray:
    """(107) TFLite `GeluTransformApproximate` (reference/gelu.h)."""
    cubic = x + np.float32(CUBIC) * x * x * x
    return np.float32(0.5) * x * (np.float32(1) + c_library.apply("tanhf", np.float32(ROOT) * cubic))


def _function(call: Call) -> Function:
    return approximate32 if _approximate(call) else exact32


def _table(call: Call) -> Outputs:
    """(36)"""
    return by_table(table_away, _function(call))(call)


@lru_cache(maxsize=64)
def _table16(f: Function, x_scale: np.float32, x_zero_point: int, y_scale: np.float32, y_zero_point: int) -> np.ndarray:
    return table16(
        f,
        np.float32,
        input_scale=x_scale,
        input_zero_point=x_zero_point,
        output_scale=y_scale,
        output_zero_point=y_zero_point,
    )


def _interpolated(call: Call) -> Outputs:
    """(41)"""
    x, y = call.input(0), call.outputs[0]
    table = _table16(_function(call), x.tensor.scale, x.tensor.zero_point, y.scale, y.zero_point)
    return [look_up16(x.value.astype(np.int64), table).astype(np.int16)]


GELU = Op(real=_real, rules={Method("TABLE"): _table, Method("LUT", precision=Precision.FLOAT32): _interpolated})
