"""The sizes of dimensions behind the batch that a model leaves free though they follow from its inputs' shapes.

TensorFlow's converter loses them behind a computed shape, as in the UpSampling2D of Keras 3 and in a Dense layer on
sequences. The file says 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from qcompare.core.graph import Graph, Operator, Tensor

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
PADS = ("MIRROR_PAD", "PAD", "PADV2")


def settled(graph: Graph, operator: Operator, given: Sequence[Tensor], output: Tensor) -> Tensor:
    """One result of an operator with its free dimensions as LiteRT settles them, where that is known.

    given: the operator's inputs, settled.
    """
    shape = list(output.shape)
    for axis in (axis for axis in output.free if axis):
        shape[axis] = _size(operator, given, output, axis)
    if operator.name == "RESHAPE" and output.free == (0, 1) and len(shape) == 2:
        shape = _rows(graph, given[0], output)
    elif operator.name == "RESHAPE" and output.free == (0,):
        shape[0] = math.prod(given[0].shape) // max(math.prod(shape[1:]), 1)
    return replace(output, shape=tuple(shape))


def _rows(graph: Graph, given: Tensor, output: Tensor) -> list[int]:
    """What a FULLY_CONNECTED reads, as many features as it has weights for; as it is stored where none reads it."""
    for reader in graph.operators:
        if reader.name == "FULLY_CONNECTED" and reader.inputs[0] == output.index:
            features = graph.tensors[reader.inputs[1]].shape[1]
            return [math.prod(given.shape) // max(features, 1), features]
    return list(output.shape)


def _size(operator: Operator, given: Sequence[Tensor], output: Tensor, axis: int) -> int:
    """The size along one axis: in general that of the inputs with as many dimensions."""
    stored = output.shape[axis]
    if operator.name == "RESHAPE":
        others = math.prod(size for at, size in enumerate(output.shape) if at != axis)
        alone = [at for at in output.free if at] == [axis]
        return math.prod(given[0].shape) // others if alone and others else stored
    if operator.name == "TRANSPOSE_CONV":
        return given[1].shape[0] if axis == 3 else _upwards(operator, given, axis)
    if operator.name == "TRANSPOSE" and given[1].data is not None:
        return given[0].shape[int(given[1].data.reshape(-1)[axis])]
    if operator.name == "SQUEEZE" and operator.options.get("squeeze_dims"):
        left_out = {int(at) % len(given[0].shape) for at in operator.options["squeeze_dims"]}
        return [size for at, size in enumerate(given[0].shape) if at not in left_out][axis]
    if operator.name == "EXPAND_DIMS" and given[1].data is not None:
        at = int(given[1].data.reshape(-1)[0]) % len(output.shape)
        return [*given[0].shape[:at], 1, *given[0].shape[at:]][axis]
    sizes = [tensor.shape[axis] for tensor in given if len(tensor.shape) == len(output.shape)]
    if not sizes:
        return stored
    if operator.name in (*CONVOLUTIONS, *POOLS):
        return max(_windows(operator, given, axis), stored)
    if operator.name in PADS and given[1].data is not None:
        return sizes[0] + int(given[1].data[axis].sum())
    if operator.name == "CONCATENATION" and int(operator.options.get("axis", 0)) % len(output.shape) == axis:
        return sum(sizes)
    return max(sizes)


def _upwards(operator: Operator, given: Sequence[Tensor], axis: int) -> int:
    """The size that Keras asks a transposed convolution for along height or width."""
    size, window = given[2].shape[axis], given[1].shape[axis]
    stride = int(operator.options.get(f"stride_{'hw'[axis - 1]}", 1))
    return size * stride if operator.options.get("padding") == "SAME" else size * stride + max(window - stride, 0)


def _windows(operator: Operator, given: Sequence[Tensor], axis: int) -> int:
    """(65) How many windows of a convolution or a pool there are along height or width; 0 along channels."""
    if axis not in (1, 2):
        return 0
    letter = "hw"[axis - 1]
    size = given[0].shape[axis]
    stride = max(int(operator.options.get(f"stride_{letter}", 1)), 1)
    if operator.options.get("padding") == "SAME":
        return -(-size // stride)
    if operator.name in POOLS:
        window = int(operator.options.get(f"filter_{('height', 'width')[axis - 1]}", 1))
    else:
        window = given[1].shape[axis]
    reach = (window - 1) * int(operator.options.get(f"dilation_{letter}_factor", 1)) + 1
    return (size - reach) // stride + 1
