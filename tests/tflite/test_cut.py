"""An operator cut out of a model computes what it computes within it."""

import numpy as np
import pytest

from qcompare.audit.one_op import cases
from qcompare.core.graph import model_of
from qcompare.data.inputs import random_inputs
from qcompare.engines import litert as interpreter
from qcompare.tflite.cut import cut
from qcompare.tflite.schema import read, write
from tests.audit.models import dense_tanh_mul
from tests.loops import recurrent


@pytest.mark.runtime
@pytest.mark.parametrize(
    ("operator", "inputs", "output"), [(0, ("t0",), "t3"), (1, ("t3",), "t4"), (2, ("t4", "t3"), "t5")]
)
def test_a_cut_operator_computes_the_same(operator, inputs, output):
    graph = dense_tanh_mul()
    whole = interpreter.run(write(model_of(graph)), random_inputs(graph, 20, 0), "optimized", keep=(0, 3, 4, 5))
    model = cut(write(model_of(graph)), operator)
    alone = read(model).main
    assert [alone.tensors[index].name for index in alone.inputs] == list(inputs)
    assert len(alone.operators) == 1
    given = {index: whole.tensors[name] for index, name in zip(alone.inputs, inputs, strict=True)}
    assert (interpreter.run(model, given, "optimized").tensors[output] == whole.tensors[output]).all()


def test_constants_options_and_scales_come_along():
    graph = dense_tanh_mul()
    alone = read(cut(write(model_of(graph)), 0)).main
    for tensor in alone.tensors:
        whole = graph.tensor(tensor.name)
        assert tensor.shape == whole.shape
        assert tensor.grid.scale.tolist() == whole.grid.scale.tolist()
        assert tensor.grid.zero_point.tolist() == whole.grid.zero_point.tolist()
        assert np.array_equal(tensor.data, whole.data)
    assert alone.operators[0].options["fused_activation_function"] == "NONE"


@pytest.mark.runtime
def test_variables_stay_variables():
    graph = next(case for case in cases() if case.op == "UNIDIRECTIONAL_SEQUENCE_LSTM").draw(np.random.default_rng(0))
    alone = read(cut(write(model_of(graph)), 0))
    assert len(alone.main.inputs) == 1
    inputs = random_inputs(graph, 4, 0)
    found = interpreter.run(write(alone), {alone.main.inputs[0]: inputs[0]}, "reference").result
    assert (found == interpreter.run(write(model_of(graph)), inputs, "reference").result).all()


@pytest.mark.runtime
def test_a_loop_takes_its_subgraphs_along():
    model = recurrent(classes=3)
    inputs = random_inputs(model.main, 20, 0)
    loop, dense = (read(cut(write(model), operator)) for operator in (0, 1))
    assert (len(loop.graphs), len(dense.graphs)) == (3, 1)
    (hidden,) = (dense.main.tensors[index].name for index in dense.main.inputs)
    whole = interpreter.run(write(model), inputs, "optimized", keep=(model.main.tensor(hidden).index,))
    given = {loop.main.inputs[0]: inputs[0]}
    alone = interpreter.run(write(loop), given, "optimized", keep=loop.main.outputs[2:])
    assert (alone.tensors[hidden] == whole.tensors[hidden]).all()
    given = {dense.main.inputs[0]: whole.tensors[hidden]}
    assert (interpreter.run(write(dense), given, "optimized").result == whole.result).all()
