"""SLICE, GATHER and GATHER_ND: data movement by constant or computed indices."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Outputs
from qcompare.manual.ops.movement import moves, sampled


def _slice(call: Call) -> Outputs:
    begin, size = (call.parameter(i).reshape(-1).tolist() for i in (1, 2))
    index = [slice(at, None if count < 0 else at + count) for at, count in zip(begin, size, strict=True)]
    return [sampled(call.input(0), call.samples)[(slice(None), *index)]]


def _gather(call: Call) -> Outputs:
    data, indices = call.input(0), call.input(1)
    rank = len(data.shape)
    axis, batch = int(call.option("axis", 0)), int(call.option("batch_dims", 0))
    axis = axis + rank if axis < 0 else axis
    if batch:
        raise NotCoveredError(call.operator, "the option batch_dims is")
    if indices.value.size and not (indices.value.min() >= 0 and indices.value.max() < data.shape[axis]):
        raise NotCoveredError(call.operator, "an index outside of the data is")
    if indices.constant:
        return [np.take(sampled(data, call.samples), indices.value, axis=1 + axis)]
    if data.constant:
        # The indices' axes, sample axis first, stand where the gathered axis was.
        taken = np.take(data.value, indices.value, axis=axis)
        return [np.moveaxis(taken, axis, 0)]
    if (indices.value == indices.value[:1]).all():
        # A loop's counter: one index for all samples.
        return [np.take(data.value, indices.value[0], axis=1 + axis)]
    return [np.stack([np.take(d, i, axis=axis) for d, i in zip(data.value, indices.value, strict=True)])]


def _gather_nd(call: Call) -> Outputs:
    """The last axis of the indices holds places along the first axes of the data."""
    data, indices = call.input(0), call.input(1)
    places = sampled(indices, call.samples)
    count = places.shape[-1]
    if places.size and not ((places >= 0).all() and (places < np.array(data.shape[:count])).all()):
        raise NotCoveredError(call.operator, "an index outside of the data is")
    sample = np.arange(call.samples).reshape(-1, *(1,) * (places.ndim - 2))
    return [sampled(data, call.samples)[(sample, *np.moveaxis(places, -1, 0))]]


GATHER = moves(_gather, 0)
GATHER_ND = moves(_gather_nd, 0)
SLICE = moves(_slice, 0)
