"""EXPAND_DIMS, SQUEEZE, SHAPE, FILL, TILE, BROADCAST_TO and ZEROS_LIKE."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, any_dtypes, of_output
from qcompare.manual.ops.movement import COPY, moves, sampled


def _reshaped(call: Call) -> Outputs:
    # The output's own shape says where the dimension of one is, or was.
    return [sampled(call.input(0), call.samples).reshape(call.samples, *call.outputs[0].shape)]


def _shape(call: Call) -> Outputs:
    shape = np.array(call.input(0).shape, call.outputs[0].dtype)
    return [np.broadcast_to(shape, (call.samples, *shape.shape))]


def _fill(call: Call) -> Outputs:
    shape = call.outputs[0].shape
    value = sampled(call.input(1), call.samples).reshape(call.samples, *(1 for _ in shape))
    return [np.broadcast_to(value, (call.samples, *shape))]


def _tile(call: Call) -> Outputs:
    return [np.tile(sampled(call.input(0), call.samples), (1, *call.parameter(1).reshape(-1).tolist()))]


def _broadcast(call: Call) -> Outputs:
    data, shape = call.input(0), call.outputs[0].shape
    filled = (1,) * (len(shape) - len(data.shape))
    value = sampled(data, call.samples).reshape(call.samples, *filled, *data.shape)
    return [np.broadcast_to(value, (call.samples, *shape))]


def _zeros(call: Call) -> Outputs:
    if call.outputs[0].grid is not None:
        raise NotCoveredError(call.operator, "an output with a scale is")
    return [np.zeros((call.samples, *call.input(0).shape), call.outputs[0].dtype)]


BROADCAST_TO = moves(_broadcast, 0)
EXPAND_DIMS = moves(_reshaped, 0)
FILL = moves(_fill, 1)
SHAPE = Op(real=_shape, rules={COPY: _shape}, variant=of_output, dtypes=any_dtypes)
SQUEEZE = moves(_reshaped, 0)
TILE = moves(_tile, 0)
ZEROS_LIKE = Op(real=_zeros, rules={COPY: _zeros})
