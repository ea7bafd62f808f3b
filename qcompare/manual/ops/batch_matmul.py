"""BATCH_MATMUL: `x y` over the last two axes, with broadcasting over the others."""

from __future__ import annotations

import numpy as np

from qcompare.core.grid import Grid
from qcompare.manual import variant
from qcompare.manual.call import (
    Call,
    NotCoveredError,
    Op,
    Operand,
    Outputs,
    align,
    requantizations,
    require_equal_dtypes,
)
from qcompare.manual.exact import matmul
from qcompare.manual.hybrid import OnGrids, asymmetric_even, by_options, rounded
from qcompare.manual.pipeline import requantized
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding
from qcompare.manual.variant import Variant

M64_LIMIT = 1 << 14
"""From here on M64 (12) would shift by a negative number, which C leaves undefined."""


def _operands(call: Call) -> tuple[np.ndarray, np.ndarray]:
    """Both values, ready for `@`."""
    x, y = align(call.input(0), call.input(1))
    if call.option("adj_x"):
        x = np.swapaxes(x, -1, -2)
    if call.option("adj_y"):
        y = np.swapaxes(y, -1, -2)
    return x, y


def _real(call: Call) -> Outputs:
    x, y = _operands(call)
    return [x @ y]


def _products(call: Call) -> np.ndarray:
    """The exact products of the centred integers, int64."""
    left, right = _operands(call)
    zero_points = (int(_grid(call, position).zero_point[0]) for position in (0, 1))
    return matmul(left, right, *zero_points)


def _scale(call: Call, position: int, precision: Precision) -> np.floating:
    """The scale of an input in (67) and (68).

    Of an operand quantized per channel TFLite takes it for zero, and so every result; TFLite Micro takes the first.
    """
    if precision is Precision.FLOAT64:
        return np.float32(_grid(call, position).scale[0])
    operand = call.input(position)
    return np.float32(0) if precision is Precision.MIXED and _per_channel(operand) else operand.tensor.scale


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(67), (68)"""
    factors = _scale(call, 0, rule.multiplier), _scale(call, 1, rule.multiplier)
    multiplier = rule.multiplier.ratio(factors, call.outputs[0].scale)
    if rule.rounding is Rounding.M64 and multiplier >= M64_LIMIT:
        raise NotCoveredError(call.operator, f"a multiplier of {M64_LIMIT} or more is")
    return [requantized(call, _products(call), rule, multiplier)]


def _dynamic(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (83) if the options say so, else (82); TFLite `EvalHybrid`."""
    batch, matrices = call.input(0).shape[:-2], int(np.prod(call.input(1).shape[:-2]))
    if matrices > 1 or sum(size > 1 for size in batch) > 1:
        # The kernel's scales and row sums then belong to other rows than they are taken for.
        raise NotCoveredError(call.operator, "floats by more than one int8 matrix, or in more than one batch axis, are")
    return _by_rows(call, by_options(call))


def _dynamic_even(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (84)."""
    return _by_rows(call, asymmetric_even)


def _by_rows(call: Call, rounding: OnGrids) -> Outputs:
    if call.option("adj_x"):
        raise NotCoveredError(call.operator, "a transposed float input by int8 is")
    return _real(rounded(call, 0, (1,), call.input(0).shape[-1], rounding))


def _variant(call: Call) -> Variant:
    """The dtypes of both inputs, one for two equal floats."""
    left, right = (call.input(position).tensor.dtype for position in (0, 1))
    return variant.of(left) if left == right == np.float32 else variant.of(left, right)


def _dtypes(call: Call) -> None:
    """The result is of the left one's dtype; on the right may stand int8 whatever that is."""
    left, right = (call.input(position).tensor for position in (0, 1))
    require_equal_dtypes(call, [left, *([] if right.dtype == np.int8 else [right]), *call.outputs])


def _delegated(call: Call) -> bool:
    """The delegate takes int8, on the right per tensor and without a zero point, and floats by int8."""
    right = call.input(1)
    if call.input(0).tensor.dtype == np.float32:
        return True
    return call.input(0).tensor.dtype == np.int8 and not _per_channel(right) and not _grid(call, 1).zero_point.any()


def _per_channel(operand: Operand) -> bool:
    return operand.tensor.grid is not None and operand.tensor.grid.per_channel


def _grid(call: Call, position: int) -> Grid:
    grid = call.input(position).tensor.grid
    if grid is None:
        raise NotCoveredError(call.operator, f"input {position} without a scale is")
    return grid


BATCH_MATMUL = Op(
    real=_real,
    rules={
        **requantizations(
            _compute,
            # TFLite `batch_matmul::Eval` (kernels/batch_matmul.cc).
            Rounding.DOUBLE.by(Precision.MIXED),
            Rounding.M64.by(Precision.MIXED),
            # TFLite Micro (kernels/batch_matmul.cc).
            Rounding.DOUBLE.by(Precision.FLOAT64),
            Rounding.M64.by(Precision.FLOAT64),
            # XNNPACK.
            Rounding.RNE32.by(Precision.FLOAT32),
        ),
        Method("DYNAMIC"): _dynamic,
        Method("DYNAMIC", Halves.EVEN): _dynamic_even,
    },
    variant=_variant,
    delegated=_delegated,
    dtypes=_dtypes,
)
