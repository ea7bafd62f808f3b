"""What the integer rules do not compute is refused, by operator and reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import run
from tests.audit.one_op import random_inputs
from tests.manual import convolutional_models as models
from tests.manual.convolutional_models import INT8, INT16, INT32


def with_options(graph: Graph, options: Mapping[str, Any]) -> Graph:
    operator = graph.operators[0]
    return replace(graph, operators=(replace(operator, options={**operator.options, **options}),))


def conv(rng: np.random.Generator) -> Graph:
    return models.convolution(rng, INT8, INT32, depthwise=False)


def undeclared_bias(rng: np.random.Generator) -> Graph:
    graph = models.convolution(rng, INT16, INT32, depthwise=False)
    return with_options(graph, {"quantized_bias_type": "FLOAT32"})


@pytest.mark.parametrize(
    ("draw", "kernel_set", "reason"),
    [
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
