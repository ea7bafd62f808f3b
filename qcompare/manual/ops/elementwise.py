"""ABS, EXP, LOG and SQRT; of floats alone ADD_N, CEIL, COS, CUMSUM, FLOOR, POW, ROUND, SIGN, SIN and SQUARE."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from qcompare.manual import c_library
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, align, equal_dtypes, requantizations
from qcompare.manual.lookup import look_up16, table16
from qcompare.manual.ops.activations import Function, Scaling, by_table, table_away
from qcompare.manual.ops.movement import axis_of, sampled
from qcompare.manual.pipeline import requantized, saturating, through
from qcompare.manual.rule import Method, Precision, Requantization, Rounding


def _real(f: Callable[[np.ndarray], np.ndarray]) -> Callable[[Call], Outputs]:
    return lambda call: [f(call.input(0).value)]


def _real_of_positive(f: Callable[[np.ndarray], np.ndarray]) -> Callable[[Call], Outputs]:
    """Of a negative number there is no integer; floats have NaN."""

    def real(call: Call) -> Outputs:
        x = call.input(0).value
        if call.outputs[0].grid is not None and (x < 0).any():
            raise NotCoveredError(call.operator, "a negative input in real numbers is")
        return [f(x)]

    return real


def _abs(call: Call, rule: Requantization) -> Outputs:
    """(115) The magnitude by s_in / s_out."""
    data = call.input(0)
    magnitude = np.abs(data.value.astype(np.int64) - data.tensor.zero_point)
    multiplier = rule.multiplier.ratio((data.tensor.scale,), call.outputs[0].scale)
    return [requantized(call, magnitude, rule, multiplier)]


def exp32(x: np.ndarray) -> np.ndarray:
    """(116) TFLite `Prepare` (kernels/exp.cc)."""
    return c_library.apply("expf", x)


def _logarithm(lowest: np.float32) -> Function:
    """(117) lowest: what stands for the logarithm of what is not above zero."""

    def f(x: np.ndarray) -> np.ndarray:
        return np.where(x <= 0, lowest, c_library.apply("logf", np.where(x <= 0, np.float32(1), x)))

    return f


@lru_cache(maxsize=64)
def _log_table(scaling: Scaling) -> np.ndarray:
    return table_away(_logarithm(np.float32(-128 - scaling.y_zero_point) * scaling.y_scale), scaling)


def _log_by_table(call: Call) -> Outputs:
    return by_table(lambda _, scaling: _log_table(scaling), "LOG")(call)


@lru_cache(maxsize=64)
def _table16(name: str, scaling: Scaling) -> np.ndarray:
    lowest = np.float32(-32768 - scaling.y_zero_point) * scaling.y_scale
    return table16(
        exp32 if name == "EXP" else _logarithm(lowest),
        np.float32,
        input_scale=scaling.x_scale,
        input_zero_point=scaling.x_zero_point,
        output_scale=scaling.y_scale,
        output_zero_point=scaling.y_zero_point,
    )


def _interpolated(call: Call) -> Outputs:
    """(41)"""
    data, output = call.input(0), call.outputs[0]
    scaling = Scaling(
        x_scale=data.tensor.scale,
        x_zero_point=data.tensor.zero_point,
        y_scale=output.scale,
        y_zero_point=output.zero_point,
    )
    return [look_up16(data.value.astype(np.int64), _table16(call.operator.name, scaling)).astype(np.int16)]


def _truncated_root(call: Call) -> Outputs:
    """(118) In float32, what is behind the point left out: TFLite `SqrtEvalQuantized` (kernels/elementwise.cc)."""
    data, output = call.input(0), call.outputs[0]
    centred = data.value.astype(np.int64) - data.tensor.zero_point
    if (centred < 0).any():
        raise NotCoveredError(call.operator, "a negative input is")
    root = np.sqrt(data.tensor.scale * centred.astype(np.float32)) / output.scale
    if (root >= 2.0**31).any():
        raise NotCoveredError(call.operator, "a root beyond 32 bits is")
    return [through(root.astype(np.int64), *saturating(output))]


def _sum(call: Call) -> Outputs:
    first, *others = align(*(call.input(position) for position in range(len(call.inputs))))
    for other in others:
        first = first + other
    return [first]


def _running_sum(call: Call) -> Outputs:
    """From either end, each element counted in or left out."""
    value = sampled(call.input(0), call.samples)
    axis = axis_of(int(call.parameter(1).reshape(-1)[0]), len(call.input(0).shape))
    x = np.flip(value, axis) if call.option("reverse", False) else value
    total = np.cumsum(x, axis=axis, dtype=value.dtype)
    total = total - x if call.option("exclusive", False) else total
    return [np.flip(total, axis) if call.option("reverse", False) else total]


def _power(call: Call) -> Outputs:
    return [np.power(*align(call.input(0), call.input(1)))]


LUT32 = Method("LUT", precision=Precision.FLOAT32)

ABS = Op(
    real=_real(np.abs),
    rules=requantizations(
        _abs,
        # TFLite `SetAbsOutputMultiplier` (kernels/elementwise.cc).
        Rounding.DOUBLE.by(Precision.FLOAT32),
        # TFLite Micro as built.
        Rounding.DOUBLE.by(Precision.FLOAT64),
    ),
)
ADD_N = Op(real=_sum, dtypes=equal_dtypes())
CEIL = Op(real=_real(np.ceil))
COS = Op(real=_real(np.cos))
CUMSUM = Op(real=_running_sum)
EXP = Op(real=_real(np.exp), rules={Method("TABLE"): by_table(table_away, exp32), LUT32: _interpolated})
FLOOR = Op(real=_real(np.floor))
LOG = Op(real=_real_of_positive(np.log), rules={Method("TABLE"): _log_by_table, LUT32: _interpolated})
POW = Op(real=_power, dtypes=equal_dtypes())
ROUND = Op(real=_real(np.rint))
SIGN = Op(real=_real(np.sign))
SIN = Op(real=_real(np.sin))
SQRT = Op(real=_real_of_positive(np.sqrt), rules={Method("TRUNCATED"): _truncated_root})
SQUARE = Op(real=_real(np.square))
