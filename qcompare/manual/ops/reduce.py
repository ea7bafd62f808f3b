"""MEAN and SUM over constant axes."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, Op, Outputs
from qcompare.manual.ops.movement import axis_of
from qcompare.manual.rounding import (
    multiply_double,
    multiply_up,
    quantize_multiplier,
    round_half_away,
    saturate,
    wrap32,
)


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


def _multiplier(call: Call) -> tuple[np.ndarray, np.ndarray]:
    return quantize_multiplier(float(call.input(0).tensor.scale) / float(call.outputs[0].scale))


def _centred(call: Call) -> np.ndarray:
    return wrap32(_sums(call) - call.input(0).tensor.zero_point * _counted(call))


def _double_sum(call: Call) -> Outputs:
    """(60) One fixed-point multiplication of the centred sum."""
    output = call.outputs[0]
    return [saturate(multiply_double(_centred(call), *_multiplier(call)) + output.zero_point, output.dtype)]


def _double_mean(call: Call) -> Outputs:
    """(61) As (60), the number of elements divided into the multiplier."""
    output = call.outputs[0]
    m, s = _multiplier(call)
    count = _counted(call)
    shift = min(count.bit_length() - 1, 32, 31 + int(s))
    m = (m << shift) // count
    return [saturate(multiply_double(_centred(call), m, s - shift) + output.zero_point, output.dtype)]


def _spatial_mean(call: Call) -> Outputs:
    """(62) over height and width of four dimensions that are kept, else (61)."""
    data, output = call.input(0).tensor, call.outputs[0]
    if len(data.shape) != 4 or _axes(call) != (2, 3) or not call.option("keep_dims"):
        return _double_mean(call)
    half = np.float32(data.zero_point) * data.scale / output.scale
    bias = output.zero_point - int(half + np.float32(0.5 if half > 0 else -0.5))
    m, s = quantize_multiplier(float(data.scale / (np.float32(_counted(call)) * output.scale)))
    total = _sums(call)
    body = total.shape[-1] // 16 * 16
    scaled = np.concatenate([multiply_up(total[..., :body], m, s), multiply_double(total[..., body:], m, s)], axis=-1)
    return [saturate(scaled + bias, output.dtype)]


def _bytes_sum(call: Call) -> Outputs:
    """(81) As (60), on the stored bytes taken as uint8, input and output: a fault of TFLite's reference SUM.

    Its zero points stay those of int8.
    """
    data, output = call.input(0), call.outputs[0]
    total = data.value.view(np.uint8).sum(axis=_axes(call), dtype=np.int64).reshape(-1, *output.shape)
    centred = wrap32(total - data.tensor.zero_point * _counted(call))
    scaled = multiply_double(centred, *_multiplier(call)) + output.zero_point
    return [saturate(scaled, np.uint8).view(np.int8)]


def _float_sum(call: Call) -> Outputs:
    """(63) The plain sum scaled and centred in float32, halves away from zero."""
    data, output = call.input(0).tensor, call.outputs[0]
    scale = data.scale / output.scale
    bias = np.float32(-data.zero_point) * scale * np.float32(_counted(call))
    total = round_half_away(_sums(call).astype(np.float32) * scale + bias).astype(np.int64)
    return [saturate(wrap32(total + output.zero_point), output.dtype)]


def _even(call: Call, scale: np.float32) -> Outputs:
    """(64) The plain sum scaled in float32 on top of an output zero point that takes in the input's; halves to even."""
    data, output = call.input(0).tensor, call.outputs[0]
    zero_point = np.float32(output.zero_point) - np.float32(_counted(call) * data.zero_point) * scale
    return [saturate(np.rint(_sums(call).astype(np.float32) * scale + zero_point), output.dtype)]


def _even_sum(call: Call) -> Outputs:
    return _even(call, call.input(0).tensor.scale / call.outputs[0].scale)


def _even_mean(call: Call) -> Outputs:
    scale = call.input(0).tensor.scale / call.outputs[0].scale
    return _even(call, scale * (np.float32(1) / np.float32(_counted(call))))


def _int8(call: Call) -> bool:
    return call.outputs[0].dtype == np.int8


MEAN = Op(
    real=_real_mean,
    rules={"DOUBLE": _double_mean, "SPATIAL": _spatial_mean, "RNE32": _even_mean},
    delegated=_int8,
)
SUM = Op(
    real=_real_sum,
    rules={"DOUBLE": _double_sum, "BYTES": _bytes_sum, "F32": _float_sum, "RNE32": _even_sum},
    delegated=_int8,
)
