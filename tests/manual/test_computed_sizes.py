"""Sizes that follow from a shape: what the file does not hold, XNNPACK's delegate leaves to the optimized kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from qcompare.audit.by_hand import folded, with_constants
from qcompare.core.graph import Graph, Operator, Tensor, model_of
from qcompare.manual.executor import rule_for
from tests.audit.one_op import RUNTIMES, difference, random_inputs
from tests.manual import convolutional_models, one_op_models
from tests.manual.convolutional_models import INT8, INT32

MODELS = 30

Draw = Callable[[np.random.Generator], Graph]

CASES: dict[str, tuple[Draw, int]] = {
    "TRANSPOSE_CONV": (partial(convolutional_models.transpose_convolution, dtype=INT8, bias=INT32), 0),
    "RESIZE_BILINEAR": (partial(one_op_models.resize_bilinear, dtype=INT8), 1),
}
"""Operator -> what draws it, and where its size goes in."""


def of_a_shape(graph: Graph, position: int) -> Graph:
    """The graph with its operator's size as the SHAPE of one more input."""
    (operator,) = graph.operators
    size = graph.tensors[operator.inputs[position]]
    assert size.data is not None
    like = Tensor(index=len(graph.tensors), name="like", shape=tuple(map(int, size.data)), dtype=np.dtype(np.float32))
    shape = Operator(
        index=0,
        name="SHAPE",
        inputs=(like.index,),
        outputs=(size.index,),
        options_type="ShapeOptions",
        options={"out_type": 2},
    )
    tensors = [replace(tensor, data=None) if tensor is size else tensor for tensor in graph.tensors]
    return replace(
        graph,
        tensors=(*tensors, like),
        operators=(shape, replace(operator, index=1)),
        inputs=(*graph.inputs, like.index),
    )


@pytest.mark.runtime
@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize("name", CASES)
def test_every_integer_is_the_runtimes(name: str, kernel_set: str) -> None:
    draw, position = CASES[name]
    if (name, kernel_set) == ("RESIZE_BILINEAR", "micro"):
        graph = of_a_shape(draw(np.random.default_rng(0)), position)
        inputs = random_inputs(np.random.default_rng(0), graph, 2)
        with pytest.raises(RuntimeError):
            difference(graph, inputs, kernel_set)
        return
    for seed in range(MODELS):
        rng = np.random.default_rng(seed)
        graph = of_a_shape(draw(rng), position)
        found = difference(graph, random_inputs(rng, graph, 2), kernel_set)
        assert found.unequal == 0, f"model {seed}: {found}"


@pytest.mark.parametrize("name", CASES)
def test_the_delegate_takes_a_size_that_the_file_holds(name: str) -> None:
    draw, position = CASES[name]
    stored = draw(np.random.default_rng(1))
    rules = {kernels: rule_for(model_of(stored), stored.operators[0], kernels) for kernels in RUNTIMES}
    assert rules["xnnpack"] != rules["optimized"]
    model = model_of(of_a_shape(stored, position))
    whole = model.with_main(with_constants(model.main, folded(model, "xnnpack").constants))
    assert rule_for(whole, model.main.operators[1], "xnnpack") == rules["optimized"]
