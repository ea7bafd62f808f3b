"""Data movement: RESHAPE, TRANSPOSE, PACK, UNPACK, SPLIT, SPLIT_V, CONCATENATION, STRIDED_SLICE, REVERSE_V2.

The values stay what they are, so `COPY` is the rule of every kernel set and the real semantics alike.
"""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, Compute, NotCoveredError, Op, Operand, Outputs, equal_dtypes, of_output
from qcompare.manual.rule import Method

COPY = Method("COPY")


def moves(compute: Compute, *data: int) -> Op:
    """The Op of data movement: integers must keep scale and zero point on their way.

    data: the positions of what is moved; all inputs without any.
    """

    def copy(call: Call) -> Outputs:
        require_equal_quantization(call)
        return compute(call)

    return Op(real=compute, rules={COPY: copy}, variant=of_output, dtypes=equal_dtypes(*data))


def require_equal_quantization(call: Call) -> None:
    # A kernel that only moves bytes ignores the scales; where they differ the copy is a fault of the model.
    for operand in call.inputs:
        if operand is None or operand.tensor.dtype != call.outputs[0].dtype or operand.tensor.grid is None:
            continue
        for output in call.outputs:
            if output.grid is None or output.grid.per_channel:
                continue
            if (operand.tensor.scale, operand.tensor.zero_point) != (output.scale, output.zero_point):
                raise NotCoveredError(call.operator, "a change of scale or zero point between input and output is")


def sampled(operand: Operand, samples: int) -> np.ndarray:
    """The operand's value with its sample axis; a constant is repeated (as a view)."""
    if operand.constant:
        return np.broadcast_to(operand.value, (samples, *operand.value.shape))
    return operand.value


def axis_of(axis: int, rank: int) -> int:
    """An axis of a tensor of that rank, negative ones counted from the end, as an axis of its value over samples."""
    return 1 + (axis + rank if axis < 0 else axis)


def _reshape(call: Call) -> Outputs:
    data = call.input(0)
    # The output's own shape: a stored -1 is resolved there.
    return [sampled(data, call.samples).reshape(call.samples, *call.outputs[0].shape)]


def _transpose(call: Call) -> Outputs:
    axes = [axis_of(int(axis), len(call.input(0).shape)) for axis in call.parameter(1).reshape(-1)]
    return [np.transpose(sampled(call.input(0), call.samples), [0, *axes])]


def _pack(call: Call) -> Outputs:
    parts = [call.input(i) for i in range(len(call.inputs))]
    axis = axis_of(int(call.option("axis", 0)), len(parts[0].shape) + 1)
    return [np.stack([sampled(part, call.samples) for part in parts], axis=axis)]


def _unpack(call: Call) -> Outputs:
    data = call.input(0)
    axis = axis_of(int(call.option("axis", 0)), len(data.shape))
    value = sampled(data, call.samples)
    return [np.take(value, i, axis=axis) for i in range(value.shape[axis])]


def _split(call: Call) -> Outputs:
    data = call.input(1)
    axis = axis_of(int(call.parameter(0).reshape(-1)[0]), len(data.shape))
    return np.split(sampled(data, call.samples), len(call.outputs), axis=axis)


def _split_v(call: Call) -> Outputs:
    data = call.input(0)
    axis = axis_of(int(call.parameter(2).reshape(-1)[0]), len(data.shape))
    value = sampled(data, call.samples)
    sizes = call.parameter(1).reshape(-1).astype(np.int64)
    sizes = np.where(sizes < 0, value.shape[axis] - sizes[sizes >= 0].sum(), sizes)
    return np.split(value, np.cumsum(sizes)[:-1], axis=axis)


def _concatenation(call: Call) -> Outputs:
    if call.option("fused_activation_function", "NONE") != "NONE":
        raise NotCoveredError(call.operator, "a fused activation is")
    parts = [call.input(i) for i in range(len(call.inputs))]
    axis = axis_of(int(call.option("axis", 0)), len(parts[0].shape))
    return [np.concatenate([sampled(part, call.samples) for part in parts], axis=axis)]


def _strided_slice(call: Call) -> Outputs:
    for name in ("ellipsis_mask", "new_axis_mask", "offset"):
        if call.option(name, 0):
            raise NotCoveredError(call.operator, f"the option {name} is")
    data = call.input(0)
    begin, end, strides = (call.parameter(i).reshape(-1).tolist() for i in (1, 2, 3))
    index: list[slice | int] = []
    for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if call.option("shrink_axis_mask", 0) >> i & 1:
            index.append(0 if call.option("begin_mask", 0) >> i & 1 else first)
            continue
        index.append(
            slice(
                None if call.option("begin_mask", 0) >> i & 1 else first,
                None if call.option("end_mask", 0) >> i & 1 else last,
                step,
            )
        )
    return [sampled(data, call.samples)[(slice(None), *index)]]


def _reverse(call: Call) -> Outputs:
    data = call.input(0)
    axes = sorted({axis_of(int(axis), len(data.shape)) for axis in call.parameter(1).reshape(-1)})
    if len(axes) != call.parameter(1).size or (axes and axes != list(range(axes[0], axes[-1] + 1))):
        raise NotCoveredError(call.operator, "a reversal along axes that are not next to each other is")
    return [np.flip(sampled(data, call.samples), tuple(axes))]


CONCATENATION = moves(_concatenation)
PACK = moves(_pack)
RESHAPE = moves(_reshape, 0)
REVERSE_V2 = moves(_reverse, 0)
SPLIT = moves(_split, 1)
SPLIT_V = moves(_split_v, 0)
STRIDED_SLICE = moves(_strided_slice, 0)
TRANSPOSE = moves(_transpose, 0)
UNPACK = moves(_unpack, 0)
