"""The integer rules of every operator of convolutional and keyword-spotting models, against the installed runtimes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import run
from qcompare.manual.rules import KERNEL_SETS
from tests.audit.one_op import difference, random_inputs, run_runtime
from tests.manual import convolutional_models as models
from tests.manual.convolutional_models import INT8, INT16, INT32, INT64

pytestmark = pytest.mark.runtime

Draw = Callable[[np.random.Generator], Graph]

FLOAT32, UINT32 = np.dtype(np.float32), np.dtype(np.uint32)
SAMPLES = 3
LITERT = ("reference", "optimized", "xnnpack")

CASES: dict[str, tuple[Draw, tuple[str, ...]]] = {
    "arg_max": (partial(models.arg_extremum, name="ARG_MAX"), KERNEL_SETS),
    "arg_min": (partial(models.arg_extremum, name="ARG_MIN"), KERNEL_SETS),
    "average_pool_2d-int8": (partial(models.pooling, name="AVERAGE_POOL_2D", dtype=INT8), KERNEL_SETS),
    "average_pool_2d-int16": (partial(models.pooling, name="AVERAGE_POOL_2D", dtype=INT16), KERNEL_SETS),
    "batch_matmul-int8": (partial(models.batch_matmul, left=INT8, right=INT8), KERNEL_SETS),
    "batch_matmul-int16": (partial(models.batch_matmul, left=INT16, right=INT16), KERNEL_SETS),
    "batch_matmul-int16x8": (partial(models.batch_matmul, left=INT16, right=INT8), LITERT),
    "cast-int8-int32": (partial(models.casting, dtype=INT8, out=INT32), KERNEL_SETS),
    "cast-int32-int8": (partial(models.casting, dtype=INT32, out=INT8), KERNEL_SETS),
    "cast-int16-int32": (partial(models.casting, dtype=INT16, out=INT32), KERNEL_SETS),
    "cast-uint32-int32": (partial(models.casting, dtype=UINT32, out=INT32), KERNEL_SETS),
    "cast-int32-uint32": (partial(models.casting, dtype=INT32, out=UINT32), KERNEL_SETS),
    "conv_2d-int8": (partial(models.convolution, dtype=INT8, bias=INT32, depthwise=False), KERNEL_SETS),
    "conv_2d-int16-int64": (partial(models.convolution, dtype=INT16, bias=INT64, depthwise=False), KERNEL_SETS),
    "conv_2d-int16-int32": (partial(models.convolution, dtype=INT16, bias=INT32, depthwise=False), KERNEL_SETS),
    # TFLite refuses CONV_2D without a bias; its optimized DEPTHWISE_CONV_2D stops the process.
    "conv_2d-int8-unbiased": (
        lambda rng: models.without_bias(models.convolution(rng, INT8, INT32, depthwise=False)),
        ("micro",),
    ),
    "depthwise_conv_2d-int8-unbiased": (
        lambda rng: models.without_bias(models.convolution(rng, INT8, INT32, depthwise=True)),
        ("reference", "micro"),
    ),
    "depthwise_conv_2d-int8": (partial(models.convolution, dtype=INT8, bias=INT32, depthwise=True), KERNEL_SETS),
    "depthwise_conv_2d-int16": (partial(models.convolution, dtype=INT16, bias=INT64, depthwise=True), KERNEL_SETS),
    "expand_dims-int8": (partial(models.reshaping, name="EXPAND_DIMS", dtype=INT8), KERNEL_SETS),
    "expand_dims-int16": (partial(models.reshaping, name="EXPAND_DIMS", dtype=INT16), KERNEL_SETS),
    "expand_dims-int32": (partial(models.reshaping, name="EXPAND_DIMS", dtype=INT32), LITERT),
    "fill-int8": (partial(models.reshaping, name="FILL", dtype=INT8), KERNEL_SETS),
    "fill-int32": (partial(models.reshaping, name="FILL", dtype=INT32), KERNEL_SETS),
    "gather-int8": (partial(models.gathering, dtype=INT8), KERNEL_SETS),
    "gather-int16": (partial(models.gathering, dtype=INT16), LITERT),
    "hard_swish": (partial(models.unary, name="HARD_SWISH", dtype=INT8), KERNEL_SETS),
    "l2_normalization": (partial(models.unary, name="L2_NORMALIZATION", dtype=INT8), KERNEL_SETS),
    "leaky_relu-int8": (partial(models.unary, name="LEAKY_RELU", dtype=INT8), KERNEL_SETS),
    "leaky_relu-int16": (partial(models.unary, name="LEAKY_RELU", dtype=INT16), KERNEL_SETS),
    "max_pool_2d-int8": (partial(models.pooling, name="MAX_POOL_2D", dtype=INT8), KERNEL_SETS),
    "max_pool_2d-int16": (partial(models.pooling, name="MAX_POOL_2D", dtype=INT16), KERNEL_SETS),
    "maximum-int8": (partial(models.extremum, name="MAXIMUM", dtype=INT8), KERNEL_SETS),
    "maximum-int16": (partial(models.extremum, name="MAXIMUM", dtype=INT16), KERNEL_SETS),
    "mean-int8": (partial(models.reduction, name="MEAN", dtype=INT8), KERNEL_SETS),
    "mean-int16": (partial(models.reduction, name="MEAN", dtype=INT16), KERNEL_SETS),
    "minimum-int8": (partial(models.extremum, name="MINIMUM", dtype=INT8), KERNEL_SETS),
    "minimum-int16": (partial(models.extremum, name="MINIMUM", dtype=INT16), KERNEL_SETS),
    "mirror_pad-int8": (partial(models.padding, name="MIRROR_PAD", dtype=INT8), KERNEL_SETS),
    "mirror_pad-int16": (partial(models.padding, name="MIRROR_PAD", dtype=INT16), LITERT),
    "pad-int8": (partial(models.padding, name="PAD", dtype=INT8), KERNEL_SETS),
    "pad-int16": (partial(models.padding, name="PAD", dtype=INT16), KERNEL_SETS),
    "padv2-int8": (partial(models.padding, name="PADV2", dtype=INT8), KERNEL_SETS),
    "padv2-int16": (partial(models.padding, name="PADV2", dtype=INT16), KERNEL_SETS),
    "quantize-int16-int32": (partial(models.requantization, dtype=INT16, out=INT32), KERNEL_SETS),
    "quantize-int32-int16": (partial(models.requantization, dtype=INT32, out=INT16), KERNEL_SETS),
    "quantize-int32-int8": (partial(models.requantization, dtype=INT32, out=INT8), KERNEL_SETS),
    "rsqrt-int8": (partial(models.unary, name="RSQRT", dtype=INT8), KERNEL_SETS),
    "rsqrt-int16": (partial(models.unary, name="RSQRT", dtype=INT16), KERNEL_SETS),
    "shape": (partial(models.reshaping, name="SHAPE", dtype=INT8), KERNEL_SETS),
    "slice-int8": (partial(models.slicing, dtype=INT8), KERNEL_SETS),
    "slice-int16": (partial(models.slicing, dtype=INT16), KERNEL_SETS),
    "softmax-int8": (partial(models.softmax, dtype=INT8, out=INT8), KERNEL_SETS),
    "softmax-int8-int16": (partial(models.softmax, dtype=INT8, out=INT16), KERNEL_SETS),
    "softmax-int16": (partial(models.softmax, dtype=INT16, out=INT16), KERNEL_SETS),
    "squared_difference-int8": (partial(models.squared_difference, dtype=INT8), KERNEL_SETS),
    "squared_difference-int16": (partial(models.squared_difference, dtype=INT16), ("micro",)),
    "squeeze-int8": (partial(models.reshaping, name="SQUEEZE", dtype=INT8), KERNEL_SETS),
    "squeeze-int32": (partial(models.reshaping, name="SQUEEZE", dtype=INT32), KERNEL_SETS),
    "sum-int8": (partial(models.reduction, name="SUM", dtype=INT8), KERNEL_SETS),
    "sum-int16": (partial(models.reduction, name="SUM", dtype=INT16), ("optimized", "xnnpack", "micro")),
    "svdf-int16": (partial(models.svdf, state=INT16), KERNEL_SETS),
    # TFLite reads int8 time weights as int16, beyond their end.
    "svdf-int8": (partial(models.svdf, state=INT8), ("micro",)),
    "transpose_conv-int8": (partial(models.transpose_convolution, dtype=INT8, bias=INT32), KERNEL_SETS),
    "transpose_conv-int16-int64": (partial(models.transpose_convolution, dtype=INT16, bias=INT64), KERNEL_SETS),
    "transpose_conv-int16-int32": (partial(models.transpose_convolution, dtype=INT16, bias=INT32), LITERT),
    "transpose_conv-int16-int16": (partial(models.transpose_convolution, dtype=INT16, bias=INT16), ("micro",)),
}

FLOAT_CASES = (
    "arg_max",
    "average_pool_2d-int8",
    "batch_matmul-int8",
    "conv_2d-int8",
    "depthwise_conv_2d-int8",
    "gather-int8",
    "hard_swish",
    "l2_normalization",
    "leaky_relu-int8",
    "max_pool_2d-int8",
    "maximum-int8",
    "mean-int8",
    "minimum-int8",
    "mirror_pad-int8",
    "pad-int8",
    "padv2-int8",
    "rsqrt-int8",
    "slice-int8",
    "softmax-int8",
    "squared_difference-int8",
    "sum-int8",
    "svdf-int16",
    "transpose_conv-int8",
)


def inputs_of(rng: np.random.Generator, graph: Graph) -> dict[int, np.ndarray]:
    """Random inputs; RSQRT takes none below zero."""
    inputs = random_inputs(rng, graph, SAMPLES)
    if graph.operators[0].name != "RSQRT":
        return inputs
    floats = graph.tensors[0].grid is None
    return {
        i: np.abs(x) + x.dtype.type(0.01) if floats else np.maximum(x, graph.tensors[i].zero_point)
        for i, x in inputs.items()
    }


@pytest.mark.parametrize(
    ("case", "kernel_set"), [(case, kernel_set) for case, (_, sets) in CASES.items() for kernel_set in sets]
)
def test_every_integer_is_the_runtimes(case: str, kernel_set: str, one_op_models: int) -> None:
    values = 0
    for seed in range(one_op_models):
        rng = np.random.default_rng(seed)
        graph = CASES[case][0](rng)
        found = difference(graph, inputs_of(rng, graph), kernel_set)
        assert found.unequal == 0, f"seed {seed}: {found}, {graph.operators[0].options}"
        values += found.values
    assert values > 0
    print(f"{case} {kernel_set}: {one_op_models} models, {values} values")


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("case", FLOAT_CASES)
def test_floats_are_the_runtimes_within_rounding(case: str, kernel_set: str, one_op_models: int) -> None:
    for seed in range(one_op_models):
        rng = np.random.default_rng(seed)
        graph = models.as_float(CASES[case][0](rng))
        inputs = inputs_of(rng, graph)
        expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
        found = run(model_of(graph), inputs, kernel_set).result.reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


DYNAMIC_CASES: dict[str, tuple[Draw, int]] = {
    "conv_2d": (CASES["conv_2d-int8"][0], 1),
    "depthwise_conv_2d": (CASES["depthwise_conv_2d-int8"][0], 1),
    "fully_connected": (models.fully_connected, 1),
    "transpose_conv": (CASES["transpose_conv-int8"][0], 1),
}


@pytest.mark.parametrize("kernel_set", LITERT)
@pytest.mark.parametrize("case", DYNAMIC_CASES)
def test_floats_by_integer_weights_are_the_runtimes_within_rounding(
    case: str, kernel_set: str, one_op_models: int
) -> None:
    draw, weights = DYNAMIC_CASES[case]
    compared = 0
    for seed in range(4 * one_op_models):
        rng = np.random.default_rng(seed)
        graph = models.by_integer_weights(draw(rng), weights)
        inputs = inputs_of(rng, graph)
        try:
            found = run(model_of(graph), inputs, kernel_set).result
            expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
        except (NotCoveredError, RuntimeError):
            # A filter per tensor, where the kernels read beyond its one scale or refuse it.
            assert not graph.tensors[weights].grid.per_channel
            continue
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)
        compared += 1
    assert compared > one_op_models


@pytest.mark.parametrize("kernel_set", LITERT)
def test_a_float_lstm_by_integer_weights_is_the_runtimes_within_rounding(kernel_set: str, one_op_models: int) -> None:
    for seed in range(4 * one_op_models):
        rng = np.random.default_rng(seed)
        graph = models.dynamic_lstm(rng)
        inputs = inputs_of(rng, graph)
        expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
        found = run(model_of(graph), inputs, kernel_set).result.reshape(expected.shape)
        np.testing.assert_allclose(found, expected, atol=2e-5)
