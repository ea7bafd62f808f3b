"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, between which a convolution is dilated: blocks of space become batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompare.manual import variant
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, equal_dtypes
from qcompare.manual.ops.movement import COPY, moves, require_equal_quantization, sampled
from qcompare.manual.variant import Path, Variant

DATA, BLOCK, MARGINS = range(3)
"""The inputs. MARGINS: paddings before and after each spatial axis, or crops."""


def _blocks(call: Call) -> tuple[int, ...]:
    """The block's size along each spatial axis."""
    rank = len(call.input(DATA).shape)
    if rank not in (3, 4):
        raise NotCoveredError(call.operator, f"a tensor of {rank} dimensions (only of 3 or 4 is) is")
    block = tuple(int(size) for size in call.parameter(BLOCK).reshape(-1))
    if len(block) != rank - 2 or min(block) < 1:
        raise NotCoveredError(call.operator, f"the block {list(block)} for {rank} dimensions is")
    return block


def _margins(call: Call) -> list[tuple[int, int]]:
    """Elements before and after each spatial axis."""
    margins = call.parameter(MARGINS)
    if margins.shape != (len(call.input(DATA).shape) - 2, 2) or (margins < 0).any():
        raise NotCoveredError(call.operator, f"the paddings or crops {margins.tolist()} are")
    return [(int(before), int(after)) for before, after in margins]


def _to_batch(call: Call, filling: int) -> Outputs:
    """Block offsets go before the batch: TFLite `SpaceToBatchND` (internal/reference/space_to_batch_nd.h)."""
    block = _blocks(call)
    value = np.pad(
        sampled(call.input(DATA), call.samples),
        [(0, 0), (0, 0), *_margins(call), (0, 0)],
        constant_values=filling,
    )
    samples, batch, *space, depth = value.shape
    if any(size % each for size, each in zip(space, block, strict=True)):
        raise NotCoveredError(call.operator, f"the block {list(block)}, which does not divide {space}, is")
    parted = [part for size, each in zip(space, block, strict=True) for part in (size // each, each)]
    offsets, places = range(3, 2 + len(parted), 2), range(2, 2 + len(parted), 2)
    value = value.reshape(samples, batch, *parted, depth).transpose(0, *offsets, 1, *places, 2 + len(parted))
    return [value.reshape(samples, batch * int(np.prod(block)), *parted[::2], depth)]


def _to_space(call: Call) -> Outputs:
    """The inverse, cropped: TFLite `BatchToSpaceND` (internal/reference/batch_to_space_nd.h)."""
    block, margins = _blocks(call), _margins(call)
    samples, batch, *space, depth = (value := sampled(call.input(DATA), call.samples)).shape
    count, axes = int(np.prod(block)), len(block)
    if batch % count:
        raise NotCoveredError(call.operator, f"the block {list(block)}, which does not divide {batch} batches, is")
    value = value.reshape(samples, *block, batch // count, *space, depth)
    order = [axis for each in range(axes) for axis in (2 + axes + each, 1 + each)]
    value = value.transpose(0, 1 + axes, *order, 2 + 2 * axes)
    whole = [size * each for size, each in zip(space, block, strict=True)]
    kept = [slice(before, size - after) for size, (before, after) in zip(whole, margins, strict=True)]
    return [value.reshape(samples, batch // count, *whole, depth)[:, :, *kept]]


def _real(call: Call) -> Outputs:
    return _to_batch(call, 0)


def _integers(call: Call) -> Outputs:
    """Padded with the output's zero point."""
    require_equal_quantization(call)
    output = call.outputs[0]
    return _to_batch(call, output.zero_point if output.grid is not None else 0)


def _variant(call: Call) -> Variant:
    """TFLite Micro fills a tensor of the stored shape, though the batch be another, and never sets what it pads with
    (kernels/space_to_batch_nd.cc, kernels/batch_to_space_nd.cc): the rest is whatever its memory holds."""
    space, batches = call.input(DATA).shape, call.outputs[0].shape
    to_batch = call.operator.name == "SPACE_TO_BATCH_ND"
    if not to_batch:
        space, batches = batches, space
    if space[0] * int(np.prod(call.parameter(BLOCK))) != batches[0]:
        path: Path | None = Path.RESIZED
    else:
        path = Path.PADDED if to_batch and call.parameter(MARGINS).any() else None
    return variant.of(call.outputs[0].dtype, path=path)


BATCH_TO_SPACE_ND = replace(moves(_to_space, DATA), variant=_variant)
SPACE_TO_BATCH_ND = Op(real=_real, rules={COPY: _integers}, variant=_variant, dtypes=equal_dtypes(DATA))
