"""The micro engine: TensorFlow Lite Micro sample by sample, its refusals as one line."""

import os
import sys

import numpy as np
import pytest

from qcompare.audit.one_op import FLOAT32, activation, cases, one_op
from qcompare.core.graph import model_of
from qcompare.data.inputs import random_inputs
from qcompare.engines import micro
from qcompare.manual.executor import run as run_by_hand
from qcompare.tflite.schema import write
from tests.audit.models import dense_tanh_mul

pytestmark = pytest.mark.runtime


def test_every_tensor_equals_the_manual_engines():
    graph = dense_tanh_mul()
    inputs = random_inputs(graph, 40, 0)
    found = micro.run(write(model_of(graph)), inputs, keep=(3, 4))
    by_hand = run_by_hand(model_of(graph), inputs, "micro", keep="all")
    assert found.output == "t5"
    assert set(found.tensors) == {"t3", "t4", "t5"}
    for name, values in found.tensors.items():
        assert values.shape == (40, 9)
        assert values.dtype == np.int8
        assert (values == by_hand.tensors[name]).all()


def test_keeping_tensors_does_not_change_the_output():
    graph = dense_tanh_mul()
    inputs = random_inputs(graph, 40, 0)
    assert (
        micro.run(write(model_of(graph)), inputs).result
        == micro.run(write(model_of(graph)), inputs, keep=(3, 4)).result
    ).all()


def test_inputs_with_or_without_the_batch():
    graph = dense_tanh_mul()
    inputs = random_inputs(graph, 5, 0)
    without = {0: inputs[0][:, 0]}
    assert (micro.run(write(model_of(graph)), inputs).result == micro.run(write(model_of(graph)), without).result).all()


@pytest.mark.parametrize("op", ["UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF"])
def test_state_is_reset_before_each_sample(op):
    graph = next(case for case in cases() if case.op == op).draw(np.random.default_rng(0))
    inputs = random_inputs(graph, 6, 0)
    backwards = {index: array[::-1] for index, array in inputs.items()}
    forth = micro.run(write(model_of(graph)), inputs).result
    assert (forth == micro.run(write(model_of(graph)), backwards).result[::-1]).all()
    assert len(np.unique(forth, axis=0)) > 1


def test_several_inputs_go_where_they_belong():
    graph = next(case for case in cases() if case.op == "SUB").draw(np.random.default_rng(0))
    inputs = random_inputs(graph, 6, 0)
    assert (
        micro.run(write(model_of(graph)), inputs).result == run_by_hand(model_of(graph), inputs, "micro").result
    ).all()


@pytest.mark.parametrize("slack", [0, 4, 8, 24, 4096])
def test_the_arena_is_what_the_runtime_says_whatever_it_is_given(slack, monkeypatch):
    """Printed: the sum of its head and its tail. The ends of an arena of any size would be aligned at its cost."""
    graph = dense_tanh_mul()
    content, inputs = write(model_of(graph)), random_inputs(graph, 2, 0)
    taken = micro.run(content, inputs).arena_bytes
    assert taken is not None
    # Activations in turn, in the head; a structure of each tensor and operator, in the tail.
    assert 24 * len(graph.tensors) < taken < 16 << 10
    monkeypatch.setattr(micro, "ARENA_SLACK", micro.ARENA_SLACK + slack)
    assert micro.run(content, inputs).arena_bytes == taken
    assert micro.run(content, inputs, keep=(3,)).arena_bytes is None


def test_a_missing_package_is_one_line(monkeypatch):
    graph = dense_tanh_mul()
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    with pytest.raises(micro.MicroUnavailableError, match="pip install tflite-micro"):
        micro.run(write(model_of(graph)), random_inputs(graph, 1, 0))


def test_a_refused_model_is_one_line_with_the_runtimes_reason(capfd):
    sides = [activation((1, 4), FLOAT32), activation((1, 4), FLOAT32)]
    graph = one_op("ATAN2", sides, [activation((1, 4), FLOAT32)])
    with pytest.raises(micro.MicroUnavailableError) as caught:
        micro.run(write(model_of(graph)), random_inputs(graph, 1, 0))
    assert str(caught.value).startswith("TensorFlow Lite Micro refuses the model: ")
    assert "ATAN2" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert capfd.readouterr().err == ""
    # Standard error is where it was.
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
