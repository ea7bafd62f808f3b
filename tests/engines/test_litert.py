"""The LiteRT interpreter, one sample an invocation, state reset before each."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from qcompare.audit.one_op import cases
from qcompare.core.graph import model_of
from qcompare.engines.litert import KERNEL_SETS, run
from qcompare.manual import executor
from qcompare.tflite.schema import read, write
from tests.tflite.graphs import network

pytestmark = pytest.mark.runtime

MODEL = write(model_of(network()))
X = np.random.default_rng(0).integers(-128, 128, (9, 4)).astype(np.int8)


def fused_lstm():
    """(model, an input over the whole int8 range) of one UNIDIRECTIONAL_SEQUENCE_LSTM."""
    case = next(case for case in cases() if case.op == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    graph = case.draw(np.random.default_rng(1))
    (index,) = graph.inputs
    sample = np.random.default_rng(2).integers(-128, 128, graph.tensors[index].shape).astype(np.int8)
    return write(model_of(graph)), index, sample


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_a_fused_lstm_gives_the_same_output_for_the_same_sample_twice(kernels):
    model, index, sample = fused_lstm()
    outputs = run(model, {index: np.stack([sample, -1 - sample, sample])}, kernels).result
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert not np.array_equal(outputs[0], outputs[1])


def test_without_a_reset_it_would_not():
    model, index, sample = fused_lstm()
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    outputs = []
    for _ in range(2):
        interpreter.set_tensor(index, sample)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(read(model).main.outputs[0]))
    assert not np.array_equal(*outputs)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_samples_do_not_depend_on_their_neighbours(kernels):
    whole = run(MODEL, {0: X}, kernels)
    assert whole.output == "out"
    assert whole.result.shape == (9, 3)
    for sample in range(len(X)):
        np.testing.assert_array_equal(run(MODEL, {0: X[sample : sample + 1]}, kernels).result[0], whole.result[sample])


def test_the_batch_dimension_may_stand_or_be_left_out():
    np.testing.assert_array_equal(
        run(MODEL, {0: X}, "reference").result, run(MODEL, {0: X[:, None]}, "reference").result
    )


def test_kept_tensors_are_those_of_the_runtime():
    trace = run(MODEL, {0: X}, "reference", keep=[0, 3, 4])
    assert set(trace.tensors) == {"out", "x", "y", "h"}
    np.testing.assert_array_equal(trace.tensors["x"], X)
    manual = executor.run(read(MODEL), {0: X}, "reference", keep=["y", "h"])
    for name in ("y", "h"):
        assert trace.tensors[name].dtype == np.int8
        np.testing.assert_array_equal(trace.tensors[name], manual.tensors[name])


def test_a_model_that_the_runtime_refuses():
    graph = network()
    broken = type(graph)(
        tensors=graph.tensors,
        operators=(type(graph.operators[0])(index=0, name="FULLY_CONNECTED", inputs=(0, 4), outputs=(3,)),),
        inputs=(0,),
        outputs=(3,),
    )
    with pytest.raises((ValueError, RuntimeError)):
        run(write(model_of(broken)), {0: X}, "reference")
