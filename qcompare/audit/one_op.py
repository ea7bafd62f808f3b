"""Models of one operator with scales that let rounding rules differ.

Rules differ where a result falls half-way between two integers, or so close to it that the last bit of a multiplier
decides. Scales drawn at random hardly ever do that; `Scales` draws them so that they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from qcompare.core.graph import Graph
from qcompare.core.grid import Grid
from qcompare.core.lstm import OPERATOR, arranged
from qcompare.tflite.builder import ABSENT, Builder

Draw = Callable[[np.random.Generator], Graph]
Scale = float | np.floating | np.ndarray

INT8, INT16, INT32, INT64, BOOL = (np.dtype(name) for name in ("int8", "int16", "int32", "int64", "bool"))
FLOAT32 = np.dtype(np.float32)
KINDS = ("near", "ties", "small", "plain")


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One operator in one choice of dtypes and granularity.

    dtype: the dtypes that its variant names, such as `int16, int64 bias`.
    granularity: `tensor` or `channel` for an operator with weights, else nothing.
    draw: a model of this case, another for each state of the generator.
    """

    op: str
    dtype: str
    granularity: str = ""
    draw: Draw


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One tensor of the operator. scale: a number, or an array for one a channel along axis."""

    shape: tuple[int, ...]
    dtype: np.dtype
    scale: Scale | None = None
    zero_point: int = 0
    axis: int = 0
    data: np.ndarray | None = None
    variable: bool = False

    @property
    def grid(self) -> Grid | None:
        """The scale's grid; None without one."""
        if self.scale is None:
            return None
        scale = np.atleast_1d(np.asarray(self.scale, np.float32))
        zero_point = np.full(scale.shape, self.zero_point, np.int64)
        return Grid(scale=scale, zero_point=zero_point, dtype=self.dtype, axis=self.axis)


def activation(
    shape: Sequence[int],
    dtype: np.dtype | type,
    scale: Scale | None = None,
    zero_point: int = 0,
    variable: bool = False,
) -> Side:
    return Side(shape=tuple(shape), dtype=np.dtype(dtype), scale=scale, zero_point=zero_point, variable=variable)


def constant(data: np.ndarray, scale: Scale | None = None, axis: int = 0) -> Side:
    return Side(shape=data.shape, dtype=data.dtype, scale=scale, axis=axis, data=data)


def numbers(*values: int) -> Side:
    """A constant that says how, such as axes or a shape."""
    return constant(np.array(values, np.int32))


def one_op(
    name: str,
    inputs: Sequence[Side | None],
    outputs: Sequence[Side],
    options: Mapping[str, Any] | None = None,
    options_type: str = "",
    version: int = 1,
    intermediates: Sequence[Side] = (),
) -> Graph:
    """The graph of one operator; its inputs that are neither constants nor variables are the graph's."""
    builder = Builder()
    into = [ABSENT if side is None else add(builder, side) for side in inputs]
    out_of = [add(builder, side) for side in outputs]
    hidden = [add(builder, side) for side in intermediates]
    builder.operator(name, into, out_of, options_type, options, version=version, intermediates=hidden)
    return builder.graph(builder.open_inputs(), out_of)


def add(builder: Builder, side: Side) -> int:
    """The tensor of a side, named by its index."""
    name = f"t{len(builder.tensors)}"
    if side.data is not None:
        return builder.constant(name, side.data, side.grid)
    return builder.activation(name, side.shape, side.dtype, side.grid, variable=side.variable)


class Scales:
    """Draws the scales of one model.

    `ties`: powers of two, so that many results are half-way. `small`: small multiples of powers of two, so that
    intermediate roundings are half-way as well. `near`: of any size, but each output's in a simple ratio to what goes
    in, so that the multiplier's last bit decides. `plain`: of any size.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.kind = str(rng.choice(KINDS, p=[0.25, 0.2, 0.45, 0.1]))

    def near(self, scale: float) -> np.float32:
        """One within a factor of two of the one asked for."""
        scale = scale * float(np.exp(self.rng.uniform(-0.6, 0.6)))
        power = float(2.0 ** np.floor(np.log2(scale)))
        if self.kind == "ties":
            return np.float32(power)
        if self.kind == "small":
            return np.float32(power * self.rng.integers(4, 8) / 4)
        return np.float32(scale)

    def output(self, product: float, size: float) -> np.float32:
        """One about as large as size, for results that are integers times product."""
        if self.kind != "near":
            return self.near(size)
        ratio = float(self.near(size)) / product
        return np.float32(product * 2.0 ** np.round(np.log2(ratio)) * self.rng.choice([4, 4, 5, 7]) / 4)


def zero(dtype: np.dtype, at: int) -> int:
    """A zero point: as asked for in int8, none in int16."""
    return at if dtype == INT8 else 0


def unit(dtype: np.dtype) -> np.float32:
    """What makes a scale meant for int8 span the same reals in int16."""
    return np.float32(1 if dtype == INT8 else 1 / 256)


def spread(*dtypes: np.dtype) -> float:
    """How many output integers' worth of product one product of full-range integers is: in both dtypes about a third of
    the output's range is the deviation. The first dtype is also the output's."""
    deviation = np.prod([0.58 * np.iinfo(dtype).max for dtype in dtypes])
    return float(deviation / (0.35 * np.iinfo(dtypes[0]).max))


def weights(
    rng: np.random.Generator, draw: Scales, shape: Sequence[int], axis: int, granularity: str
) -> tuple[Side, np.ndarray]:
    """A constant int8 filter and its scales, in simple ratios to each other."""
    count = shape[axis] if granularity == "channel" else 1
    scales = draw.near(0.0113) * rng.choice([4, 5, 6, 7, 8], count).astype(np.float32) / np.float32(4)
    data = rng.integers(-127, 128, shape).astype(np.int8)
    return constant(data, scales, axis if count > 1 else 0), scales


def bias_of(rng: np.random.Generator, dtype: np.dtype | None, scale: np.ndarray, channels: int) -> Side | None:
    return None if dtype is None else constant(rng.integers(-3000, 3000, channels).astype(dtype), scale)


def fully_connected(rng: np.random.Generator, dtype: np.dtype, bias: np.dtype | None, granularity: str) -> Graph:
    draw, features, units = Scales(rng), 24, 36
    x = draw.near(0.0237) * unit(dtype)
    w, scales = weights(rng, draw, (units, features), 0, granularity)
    step = float(x * scales[0])
    y = draw.output(step, step * np.sqrt(features) * spread(dtype, INT8))
    options: dict[str, Any] = {"fused_activation_function": "NONE", "keep_num_dims": False}
    if dtype == INT16 and bias is not None:
        options["quantized_bias_type"] = bias.name.upper()
    return one_op(
        "FULLY_CONNECTED",
        [activation((1, features), dtype, x, zero(dtype, -7)), w, bias_of(rng, bias, x * scales, units)],
        [activation((1, units), dtype, y, zero(dtype, 5))],
        options,
        "FullyConnectedOptions",
        4 if dtype == INT8 else 9,
    )


def convolution(rng: np.random.Generator, name: str, dtype: np.dtype, bias: np.dtype, granularity: str) -> Graph:
    draw, depthwise, depth = Scales(rng), name == "DEPTHWISE_CONV_2D", 10
    channels, terms = (depth, 9) if depthwise else (12, 9 * depth)
    x = draw.near(0.0237) * unit(dtype)
    shape = (1, 3, 3, channels) if depthwise else (channels, 3, 3, depth)
    w, scales = weights(rng, draw, shape, 3 if depthwise else 0, granularity)
    step = float(x * scales[0])
    y = draw.output(step, step * np.sqrt(terms) * spread(dtype, INT8))
    options: dict[str, Any] = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "fused_activation_function": "NONE"}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
    if depthwise:
        options["depth_multiplier"] = 1
    elif dtype == INT16:
        options["quantized_bias_type"] = bias.name.upper()
    return one_op(
        name,
        [activation((1, 5, 4, depth), dtype, x, zero(dtype, -7)), w, bias_of(rng, bias, x * scales, channels)],
        [activation((1, 5, 4, channels), dtype, y, zero(dtype, 5))],
        options,
        "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
        3,
    )


def batch_matmul(rng: np.random.Generator, left: np.dtype, right: np.dtype) -> Graph:
    draw = Scales(rng)
    a, b = draw.near(0.0237) * unit(left), draw.near(0.0237) * unit(right)
    y = draw.output(float(a * b), float(a * b) * np.sqrt(17) * spread(left, right))
    return one_op(
        "BATCH_MATMUL",
        [activation((1, 6, 17), left, a, zero(left, -7)), activation((1, 17, 9), right, b)],
        [activation((1, 6, 9), left, y, zero(left, 5))],
        {"adj_x": False, "adj_y": False},
        "BatchMatMulOptions",
        3 if left == INT16 else 2,
    )


def elementwise(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """ADD, SUB and MUL of whole vectors of sixteen and a rest, by as many or by a single number."""
    draw, shape = Scales(rng), (1, 139)
    other = shape if rng.random() < 0.7 else (1, 1)
    a, b = draw.near(0.031) * unit(dtype), draw.near(0.0153) * unit(dtype)
    if name == "MUL":
        y = draw.output(float(a * b), float(a * b) * spread(dtype, dtype))
    else:
        y = draw.output(float(a), float(a) * 1.4)
    options: dict[str, Any] = {"fused_activation_function": "NONE"}
    options |= {} if name == "MUL" else {"pot_scale_int16": False}
    sides = [activation(shape, dtype, a, zero(dtype, -7)), activation(other, dtype, b, zero(dtype, 11))]
    output = activation(shape, dtype, y, zero(dtype, 5))
    return one_op(name, sides, [output], options, f"{name.capitalize()}Options", 2)


def unary(
    name: str,
    dtype: np.dtype,
    scale: Scale | None,
    out: np.dtype,
    out_scale: Scale | None,
    out_zero: int,
    *,
    size: int = 43,
) -> Graph:
    """An operator on one tensor, without options; from a zero point of 3 where the dtype has one."""
    x = activation((1, size), dtype, scale, zero(dtype, 3))
    return one_op(name, [x], [activation((1, size), out, out_scale, out_zero)], version=2)


INVERSES: Mapping[str, tuple[Callable[[float], float], float, int]] = {
    "TANH": (np.arctanh, 2.0**-7, 0),
    "LOGISTIC": (lambda y: float(np.log(y / (1 - y))), 2.0**-8, -128),
}
"""Function -> its inverse, and the scale and zero point that its int8 output has to have."""


def function8(rng: np.random.Generator, name: str) -> Graph:
    """TANH or LOGISTIC in int8, at a scale that puts one of the 256 results next to a half."""
    inverse, scale, zero_point = INVERSES[name]
    half = (int(rng.integers(64, 127)) + 0.5) * scale if name == "TANH" else (int(rng.integers(129, 255)) + 0.5) * scale
    return unary(name, INT8, inverse(half) / int(rng.integers(20, 124)), INT8, scale, zero_point, size=256)


def function16(rng: np.random.Generator, name: str, power_of_two: bool) -> Graph:
    """TANH or LOGISTIC in int16; 2^-12 takes the path for powers of two."""
    scale = 2.0**-12 if power_of_two else float(rng.uniform(2.0**-15, 2.0**-11))
    return unary(name, INT16, scale, INT16, 2.0**-15, 0, size=512)


def rescale(rng: np.random.Generator, name: str, dtype: np.dtype, out: np.dtype) -> Graph:
    """QUANTIZE between integers, ABS, RELU, RELU6."""
    draw = Scales(rng)
    x = draw.near(0.0237) * unit(dtype)
    y = draw.output(float(x), float(x) * 2 * float(unit(out) / unit(dtype)))
    return unary(name, dtype, x, out, y, zero(out, -9))


def quantize(rng: np.random.Generator, out: np.dtype) -> Graph:
    return unary("QUANTIZE", FLOAT32, None, out, Scales(rng).near(0.0237) * unit(out), zero(out, 5))


def dequantize(rng: np.random.Generator, dtype: np.dtype) -> Graph:
    return unary("DEQUANTIZE", dtype, Scales(rng).near(0.0237), FLOAT32, None, 0)


def elu(rng: np.random.Generator) -> Graph:
    """At scales that put a result above or below zero half-way between two integers."""
    x = Scales(rng).near(0.0237)
    if rng.random() < 0.5:
        y = 2 * x
    else:
        y = -np.expm1(-float(x) * int(rng.integers(1, 6))) / (int(rng.integers(8, 60)) + 0.5)
    sides = [activation((1, 256), INT8, x, 3)], [activation((1, 256), INT8, y, 5)]
    return one_op("ELU", *sides)


def div(rng: np.random.Generator, dtype: np.dtype) -> Graph:
    """By a constant without zeros."""
    draw, shape, limits = Scales(rng), (1, 4, 643), np.iinfo(dtype)
    a, b = draw.near(0.031) * unit(dtype), draw.near(0.0153) * unit(dtype)
    y = draw.output(float(np.float32(a) / np.float32(b)), float(a / b) / 20)
    values = rng.integers(limits.min, limits.max + 1, shape[-1]).astype(dtype)
    divisor = constant(np.where(values == 0, 1, values).astype(dtype), b)
    sides = [activation(shape, dtype, a, zero(dtype, -7)), divisor], [activation(shape, dtype, y, zero(dtype, 5))]
    return one_op("DIV", *sides, {"fused_activation_function": "NONE"}, "DivOptions", 2)


def bounded(rng: np.random.Generator, name: str) -> Graph:
    """RELU_N1_TO_1, RELU_0_TO_1."""
    draw = Scales(rng)
    x = draw.near(0.0237)
    y = draw.output(float(x), float(x) * 2)
    return one_op(name, [activation((1, 43), INT8, x, 3)], [activation((1, 43), INT8, y, -9)])


def log_softmax(rng: np.random.Generator) -> Graph:
    sides = [activation((1, 30, 11), INT8, Scales(rng).near(0.0637), 3)], [activation((1, 30, 11), INT8, 2.0**-4, 127)]
    return one_op("LOG_SOFTMAX", *sides, {}, "LogSoftmaxOptions")


def tabled(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """EXP, LOG and SQRT, of which int16 inputs of SQRT cannot be drawn."""
    x = Scales(rng).near(0.0237) * unit(dtype)
    y = Scales(rng).near(0.0237) * unit(dtype)
    start = -128 if name == "SQRT" else zero(dtype, -100)
    sides = [activation((1, 256), dtype, x, start)], [activation((1, 256), dtype, y, zero(dtype, -100))]
    return one_op(name, *sides, {}, "ExpOptions" if name == "EXP" else "")


def gelu(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """By tanh or by erf."""
    x = activation((1, 256), dtype, Scales(rng).near(0.0237) * unit(dtype), zero(dtype, 3))
    y = activation((1, 256), dtype, Scales(rng).near(0.0237) * unit(dtype), zero(dtype, -100))
    return one_op(name, [x], [y], {"approximate": bool(rng.random() < 0.5)}, "GeluOptions")


def logical(rng: np.random.Generator, name: str) -> Graph:
    shape = (1, 43)
    sides = [activation(shape, BOOL), activation(shape if rng.random() < 0.5 else (1, 1), BOOL)]
    inputs = sides[:1] if name == "LOGICAL_NOT" else sides
    return one_op(name, inputs, [activation(shape, BOOL)], {}, _options_type(name))


def comparison(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """Of int8 numbers that are equal, or as good as, at scales near each other; of plain integers otherwise."""
    shape = (1, 643)
    if dtype != INT8:
        sides = [activation(shape, dtype)] * 2
    else:
        scale = Scales(rng).near(0.0237)
        other = np.float32(scale * rng.choice([1, 0.5, 1 + 2**-20]))
        sides = [activation(shape, dtype, scale, -7), activation(shape, dtype, other, 11)]
    return one_op(name, sides, [activation(shape, BOOL)], {}, _options_type(name), 2)


def _options_type(name: str) -> str:
    return f"{''.join(part.capitalize() for part in name.split('_'))}Options"


def softmax(rng: np.random.Generator, dtype: np.dtype, out: np.dtype) -> Graph:
    outputs = {(INT8, INT8): (2.0**-8, -128), (INT8, INT16): (2.0**-16, -32768), (INT16, INT16): (2.0**-15, 0)}
    return one_op(
        "SOFTMAX",
        [activation((1, 30, 11), dtype, Scales(rng).near(0.0137) * unit(dtype), zero(dtype, 3))],
        [activation((1, 30, 11), out, *outputs[dtype, out])],
        {"beta": 1.0},
        "SoftmaxOptions",
    )


def reduction(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """Over height and width, or over the last dimension."""
    draw, shape = Scales(rng), (1, 5, 4, 9)
    axes = (1, 2) if rng.random() < 0.5 else (3,)
    count = int(np.prod([shape[axis] for axis in axes]))
    x = draw.near(0.0237) * unit(dtype)
    total = float(x) if name == "SUM" else float(x) / count
    y = draw.output(total, total * np.sqrt(count))
    output = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return one_op(
        name,
        [activation(shape, dtype, x, zero(dtype, -7)), numbers(*axes)],
        [activation(output, dtype, y, zero(dtype, 5))],
        {"keep_dims": True},
        "ReducerOptions",
        2,
    )


def pooling(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    # At 4 and 12 the bound 6 of RELU6 is half-way between two integers.
    scale = float(rng.choice([4.0, 12.0, 0.0237]))
    same = activation((1, 6, 7, 9), dtype, scale, zero(dtype, -7))
    options = {"padding": "VALID", "stride_h": 2, "stride_w": 2, "filter_height": 2, "filter_width": 3}
    return one_op(
        name,
        [same],
        [activation((1, 3, 3, 9), dtype, scale, zero(dtype, -7))],
        options | {"fused_activation_function": "RELU6"},
        "Pool2DOptions",
        2,
    )


def svdf(rng: np.random.Generator, state: np.dtype) -> Graph:
    draw, features, units, rank, memory = Scales(rng), 12, 40, 2, 6
    filters, limits = units * rank, np.iinfo(state)
    x, feature = draw.near(0.0237), draw.near(0.0113)
    time = draw.near(3.1e-4 if state == INT16 else 0.0113)
    into = draw.output(
        float(x * feature), float(x * feature) * np.sqrt(features) * spread(state, INT8) * 74 / limits.max
    )
    y = draw.output(
        float(into * time), float(into * time) * np.sqrt(rank) * 0.58 * limits.max * spread(INT8, state) / 74
    )
    return one_op(
        "SVDF",
        [
            activation((1, features), INT8, x, -7),
            constant(rng.integers(-127, 128, (filters, features)).astype(np.int8), feature),
            constant(rng.integers(limits.min, limits.max, (filters, memory)).astype(state), time),
            constant(rng.integers(-2000, 2000, units).astype(np.int32), into * time),
            activation((1, memory * filters), state, into, variable=True),
        ],
        [activation((1, units), INT8, y, 5)],
        {"rank": rank, "fused_activation_function": "RELU"},
        "SVDFOptions",
        3,
    )


def lstm(rng: np.random.Generator) -> Graph:
    draw, steps, features, units = Scales(rng), 4, 9, 11
    x, h = draw.near(0.0237), draw.near(0.0071)
    w_x, w_h = ([draw.near(scale) for _ in range(4)] for scale in (0.0083, 0.0067))
    x_weights, h_weights = (
        [constant(rng.integers(-127, 128, (units, size)).astype(np.int8), scale) for scale in scales]
        for size, scales in ((features, w_x), (units, w_h))
    )
    return one_op(
        OPERATOR,
        arranged(
            x=activation((1, steps, features), INT8, x, -7),
            x_weights=x_weights,
            h_weights=h_weights,
            biases=[constant(rng.integers(-2000, 2000, units).astype(np.int32), x * scale) for scale in w_x],
            hidden=activation((1, units), INT8, h, 5, variable=True),
            cell=activation((1, units), INT16, 2.0**-11, variable=True),
            absent=None,
        ),
        [activation((1, steps, units), INT8, h, 5)],
        {
            "fused_activation_function": "TANH",
            "cell_clip": 10.0,
            "proj_clip": 0.0,
            "time_major": False,
            "asymmetric_quantize_inputs": False,
            "diagonal_recurrent_tensors": False,
        },
        "UnidirectionalSequenceLSTMOptions",
        3,
        [*(activation((0,), INT16, 2.0**-12) for _ in range(4)), activation((0,), INT8, h, 5)],
    )


def space_to_batch(rng: np.random.Generator, dtype: np.dtype, padding: int) -> Graph:
    scale, zero_point = Scales(rng).near(0.0237), zero(dtype, -7)
    return one_op(
        "SPACE_TO_BATCH_ND",
        [
            activation((1, 9 - padding, 4), dtype, scale, zero_point),
            numbers(3),
            constant(np.array([[padding, 0]], np.int32)),
        ],
        [activation((3, 3, 4), dtype, scale, zero_point)],
        {},
        "SpaceToBatchNDOptions",
    )


def resize(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """To so many columns that a ratio's rounding shows."""
    scale, zero_point = Scales(rng).near(0.0237), zero(dtype, -7)
    before, after = int(rng.integers(50, 90)), int(rng.integers(300, 400))
    centers = bool(rng.random() < 0.3)
    return one_op(
        name,
        [activation((1, 2, before, 1), dtype, scale, zero_point), numbers(2, after)],
        [activation((1, 2, after, 1), dtype, scale, zero_point)],
        {"align_corners": False, "half_pixel_centers": centers},
        _options_type(name),
        3,
    )


def prelu(rng: np.random.Generator, dtype: np.dtype) -> Graph:
    draw, shape = Scales(rng), (1, 16, 139)
    x, slope = draw.near(0.031) * unit(dtype), draw.near(0.0071)
    y = draw.output(float(x * slope), float(x) * 0.7)
    slopes = constant(rng.integers(-127, 128, shape[-1]).astype(np.int8), slope)
    sides = [activation(shape, dtype, x, zero(dtype, -7)), slopes]
    return one_op("PRELU", sides, [activation(shape, dtype, y, zero(dtype, 5))])


def unscaled(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """Operators on truth values and plain integers."""
    x = activation((1, 6, 4), dtype)
    if name == "ZEROS_LIKE":
        return one_op(name, [x], [x], {}, "ZerosLikeOptions")
    return one_op(name, [x, numbers(1)], [activation((1, 4), dtype)], {"keep_dims": False}, "ReducerOptions")


def movement(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    """Operators that move integers and keep scale and zero point."""
    scale, zero_point = Scales(rng).near(0.0237), zero(dtype, -7)

    def moved(*shape: int) -> Side:
        return activation(shape, dtype, scale, zero_point)

    filling = constant(np.array([37], dtype), scale)
    filling = Side(shape=(1,), dtype=dtype, scale=scale, zero_point=zero_point, data=filling.data)
    sides: dict[str, tuple[list[Side | None], list[Side], dict[str, Any], str]] = {
        "RESHAPE": ([moved(1, 6, 4), numbers(1, 24)], [moved(1, 24)], {"new_shape": [1, 24]}, "ReshapeOptions"),
        "TRANSPOSE": ([moved(1, 6, 4), numbers(0, 2, 1)], [moved(1, 4, 6)], {}, "TransposeOptions"),
        "PACK": ([moved(1, 6)] * 3, [moved(1, 3, 6)], {"values_count": 3, "axis": 1}, "PackOptions"),
        "UNPACK": ([moved(1, 3, 6)], [moved(1, 6)] * 3, {"num": 3, "axis": 1}, "UnpackOptions"),
        "SPLIT": ([numbers(1), moved(1, 6)], [moved(1, 2)] * 3, {"num_splits": 3}, "SplitOptions"),
        "SPLIT_V": (
            [moved(1, 6), numbers(1, 2, 3), numbers(1)],
            [moved(1, 1), moved(1, 2), moved(1, 3)],
            {"num_splits": 3},
            "SplitVOptions",
        ),
        "CONCATENATION": (
            [moved(1, 6), moved(1, 3)],
            [moved(1, 9)],
            {"axis": 1, "fused_activation_function": "NONE"},
            "ConcatenationOptions",
        ),
        "SLICE": ([moved(1, 6, 4), numbers(0, 2, 1), numbers(1, 3, 2)], [moved(1, 3, 2)], {}, "SliceOptions"),
        "STRIDED_SLICE": (
            [moved(1, 6, 4), numbers(0, 1, 0), numbers(1, 6, 4), numbers(1, 2, 1)],
            [moved(1, 3, 4)],
            {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0},
            "StridedSliceOptions",
        ),
        "GATHER_ND": (
            [moved(1, 6, 4), constant(np.array([[0, 5], [0, 2]], np.int32))],
            [moved(2, 4)],
            {},
            "GatherNdOptions",
        ),
        "BROADCAST_TO": ([moved(6, 1), numbers(1, 6, 4)], [moved(1, 6, 4)], {}, "BroadcastToOptions"),
        "DEPTH_TO_SPACE": ([moved(1, 2, 3, 8)], [moved(1, 4, 6, 2)], {"block_size": 2}, "DepthToSpaceOptions"),
        "SPACE_TO_DEPTH": ([moved(1, 4, 6, 2)], [moved(1, 2, 3, 8)], {"block_size": 2}, "SpaceToDepthOptions"),
        "TILE": ([moved(1, 6, 4), numbers(1, 2, 1)], [moved(1, 12, 4)], {}, "TileOptions"),
        "GATHER": ([moved(1, 6, 4), numbers(5, 0, 3)], [moved(1, 3, 4)], {"axis": 1}, "GatherOptions"),
        "PAD": (
            [moved(1, 6, 4), constant(np.array([[0, 0], [1, 2], [0, 1]], np.int32))],
            [moved(1, 9, 5)],
            {},
            "PadOptions",
        ),
        "PADV2": (
            [moved(1, 6, 4), constant(np.array([[0, 0], [1, 2], [0, 1]], np.int32)), filling],
            [moved(1, 9, 5)],
            {},
            "PadV2Options",
        ),
        "REVERSE_V2": ([moved(1, 6, 4), numbers(1)], [moved(1, 6, 4)], {}, "ReverseV2Options"),
        "SELECT_V2": (
            [activation((1, 43), BOOL), moved(1, 43), moved(1, 43)],
            [moved(1, 43)],
            {},
            "SelectV2Options",
        ),
        "BATCH_TO_SPACE_ND": (
            [moved(3, 3, 4), numbers(3), constant(np.array([[0, 2]], np.int32))],
            [moved(1, 7, 4)],
            {},
            "BatchToSpaceNDOptions",
        ),
        "MAXIMUM": ([moved(1, 43), moved(1, 43)], [moved(1, 43)], {}, "MaximumMinimumOptions"),
        "MINIMUM": ([moved(1, 43), moved(1, 43)], [moved(1, 43)], {}, "MaximumMinimumOptions"),
        "REDUCE_MAX": ([moved(1, 6, 4), numbers(1)], [moved(1, 4)], {"keep_dims": False}, "ReducerOptions"),
        "REDUCE_MIN": ([moved(1, 6, 4), numbers(1)], [moved(1, 4)], {"keep_dims": False}, "ReducerOptions"),
    }
    inputs, outputs, options, options_type = sides[name]
    version = {"RESHAPE": 1, "TILE": 3}.get(name, 2)
    return one_op(name, inputs, outputs, options, options_type, version)


MOVEMENT = (
    "RESHAPE",
    "TRANSPOSE",
    "PACK",
    "UNPACK",
    "SPLIT",
    "SPLIT_V",
    "CONCATENATION",
    "SLICE",
    "STRIDED_SLICE",
    "GATHER",
    "GATHER_ND",
    "BROADCAST_TO",
    "PAD",
    "PADV2",
    "REVERSE_V2",
    "SELECT_V2",
    "BATCH_TO_SPACE_ND",
    "MAXIMUM",
    "MINIMUM",
    "REDUCE_MAX",
    "REDUCE_MIN",
)


def cases() -> Iterator[Case]:
    """Every case that can be probed, operators with weights first."""
    biases = ((INT8, INT32, "int8"), (INT16, INT32, "int16, int32 bias"), (INT16, INT64, "int16, int64 bias"))
    for granularity in ("tensor", "channel"):
        for dtype, bias, label in (*biases, (INT16, None, "int16, no bias")):
            build = partial(fully_connected, dtype=dtype, bias=bias, granularity=granularity)
            yield Case(op="FULLY_CONNECTED", dtype=label, granularity=granularity, draw=build)
    for name, some in (("CONV_2D", biases), ("DEPTHWISE_CONV_2D", (biases[0], biases[2]))):
        for granularity in ("tensor", "channel"):
            for dtype, bias, label in some:
                conv = partial(convolution, name=name, dtype=dtype, bias=bias, granularity=granularity)
                yield Case(op=name, dtype=label, granularity=granularity, draw=conv)
    for left, right in ((INT8, INT8), (INT16, INT16), (INT16, INT8)):
        yield Case(op="BATCH_MATMUL", dtype=f"{left}, {right}", draw=partial(batch_matmul, left=left, right=right))
    yield Case(op=OPERATOR, dtype="int8", draw=lstm)
    for state in (INT16, INT8):
        yield Case(op="SVDF", dtype=f"int8, {state} state", draw=partial(svdf, state=state))
    for name in INVERSES:
        yield Case(op=name, dtype="int8", draw=partial(function8, name=name))
        yield Case(op=name, dtype="int16", draw=partial(function16, name=name, power_of_two=False))
        yield Case(op=name, dtype="int16, 2^-12", draw=partial(function16, name=name, power_of_two=True))
    yield Case(op="ELU", dtype="int8", draw=elu)
    yield Case(op="LOG_SOFTMAX", dtype="int8", draw=log_softmax)
    yield Case(op="SQRT", dtype="int8", draw=partial(tabled, name="SQRT", dtype=INT8))
    for name in ("RELU_0_TO_1", "RELU_N1_TO_1"):
        yield Case(op=name, dtype="int8", draw=partial(bounded, name=name))
    for dtype in (INT8, INT16):
        yield Case(op="DIV", dtype=dtype.name, draw=partial(div, dtype=dtype))
        yield Case(op="PRELU", dtype=f"{dtype}, int8", draw=partial(prelu, dtype=dtype))
    for name in ("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR"):
        yield Case(op=name, dtype="bool", draw=partial(logical, name=name))
    for name in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"):
        for dtype in (INT8, INT32):
            yield Case(op=name, dtype=dtype.name, draw=partial(comparison, name=name, dtype=dtype))
    for dtype, out in ((INT8, INT8), (INT8, INT16), (INT16, INT16)):
        yield Case(op="SOFTMAX", dtype=f"{dtype} to {out}", draw=partial(softmax, dtype=dtype, out=out))
    for out in (INT8, INT16):
        yield Case(op="QUANTIZE", dtype=f"float32 to {out}", draw=partial(quantize, out=out))
    for dtype, out in product((INT8, INT16), repeat=2):
        move = partial(rescale, name="QUANTIZE", dtype=dtype, out=out)
        yield Case(op="QUANTIZE", dtype=f"{dtype} to {out}", draw=move)
    for dtype in (INT8, INT16):
        yield Case(op="DEQUANTIZE", dtype=dtype.name, draw=partial(dequantize, dtype=dtype))
    for name, dtype in (("REDUCE_ALL", BOOL), ("REDUCE_ANY", BOOL), ("REDUCE_PROD", INT32), ("ZEROS_LIKE", INT32)):
        yield Case(op=name, dtype=dtype.name, draw=partial(unscaled, name=name, dtype=dtype))
    for name in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "TILE"):
        yield Case(op=name, dtype="int8", draw=partial(movement, name=name, dtype=INT8))
    for padding, label in ((0, ""), (2, ", padded")):
        for dtype in (INT8, INT16):
            blocks = partial(space_to_batch, dtype=dtype, padding=padding)
            yield Case(op="SPACE_TO_BATCH_ND", dtype=f"{dtype}{label}", draw=blocks)
    for names, draw in BY_DTYPE:
        for name in names:
            for dtype in (INT8, INT16):
                yield Case(op=name, dtype=dtype.name, draw=partial(draw, name=name, dtype=dtype))


def relu(rng: np.random.Generator, name: str, dtype: np.dtype) -> Graph:
    return rescale(rng, name, dtype, dtype)


BY_DTYPE: tuple[tuple[Sequence[str], Callable[..., Graph]], ...] = (
    (("ADD", "SUB", "MUL"), elementwise),
    (("ABS", "RELU", "RELU6"), relu),
    (("GELU",), gelu),
    (("EXP", "LOG"), tabled),
    (("MEAN", "SUM"), reduction),
    (("AVERAGE_POOL_2D", "MAX_POOL_2D"), pooling),
    (("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), resize),
    (MOVEMENT, movement),
)
"""Operators of which int8 and int16 are the cases."""
