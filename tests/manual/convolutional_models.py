"""Random one-op models of the operators that convolutional and keyword-spotting models are made of.

Each function takes a generator of random numbers (and a dtype where there is a choice) and returns a Graph of one
operator. Scales are powers of two in part, so that ties of rounding come up often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qcompare.core.graph import Graph, Tensor
from qcompare.core.grid import Grid
from qcompare.tflite import builder
from tests.audit.one_op import Builder, grid_of

INT8, INT16, INT32, INT64 = (np.dtype(name) for name in ("int8", "int16", "int32", "int64"))
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One input or output of the operator."""

    shape: Sequence[int]
    dtype: np.dtype
    grid: Grid | None = None
    data: np.ndarray | None = None
    variable: bool = False


def constant(data: np.ndarray, grid: Grid | None = None) -> Side:
    return Side(shape=data.shape, dtype=data.dtype, grid=grid, data=data)


def integers(*values: int) -> Side:
    return constant(np.array(values, np.int32))


def one_op(
    name: str,
    inputs: Sequence[Side],
    output: Side,
    options: Mapping[str, Any] | None = None,
    options_type: str = "",
    version: int = 1,
) -> Graph:
    """The graph of one operator."""
    build = builder.Builder()
    *into, out_of = [_add(build, side) for side in (*inputs, output)]
    build.operator(name, into, (out_of,), options_type, options, version=version)
    return build.graph(build.open_inputs(), (out_of,))


def _add(build: builder.Builder, side: Side) -> int:
    name, grid = f"t{len(build.tensors)}", None if side.grid is None else replace(side.grid, dtype=side.dtype)
    if side.data is not None:
        return build.constant(name, side.data, grid)
    return build.activation(name, tuple(int(n) for n in side.shape), side.dtype, grid, variable=side.variable)


def as_float(graph: Graph) -> Graph:
    """The same operator on float32 in place of the quantized tensors."""

    def twin(tensor: Tensor) -> Tensor:
        if tensor.grid is None:
            return tensor
        data = tensor.data
        if data is not None:
            data = (data / (128 if data.dtype == np.int8 else 4096)).astype(np.float32)
        return Tensor(
            index=tensor.index,
            name=tensor.name,
            shape=tensor.shape,
            dtype=np.dtype(np.float32),
            data=data,
            variable=tensor.variable,
        )

    return Graph(
        tensors=tuple(twin(tensor) for tensor in graph.tensors),
        operators=graph.operators,
        inputs=graph.inputs,
        outputs=graph.outputs,
    )


def by_integer_weights(graph: Graph, weights: int) -> Graph:
    """The same operator on float32 but for the int8 constant at that position: a dynamic range operator."""
    twin = as_float(graph)
    tensors = list(twin.tensors)
    tensors[weights] = graph.tensors[weights]
    return replace(twin, tensors=tuple(tensors))


def without_bias(graph: Graph) -> Graph:
    """The same operator without its last input."""
    operator = graph.operators[0]
    return replace(graph, operators=(replace(operator, inputs=operator.inputs[:-1]),))


def shape_of(rng: np.random.Generator, rank: int, largest: int = 7) -> list[int]:
    return [int(size) for size in rng.integers(1, largest + 1, rank)]


def any_shape(rng: np.random.Generator, largest: int = 7) -> list[int]:
    return shape_of(rng, int(rng.integers(1, 5)), largest)


def broadcast_pair(rng: np.random.Generator) -> tuple[list[int], list[int], tuple[int, ...]]:
    """Two shapes that broadcast against each other, and the shape of the result."""
    full = any_shape(rng)
    other = list(full)
    if rng.random() < 0.5:
        other = [1 if rng.random() < 0.4 else size for size in full]
        other = other[int(rng.integers(0, len(other))) :] if rng.random() < 0.4 else other
    pair = (full, other) if rng.random() < 0.5 else (other, full)
    return *pair, np.broadcast_shapes(tuple(full), tuple(other))


def values(rng: np.random.Generator, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def scale_of(rng: np.random.Generator, low: float = -3, high: float = -0.5) -> np.float32:
    if rng.random() < 0.25:
        return np.float32(2.0 ** rng.integers(-9, -1))
    return np.float32(10 ** rng.uniform(low, high))


def zero_point_of(rng: np.random.Generator, dtype: np.dtype) -> int:
    return int(rng.integers(-128, 128)) if dtype == INT8 else 0


def side(rng: np.random.Generator, shape: Sequence[int], dtype: np.dtype, scale: float | np.floating) -> Side:
    """A quantized activation with a random zero point."""
    return Side(shape=shape, dtype=dtype, grid=grid_of(scale, zero_point_of(rng, dtype)))


def activation_of(rng: np.random.Generator) -> str:
    return str(rng.choice(ACTIVATIONS, p=[0.5, 0.25, 0.15, 0.1]))


def fitting(rng: np.random.Generator, scale: float, unit: float = 1.0) -> np.float32:
    """An output scale about that size: any number, a power of two, or a power of two times the accumulator's unit.

    The last makes the multiplier a power of two, exact or one rounding of float32 away from it: ties abound.
    """
    scale = scale * rng.uniform(0.3, 2)
    base = rng.choice([0.0, 1.0, unit], p=[0.5, 0.2, 0.3])
    return np.float32(base * 2.0 ** np.round(np.log2(scale / base)) if base else scale)


def softmax(rng: np.random.Generator, dtype: np.dtype, out: np.dtype) -> Graph:
    # The fixed-point kernel stops the process from 512 equal logits on.
    shape = any_shape(rng, 4)
    shape[-1] = int(rng.choice([1, 2, 10, 33, 500], p=[0.1, 0.2, 0.3, 0.3, 0.1]))
    scale = 10 ** (rng.uniform(-6, -2) if dtype == INT16 else rng.uniform(-3, 0.5))
    output = {("int8", "int8"): (2**-8, -128), ("int8", "int16"): (2**-16, -32768), ("int16", "int16"): (2**-15, 0)}
    beta = 1.0 if rng.random() < 0.7 else float(np.float32(rng.uniform(0.1, 3)))
    return one_op(
        "SOFTMAX",
        [side(rng, shape, dtype, scale)],
        Side(shape=shape, dtype=out, grid=grid_of(*output[dtype.name, out.name])),
        {"beta": beta},
        "SoftmaxOptions",
    )


def reduction(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    shape = any_shape(rng, 8)
    rank = len(shape)
    if rng.random() < 0.5:
        shape[-1] = int(rng.integers(1, 50))
    axes = [int(axis) for axis in rng.permutation(rank)[: rng.integers(1, rank + 1)]]
    if rank == 4 and rng.random() < 0.5:
        axes = [1, 2] if rng.random() < 0.5 else [2, 1]
    keep = bool(rng.random() < 0.6)
    left = [1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes]
    count = int(np.prod([shape[axis] for axis in axes]))
    scale = scale_of(rng)
    wide = scale * np.sqrt(count) if name == "SUM" else scale / np.sqrt(count)
    unit = float(scale if name == "SUM" else scale / np.float32(count))
    stored = [axis - rank if rng.random() < 0.3 else axis for axis in axes]
    return one_op(
        name,
        [
            side(rng, shape, dtype, scale),
            integers(*stored),
        ],
        side(rng, left, dtype, fitting(rng, wide, unit)),
        {"keep_dims": keep},
        "ReducerOptions",
        2,
    )


def extremum(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    first, second, result = broadcast_pair(rng)
    same = grid_of(scale_of(rng), zero_point_of(rng, dtype))
    data = values(rng, dtype, second) if rng.random() < 0.4 else None
    return one_op(
        name,
        [
            Side(shape=first, dtype=dtype, grid=same),
            Side(shape=second, dtype=dtype, grid=same, data=data),
        ],
        Side(shape=result, dtype=dtype, grid=same),
        {},
        "MaximumMinimumOptions",
        2,
    )


def padding(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    shape = any_shape(rng)
    same = grid_of(scale_of(rng), zero_point_of(rng, dtype))
    mode = str(rng.choice(["REFLECT", "SYMMETRIC"]))
    room = [size - (mode == "REFLECT") if name == "MIRROR_PAD" else 3 for size in shape]
    widths = np.array([[int(rng.integers(0, most + 1)) for _ in "ab"] for most in room], np.int32)
    inputs = [Side(shape=shape, dtype=dtype, grid=same), constant(widths)]
    if name == "PADV2":
        inputs.append(constant(values(rng, dtype, (1,)), same))
    return one_op(
        name,
        inputs,
        Side(shape=np.array(shape) + widths.sum(axis=1), dtype=dtype, grid=same),
        {"mode": mode} if name == "MIRROR_PAD" else {},
        {"PAD": "PadOptions", "PADV2": "PadV2Options", "MIRROR_PAD": "MirrorPadOptions"}[name],
        2,
    )


def slicing(rng: np.random.Generator, dtype: np.dtype) -> Graph:
    shape = any_shape(rng)
    same = grid_of(scale_of(rng), zero_point_of(rng, dtype))
    begin = [int(rng.integers(0, size)) for size in shape]
    taken = [int(rng.integers(1, size - at + 1)) for size, at in zip(shape, begin, strict=True)]
    stored = [-1 if rng.random() < 0.2 else count for count in taken]
    result = [n - at if count < 0 else count for n, at, count in zip(shape, begin, stored, strict=True)]
    return one_op(
        "SLICE",
        [Side(shape=shape, dtype=dtype, grid=same), integers(*begin), integers(*stored)],
        Side(shape=result, dtype=dtype, grid=same),
        {},
        "SliceOptions",
        2,
    )


def gathering(rng: np.random.Generator, dtype: np.dtype) -> Graph:
    shape = shape_of(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(0, len(shape)))
    same = grid_of(scale_of(rng), zero_point_of(rng, dtype))
    indices = rng.integers(0, shape[axis], shape_of(rng, int(rng.integers(1, 3)), 4)).astype(np.int32)
    return one_op(
        "GATHER",
        [Side(shape=shape, dtype=dtype, grid=same), constant(indices)],
        Side(shape=[*shape[:axis], *indices.shape, *shape[axis + 1 :]], dtype=dtype, grid=same),
        {"axis": axis if rng.random() < 0.6 else axis - len(shape)},
        "GatherOptions",
        2,
    )


def batch_matmul(rng: np.random.Generator, left: np.dtype, right: np.dtype) -> Graph:
    batch = shape_of(rng, int(rng.integers(0, 3)), 3)
    rows, depth, columns = shape_of(rng, 3, 11)
    depth = int(rng.integers(100, 400)) if rng.random() < 0.2 else depth
    adj_x, adj_y = bool(rng.random() < 0.3), bool(rng.random() < 0.5)
    first = [*batch, *((depth, rows) if adj_x else (rows, depth))]
    second = [*batch, *((columns, depth) if adj_y else (depth, columns))]
    if batch and rng.random() < 0.5:
        narrow = first if rng.random() < 0.5 else second
        narrow[: len(batch)] = [1] * len(batch)
    batch = list(np.broadcast_shapes(tuple(first[:-2]), tuple(second[:-2])))
    scales = scale_of(rng), scale_of(rng)
    data = values(rng, right, second) if rng.random() < 0.5 else None
    parameters = grid_of(scales[1], zero_point_of(rng, right) if left == INT8 and rng.random() < 0.5 else 0)
    if data is not None and right == INT8 and rng.random() < 0.2:
        parameters = grid_of(scales[1] * rng.uniform(0.5, 2, second[-1]), axis=len(second) - 1)
    unit = float(scales[0] * scales[1])
    # Once in a while so small an output scale that int32 overflows.
    wide = unit * np.sqrt(depth) * np.iinfo(right).max / 3 * (1e-4 if left == INT16 and rng.random() < 0.05 else 1)
    return one_op(
        "BATCH_MATMUL",
        [
            side(rng, first, left, scales[0]),
            Side(shape=second, dtype=right, grid=parameters, data=data),
        ],
        side(rng, [*batch, rows, columns], left, fitting(rng, wide, unit)),
        {"adj_x": adj_x, "adj_y": adj_y},
        "BatchMatMulOptions",
        3 if left == INT16 else 2,
    )


def weights_of(
    rng: np.random.Generator, shape: Sequence[int], channels: int, axis: int, scale: float
) -> tuple[Side, np.ndarray]:
    """A constant int8 filter, per tensor or per channel, and its scales."""
    count = channels if rng.random() < 0.6 else 1
    scales = 2.0 ** rng.integers(-10, -5, count) if rng.random() < 0.4 else scale * rng.uniform(0.2, 2, count)
    data = rng.integers(-127, 128, shape).astype(np.int8)
    return constant(data, grid_of(scales, axis=axis if count > 1 else 0)), scales.astype(np.float32)


def bias_of(rng: np.random.Generator, dtype: np.dtype, scale: np.ndarray, channels: int) -> Side:
    largest = 20_000 if dtype == INT16 else 200_000
    return constant(rng.integers(-largest, largest, channels).astype(dtype), grid_of(scale))


def fully_connected(rng: np.random.Generator) -> Graph:
    rows, features, units = shape_of(rng, 3, 40)
    weights, scales = weights_of(rng, [units, features], units, 0, 0.01)
    return one_op(
        "FULLY_CONNECTED",
        [side(rng, [rows, features], INT8, scale_of(rng)), weights, bias_of(rng, INT32, scales, units)],
        side(rng, [rows, units], INT8, scale_of(rng)),
        {
            "fused_activation_function": activation_of(rng),
            "keep_num_dims": False,
            "asymmetric_quantize_inputs": bool(rng.random() < 0.5),
        },
        "FullyConnectedOptions",
        9,
    )


def dynamic_lstm(rng: np.random.Generator) -> Graph:
    """Floats by int8 weights."""
    build = Builder()
    batch, time = int(rng.integers(1, 3)), int(rng.integers(1, 8))
    features, units = shape_of(rng, 2, 40)
    inputs = [build.activation((batch, time, features), np.float32)]
    for size in (features, units):
        for _ in range(4):
            inputs.append(
                build.constant(rng.integers(-127, 128, (units, size)).astype(np.int8), rng.uniform(1e-3, 8e-3))
            )
    inputs += [-1, -1, -1]
    inputs += [build.constant(rng.normal(size=units).astype(np.float32)) for _ in range(4)]
    inputs += [-1, -1]
    inputs += [build.activation((batch, units), np.float32, variable=True) for _ in range(2)]
    inputs += [-1, -1, -1, -1]
    options = {
        "fused_activation_function": "TANH",
        "cell_clip": 10.0,
        "proj_clip": 0.0,
        "time_major": False,
        "asymmetric_quantize_inputs": bool(rng.random() < 0.5),
        "diagonal_recurrent_tensors": False,
    }
    y = build.activation((batch, time, units), np.float32)
    return build.graph(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, (y,), "UnidirectionalSequenceLSTMOptions", options, version=3
    )


def convolution(rng: np.random.Generator, dtype: np.dtype, bias: np.dtype, *, depthwise: bool) -> Graph:
    size, strides = shape_of(rng, 2, 4), shape_of(rng, 2, 3)
    if rng.random() < 0.15:
        size = strides = [1, 1]
    dilations = [1, 1] if rng.random() < 0.6 else shape_of(rng, 2, 3)
    same = bool(rng.random() < 0.5)
    reach = [(extent - 1) * dilation + 1 for extent, dilation in zip(size, dilations, strict=True)]
    image = [extent + int(rng.integers(0, 6)) for extent in reach]
    left = [
        -(-pixels // stride) if same else (pixels - extent) // stride + 1
        for pixels, extent, stride in zip(image, reach, strides, strict=True)
    ]
    batch, depth, channels = int(rng.integers(1, 3)), int(rng.integers(1, 20)), int(rng.integers(1, 20))
    options: dict[str, Any] = {"padding": "SAME" if same else "VALID"}
    options |= {"stride_h": strides[0], "stride_w": strides[1]}
    options |= {"dilation_h_factor": dilations[0], "dilation_w_factor": dilations[1]}
    options |= {"fused_activation_function": activation_of(rng)}
    if depthwise:
        options["depth_multiplier"] = 1 if rng.random() < 0.5 else int(rng.integers(1, 4))
        channels = depth * options["depth_multiplier"]
        weights, scales = weights_of(rng, [1, *size, channels], channels, 3, 0.01)
    else:
        groups = int(rng.integers(2, 4)) if rng.random() < 0.15 else 1
        channels *= groups
        weights, scales = weights_of(rng, [channels, *size, depth], channels, 0, 0.01)
        depth *= groups
        if dtype == INT16:
            options["quantized_bias_type"] = bias.name.upper()
    scale = scale_of(rng)
    terms = float(np.prod(size)) * (1 if depthwise else depth)
    unit = float(scale) * float(scales[0])
    wide = float(scale) * float(scales.mean()) * np.sqrt(terms) * 75
    return one_op(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        [
            Side(shape=[batch, *image, depth], dtype=dtype, grid=grid_of(scale, zero_point_of(rng, dtype))),
            weights,
            bias_of(rng, bias, scale * scales, channels),
        ],
        side(rng, [batch, *left, channels], dtype, fitting(rng, wide, unit)),
        options,
        "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
        3,
    )


def transpose_convolution(rng: np.random.Generator, dtype: np.dtype, bias: np.dtype) -> Graph:
    size, strides, image = shape_of(rng, 2, 5), shape_of(rng, 2, 3), shape_of(rng, 2, 6)
    same = bool(rng.random() < 0.5)
    left = [
        pixels * stride if same else (pixels - 1) * stride + extent
        for pixels, extent, stride in zip(image, size, strides, strict=True)
    ]
    batch, depth, channels = int(rng.integers(1, 3)), int(rng.integers(1, 12)), int(rng.integers(1, 20))
    weights, scales = weights_of(rng, [channels, *size, depth], channels, 0, 0.01)
    scale = scale_of(rng)
    unit = float(scale) * float(scales[0])
    wide = float(scale) * float(scales.mean()) * np.sqrt(max(1, np.prod(size) * depth / np.prod(strides))) * 75
    options: dict[str, Any] = {"padding": "SAME" if same else "VALID"}
    options |= {"stride_h": strides[0], "stride_w": strides[1]}
    options |= {"fused_activation_function": str(rng.choice(ACTIVATIONS[:3], p=[0.6, 0.25, 0.15]))}
    if dtype == INT16 and bias != INT16:
        options["quantized_bias_type"] = bias.name.upper()
    inputs = [
        integers(batch, *left, channels),
        weights,
        side(rng, [batch, *image, depth], dtype, scale),
    ]
    if rng.random() < 0.7:
        inputs.append(bias_of(rng, bias, scale * scales, channels))
    return one_op(
        "TRANSPOSE_CONV",
        inputs,
        side(rng, [batch, *left, channels], dtype, fitting(rng, wide, unit)),
        options,
        "TransposeConvOptions",
        3,
    )


def pooling(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    image = shape_of(rng, 2, 11)
    size = [int(rng.integers(1, min(pixels, 5) + 1)) for pixels in image]
    if rng.random() < 0.15:
        image = size = [15, 14]
    strides = [int(rng.integers(1, extent + 2)) for extent in size]
    same = bool(rng.random() < 0.5)
    left = [
        -(-pixels // stride) if same else (pixels - extent) // stride + 1
        for pixels, extent, stride in zip(image, size, strides, strict=True)
    ]
    batch, channels = int(rng.integers(1, 3)), int(rng.integers(1, 40))
    # At 2, 4 and 12 the bounds of RELU_N1_TO_1 and RELU6 fall between two integers.
    scale = scale_of(rng) if rng.random() < 0.7 else float(rng.choice([2.0, 4.0, 12.0]))
    same_scale = grid_of(scale, zero_point_of(rng, dtype))
    return one_op(
        name,
        [Side(shape=[batch, *image, channels], dtype=dtype, grid=same_scale)],
        Side(shape=[batch, *left, channels], dtype=dtype, grid=same_scale),
        {
            "padding": "SAME" if same else "VALID",
            "stride_h": strides[0],
            "stride_w": strides[1],
            "filter_height": size[0],
            "filter_width": size[1],
            "fused_activation_function": activation_of(rng),
        },
        "Pool2DOptions",
        2,
    )


def svdf(rng: np.random.Generator, state: np.dtype) -> Graph:
    batch, features, rank, units, memory = (int(rng.integers(1, most)) for most in (3, 30, 4, 12, 10))
    filters = units * rank
    x, feature = scale_of(rng), scale_of(rng, -3, -1.5)
    time = scale_of(rng, -5, -3.5) if state == INT16 else scale_of(rng, -3, -1.5)
    typical = 10_000 if state == INT16 else 60
    into = np.float32(x * feature * np.sqrt(features) * 75 * 75 / typical)
    out_of = np.float32(
        into * time * np.sqrt(rank) * typical * (300 if state == INT16 else 1) * rng.uniform(0.3, 2) / 75
    )
    return one_op(
        "SVDF",
        [
            side(rng, [batch, features], INT8, x),
            constant(values(rng, INT8, [filters, features]), grid_of(feature)),
            constant(values(rng, state, [filters, memory]), grid_of(time)),
            constant(rng.integers(-2000, 2000, units).astype(np.int32), grid_of(into * time)),
            Side(
                shape=[batch, memory * filters],
                dtype=state,
                grid=grid_of(into, zero_point_of(rng, state)),
                variable=True,
            ),
        ],
        side(rng, [batch, units], INT8, out_of),
        {"rank": rank, "fused_activation_function": "RELU"},
        "SVDFOptions",
        3,
    )


def unary(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """LEAKY_RELU, HARD_SWISH, RSQRT and L2_NORMALIZATION."""
    shape = any_shape(rng, 8)
    scale, zero_point = scale_of(rng), zero_point_of(rng, dtype)
    output = grid_of(fitting(rng, float(scale), float(scale)), zero_point_of(rng, dtype))
    options: dict[str, Any] = {}
    if name == "LEAKY_RELU":
        options = {"alpha": float(np.float32(rng.choice([0.01, 0.1, 0.2, 0.3, 0.5, rng.uniform(0.001, 2)])))}
    if name == "HARD_SWISH":
        output = grid_of(fitting(rng, float(scale) * 0.7), output.zero_point[0])
    if name == "RSQRT":
        zero_point = -128 if dtype == INT8 else 0
        wide = (
            10 ** rng.uniform(-3, 0) / np.sqrt(scale)
            if dtype == INT8
            else 10 ** rng.uniform(-6.5, -4.5) / np.sqrt(scale)
        )
        output = grid_of(fitting(rng, float(wide)), output.zero_point[0])
    if name == "L2_NORMALIZATION":
        shape[-1] = int(rng.integers(1, 60))
        output = grid_of(1 / 128)
        options = {"fused_activation_function": "NONE"}
    options_type = {
        "LEAKY_RELU": "LeakyReluOptions",
        "HARD_SWISH": "HardSwishOptions",
        "L2_NORMALIZATION": "L2NormOptions",
        "RSQRT": "",
    }
    return one_op(
        name,
        [Side(shape=shape, dtype=dtype, grid=grid_of(scale, zero_point))],
        Side(shape=shape, dtype=dtype, grid=output),
        options,
        options_type[name],
        1 if name == "HARD_SWISH" else 2,
    )


def squared_difference(rng: np.random.Generator, dtype: np.dtype) -> Graph:
    first, second, result = broadcast_pair(rng)
    scales = scale_of(rng), scale_of(rng)
    square = float(max(scales)) ** 2
    # LiteRT stops the process where the squares' scale is the output's or more.
    least = 4.1 * square / (1 << 14 if dtype == INT8 else 1)
    wide = square * float(np.iinfo(dtype).max) * 2 * rng.uniform(0.05, 1.5)
    return one_op(
        "SQUARED_DIFFERENCE",
        [
            side(rng, first, dtype, scales[0]),
            side(rng, second, dtype, scales[1]),
        ],
        side(rng, result, dtype, max(wide, least)),
        {},
        "SquaredDifferenceOptions",
        2,
    )


def reshaping(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """EXPAND_DIMS, SQUEEZE, SHAPE and FILL."""
    shape = shape_of(rng, int(rng.integers(1, 4)))
    same = grid_of(scale_of(rng), zero_point_of(rng, dtype)) if dtype in (INT8, INT16) else None
    axis = int(rng.integers(0, len(shape) + 1))
    wider = [*shape[:axis], 1, *shape[axis:]]
    data, result = Side(shape=shape, dtype=dtype, grid=same), Side(shape=shape, dtype=dtype, grid=same)
    if name == "EXPAND_DIMS":
        expanded = Side(shape=wider, dtype=dtype, grid=same)
        return one_op(name, [data, integers(axis)], expanded, {}, "ExpandDimsOptions")
    if name == "SQUEEZE":
        expanded = Side(shape=wider, dtype=dtype, grid=same)
        return one_op(name, [expanded], result, {"squeeze_dims": [axis]}, "SqueezeOptions")
    if name == "SHAPE":
        return one_op(name, [data], Side(shape=[len(shape)], dtype=INT32), {"out_type": 2}, "ShapeOptions")
    return one_op(name, [integers(*shape), Side(shape=[], dtype=dtype, grid=same)], result, {}, "FillOptions")


def requantization(rng: np.random.Generator, dtype: np.dtype, out: np.dtype) -> Graph:
    """QUANTIZE with int32 on one side."""
    shape = any_shape(rng)
    scale = scale_of(rng)
    ratio = float(np.iinfo(dtype).max / np.iinfo(out).max)
    return one_op(
        "QUANTIZE",
        [side(rng, shape, dtype, scale)],
        side(rng, shape, out, fitting(rng, float(scale) * ratio, float(scale))),
        {},
        "QuantizeOptions",
        2,
    )


def casting(rng: np.random.Generator, dtype: np.dtype, out: np.dtype) -> Graph:
    shape = any_shape(rng)
    return one_op("CAST", [Side(shape=shape, dtype=dtype)], Side(shape=shape, dtype=out), {}, "CastOptions")


def arg_extremum(rng: np.random.Generator, name: str) -> Graph:
    shape = any_shape(rng)
    shape[-1] = int(rng.integers(1, 60))
    axis = len(shape) - 1 if rng.random() < 0.6 else int(rng.integers(0, len(shape)))
    logits = side(rng, shape, INT8, scale_of(rng))
    return one_op(
        name,
        [logits, constant(np.array(axis, np.int32))],
        Side(shape=[*shape[:axis], *shape[axis + 1 :]], dtype=INT32),
        {"output_type": 2},
        {"ARG_MAX": "ArgMaxOptions", "ARG_MIN": "ArgMinOptions"}[name],
        2,
    )
