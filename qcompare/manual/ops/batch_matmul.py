"""BATCH_MATMUL: `x y` over the last two axes, with broadcasting over the others."""

from __future__ import annotations

import numpy as np

from qcompare.core.grid import Grid
from qcompare.manual.call import Call, NotCoveredError, Op, Operand, Outputs, align
from qcompare.manual.exact import matmul
from qcompare.manual.hybrid import Rounding, asymmetric, asymmetric_even, rounded, symmetric
from qcompare.manual.rounding import double, m64, rne32, saturate

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


def _finish(call: Call, scaled: np.ndarray) -> Outputs:
    output = call.outputs[0]
    return [saturate(scaled + output.zero_point, output.dtype)]


def _multiplier32(call: Call) -> np.ndarray:
    """f64(f32(s_x * s_y)) / f64(s_out): TFLite `GetQuantizedConvolutionMultipler` without a bias."""
    return np.asarray(float(_scale(call.input(0)) * _scale(call.input(1))) / float(call.outputs[0].scale))


def _multiplier64(call: Call) -> np.ndarray:
    """f64(s_x) * f64(s_y) / f64(s_out): TFLite Micro, which takes the first scale of an operand per channel for all."""
    x, y = (_grid(call, position).scale[0] for position in (0, 1))
    return np.asarray(float(x) * float(y) / float(call.outputs[0].scale))


def _double(call: Call) -> Outputs:
    """(67) DOUBLE; the product of the scales in float32."""
    return _finish(call, double(_products(call), _multiplier32(call)))


def _double64(call: Call) -> Outputs:
    """(67) DOUBLE; the product of the scales in float64."""
    return _finish(call, double(_products(call), _multiplier64(call)))


def _m64(call: Call) -> Outputs:
    """(67) M64; the product of the scales in float32."""
    return _by_m64(call, _multiplier32(call))


def _m64_64(call: Call) -> Outputs:
    """(67) M64; the product of the scales in float64."""
    return _by_m64(call, _multiplier64(call))


def _by_m64(call: Call, multiplier: np.ndarray) -> Outputs:
    if multiplier >= M64_LIMIT:
        raise NotCoveredError(call.operator, f"a multiplier of {M64_LIMIT} or more is")
    return _finish(call, m64(_products(call), multiplier))


def _rne32(call: Call) -> Outputs:
    """(68) RNE32 with f32(s_x * s_y / s_out)."""
    multiplier = call.input(0).tensor.scale * call.input(1).tensor.scale / call.outputs[0].scale
    return _finish(call, rne32(_products(call), np.asarray(multiplier)))


def _dynamic(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (83) if the options say so, else (82); TFLite `EvalHybrid`."""
    batch, matrices = call.input(0).shape[:-2], int(np.prod(call.input(1).shape[:-2]))
    if matrices > 1 or sum(size > 1 for size in batch) > 1:
        # The kernel's scales and row sums then belong to other rows than they are taken for.
        raise NotCoveredError(call.operator, "floats by more than one int8 matrix, or in more than one batch axis, are")
    return _by_rows(call, asymmetric if call.option("asymmetric_quantize_inputs") else symmetric)


def _dynamic_even(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (84)."""
    return _by_rows(call, asymmetric_even)


def _by_rows(call: Call, rounding: Rounding) -> Outputs:
    if call.option("adj_x"):
        raise NotCoveredError(call.operator, "a transposed float input by int8 is")
    return _real(rounded(call, 0, (1,), call.input(0).shape[-1], rounding))


def _variant(call: Call) -> str:
    """The dtypes of both inputs, one name for two equal floats."""
    if call.input(0).tensor.dtype == call.input(1).tensor.dtype == np.float32:
        return "float32"
    return f"{call.input(0).tensor.dtype.name}-{call.input(1).tensor.dtype.name}"


def _delegated(call: Call) -> bool:
    """The delegate takes int8, on the right per tensor and without a zero point, and floats by int8."""
    right = call.input(1)
    if call.input(0).tensor.dtype == np.float32:
        return True
    return call.input(0).tensor.dtype == np.int8 and not _per_channel(right) and not _grid(call, 1).zero_point.any()


def _per_channel(operand: Operand) -> bool:
    return operand.tensor.grid is not None and operand.tensor.grid.per_channel


def _scale(operand: Operand) -> np.float32:
    """TFLite takes the scale of an operand quantized per channel for zero, and so every result for zero."""
    return np.float32(0) if _per_channel(operand) else operand.tensor.scale


def _grid(call: Call, position: int) -> Grid:
    grid = call.input(position).tensor.grid
    if grid is None:
        raise NotCoveredError(call.operator, f"input {position} without a scale is")
    return grid


BATCH_MATMUL = Op(
    real=_real,
    rules={
        "DOUBLE": _double,
        "DOUBLE_64": _double64,
        "DYNAMIC": _dynamic,
        "DYNAMIC_EVEN": _dynamic_even,
        "M64": _m64,
        "M64_64": _m64_64,
        "RNE32": _rne32,
    },
    variant=_variant,
    delegated=_delegated,
)
