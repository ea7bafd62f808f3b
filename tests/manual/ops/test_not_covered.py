"""What the integer rules do not compute is refused, by operator and reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.core.graph import Graph, Operator, Tensor, model_of
from qcompare.manual.arithmetic import ARITHMETICS, OPS, compute
from qcompare.manual.call import Call, NotCoveredError, Operand
from qcompare.manual.executor import run
from tests.audit.one_op import Builder, random_inputs
from tests.manual import convolutional_models as models
from tests.manual import one_op_models
from tests.manual.convolutional_models import INT8, INT16, INT32


def with_options(graph: Graph, options: Mapping[str, Any]) -> Graph:
    operator = graph.operators[0]
    return replace(graph, operators=(replace(operator, options={**operator.options, **options}),))


def conv(rng: np.random.Generator) -> Graph:
    return models.convolution(rng, INT8, INT32, depthwise=False)


def undeclared_bias(rng: np.random.Generator) -> Graph:
    graph = models.convolution(rng, INT16, INT32, depthwise=False)
    return with_options(graph, {"quantized_bias_type": "FLOAT32"})


def blocks(block: int, margins: list[list[int]], shape: tuple[int, ...], *, back: bool = False) -> Graph:
    """Between space and batches; the output's shape is not looked at."""
    move = one_op_models.Movement(np.random.default_rng(0), np.int8)
    inputs = (move.tensor(shape), move.integers([block]), move.integers(margins))
    name, options = ("BATCH_TO_SPACE_ND", "BatchToSpace") if back else ("SPACE_TO_BATCH_ND", "SpaceToBatch")
    return move.build.graph(name, inputs, (move.tensor(shape),), f"{options}NDOptions", {})


def outgrown(name: str) -> Graph:
    build = Builder()
    sides = [build.activation((1, 4), np.int8, scale) for scale in (0.04, 0.04, 7e-9)]
    options = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    return build.graph(name, sides[:2], sides[2:], f"{name.capitalize()}Options", options, version=2)


def single(name: str) -> Graph:
    build = Builder()
    sides = (build.activation((1, 64), np.int8, 0.1),), (build.activation((1, 64), np.int8, 0.1),)
    return build.graph(name, *sides)


def divided(by: int) -> Graph:
    build = Builder()
    divisor = build.constant(np.array([1, by], np.int8), 0.1)
    inputs, output = (build.activation((1, 2), np.int8, 0.1), divisor), build.activation((1, 2), np.int8, 0.1)
    return build.graph("DIV", inputs, (output,), "DivOptions", {"fused_activation_function": "NONE"})


def compared(scale: float) -> Graph:
    build = Builder()
    sides = [build.activation((1, 4), np.int8, scale) for _ in range(2)]
    return build.graph("GREATER", sides, (build.activation((1, 4), np.bool_),), "GreaterOptions", {}, version=2)


def gathered(place: int) -> Graph:
    move = one_op_models.Movement(np.random.default_rng(0), np.int8)
    inputs = (move.tensor((1, 4)), move.build.constant(np.array([[0, place]], np.int32)))
    return move.build.graph("GATHER_ND", inputs, (move.tensor((1,)),), "GatherNdOptions", {})


def resized(after: int, **options: bool) -> Graph:
    """One row of one element, to as many."""
    move = one_op_models.Movement(np.random.default_rng(0), np.int8)
    inputs = (move.tensor((1, 1, 1, 1)), move.integers([1, after]))
    output = move.tensor((1, 1, after, 1))
    return move.build.graph("RESIZE_BILINEAR", inputs, (output,), "ResizeBilinearOptions", options, version=3)


@pytest.mark.parametrize(
    ("draw", "kernel_set", "reason"),
    [
        (lambda rng: outgrown("SUB"), "optimized", "SUB: int8, inputs-beyond-the-output under optimized"),
        (lambda rng: outgrown("ADD"), "xnnpack", "ADD: int8, inputs-beyond-the-output under xnnpack"),
        (lambda rng: single("ZEROS_LIKE"), "dequantized", "ZEROS_LIKE: an output with a scale"),
        (lambda rng: single("LOG"), "dequantized", "LOG: a negative input in real numbers"),
        (lambda rng: single("SQRT"), "reference", "SQRT: a negative input"),
        (lambda rng: single("LOG_SOFTMAX"), "micro", "LOG_SOFTMAX: an output scale 0.1"),
        (lambda rng: divided(0), "optimized", "DIV: a division by zero"),
        (lambda rng: compared(1.5), "reference", "GREATER: a scale of 1.5"),
        (lambda rng: gathered(4), "micro", "GATHER_ND: an index outside"),
        (lambda rng: resized(55), "optimized", "RESIZE_BILINEAR: 1 elements resized to 55, of which it reads others"),
        (
            lambda rng: resized(3, align_corners=True, half_pixel_centers=True),
            "xnnpack",
            "RESIZE_BILINEAR: align_corners with half_pixel_centers",
        ),
        (undeclared_bias, "reference", "CONV_2D: int16, int32 bias under reference"),
        (lambda rng: models.svdf(rng, INT8), "xnnpack", "SVDF: int8-int8 under xnnpack"),
        (lambda rng: models.reduction(rng, "SUM", INT16), "reference", "SUM: int16 under reference"),
        (lambda rng: models.gathering(rng, INT16), "micro", "GATHER: int16 under micro"),
        (lambda rng: models.unary(rng, "RSQRT", INT16), "micro", "RSQRT: a negative input"),
        (lambda rng: models.by_integer_weights(conv(rng), 1), "micro", "CONV_2D: float32-int8 under micro"),
        (
            lambda rng: with_options(conv(rng), {"fused_activation_function": "TANH"}),
            "reference",
            "CONV_2D: the fused activation TANH",
        ),
        (lambda rng: with_options(conv(rng), {"padding": 7}), "optimized", "CONV_2D: the padding 7"),
        (
            lambda rng: with_options(models.gathering(rng, INT8), {"batch_dims": 1}),
            "reference",
            "GATHER: the option batch_dims",
        ),
        (
            lambda rng: blocks(2, [[0, 0]], (1, 5, 4)),
            "reference",
            r"SPACE_TO_BATCH_ND: the block \[2\], which does not",
        ),
        (lambda rng: blocks(2, [[-1, 0]], (1, 5, 4)), "reference", r"ND: the paddings or crops \[\[-1, 0\]\]"),
        (lambda rng: blocks(2, [[0, 0]], (1, 4, 4, 1, 4)), "xnnpack", "SPACE_TO_BATCH_ND: a tensor of 5 dimensions"),
        (lambda rng: blocks(0, [[0, 0]], (1, 4, 4)), "optimized", r"SPACE_TO_BATCH_ND: the block \[0\]"),
        (
            lambda rng: blocks(2, [[0, 0]], (3, 5, 4), back=True),
            "optimized",
            r"ND: the block \[2\], which does not div",
        ),
        (lambda rng: blocks(2, [[0, 0]], (1, 4, 4)), "reference", r"SPACE_TO_BATCH_ND: a result int8\[2, 2, 4\] for"),
        (
            lambda rng: blocks(2, [[0, 0]], (1, 4, 4)),
            "micro",
            "SPACE_TO_BATCH_ND: int8, stored-with-another-batch under",
        ),
        (lambda rng: blocks(2, [[0, 0]], (2, 4, 4), back=True), "micro", "ND: int8, stored-with-another-batch under"),
    ],
)
def test_a_model_is_refused(draw: Callable[[np.random.Generator], Graph], kernel_set: str, reason: str) -> None:
    rng = np.random.default_rng(3)
    graph = draw(rng)
    with pytest.raises(NotCoveredError, match=reason):
        run(model_of(graph), random_inputs(rng, graph, 4), kernel_set)


def test_512_equal_logits_are_refused_where_the_kernel_aborts() -> None:
    rng = np.random.default_rng(0)
    graph = models.softmax(rng, INT8, INT8)
    tensors = tuple(replace(tensor, shape=(1, 512)) for tensor in graph.tensors)
    equal = {0: np.zeros((1, 1, 512), np.int8)}
    with pytest.raises(NotCoveredError, match="512 or more"):
        run(model_of(replace(graph, tensors=tensors)), equal, "reference")
    # The float table has no such limit: half a step of 1 / 256 is rounded up.
    assert (run(model_of(replace(graph, tensors=tensors)), equal, "optimized").result == -127).all()


def of_another_dtype(graph: Graph, index: int, dtype: np.dtype) -> Graph:
    """The graph with one tensor of another dtype, a constant's numbers as they are."""
    tensor = graph.tensors[index]
    data = None if tensor.data is None else tensor.data.astype(dtype)
    grid = None if tensor.grid is None or dtype.kind == "f" else replace(tensor.grid, dtype=dtype)
    changed = replace(tensor, dtype=dtype, data=data, grid=grid)
    return replace(graph, tensors=(*graph.tensors[:index], changed, *graph.tensors[index + 1 :]))


FREE = {
    "ARG_MAX": "gives indices",
    "ARG_MIN": "gives indices",
    "CAST": "converts",
    "DEQUANTIZE": "converts",
    "QUANTIZE": "converts",
    "SHAPE": "looks at no value",
    "SOFTMAX": "names both in its variant",
    "WHILE": "compares what it carries",
}
"""Operators whose dtypes are looked at elsewhere."""


@pytest.mark.parametrize("name", [name for name in OPS if name not in FREE])
def test_an_output_of_another_dtype_than_what_it_is_made_of_is_refused_by_name(name: str) -> None:
    first, other = np.dtype(np.int8), np.dtype(np.float32)
    tensors = [Tensor(index=i, name=f"t{i}", shape=(1,), dtype=first) for i in range(24)]
    value = np.zeros((1, 1), first)
    inputs = [Operand(tensor=tensor, value=value, constant=tensor.index > 0) for tensor in tensors]
    operator = Operator(index=0, name=name, inputs=tuple(range(24)), outputs=(24,))
    output = Tensor(index=24, name="t24", shape=(1,), dtype=other)
    call = Call(operator=operator, inputs=tuple(inputs), outputs=(output,), intermediates=(), samples=1)
    if name in one_op_models.COMPARISONS:  # Whatever it compares, the result is a truth value.
        inputs[1] = replace(inputs[1], tensor=replace(inputs[1].tensor, dtype=other))
        call = replace(call, inputs=tuple(inputs))
    for arithmetic in ARITHMETICS:
        with pytest.raises(NotCoveredError, match=r"int8.* and float32 together are not covered"):
            compute(call, arithmetic)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_addition_of_floats_and_integers_is_refused_by_name(position: int) -> None:
    rng = np.random.default_rng(0)
    graph = of_another_dtype(one_op_models.add(rng, np.int8), position, np.dtype(np.float32))
    with pytest.raises(NotCoveredError, match=r"ADD: .*float32.* together are not covered"):
        run(model_of(graph), random_inputs(rng, graph, 4), "reference")


@pytest.mark.parametrize(("position", "dtype", "named"), [(1, "float32", "float32 weights"), (2, "float32", "bias")])
def test_a_layer_of_integers_with_floats_is_refused_by_name(position: int, dtype: str, named: str) -> None:
    rng = np.random.default_rng(3)
    graph = of_another_dtype(conv(rng), position, np.dtype(dtype))
    with pytest.raises(NotCoveredError, match=rf"CONV_2D: .*{named} with int8 are not covered"):
        run(model_of(graph), random_inputs(rng, graph, 4), "optimized")
