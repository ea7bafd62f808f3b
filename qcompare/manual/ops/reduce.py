"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, REDUCE_ANY and REDUCE_ALL over constant axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompare.manual.activation import NO_BOUNDS
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, requantizations
from qcompare.manual.ops.movement import axis_of, moves, sampled
from qcompare.manual.pipeline import AddZeroPoint, Clamp, Requantize, clamp_to, requantized, saturating, through
from qcompare.manual.rounding import multiply_double, quantize_multiplier, round_half_away, wrap32
from qcompare.manual.rule import Method, Precision, Requantization, Rounding, Scale


def _axes(call: Call) -> tuple[int, ...]:
    """The reduced axes of the value over samples, each once, ascending."""
    rank = len(call.input(0).shape)
    return tuple(sorted({axis_of(int(axis), rank) for axis in call.parameter(1).reshape(-1)}))


def _counted(call: Call) -> int:
    """How many elements make one result."""
    return int(np.prod([call.input(0).value.shape[axis] for axis in _axes(call)], dtype=np.int64))


def _sums(call: Call) -> np.ndarray:
    """The plain sums of the stored integers, shape [samples, *shape of the output], as int64."""
    total = call.input(0).value.sum(axis=_axes(call), dtype=np.int64)
    return wrap32(total).reshape(-1, *call.outputs[0].shape)


def _real_mean(call: Call) -> Outputs:
    return [call.input(0).value.mean(axis=_axes(call)).reshape(-1, *call.outputs[0].shape)]


def _real_sum(call: Call) -> Outputs:
    return [call.input(0).value.sum(axis=_axes(call)).reshape(-1, *call.outputs[0].shape)]


def _multiplier(call: Call, precision: Precision) -> Scale:
    """s_in / s_out"""
    return precision.ratio((call.input(0).tensor.scale,), call.outputs[0].scale)


def _centred(call: Call) -> np.ndarray:
    return wrap32(_sums(call) - call.input(0).tensor.zero_point * _counted(call))


def _sum(call: Call, rule: Requantization) -> Outputs:
    """(60) One multiplication of the centred sum."""
    return [requantized(call, _centred(call), rule, _multiplier(call, rule.multiplier))]


def _double_mean(call: Call) -> Outputs:
    """(61) As (60), the number of elements divided into the multiplier."""
    m, s = quantize_multiplier(_multiplier(call, Precision.FLOAT64))
    count = _counted(call)
    shift = min(count.bit_length() - 1, 32, 31 + int(s))
    m = (m << shift) // count
    return [through(multiply_double(_centred(call), m, s - shift), *saturating(call.outputs[0]))]


def _spatial_mean(call: Call, rule: Requantization) -> Outputs:
    """(62) over height and width of four dimensions that are kept, else (61)."""
    data, output = call.input(0).tensor, call.outputs[0]
    if len(data.shape) != 4 or _axes(call) != (2, 3) or not call.option("keep_dims"):
        return _double_mean(call)
    half = np.float32(data.zero_point) * data.scale / output.scale
    zero_point = output.zero_point - int(half + np.float32(0.5 if half > 0 else -0.5))
    multiplier = data.scale / (np.float32(_counted(call)) * output.scale)
    stages = Requantize(rule, multiplier), AddZeroPoint(zero_point), clamp_to(output, *NO_BOUNDS)
    return [through(_sums(call), *stages)]


def _bytes_sum(call: Call) -> Outputs:
    """(81) As (60), on the stored bytes taken as uint8, input and output: a fault of TFLite's reference SUM.

    Its zero points stay those of int8.
    """
    data, output = call.input(0), call.outputs[0]
    total = data.value.view(np.uint8).sum(axis=_axes(call), dtype=np.int64).reshape(-1, *output.shape)
    centred = wrap32(total - data.tensor.zero_point * _counted(call))
    requantize = Requantize(Rounding.DOUBLE.by(Precision.FLOAT64), _multiplier(call, Precision.FLOAT64))
    stages = requantize, AddZeroPoint(output.zero_point), Clamp(0, 255, np.dtype(np.uint8))
    return [through(centred, *stages).view(np.int8)]


def _float_sum(call: Call) -> Outputs:
    """(63) The plain sum scaled and centred in float32, halves away from zero."""
    data, output = call.input(0).tensor, call.outputs[0]
    scale = data.scale / output.scale
    bias = np.float32(-data.zero_point) * scale * np.float32(_counted(call))
    total = round_half_away(_sums(call).astype(np.float32) * scale + bias).astype(np.int64)
    return [through(total, AddZeroPoint(output.zero_point), wrap32, clamp_to(output, *NO_BOUNDS))]


def _even(call: Call, scale: np.float32) -> Outputs:
    """(64) The plain sum scaled in float32 on top of an output zero point that takes in the input's; halves to even."""
    data, output = call.input(0).tensor, call.outputs[0]
    zero_point = np.float32(output.zero_point) - np.float32(_counted(call) * data.zero_point) * scale
    return [clamp_to(output, *NO_BOUNDS)(np.rint(_sums(call).astype(np.float32) * scale + zero_point))]


def _even_sum(call: Call) -> Outputs:
    return _even(call, call.input(0).tensor.scale / call.outputs[0].scale)


def _even_mean(call: Call) -> Outputs:
    scale = call.input(0).tensor.scale / call.outputs[0].scale
    return _even(call, scale * (np.float32(1) / np.float32(_counted(call))))


def _int8(call: Call) -> bool:
    return call.outputs[0].dtype == np.int8


def _extremum(choose: Callable[..., np.ndarray]) -> Op:
    """The integers compare as the real numbers do, since scale and zero point stay."""

    def found(call: Call) -> Outputs:
        value = sampled(call.input(0), call.samples)
        return [choose(value, axis=_axes(call)).reshape(-1, *call.outputs[0].shape)]

    return moves(found, 0)


MEAN = Op(
    real=_real_mean,
    rules={
        Rounding.DOUBLE.by(Precision.FLOAT64): _double_mean,
        **requantizations(_spatial_mean, Rounding.UP.by(Precision.FLOAT32, blocks=16)),
        Rounding.RNE32.by(Precision.FLOAT32): _even_mean,
    },
    delegated=_int8,
)


def _product(call: Call) -> Outputs:
    """The plain product of integers without a scale, or of floats; wraps."""
    if call.outputs[0].grid is not None:
        raise NotCoveredError(call.operator, "an output with a scale is")
    value, dtype = sampled(call.input(0), call.samples), call.outputs[0].dtype
    return [np.prod(value, axis=_axes(call), dtype=dtype).reshape(-1, *call.outputs[0].shape)]


REDUCE_ALL = _extremum(np.all)
REDUCE_ANY = _extremum(np.any)
REDUCE_MAX = _extremum(np.max)
REDUCE_MIN = _extremum(np.min)
REDUCE_PROD = Op(real=_product, rules={Method("WRAP"): _product})
SUM = Op(
    real=_real_sum,
    rules={
        **requantizations(_sum, Rounding.DOUBLE.by(Precision.FLOAT64)),
        Method("BYTES"): _bytes_sum,
        Method("F32"): _float_sum,
        Rounding.RNE32.by(Precision.FLOAT32): _even_sum,
    },
    delegated=_int8,
)
