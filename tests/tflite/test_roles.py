"""Which tap a tensor of a converted model is, told by the tensors' names."""

import numpy as np
import pytest

from qcompare.core.graph import model_of
from qcompare.core.tap import Tap
from qcompare.tflite.builder import Builder
from qcompare.tflite.roles import activation_tap, lstm_taps, places_by_name, taps_before_activations, weight_taps
from tests.tflite.graphs import WEIGHT_OF, named, per_tensor


def index_of(graph, name):
    return graph.tensor(name).index


@pytest.mark.parametrize(
    ("name", "tap"),
    [
        ("recurrent_0/step_0/from_input/MatMul", Tap("recurrent_0/from_input", 0)),
        ("recurrent_1/step_12/h_3/Tanh", Tap("recurrent_1/h", 12)),
        ("recurrent_0/step_3/u_from_state/Add;recurrent_0/step_3/u/Add", Tap("recurrent_0/u", 3)),
        ("model/recurrent_0/step_3/gates/split:2", Tap("recurrent_0/gates", 3)),
        ("recurrent_0/step/h/TANH", Tap("recurrent_0/h")),
        ("dense_0/output/MatMul;dense_0/output/add", Tap("dense_0/output")),
        ("dense_12/output", Tap("dense_12/output")),
        ("sequential/quant_dense_1/MatMul;sequential/quant_dense_1/BiasAdd", Tap("dense_1/output")),
        ("x/UNPACK_3", Tap("x")),
        ("StatefulPartitionedCall:0", None),
        ("", None),
    ],
)
def test_roles_and_steps_in_names(name, tap):
    build = Builder()
    build.activation(name, (1, 2), np.int8, per_tensor(1.0))
    graph = build.graph([], [])
    assert activation_tap(graph, graph.tensors[0]) == tap


@pytest.mark.parametrize(("left_out", "first"), [(True, "h"), (False, "added")])
def test_what_is_added_to_zeros_in_a_grus_first_step_is_its_output(left_out, first):
    build = Builder()
    names = [f"recurrent_1/step_{step}/{name}" for step in (0, 1) for name in ("added/Mul", "h/Add")]
    for name in names:
        if not (left_out and name == "recurrent_1/step_0/h/Add"):
            build.activation(name, (1, 2), np.int8, per_tensor(1.0))
    found = places_by_name(model_of(build.graph([], [])), {})
    assert found[0, 0] == Tap(f"recurrent_1/{first}", 0)
    rest = [Tap("recurrent_1/added", 1), Tap("recurrent_1/h", 1)]
    assert list(found.values())[1:] == rest if left_out else [Tap("recurrent_1/h", 0), *rest]


def test_the_input_has_the_role_x_whatever_its_name():
    build = Builder()
    build.activation("dense_0/output/MatMul", (1, 2), np.int8, per_tensor(1.0))
    graph = build.graph([0], [])
    assert activation_tap(graph, graph.tensors[0]) == Tap("x")


def test_weights_are_told_by_the_product_that_reads_them_and_have_no_step():
    graph = named()
    weights = {1: Tap("recurrent_0/kernel"), 6: Tap("dense_0/kernel")}
    assert weight_taps(graph, WEIGHT_OF) == weights | {2: Tap("recurrent_0/bias")}
    assert weight_taps(graph, {}) == {}


def activated(operator, before, after):
    """The graph of one operator between two tensors of those names."""
    build = Builder()
    x, read, given = (build.activation(name, (1, 2), np.int8, per_tensor(0.1)) for name in ("in", before, after))
    weight = build.constant("weight", np.ones((2, 2), np.int8), per_tensor(0.1))
    build.operator("FULLY_CONNECTED", [x, weight, -1], [read])
    build.operator(operator, [read], [given])
    return build.graph([x], [given])


@pytest.mark.parametrize("operator", ["TANH", "LOGISTIC"])
def test_what_an_activation_reads_is_told_from_what_it_gives(operator):
    graph = activated(operator, "recurrent_0/step_7/h/Add", "recurrent_0/step_7/h/Activation")
    assert taps_before_activations(graph) == {1: Tap("recurrent_0/h_before_activation", 7)}
    places = places_by_name(model_of(graph), {"recurrent_0/h": "recurrent_0/kernel"})
    assert places == {
        (0, 0): Tap("x"),
        (0, 1): Tap("recurrent_0/h_before_activation", 7),
        (0, 2): Tap("recurrent_0/h", 7),
        (0, 3): Tap("recurrent_0/kernel"),
    }


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        ("RELU", "recurrent_0/step_7/h/Add", "recurrent_0/step_7/h/Relu"),
        ("TANH", "recurrent_0/step_7/c/Add", "recurrent_0/step_7/h/Tanh"),
        ("TANH", "recurrent_0/step_6/h/Add", "recurrent_0/step_7/h/Tanh"),
        ("TANH", "one", "two"),
    ],
)
def test_what_another_operator_gave_has_its_own_role(operator, before, after):
    assert taps_before_activations(activated(operator, before, after)) == {}


@pytest.mark.parametrize("layers", [1, 2])
def test_a_fused_lstms_tensors_are_told_by_their_places(layers):
    build = Builder()
    axes = build.constant("axes", np.zeros(1, np.int32))
    told = {}
    for layer in range(layers):
        indices = [build.activation(f"{layer}, {place}", (1, 2), np.int8, per_tensor(0.1)) for place in range(24)]
        h, h_again, last = (
            build.activation(f"{layer}, {name}", (1, 2), np.int8, per_tensor(0.2)) for name in ("h", "again", "last")
        )
        build.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", indices, [h], intermediates=[axes, axes, axes, axes, h_again])
        build.operator("STRIDED_SLICE", [h, axes, axes, axes], [last])
        name = f"recurrent_{layer}"
        for gate, place in zip("ifgo", range(1, 5), strict=True):
            told[indices[place]] = Tap(f"{name}/kernel/{gate}")
            told[indices[place + 4]] = Tap(f"{name}/recurrent_kernel/{gate}")
        told[indices[19]] = Tap(f"{name}/cell_state")
        told |= dict.fromkeys((indices[18], h, h_again, last), Tap(f"{name}/h"))
    graph = build.graph([], [])
    assert lstm_taps(graph) == told
    assert places_by_name(model_of(graph), {}) == {(0, index): tap for index, tap in told.items()}


def test_places_are_of_every_tensor_that_names_tell():
    graph = named()
    places = places_by_name(model_of(graph), WEIGHT_OF)
    assert places == {
        (0, index_of(graph, "serving_default_x:0")): Tap("x"),
        (0, index_of(graph, "tfl.pseudo_qconst")): Tap("recurrent_0/kernel"),
        (0, index_of(graph, "tfl.pseudo_qconst1")): Tap("recurrent_0/bias"),
        (0, index_of(graph, "recurrent_0/step_0/from_input/MatMul;other/add")): Tap("recurrent_0/from_input", 0),
        (0, index_of(graph, "recurrent_0/step_0/h/Add")): Tap("recurrent_0/h_before_activation", 0),
        (0, index_of(graph, "recurrent_0/step_0/h_1/Tanh")): Tap("recurrent_0/h", 0),
        (0, index_of(graph, "tfl.pseudo_qconst2")): Tap("dense_0/kernel"),
        (0, index_of(graph, "dense_0/output/MatMul;dense_0/output/add")): Tap("dense_0/output"),
    }


def test_the_name_of_a_constant_tells_nothing():
    build = Builder()
    build.constant("dense_0/output/MatMul", np.ones((2, 2), np.int8), per_tensor(0.1))
    assert places_by_name(model_of(build.graph([], [])), {}) == {}
