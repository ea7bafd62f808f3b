"""DEPTH_TO_SPACE and SPACE_TO_DEPTH: between channels and blocks of height and width."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Outputs
from qcompare.manual.ops.movement import moves, sampled


def _block(call: Call) -> int:
    size = int(call.option("block_size", 0))
    if size < 1 or len(call.input(0).shape) != 4:
        raise NotCoveredError(call.operator, f"a block of {size} in {len(call.input(0).shape)} dimensions is")
    return size


def _to_space(call: Call) -> Outputs:
    size = _block(call)
    samples, batch, height, width, depth = (value := sampled(call.input(0), call.samples)).shape
    if depth % size**2:
        raise NotCoveredError(call.operator, f"a block of {size}, which does not divide {depth} channels, is")
    parts = value.reshape(samples, batch, height, width, size, size, -1)
    return [np.swapaxes(parts, 3, 4).reshape(samples, batch, height * size, width * size, -1)]


def _to_depth(call: Call) -> Outputs:
    size = _block(call)
    samples, batch, height, width, _ = (value := sampled(call.input(0), call.samples)).shape
    if height % size or width % size:
        raise NotCoveredError(call.operator, f"a block of {size}, which does not divide {height} x {width}, is")
    parts = value.reshape(samples, batch, height // size, size, width // size, size, -1)
    return [np.swapaxes(parts, 3, 4).reshape(samples, batch, height // size, width // size, -1)]


DEPTH_TO_SPACE = moves(_to_space, 0)
SPACE_TO_DEPTH = moves(_to_depth, 0)
