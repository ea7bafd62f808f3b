"""Tensors that a delegate leaves unwritten are told from those that it computes."""

import numpy as np
import pytest

from qcompare.audit.one_op import FLOAT32, activation
from qcompare.core.graph import model_of
from qcompare.data.inputs import random_inputs
from qcompare.engines import unwritten as module
from qcompare.engines.unwritten import unwritten
from qcompare.tflite.schema import write
from tests.audit.models import dense_tanh_mul, flattened, float16_weights, joined

pytestmark = pytest.mark.runtime


def first_of(graph):
    return {index: array[0] for index, array in random_inputs(graph, 1, 0).items()}


@pytest.mark.parametrize("kernels", ["reference", "optimized", "xnnpack"])
def test_computed_tensors_are_written(kernels):
    graph = dense_tanh_mul()
    assert unwritten(write(model_of(graph)), first_of(graph), kernels, activations=(3, 4, 5)) == frozenset()


@pytest.mark.parametrize(("kernels", "left"), [("reference", set()), ("optimized", set()), ("xnnpack", {2})])
def test_weights_that_the_delegate_unpacks_itself_are_not(kernels, left):
    graph = float16_weights()
    assert unwritten(write(model_of(graph)), first_of(graph), kernels, activations=(2, 3), constant={2: None}) == left


@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
def test_a_tensor_that_shares_its_memory_with_an_input_is_written(kernels):
    graph = joined(
        activation((1, 6), FLOAT32),
        activation((1, 2, 3), FLOAT32),
        activation((1, 2, 3), FLOAT32),
        operators=(
            ("RESHAPE", (0,), (1,), {"new_shape": [1, 2, 3]}, "ReshapeOptions"),
            ("TANH", (1,), (2,), {}, ""),
        ),
        inputs=(0,),
        outputs=(2,),
    )
    assert unwritten(write(model_of(graph)), first_of(graph), kernels, activations=(1, 2)) == frozenset()


SHAPES = {1: np.array([1, 2, 3], np.int32), 5: np.array(1, np.int32), 7: np.array([1, -1], np.int32)}
"""What the runtime computes of `flattened` when it lays out its memory."""


@pytest.mark.parametrize("kernels", ["reference", "optimized", "xnnpack"])
def test_what_follows_from_shapes_is_left_as_it_is(kernels):
    graph = flattened()
    assert (
        unwritten(write(model_of(graph)), first_of(graph), kernels, activations=(1, 5, 7, 8, 9), constant=SHAPES)
        == frozenset()
    )


def test_a_constant_tensor_that_holds_another_value_is_not_taken_for_settled():
    graph = float16_weights()
    for value in (np.zeros((9, 12), np.float32), graph.tensors[1].data.astype(np.float32)):
        left = unwritten(
            write(model_of(graph)), first_of(graph), "xnnpack", activations=(2, 3), constant={2: value + np.float32(1)}
        )
        assert left == {2}


@pytest.mark.parametrize(
    ("value", "settled"),
    [
        (np.zeros((9, 12), np.float32), False),
        (np.zeros((9, 12), np.int8), False),
        (np.zeros((9, 12), np.int32), True),
        (np.ones((9, 12), np.float32), True),
    ],
)
def test_zeros_that_fresh_memory_holds_anyway_are_not_taken_for_written(value, settled, monkeypatch):
    monkeypatch.setattr(module, "_read", lambda interpreter, index: value.copy())
    model = write(model_of(float16_weights()))
    assert module._settled(model, "xnnpack", {2: value}) == ({2} if settled else set())


def test_a_tensor_that_depends_on_what_it_held_before():
    graph = joined(
        *(activation((1, 9), FLOAT32) for _ in range(3)),
        operators=(("TANH", (0,), (1,), {}, ""), ("TANH", (2,), (2,), {}, "")),
        inputs=(0,),
        outputs=(1, 2),
    )
    assert unwritten(write(model_of(graph)), first_of(graph), "reference", activations=(1, 2)) == {2}
