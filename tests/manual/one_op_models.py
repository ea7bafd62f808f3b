"""Random one-operator graphs of operators that take tensors of any shape, and LSTMs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from qcompare.core.graph import Graph
from qcompare.manual.call import Call, Operand
from qcompare.manual.ops.activations import Scaling, table_away
from qcompare.manual.ops.add import parameters, sum_double, sum_merged
from qcompare.manual.ops.elu import exp_less_one, expm1
from qcompare.manual.rounding import double, f64, rne32, up
from tests.audit.one_op import Builder, random_scale, random_shape, random_zero_point

ACTIVATIONS = ("NONE", "RELU", "RELU6")


def _activation(rng: np.random.Generator) -> str:
    return str(rng.choice(ACTIVATIONS, p=[0.6, 0.2, 0.2]))


def fully_connected(rng: np.random.Generator, dtype: Any) -> Graph:
    """Per tensor or per channel, with or without bias (int16: int32 or int64), any activation."""
    build, rows = Builder(), int(rng.choice([1, 1, 3]))
    # Above 1024 features float32 no longer holds every sum of int8 products.
    features, units = (
        int(rng.integers(1, 80) if rng.random() < 0.9 else rng.integers(1000, 1400)),
        int(rng.integers(1, 40)),
    )
    x_scale, x_zero = random_scale(rng), random_zero_point(rng, dtype)
    x = build.activation((rows, features), dtype, x_scale if dtype == np.int8 else x_scale / 256, x_zero)
    weights = rng.integers(-127, 128, (units, features)).astype(np.int8)
    scale = np.array([random_scale(rng, 1e-3, 1e-2) for _ in range(units if rng.random() < 0.5 else 1)], np.float32)
    w = build.constant(weights, scale)
    product = np.float32(build.tensors[x].scale) * scale
    b, bias_dtype = -1, np.dtype(np.int32 if dtype == np.int8 else rng.choice(["int32", "int64"]))
    if rng.random() < 0.7:
        b = build.constant(rng.integers(-20000, 20000, units).astype(bias_dtype), product)
    deviation = float(product.mean()) * np.sqrt(features) * np.iinfo(dtype).max * 60
    y_scale = deviation * rng.uniform(0.3, 3) / np.iinfo(dtype).max
    y = build.activation((rows, units), dtype, y_scale, random_zero_point(rng, dtype))
    return build.graph(
        "FULLY_CONNECTED",
        (x, w, b),
        (y,),
        "FullyConnectedOptions",
        {
            "fused_activation_function": _activation(rng),
            "keep_num_dims": False,
            # The 16-bit kernels read a bias of 32 bits as such only when the model declares it.
            "quantized_bias_type": "FLOAT32" if dtype == np.int8 else bias_dtype.name.upper(),
        },
        version=4 if dtype == np.int8 else 9,
    )


def fully_connected_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    """Weights of zero, so that the bias is the accumulator: many of them such that the rounding rules disagree."""
    build, limits = Builder(), np.iinfo(dtype)
    bias_dtype = np.dtype(np.int32 if dtype == np.int8 else rng.choice(["int32", "int64"]))
    x_scale, y_scale = np.float32(random_scale(rng)), np.float32(random_scale(rng))
    w_scale = np.float32(float(y_scale) / float(x_scale) * np.exp(rng.uniform(np.log(2e-4), np.log(0.05))))
    real = float(x_scale) * float(w_scale) / float(y_scale)
    sums = np.unique(rng.integers(int(-limits.max / real), int(limits.max / real), 20000))
    results = [rule(sums, np.asarray(real)) for rule in (double, up, f64, rne32)]
    disagree = sums[np.any([result != results[0] for result in results[1:]], axis=0)]
    sums = np.concatenate([rng.permutation(disagree)[:300], rng.choice(sums, 50)])
    x = build.activation((1, 1), dtype, x_scale, random_zero_point(rng, dtype))
    scales = np.full(len(sums) if rng.random() < 0.5 else 1, w_scale)
    w = build.constant(np.zeros((len(sums), 1), np.int8), scales)
    b = build.constant(sums.astype(bias_dtype), x_scale * scales)
    y = build.activation((1, len(sums)), dtype, y_scale, random_zero_point(rng, dtype))
    options = {
        "fused_activation_function": "NONE",
        "keep_num_dims": False,
        "quantized_bias_type": "FLOAT32" if dtype == np.int8 else bias_dtype.name.upper(),
    }
    version = 4 if dtype == np.int8 else 9
    return build.graph("FULLY_CONNECTED", (x, w, b), (y,), "FullyConnectedOptions", options, version=version)


def _operands(rng: np.random.Generator, dtype: Any, build: Builder) -> tuple[list[int], tuple[int, ...]]:
    """Two operands in either order: equal shapes, a constant, a constant scalar, or a broadcast dimension."""
    shape = random_shape(rng, int(rng.integers(1, 5)))
    unit = 1.0 if dtype == np.int8 else 1 / 256

    def parameters() -> tuple[float, int]:
        return random_scale(rng) * unit, random_zero_point(rng, dtype)

    first = build.activation(shape, dtype, *parameters())
    kind = rng.choice(["equal", "constant", "scalar", "broadcast", "row"])
    if kind == "equal":
        second = build.activation(shape, dtype, *parameters())
    else:
        other = {
            "constant": shape,
            "scalar": (),
            "broadcast": tuple(1 if rng.random() < 0.5 else n for n in shape),
            "row": shape[-1:],
        }[str(kind)]
        limits = np.iinfo(dtype)
        second = build.constant(rng.integers(limits.min, limits.max + 1, other).astype(dtype), *parameters())
    operands = [first, second]
    if rng.random() < 0.5:
        operands.reverse()
    return operands, shape


def _binary(rng: np.random.Generator, dtype: Any, name: str, options_type: str) -> Graph:
    build = Builder()
    operands, shape = _operands(rng, dtype, build)
    a, b = (float(build.tensors[i].scale) for i in operands)
    natural = a * b * np.iinfo(dtype).max if name == "MUL" else max(a, b)
    y = build.activation(shape, dtype, natural * rng.uniform(0.3, 3), random_zero_point(rng, dtype))
    options: dict[str, Any] = {"fused_activation_function": _activation(rng)}
    if name in ("ADD", "SUB"):
        options["pot_scale_int16"] = False
    return build.graph(name, operands, (y,), options_type, options, version=2)


def add(rng: np.random.Generator, dtype: Any) -> Graph:
    return _binary(rng, dtype, "ADD", "AddOptions")


def sub(rng: np.random.Generator, dtype: Any) -> Graph:
    return _binary(rng, dtype, "SUB", "SubOptions")


def mul(rng: np.random.Generator, dtype: Any) -> Graph:
    return _binary(rng, dtype, "MUL", "MulOptions")


def _large(rng: np.random.Generator, dtype: Any, name: str, options_type: str) -> Graph:
    """So many elements that ties between the rules occur, at scales near each other."""
    build, shape = Builder(), (1, int(rng.integers(60_000, 66_000)))
    p = _sum_parameters(rng, dtype)
    a, b = (build.activation(shape, dtype, *pair) for pair in p[:2])
    y = build.activation(shape, dtype, *p[2])
    options = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    return build.graph(name, (a, b), (y,), options_type, options, version=2)


def _sum_parameters(rng: np.random.Generator, dtype: Any) -> list[tuple[float, int]]:
    """Scale and zero point of two operands and the output."""
    unit = 1.0 if dtype == np.int8 else 1 / 256
    scales = [random_scale(rng, 5e-3, 5e-2) * unit for _ in range(2)]
    scales.append(max(scales) * rng.uniform(0.7, 1.5))
    return [(scale, random_zero_point(rng, dtype)) for scale in scales]


def add_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    """int8 at scales for which two ways to scale the inputs disagree for some pair of values."""
    values = np.arange(-128, 128)
    for _ in range(40):
        graph = _large(rng, np.int8, "ADD", "AddOptions")
        operator, tensors = graph.operators[0], graph.tensors
        operands = tuple(Operand(tensor=tensor, value=values, constant=True) for tensor in tensors[:2])
        call = Call(operator=operator, inputs=operands, outputs=tensors[2:], intermediates=(), samples=1)
        p = parameters(call)
        if (sum_double(p, values[:, None], values) != sum_merged(p, values[:, None], values)).any():
            break
    return graph


def add_large(rng: np.random.Generator, dtype: Any) -> Graph:
    return _large(rng, dtype, "ADD", "AddOptions")


def sub_large(rng: np.random.Generator, dtype: Any) -> Graph:
    return _large(rng, dtype, "SUB", "SubOptions")


def _unary(
    rng: np.random.Generator, dtype: Any, name: str, scale: float, y_scale: float, y_zero: int, version: int = 2
) -> Graph:
    build, shape = Builder(), random_shape(rng, int(rng.integers(1, 5)))
    x = build.activation(shape, dtype, scale, random_zero_point(rng, dtype))
    y = build.activation(shape, dtype, y_scale, y_zero)
    return build.graph(name, (x,), (y,), version=version)


def _function_scale(rng: np.random.Generator, dtype: Any) -> float:
    """An input scale of TANH or LOGISTIC; in int16 often a power of two, which takes other paths."""
    if dtype == np.int8:
        return random_scale(rng)
    if rng.random() < 0.5:
        return float(2.0 ** -int(rng.integers(10, 16)))
    return random_scale(rng, 2**-15, 2**-11)


def tanh(rng: np.random.Generator, dtype: Any) -> Graph:
    return _unary(rng, dtype, "TANH", _function_scale(rng, dtype), 1 / 128 if dtype == np.int8 else 1 / 32768, 0)


def logistic(rng: np.random.Generator, dtype: Any) -> Graph:
    if dtype == np.int8:
        return _unary(rng, dtype, "LOGISTIC", _function_scale(rng, dtype), 1 / 256, -128)
    return _unary(rng, dtype, "LOGISTIC", _function_scale(rng, dtype), 1 / 32768, 0)


def _table_tie(rng: np.random.Generator, name: str) -> Graph:
    """int8 values of every kind at a scale that brings an entry of the table next to the middle of two integers."""
    scales = np.exp(rng.uniform(np.log(2e-3), np.log(0.15), 4000)).astype(np.float32)
    zero_points = rng.integers(-128, 128, len(scales))
    x = scales[:, None] * (np.arange(-128, 128) - zero_points[:, None]).astype(np.float64)
    y = np.tanh(x) * 128 if name == "TANH" else 256 / (1 + np.exp(-x))
    distance = np.where(x == 0, 1.0, np.abs(y - np.floor(y) - 0.5))
    best = int(distance.min(axis=1).argmin())
    build = Builder()
    size = (1, 2048)
    inputs = (build.activation(size, np.int8, scales[best], int(zero_points[best])),)
    output = build.activation(size, np.int8, *((1 / 128, 0) if name == "TANH" else (1 / 256, -128)))
    return build.graph(name, inputs, (output,), version=2)


def tanh_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    return _table_tie(rng, "TANH")


def logistic_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    return _table_tie(rng, "LOGISTIC")


def _rescaled(rng: np.random.Generator, dtype: Any, name: str, version: int = 2) -> Graph:
    scale = random_scale(rng) * (1 if dtype == np.int8 else 1 / 256)
    return _unary(rng, dtype, name, scale, scale * rng.uniform(0.3, 3), random_zero_point(rng, dtype), version)


def relu(rng: np.random.Generator, dtype: Any) -> Graph:
    return _rescaled(rng, dtype, "RELU")


def relu6(rng: np.random.Generator, dtype: Any) -> Graph:
    return _rescaled(rng, dtype, "RELU6")


def quantize(rng: np.random.Generator, dtype: Any) -> Graph:
    """Integer to integer of the same dtype."""
    return _rescaled(rng, dtype, "QUANTIZE")


def quantize_float(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, int(rng.integers(1, 5)))
    x = build.activation(shape, np.float32)
    y = build.activation(shape, dtype, random_scale(rng), random_zero_point(rng, dtype))
    return build.graph("QUANTIZE", (x,), (y,), version=2)


def quantize_mixed(rng: np.random.Generator, dtype: Any) -> Graph:
    """8-bit integers with a sign to ones without, or from them; in a third of the models 128 apart and else equal."""
    build, shape = Builder(), random_shape(rng, int(rng.integers(1, 5)))
    out = np.uint8 if dtype == np.int8 else np.int8
    scale, zero = random_scale(rng), random_zero_point(rng, dtype)
    x = build.activation(shape, dtype, scale, zero)
    if rng.random() < 0.3:
        y = build.activation(shape, out, scale, zero + (128 if out == np.uint8 else -128))
    else:
        y = build.activation(shape, out, scale * rng.uniform(0.3, 3), random_zero_point(rng, out))
    return build.graph("QUANTIZE", (x,), (y,), version=2)


def _full_table(rng: np.random.Generator, dtype: Any, name: str, *options: Any) -> Graph:
    """A function of a tensor so large that all 256 values are met."""
    build, scale = Builder(), random_scale(rng, 4e-3, 0.1) * (1 if dtype == np.int8 else 1 / 256)
    x = build.activation((1, 2048), dtype, scale, random_zero_point(rng, dtype))
    y = build.activation((1, 2048), dtype, scale * rng.uniform(0.4, 1.5), random_zero_point(rng, dtype))
    return build.graph(name, (x,), (y,), *options)


def elu(rng: np.random.Generator, dtype: Any) -> Graph:
    return _full_table(rng, dtype, "ELU")


def elu_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    """Half-way results above zero, or scales for which exp(x) - 1 and expm1(x) give other integers below it."""
    for _ in range(400):
        x, half = random_scale(rng, 2e-3, 0.05), rng.random() < 0.01
        scaling = Scaling(
            x_scale=np.float32(x),
            x_zero_point=random_zero_point(rng, dtype),
            y_scale=np.float32(2 * x if half else x * rng.uniform(0.05, 1.5)),
            y_zero_point=random_zero_point(rng, dtype),
        )
        if half or (table_away(expm1, scaling) != table_away(exp_less_one, scaling)).any():
            break
    build = Builder()
    tensors = [
        build.activation((1, 2048), dtype, *each)
        for each in ((scaling.x_scale, scaling.x_zero_point), (scaling.y_scale, scaling.y_zero_point))
    ]
    return build.graph("ELU", tensors[:1], tensors[1:])


def absolute(rng: np.random.Generator, dtype: Any) -> Graph:
    """In a third of the models without a change of scale."""
    scale = random_scale(rng) * (1 if dtype == np.int8 else 1 / 256)
    ratio = 1.0 if rng.random() < 0.3 else rng.uniform(0.3, 3)
    return _unary(rng, dtype, "ABS", scale, scale * ratio, random_zero_point(rng, dtype))


def absolute_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    """At scales in simple ratios, of which the last bit decides."""
    build, scale = Builder(), random_scale(rng) * (1 if dtype == np.int8 else 1 / 256)
    x = build.activation((1, 4000), dtype, scale, random_zero_point(rng, dtype))
    y_scale = np.float32(np.float32(scale) * np.float32(rng.choice([1.2, 1.4, 2, 2.4, 2.8, 3.6, 4.4])))
    y = build.activation((1, 4000), dtype, y_scale, random_zero_point(rng, dtype))
    return build.graph("ABS", (x,), (y,), version=2)


def exp(rng: np.random.Generator, dtype: Any) -> Graph:
    return _full_table(rng, dtype, "EXP", "ExpOptions", {})


def log(rng: np.random.Generator, dtype: Any) -> Graph:
    return _full_table(rng, dtype, "LOG")


def square_root(rng: np.random.Generator, dtype: Any) -> Graph:
    """From the lowest number on in int8, from the middle in int16."""
    build, scale = Builder(), random_scale(rng, 1e-4, 0.5) * (1 if dtype == np.int8 else 1 / 256)
    y_scale, shape = np.sqrt(scale) * rng.uniform(0.05, 2) * (1 if dtype == np.int8 else 1 / 16), (1, 2048)
    x = build.activation(shape, dtype, scale, -128 if dtype == np.int8 else 0)
    y = build.activation(shape, dtype, y_scale, random_zero_point(rng, dtype))
    return build.graph("SQRT", (x,), (y,), version=2)


def relu_n1_to_1(rng: np.random.Generator, dtype: Any) -> Graph:
    return _rescaled(rng, dtype, "RELU_N1_TO_1", 1)


def relu_0_to_1(rng: np.random.Generator, dtype: Any) -> Graph:
    return _rescaled(rng, dtype, "RELU_0_TO_1", 1)


def log_softmax(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), (1, int(rng.integers(1, 20)), int(rng.integers(1, 60)))
    x = build.activation(shape, dtype, random_scale(rng, 1e-4, 1.0), random_zero_point(rng, dtype))
    y = build.activation(shape, dtype, 2.0**-4, 127)
    return build.graph("LOG_SOFTMAX", (x,), (y,), "LogSoftmaxOptions", {})


def div(rng: np.random.Generator, dtype: Any) -> Graph:
    """By a constant without zeros, in half of the models one that broadcasts."""
    shape = random_shape(rng, 3, 12)
    return _div(rng, dtype, shape, shape if rng.random() < 0.5 else (1, 1, shape[2]), np.exp(rng.uniform(-7, 1)))


def div_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    """Of an output's scale in a simple ratio, so that the last bit of the multiplier decides."""
    return _div(rng, dtype, (1, 4, 4000), (1, 1, 4000), float(rng.choice([2, 2 / 3, 0.4, 0.25])) / 8)


def _div(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...], other: tuple[int, ...], ratio: float) -> Graph:
    """ratio: of the output's scale to that of the quotients."""
    build, unit, limits = Builder(), 1.0 if dtype == np.int8 else 1 / 256, np.iinfo(dtype)
    a, b, zero = random_scale(rng) * unit, random_scale(rng) * unit, random_zero_point(rng, dtype)
    x = build.activation(shape, dtype, a, random_zero_point(rng, dtype))
    values = rng.integers(limits.min, limits.max + 1, other).astype(dtype)
    values = np.where(values == zero, values - (1 if zero > 0 else -1), values).astype(dtype)
    divisor = build.constant(values, b, zero)
    y = build.activation(
        shape, dtype, float(np.float32(a)) / float(np.float32(b)) * ratio, random_zero_point(rng, dtype)
    )
    options = {"fused_activation_function": _activation(rng)}
    return build.graph("DIV", (x, divisor), (y,), "DivOptions", options, version=2)


def gelu(rng: np.random.Generator, dtype: Any) -> Graph:
    return _full_table(rng, dtype, "GELU", "GeluOptions", {"approximate": False})


def gelu_approximate(rng: np.random.Generator, dtype: Any) -> Graph:
    return _full_table(rng, dtype, "GELU", "GeluOptions", {"approximate": True})


def logical_and(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, 3)
    inputs = tuple(build.activation(each, dtype) for each in (shape, shape if rng.random() < 0.5 else (1, 1, 1)))
    return build.graph("LOGICAL_AND", inputs, (build.activation(shape, dtype),), "LogicalAndOptions", {})


def dequantize(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, int(rng.integers(1, 5)))
    x = build.activation(shape, dtype, random_scale(rng), random_zero_point(rng, dtype))
    y = build.activation(shape, np.float32)
    return build.graph("DEQUANTIZE", (x,), (y,), version=2)


class Movement:
    """Tensors of one scale and zero point, as data movement asks for."""

    def __init__(self, rng: np.random.Generator, dtype: Any) -> None:
        self.build, self.dtype = Builder(), dtype
        scale = random_scale(rng)
        self.scale, self.zero_point = None if np.dtype(dtype).kind in "fb" else scale, random_zero_point(rng, dtype)

    def tensor(self, shape: tuple[int, ...]) -> int:
        return self.build.activation(shape, self.dtype, self.scale, self.zero_point)

    def integers(self, *values: Any) -> int:
        return self.build.constant(np.array(values[0] if len(values) == 1 else values, np.int32))


def reshape(rng: np.random.Generator, dtype: Any) -> Graph:
    move, shape = Movement(rng, dtype), random_shape(rng, 3)
    new = (1, shape[1] * shape[2])
    inputs = (move.tensor(shape), move.integers([1, -1]))
    return move.build.graph("RESHAPE", inputs, (move.tensor(new),), "ReshapeOptions", {"new_shape": [1, -1]})


def transpose(rng: np.random.Generator, dtype: Any) -> Graph:
    move, shape = Movement(rng, dtype), random_shape(rng, 4)
    axes = rng.permutation(4)
    inputs = (move.tensor(shape), move.integers(list(axes)))
    output = move.tensor(tuple(shape[i] for i in axes))
    return move.build.graph("TRANSPOSE", inputs, (output,), "TransposeOptions", {}, version=2)


def select(rng: np.random.Generator, dtype: Any) -> Graph:
    """Of three operands, some of one element."""
    move, shape = Movement(rng, dtype), random_shape(rng, 3)
    one = [(1, 1, 1) if rng.random() < 0.3 else shape for _ in range(3)]
    if shape not in one:
        one[0] = shape
    inputs = (move.build.activation(one[0], np.bool_), move.tensor(one[1]), move.tensor(one[2]))
    return move.build.graph("SELECT_V2", inputs, (move.tensor(shape),), "SelectV2Options", {})


def reverse(rng: np.random.Generator, dtype: Any) -> Graph:
    """Along one axis, or several next to each other, in any order, some counted from the end."""
    move, shape = Movement(rng, dtype), random_shape(rng, 4)
    first = int(rng.integers(0, 4))
    axes = rng.permutation(np.arange(first, int(rng.integers(first, 4)) + 1))
    inputs = (move.tensor(shape), move.integers([int(axis) - 4 * int(rng.integers(0, 2)) for axis in axes]))
    return move.build.graph("REVERSE_V2", inputs, (move.tensor(shape),), "ReverseV2Options", {}, version=3)


def _blocked(
    rng: np.random.Generator, *, most: int = 4
) -> tuple[tuple[int, ...], list[int], np.ndarray, tuple[int, ...]]:
    """Space as it is with one or two axes, blocks, what is around it (less than most), and the same in blocks."""
    axes = int(rng.integers(1, 3))
    block, around = rng.integers(1, 4, axes), rng.integers(0, most, (axes, 2))
    blocks = rng.integers(1, 5, axes)
    size = blocks * block - around.sum(axis=1)
    # At least one element of the space: as many blocks more as that takes.
    more = np.maximum(0, -(-(1 - size) // block))
    batch, depth = int(rng.integers(1, 3)), int(rng.integers(1, 6))
    space = (batch, *(int(n) for n in size + more * block), depth)
    return space, [int(n) for n in block], around, (batch * int(block.prod()), *map(int, blocks + more), depth)


def space_to_batch(rng: np.random.Generator, dtype: Any, *, most: int = 1) -> Graph:
    """Without padding, unless there may be most."""
    move, (space, block, paddings, batches) = Movement(rng, dtype), _blocked(rng, most=most)
    inputs = (move.tensor(space), move.integers(block), move.integers(paddings))
    return move.build.graph("SPACE_TO_BATCH_ND", inputs, (move.tensor(batches),), "SpaceToBatchNDOptions", {})


def space_to_batch_padded(rng: np.random.Generator, dtype: Any) -> Graph:
    while True:
        graph = space_to_batch(rng, dtype, most=4)
        if graph.tensors[graph.operators[0].inputs[2]].data.any():
            return graph


def batch_to_space(rng: np.random.Generator, dtype: Any) -> Graph:
    move, (space, block, crops, batches) = Movement(rng, dtype), _blocked(rng)
    inputs = (move.tensor(batches), move.integers(block), move.integers(crops))
    return move.build.graph("BATCH_TO_SPACE_ND", inputs, (move.tensor(space),), "BatchToSpaceNDOptions", {})


def _reduced(rng: np.random.Generator, dtype: Any, name: str) -> Graph:
    """Any axes, some counted from the end or told twice, kept or not."""
    move, rank = Movement(rng, dtype), int(rng.integers(2, 5))
    shape = random_shape(rng, rank, 12)
    axes = rng.permutation(rank)[: int(rng.integers(1, rank + 1))]
    told = [int(axis) - rank * int(rng.integers(0, 2)) for axis in axes]
    keep = bool(rng.random() < 0.5)
    output = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
    inputs = (move.tensor(shape), move.build.constant(np.array(told, np.int32)))
    version = 1 if np.dtype(dtype).kind == "b" else 2
    options = {"keep_dims": keep}
    return move.build.graph(name, inputs, (move.tensor(output),), "ReducerOptions", options, version=version)


def reduce_max(rng: np.random.Generator, dtype: Any) -> Graph:
    return _reduced(rng, dtype, "REDUCE_MAX")


def reduce_min(rng: np.random.Generator, dtype: Any) -> Graph:
    return _reduced(rng, dtype, "REDUCE_MIN")


def reduce_prod(rng: np.random.Generator, dtype: Any) -> Graph:
    graph = _reduced(rng, dtype, "REDUCE_PROD")
    return replace(graph, tensors=tuple(replace(tensor, grid=None) for tensor in graph.tensors))


def reduce_all(rng: np.random.Generator, dtype: Any) -> Graph:
    return _reduced(rng, dtype, "REDUCE_ALL")


def reduce_any(rng: np.random.Generator, dtype: Any) -> Graph:
    return _reduced(rng, dtype, "REDUCE_ANY")


def zeros_like(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, 3)
    sides = (build.activation(shape, dtype),), (build.activation(shape, dtype),)
    return build.graph("ZEROS_LIKE", *sides, "ZerosLikeOptions", {})


def gather_lengths(rng: np.random.Generator, dtype: Any) -> Graph:
    """Of plain integers, as of a shape."""
    build, size, places = Builder(), int(rng.integers(1, 6)), rng.integers(0, 1 << 20, 3)
    inputs = (build.activation((size,), dtype), build.constant((places % size).astype(np.int32)))
    return build.graph("GATHER", inputs, (build.activation((3,), dtype),), "GatherOptions", {"axis": 0}, version=2)


def _resized(rng: np.random.Generator, dtype: Any, name: str, most: int, *, ways: int) -> Graph:
    """To any size up to most, a whole multiple in a third of the models. ways: of telling corners and centers."""
    move = Movement(rng, dtype)
    before = rng.integers(1, 9, 2)
    after = before * rng.integers(1, 5, 2) if rng.random() < 0.3 else rng.integers(1, most, 2)
    corners, centers = [(False, False), (False, True), (True, False), (True, True)][int(rng.integers(0, ways))]
    batch, depth = int(rng.choice([1, 1, 2])), int(rng.integers(1, 20))
    inputs = (move.tensor((batch, *map(int, before), depth)), move.integers(after))
    output = move.tensor((batch, *map(int, after), depth))
    options = {"align_corners": corners, "half_pixel_centers": centers}
    options_type = "ResizeBilinearOptions" if name == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    return move.build.graph(name, inputs, (output,), options_type, options, version=3)


def resize_bilinear(rng: np.random.Generator, dtype: Any) -> Graph:
    return _resized(rng, dtype, "RESIZE_BILINEAR", 20, ways=3)


def resize_nearest(rng: np.random.Generator, dtype: Any) -> Graph:
    return _resized(rng, dtype, "RESIZE_NEAREST_NEIGHBOR", 20, ways=4)


def resize_nearest_far(rng: np.random.Generator, dtype: Any) -> Graph:
    """To so many columns that the ratio's rounding chooses between neighbours."""
    move = Movement(rng, dtype)
    before, after = int(rng.integers(50, 400)), int(rng.integers(300, 900))
    inputs = (move.tensor((1, 2, before, 1)), move.integers([2, after]))
    options = {"align_corners": False, "half_pixel_centers": False}
    output = move.tensor((1, 2, after, 1))
    name = "RESIZE_NEAREST_NEIGHBOR"
    return move.build.graph(name, inputs, (output,), "ResizeNearestNeighborOptions", options, version=3)


def prelu(rng: np.random.Generator, dtype: Any) -> Graph:
    """Slopes of 8 bits, of either sign: one a channel, shared over space, or of the whole shape."""
    shape = random_shape(rng, 4)
    shared = [(1, 1, shape[3]), shape[1:], (1, shape[2], shape[3]), shape][int(rng.integers(0, 4))]
    return _prelu(rng, dtype, shape, shared, random_scale(rng), random_scale(rng, 1e-3, 2e-2), rng.uniform(0.3, 3))


def prelu_ties(rng: np.random.Generator, dtype: Any) -> Graph:
    """At scales in simple ratios, so that the multiplier's last bit decides many results, or none is between them."""
    slope = random_scale(rng, 1e-3, 2e-2)
    ratio = slope * 2.0 ** int(rng.integers(4, 8)) * rng.choice([4, 5, 7]) / 4
    if rng.random() < 0.3:
        slope, ratio = float(2.0 ** np.round(np.log2(slope))), float(2.0 ** np.round(np.log2(ratio)))
    return _prelu(rng, dtype, (1, 16, 400), (400,), random_scale(rng), slope, ratio)


def _prelu(
    rng: np.random.Generator,
    dtype: Any,
    shape: tuple[int, ...],
    shared: tuple[int, ...],
    scale: float,
    slope: float,
    ratio: float,
) -> Graph:
    """ratio: of the output's scale to the input's."""
    build, unit = Builder(), 1 if dtype == np.int8 else 1 / 256
    x = build.activation(shape, dtype, scale * unit, random_zero_point(rng, dtype))
    slopes = build.constant(rng.integers(-128, 128, shared).astype(np.int8), slope, random_zero_point(rng, np.int8))
    y = build.activation(shape, dtype, scale * ratio * unit, random_zero_point(rng, dtype))
    return build.graph("PRELU", (x, slopes), (y,))


def tile(rng: np.random.Generator, dtype: Any) -> Graph:
    move, shape = Movement(rng, dtype), random_shape(rng, int(rng.integers(1, 5)))
    counts = [int(n) for n in rng.integers(1, 4, len(shape))]
    inputs = (move.tensor(shape), move.build.constant(np.array(counts, np.int32)))
    output = move.tensor(tuple(size * count for size, count in zip(shape, counts, strict=True)))
    return move.build.graph("TILE", inputs, (output,), "TileOptions", {}, version=3 if dtype == np.int8 else 1)


def broadcast_to(rng: np.random.Generator, dtype: Any) -> Graph:
    """To more dimensions, or along some that were one."""
    move, shape = Movement(rng, dtype), random_shape(rng, int(rng.integers(1, 5)))
    rank = int(rng.integers(0, len(shape) + 1))
    data = tuple(1 if rng.random() < 0.5 else size for size in shape[len(shape) - rank :])
    inputs = (move.tensor(data), move.build.constant(np.array(shape, np.int32)))
    return move.build.graph("BROADCAST_TO", inputs, (move.tensor(shape),), "BroadcastToOptions", {}, version=3)


def _depth(rng: np.random.Generator, dtype: Any, name: str, *, back: bool) -> Graph:
    move, block = Movement(rng, dtype), int(rng.integers(2, 4))
    batch, height, width, depth = (int(n) for n in rng.integers(1, 5, 4))
    space, deep = (batch, height * block, width * block, depth), (batch, height, width, depth * block**2)
    before, after = (deep, space) if back else (space, deep)
    options_type = "DepthToSpaceOptions" if back else "SpaceToDepthOptions"
    inputs, outputs = (move.tensor(before),), (move.tensor(after),)
    version = 2 if back and dtype == np.int8 else 1
    return move.build.graph(name, inputs, outputs, options_type, {"block_size": block}, version=version)


def depth_to_space(rng: np.random.Generator, dtype: Any) -> Graph:
    return _depth(rng, dtype, "DEPTH_TO_SPACE", back=True)


def space_to_depth(rng: np.random.Generator, dtype: Any) -> Graph:
    return _depth(rng, dtype, "SPACE_TO_DEPTH", back=False)


def gather_nd(rng: np.random.Generator, dtype: Any) -> Graph:
    """By as many constant places as there are dimensions, or fewer."""
    move, shape = Movement(rng, dtype), random_shape(rng, int(rng.integers(1, 5)))
    count, outer = int(rng.integers(1, len(shape) + 1)), random_shape(rng, int(rng.integers(1, 3)), 4)
    places = rng.integers(0, shape[:count], (*outer, count)).astype(np.int32)
    inputs = (move.tensor(shape), move.build.constant(places))
    output = move.tensor((*outer, *shape[count:]))
    return move.build.graph("GATHER_ND", inputs, (output,), "GatherNdOptions", {}, version=3)


COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")


def comparison(rng: np.random.Generator, dtype: Any, name: str) -> Graph:
    """Of two scales near each other, or of one: many numbers are equal, or as good as."""
    build, shape = Builder(), random_shape(rng, 3, 20)
    other = shape if rng.random() < 0.5 else (1, 1, shape[2])
    scale, same = random_scale(rng, 1e-3, 0.9), random_zero_point(rng, dtype)
    ratio = float(rng.choice([1, 1, 0.5, 1 + 2**-20, rng.uniform(0.8, 1.1)]))
    grids = ((scale, same), (scale * ratio, same if rng.random() < 0.3 else random_zero_point(rng, dtype)))
    sides = [build.activation(*each) for each in ((shape, dtype, *grids[0]), (other, dtype, *grids[1]))]
    if dtype != np.int8:
        build = Builder()
        sides = [build.activation(each, dtype) for each in (shape, other)]
    if rng.random() < 0.5:
        sides.reverse()
    options = "".join(part.capitalize() for part in name.split("_")) + "Options"
    return build.graph(name, sides, (build.activation(shape, np.bool_),), options, {}, version=2)


def cast_truth(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, 3)
    return build.graph("CAST", (build.activation(shape, np.bool_),), (build.activation(shape, dtype),))


def logical_or(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, 3)
    inputs = tuple(build.activation(each, dtype) for each in (shape, shape if rng.random() < 0.5 else (1, 1, 1)))
    return build.graph("LOGICAL_OR", inputs, (build.activation(shape, dtype),), "LogicalOrOptions", {})


def logical_not(rng: np.random.Generator, dtype: Any) -> Graph:
    build, shape = Builder(), random_shape(rng, 3)
    sides = (build.activation(shape, dtype),), (build.activation(shape, dtype),)
    return build.graph("LOGICAL_NOT", *sides, "LogicalNotOptions", {})


def pack(rng: np.random.Generator, dtype: Any) -> Graph:
    move, shape, count = Movement(rng, dtype), random_shape(rng, 2), int(rng.integers(2, 5))
    axis = int(rng.integers(0, 3))
    inputs = tuple(move.tensor(shape) for _ in range(count))
    output = move.tensor((*shape[:axis], count, *shape[axis:]))
    return move.build.graph("PACK", inputs, (output,), "PackOptions", {"values_count": count, "axis": axis}, version=2)


def unpack(rng: np.random.Generator, dtype: Any) -> Graph:
    move, shape = Movement(rng, dtype), random_shape(rng, 3)
    axis = int(rng.integers(-3, 3))
    rest = tuple(n for i, n in enumerate(shape) if i != axis % 3)
    inputs, outputs = (move.tensor(shape),), tuple(move.tensor(rest) for _ in range(shape[axis]))
    return move.build.graph("UNPACK", inputs, outputs, "UnpackOptions", {"num": shape[axis], "axis": axis}, version=2)


def split(rng: np.random.Generator, dtype: Any) -> Graph:
    move, count, axis = Movement(rng, dtype), int(rng.integers(2, 5)), int(rng.integers(1, 3))
    part = random_shape(rng, 3)
    whole = tuple(n * count if i == axis else n for i, n in enumerate(part))
    inputs = (move.integers(axis), move.tensor(whole))
    outputs = tuple(move.tensor(part) for _ in range(count))
    return move.build.graph("SPLIT", inputs, outputs, "SplitOptions", {"num_splits": count}, version=2)


def split_v(rng: np.random.Generator, dtype: Any) -> Graph:
    move, axis = Movement(rng, dtype), int(rng.integers(1, 3))
    sizes, shape = [int(n) for n in rng.integers(1, 5, 3)], random_shape(rng, 3)

    def resized(size: int) -> tuple[int, ...]:
        return tuple(size if i == axis else n for i, n in enumerate(shape))

    inputs = (move.tensor(resized(sum(sizes))), move.integers(sizes), move.integers(axis))
    outputs = tuple(move.tensor(resized(size)) for size in sizes)
    return move.build.graph("SPLIT_V", inputs, outputs, "SplitVOptions", {"num_splits": 3}, version=2)


def concatenation(rng: np.random.Generator, dtype: Any) -> Graph:
    move, axis, shape = Movement(rng, dtype), int(rng.integers(1, 3)), random_shape(rng, 3)
    sizes = [int(n) for n in rng.integers(1, 5, int(rng.integers(1, 4)))]

    def resized(size: int) -> tuple[int, ...]:
        return tuple(size if i == axis else n for i, n in enumerate(shape))

    inputs = tuple(move.tensor(resized(size)) for size in sizes)
    options = {"axis": int(axis - 3 * rng.integers(0, 2)), "fused_activation_function": "NONE"}
    return move.build.graph(
        "CONCATENATION", inputs, (move.tensor(resized(sum(sizes))),), "ConcatenationOptions", options, version=2
    )


def strided_slice(rng: np.random.Generator, dtype: Any) -> Graph:
    move, shape = Movement(rng, dtype), random_shape(rng, 3)
    begin, end, masks, output = [0], [1], {"begin_mask": 1, "end_mask": 1, "shrink_axis_mask": 0}, [1]
    strides = [1, int(rng.integers(1, 3)), int(rng.choice([-1, 1, 2]))]
    for i, (size, step) in enumerate(zip(shape[1:], strides[1:], strict=True), start=1):
        first = int(rng.integers(0, size))
        last = int(rng.integers(first + 1, size + 1)) if step > 0 else int(rng.integers(-1, first))
        begin.append(first - size * int(rng.integers(0, 2)))
        end.append(last)
        if i == 1 and rng.random() < 0.5:
            masks["shrink_axis_mask"], strides[1], end[1] = 2, 1, first + 1
            begin[1] = first
            continue
        if last == -1:
            masks["end_mask"] |= 1 << i
        output.append(len(range(first, last, step)))
    inputs = (move.tensor(shape), move.integers(begin), move.integers(end), move.integers(strides))
    return move.build.graph(
        "STRIDED_SLICE", inputs, (move.tensor(tuple(output)),), "StridedSliceOptions", dict(masks), version=2
    )


def lstm(rng: np.random.Generator, dtype: Any) -> Graph:
    """int8 only: any batch, time major or not, with a cell clip that bites in a third of the models."""
    build = Builder()
    batch, time = int(rng.choice([1, 1, 2])), int(rng.integers(1, 12))
    features, units = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    time_major = bool(rng.random() < 0.3)
    x_scale, h_scale = random_scale(rng, 5e-3, 5e-2), random_scale(rng, 4e-3, 1e-2)
    h_zero = random_zero_point(rng, np.int8)
    lead = (time, batch) if time_major else (batch, time)
    x = build.activation((*lead, features), np.int8, x_scale, random_zero_point(rng, np.int8))
    inputs = [x]
    products = []
    for size, other in ((features, x_scale), (units, h_scale)):
        for _ in range(4):
            scale = random_scale(rng, 1e-3, 3e-2)
            inputs.append(build.constant(rng.integers(-127, 128, (units, size)).astype(np.int8), scale))
            products.append(np.float32(scale) * np.float32(other))
    inputs += [-1, -1, -1]
    inputs += [build.constant(rng.integers(-9000, 9000, units).astype(np.int32), products[gate]) for gate in range(4)]
    inputs += [-1, -1]
    inputs.append(build.activation((batch, units), np.int8, h_scale, h_zero, variable=True))
    log2 = int(rng.integers(-15, -8))
    inputs.append(build.activation((batch, units), np.int16, 2.0**log2, variable=True))
    inputs += [-1, -1, -1, -1]
    hidden = [build.activation((0,), np.int16, 2.0**-12) for _ in range(4)]
    hidden.append(build.activation((0,), np.int8, h_scale, h_zero))
    y = build.activation((*lead, units), np.int8, h_scale, h_zero)
    options = {
        "fused_activation_function": "TANH",
        "cell_clip": float(rng.choice([0.0, 10.0, 2.0**log2 * rng.integers(1, 9000)])),
        "proj_clip": 0.0,
        "time_major": time_major,
        "asymmetric_quantize_inputs": False,
        "diagonal_recurrent_tensors": False,
    }
    name = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    return build.graph(name, inputs, (y,), "UnidirectionalSequenceLSTMOptions", options, hidden, version=3)


GENERATORS: dict[str, Callable[[np.random.Generator, Any], Graph]] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    "FULLY_CONNECTED": fully_connected,
    "FULLY_CONNECTED ties": fully_connected_ties,
    "ADD large": add_large,
    "ADD ties": add_ties,
    "SUB large": sub_large,
    "TANH ties": tanh_ties,
    "LOGISTIC ties": logistic_ties,
    "ADD": add,
    "SUB": sub,
    "MUL": mul,
    "TANH": tanh,
    "LOGISTIC": logistic,
    "RELU": relu,
    "RELU6": relu6,
    "QUANTIZE": quantize,
    "QUANTIZE float": quantize_float,
    "QUANTIZE mixed": quantize_mixed,
    "ELU": elu,
    "ELU ties": elu_ties,
    "ABS": absolute,
    "ABS ties": absolute_ties,
    "DIV": div,
    "DIV ties": div_ties,
    "EXP": exp,
    "LOG": log,
    "LOG_SOFTMAX": log_softmax,
    "RELU_0_TO_1": relu_0_to_1,
    "RELU_N1_TO_1": relu_n1_to_1,
    "SQRT": square_root,
    "GELU": gelu,
    "GELU approximate": gelu_approximate,
    "LOGICAL_AND": logical_and,
    "CAST truth": cast_truth,
    "LOGICAL_NOT": logical_not,
    "LOGICAL_OR": logical_or,
    **{name: partial(comparison, name=name) for name in COMPARISONS},
    "BROADCAST_TO": broadcast_to,
    "DEPTH_TO_SPACE": depth_to_space,
    "GATHER_ND": gather_nd,
    "SPACE_TO_DEPTH": space_to_depth,
    "TILE": tile,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "SPACE_TO_BATCH_ND padded": space_to_batch_padded,
    "REVERSE_V2": reverse,
    "SELECT_V2": select,
    "REDUCE_MAX": reduce_max,
    "REDUCE_MIN": reduce_min,
    "REDUCE_ALL": reduce_all,
    "REDUCE_ANY": reduce_any,
    "REDUCE_PROD": reduce_prod,
    "ZEROS_LIKE": zeros_like,
    "GATHER lengths": gather_lengths,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "RESIZE_NEAREST_NEIGHBOR far": resize_nearest_far,
    "PRELU": prelu,
    "PRELU ties": prelu_ties,
    "DEQUANTIZE": dequantize,
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    "PACK": pack,
    "UNPACK": unpack,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "CONCATENATION": concatenation,
    "STRIDED_SLICE": strided_slice,
}
