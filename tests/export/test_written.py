"""Learned parameters read back from the model that they were written into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from qcompare.analysis.figures import to_integers, to_reals
from qcompare.analysis.parameters import rows
from qcompare.analysis.result import Result
from qcompare.core.graph import Graph, Tensor, model_of
from qcompare.core.layers import DIRECTIONS
from qcompare.core.tap import Tap
from qcompare.engines.runtimes import RUNTIMES
from qcompare.export import convert as export
from qcompare.export.loop import loop_model
from qcompare.export.written import WrittenModel, written_model
from qcompare.manual import executor
from qcompare.manual.rules import KERNEL_SETS
from qcompare.models.bidirectional import Bidirectional
from qcompare.models.gru import GRUCell
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, Cell, OneWay
from qcompare.models.ops import CELL_CLIP
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.tflite import schema
from qcompare.tflite.artifact import Artifact, Built
from qcompare.tflite.converter import INTEGER_DTYPES, INTEGER_ENDS, Converted, checked
from qcompare.tflite.roles import places_by_name
from qcompare.training.calibrate import calibrate, together
from qcompare.training.learned import TrainedQat, learned_scales
from qcompare.training.number_format import INT16X8
from qcompare.training.qat import evaluate
from tests.training.random_networks import Network, fused_network

pytestmark = pytest.mark.runtime


@pytest.fixture(scope="module")
def network() -> Network:
    return fused_network(np.random.default_rng(8), steps=5, layers=2)


@pytest.fixture(scope="module")
def graph(network: Network) -> Graph:
    return schema.read(written_model(network.architecture, network.weights, network.ranges).model).main


def activation(low: np.float32, high: np.float32) -> tuple[np.float32, int]:
    scale = (np.float64(high) - np.float64(low)) / 255
    return np.float32(scale), int(np.clip(np.floor(-128 - np.float64(low) / scale + 0.5), -128, 127))


def check_activation(tensor: Tensor, low_high: np.ndarray) -> None:
    scale, zero_point = activation(*low_high)
    assert tensor.scale.view(np.int32) == scale.view(np.int32)
    assert tensor.zero_point == zero_point


def check_weight(tensor: Tensor, weight: np.ndarray, axis: int | None) -> np.ndarray:
    """weight [inputs, units]; axis: None for one scale, 0 for one a unit. Returns the scales."""
    scale = (np.abs(weight).max(axis=axis).astype(np.float64) / 127).astype(np.float32).reshape(-1)
    assert tensor.grid is not None
    np.testing.assert_array_equal(tensor.grid.scale.view(np.int32), scale.view(np.int32))
    assert not tensor.grid.zero_point.any()
    np.testing.assert_array_equal(tensor.data, np.rint(weight.T.astype(np.float64) / scale[:, None].astype(np.float64)))
    return scale


def check_bias(tensor: Tensor, bias: np.ndarray, x: Tensor, scale: np.ndarray) -> None:
    expected = np.rint(bias.astype(np.float64) / (np.float64(x.scale) * scale.astype(np.float64)))
    np.testing.assert_array_equal(tensor.data, expected)
    assert tensor.grid is not None
    np.testing.assert_array_equal(tensor.grid.scale, x.scale * scale)


def test_every_learned_parameter_of_the_lstm_layers(network: Network, graph: Graph) -> None:
    lstms = [operator for operator in graph.operators if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert len(lstms) == 2
    check_activation(graph.tensors[graph.inputs[0]], network.ranges["x"])
    for layer, operator in enumerate(lstms):
        name = f"recurrent_{layer}"
        tensors = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
        parts = {part: network.weights[f"{name}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")}
        units = len(parts["bias"]) // 4
        for gate in range(4):
            columns = slice(gate * units, (gate + 1) * units)
            scale = check_weight(tensors[1 + gate], parts["kernel"][:, columns], None)
            check_weight(tensors[5 + gate], parts["recurrent_kernel"][:, columns], None)
            check_bias(tensors[12 + gate], parts["bias"][columns], tensors[0], scale)
        h = [tensors[18], graph.tensors[operator.intermediates[4]], graph.tensors[operator.outputs[0]]]
        if layer == 1:
            h.append(graph.tensors[graph.operators[2].outputs[0]])
        for tensor in h:
            check_activation(tensor, network.ranges[f"{name}/h"])
        assert tensors[19].scale == -network.ranges[f"{name}/cell_state"][0] / 32768
        assert (tensors[19].zero_point, tensors[19].dtype) == (0, np.int16)
        assert operator.options["cell_clip"] == CELL_CLIP


def test_every_learned_parameter_of_the_head(network: Network, graph: Graph) -> None:
    heads = [operator for operator in graph.operators if operator.name == "FULLY_CONNECTED"]
    assert len(heads) == len(network.architecture.dense_units)
    for layer, operator in enumerate(heads):
        x, weight, bias = (graph.tensors[index] for index in operator.inputs)
        scale = check_weight(weight, network.weights[f"dense_{layer}/kernel"], 0)
        check_bias(bias, network.weights[f"dense_{layer}/bias"], x, scale)
        check_activation(graph.tensors[operator.outputs[0]], network.ranges[f"dense_{layer}/output"])


def test_operators_and_dtypes_are_those_of_the_converter(network: Network, graph: Graph) -> None:
    """The converter's own model of the same network differs in numbers and names only."""
    converted = export.ptq_fused(network.architecture, network.weights, network.samples[:2], INTEGER_ENDS)
    assert converted.note == ""
    theirs = schema.read(converted.model).main
    for ours, other in zip(graph.operators, theirs.operators, strict=True):
        assert (ours.name, ours.version, ours.options) == (other.name, other.version, other.options)
        pairs = zip(
            (*ours.inputs, *ours.outputs, *ours.intermediates),
            (*other.inputs, *other.outputs, *other.intermediates),
            strict=True,
        )
        for mine, its in pairs:
            assert (mine < 0) == (its < 0)
            if mine >= 0:
                a, b = graph.tensors[mine], theirs.tensors[its]
                assert (a.shape, a.dtype, a.variable, a.data is None) == (b.shape, b.dtype, b.variable, b.data is None)
                if a.grid is None and a.data is not None:
                    np.testing.assert_array_equal(a.data, b.data)


def test_all_tensors_are_integers(graph: Graph) -> None:
    used = {i for operator in graph.operators for i in (*operator.inputs, *operator.outputs) if i >= 0}
    assert {graph.tensors[index].dtype.name for index in used} <= set(INTEGER_DTYPES)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_the_model_runs_and_the_manual_engine_equals_it(graph: Graph, kernels: str) -> None:
    rng = np.random.default_rng(9)
    x = graph.tensors[graph.inputs[0]]
    inputs = {x.index: rng.integers(-128, 128, (50, *x.shape[1:])).astype(np.int8)}
    theirs = RUNTIMES[kernels].run(schema.write(model_of(graph)), inputs).result
    np.testing.assert_array_equal(executor.run(model_of(graph), inputs, kernels).result, theirs)


CELLS: dict[str, tuple[Cell, ...]] = {
    "dense": (),
    "simple_rnn": (SimpleRNNCell(units=7, activation="tanh"),),
    "simple_rnn relu": (SimpleRNNCell(units=5, activation="relu"), SimpleRNNCell(units=4, activation="sigmoid")),
    "lmu": (LMUCell(units=6, order=4, theta=3.0, activation="tanh"),),
    "lstm": (LSTMCell(units=5), LSTMCell(units=3)),
    "gru": (GRUCell(units=5), GRUCell(units=3)),
    "gru reset before": (GRUCell(units=5, reset_after=False),),
}


def both_ways(*cells: OneWay) -> tuple[Cell, ...]:
    return tuple(Bidirectional(forward=cell, backward=cell) for cell in cells)


BOTH_WAYS: dict[str, tuple[Cell, ...]] = {
    "fused": (*both_ways(FusedLSTM(units=4)), FusedLSTM(units=5), *both_ways(FusedLSTM(units=3))),
    "gru": (*both_ways(GRUCell(units=4)), GRUCell(units=5), *both_ways(GRUCell(units=3, reset_after=False))),
    "simple_rnn": both_ways(SimpleRNNCell(units=5, activation="relu"), SimpleRNNCell(units=4, activation="tanh")),
}


def random_network(cells: tuple[Cell, ...], *, return_sequences: bool = False) -> Network:
    rng = np.random.default_rng(10)
    architecture = Architecture(
        cells=cells,
        dense_units=(6, 4),
        activation="relu",
        steps=3,
        features=5,
        return_sequences=return_sequences,
    )
    weights = {
        name: rng.normal(0, 0.6, value.shape).astype(np.float32)
        for name, value in architecture.initial_weights(rng).items()
    }
    samples = rng.normal(0, 1, (200, 3, 5)).astype(np.float32)
    ranges = calibrate(architecture, weights, samples[:20])
    return Network(architecture=architecture, weights=weights, ranges=ranges, samples=samples)


def outputs(model: bytes, samples: np.ndarray, kernels: str) -> np.ndarray:
    graph = schema.read(model).main
    x = graph.tensors[graph.inputs[0]]
    return RUNTIMES[kernels].run(model, {x.index: to_integers(samples, x.grid).astype(x.dtype)}).result


def written_of(architecture: Architecture, trained: TrainedQat) -> Converted:
    return checked(written_model(architecture, trained.weights, trained.ranges, trained.number_format).model)


def loop_of(architecture: Architecture, trained: TrainedQat) -> Converted:
    return checked(loop_model(architecture, trained.weights, trained.ranges, trained.number_format).model)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("cells", CELLS.values(), ids=list(CELLS))
def test_unrolled_networks_give_the_integers_of_the_converters_model(cells: tuple[Cell, ...], kernels: str) -> None:
    network = random_network(cells)
    trained = TrainedQat(weights=network.weights, ranges=network.ranges)
    converted, written = (kind(network.architecture, trained) for kind in (export.aligned, written_of))
    assert converted.note == written.note == ""
    np.testing.assert_array_equal(
        outputs(written.model, network.samples, kernels), outputs(converted.model, network.samples, kernels)
    )


@pytest.mark.parametrize(
    "cells",
    [*CELLS.values(), BOTH_WAYS["gru"], BOTH_WAYS["simple_rnn"]],
    ids=[*CELLS, "gru both ways", "simple_rnn both ways"],
)
def test_16_bit_networks_are_near_their_fake_quantization_and_equal_to_the_manual_engine(
    cells: tuple[Cell, ...],
) -> None:
    network = random_network(cells)
    trained = TrainedQat(weights=network.weights, ranges=network.ranges, number_format=INT16X8)
    written = written_of(network.architecture, trained)
    assert written.note == ""
    model = schema.read(written.model)
    graph = model.main
    used = [i for operator in graph.operators for i in (*operator.inputs, *operator.outputs) if i >= 0]
    assert {graph.tensors[i].dtype.name for i in used} <= {"int16", "int8", "int32", "int64"}
    assert all(graph.tensors[i].data is not None for i in used if graph.tensors[i].dtype != np.int16)
    y = graph.tensors[graph.outputs[0]]
    fake = evaluate(network.architecture, trained, network.samples)
    low, high = network.ranges["dense_1/output"]
    assert y.scale == np.float32(max(-np.float64(low), np.float64(high)) / 32767)
    for kernels in KERNEL_SETS:
        theirs = outputs(written.model, network.samples, kernels)
        x = graph.tensors[graph.inputs[0]]
        fed = {x.index: to_integers(network.samples, x.grid).astype(np.int16)}
        np.testing.assert_array_equal(executor.run(model, fed, kernels).result, theirs)
        gap = np.abs(fake / y.scale - theirs)
        assert gap.max() <= 40
        assert np.median(gap) <= 4


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize(
    "cells",
    [(FusedLSTM(units=4), FusedLSTM(units=6)), (LSTMCell(units=5),), (SimpleRNNCell(units=5, activation="relu"),)],
    ids=["fused", "unrolled lstm", "simple_rnn"],
)
def test_a_head_on_every_step(cells: tuple[Cell, ...], kernels: str) -> None:
    network = random_network(cells, return_sequences=True)
    assert network.weights["dense_0/kernel"].shape[0] == 3 * cells[-1].units
    trained = TrainedQat(weights=network.weights, ranges=network.ranges, kernels=kernels, exact=True)
    written = written_of(network.architecture, trained)
    graph = schema.read(written.model).main
    y = graph.tensors[graph.outputs[0]]
    exact = evaluate(network.architecture, trained, network.samples)
    theirs = outputs(written.model, network.samples, kernels)
    np.testing.assert_array_equal(to_integers(exact, y.grid), theirs)
    fused = isinstance(cells[0], FusedLSTM)
    if kernels == "reference":
        ptq = export.ptq_fused if fused else export.ptq
        converted = ptq(network.architecture, network.weights, network.samples[:20], INTEGER_ENDS)
        real = evaluate(network.architecture, replace(trained, exact=False), network.samples)
        ours = outputs(converted.model, network.samples, kernels)
        other = schema.read(converted.model).main
        grid = other.tensors[other.outputs[0]].grid
        assert np.corrcoef(to_reals(ours, grid).ravel(), real.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("cells", BOTH_WAYS.values(), ids=list(BOTH_WAYS))
def test_layers_that_read_both_ways_give_the_integers_that_were_trained(cells: tuple[Cell, ...], every: bool) -> None:
    network = random_network(cells, return_sequences=every)
    first, second = (network.ranges[f"recurrent_0/{direction}/h"] for direction in DIRECTIONS)
    np.testing.assert_array_equal(first, second)
    trained = TrainedQat(weights=network.weights, ranges=network.ranges, exact=True)
    written = written_of(network.architecture, trained)
    assert written.note == ""
    model = schema.read(written.model)
    graph = model.main
    x, y = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    fed = {x.index: to_integers(network.samples, x.grid).astype(np.int8)}
    for kernels in KERNEL_SETS:
        theirs = outputs(written.model, network.samples, kernels)
        np.testing.assert_array_equal(executor.run(model, fed, kernels).result, theirs)
        exact = evaluate(network.architecture, replace(trained, kernels=kernels), network.samples)
        np.testing.assert_array_equal(to_integers(exact, y.grid), theirs)
        assert np.unique(theirs).size > 20
    places = written_model(network.architecture, network.weights, network.ranges).places
    learned, _ = learned_scales(network.architecture, trained)
    assert set(learned) <= {tap.role for tap in places.values()}


def test_a_range_is_shared_by_both_directions_outputs_and_by_nothing_else() -> None:
    ranges = {
        "recurrent_0/forward/h": np.array([-1.0, 2.0]),
        "recurrent_0/backward/h": np.array([-3.0, 1.0]),
        "recurrent_0/backward/kept": np.array([-4.0, 5.0]),
        "recurrent_1/h": np.array([-6.0, 7.0]),
    }
    found = {role: np.asarray(ends).tolist() for role, ends in together(ranges).items()}
    shared = {f"recurrent_0/{direction}/h": [-3.0, 2.0] for direction in DIRECTIONS}
    assert found == {**shared, "recurrent_0/backward/kept": [-4.0, 5.0], "recurrent_1/h": [-6.0, 7.0]}


@pytest.mark.parametrize("name", [name for name in CELLS if name != "dense"])
def test_a_loop_gives_the_integers_of_the_unrolled_network(name: str) -> None:
    network = random_network(CELLS[name])
    trained = TrainedQat(weights=network.weights, ranges=network.ranges)
    unrolled, loop = (kind(network.architecture, trained) for kind in (written_of, loop_of))
    assert loop.note == ""
    model = schema.read(loop.model)
    graph = model.main
    assert "WHILE" in {operator.name for operator in graph.operators}
    x = graph.tensors[graph.inputs[0]]
    fed = {x.index: to_integers(network.samples, x.grid).astype(np.int8)}
    for kernels in KERNEL_SETS:
        theirs = outputs(loop.model, network.samples, kernels)
        np.testing.assert_array_equal(theirs, outputs(unrolled.model, network.samples, kernels))
        np.testing.assert_array_equal(executor.run(model, fed, kernels).result, theirs)


def test_a_loop_does_not_grow_with_the_number_of_steps() -> None:
    short = random_network(CELLS["lstm"])
    long = replace(short.architecture, steps=300)
    sizes = [
        len(loop_model(architecture, short.weights, short.ranges).model) for architecture in (short.architecture, long)
    ]
    assert sizes[0] == sizes[1]


def test_every_learned_parameter_stands_in_a_loop() -> None:
    network = random_network(CELLS["lstm"])
    trained = TrainedQat(weights=network.weights, ranges=network.ranges)
    learned, _ = learned_scales(network.architecture, trained)
    loop = loop_model(network.architecture, network.weights, network.ranges)
    built = Built(content=loop.model, places=loop.places, learned={Tap(role): grid for role, grid in learned.items()})
    artifacts = {"qat": Artifact(route="qat", built=built)}
    result = Result(configuration="", seed=0, classification=True, comparisons=(), artifacts=artifacts, traces={})
    found = list(rows(result))
    assert set(learned) <= {row.where.tap for row in found}
    assert all(row.exact for row in found if row.exact is not None)
    names = [(row.where.tensor, row.channel) for row in found]
    assert len(names) == len(set(names))


def unrolled(network: Network) -> WrittenModel:
    return written_model(network.architecture, network.weights, network.ranges)


def sixteen_bits(network: Network) -> WrittenModel:
    return written_model(network.architecture, network.weights, network.ranges, INT16X8)


def looped(network: Network) -> WrittenModel:
    return loop_model(network.architecture, network.weights, network.ranges)


FUSED: tuple[Cell, ...] = (FusedLSTM(units=4), FusedLSTM(units=6))
WRITTEN: list[tuple[Callable[[Network], WrittenModel], tuple[Cell, ...], bool]] = [
    (unrolled, FUSED, False),
    (unrolled, FUSED, True),
    *((kind, cells, False) for kind in (unrolled, sixteen_bits) for cells in CELLS.values()),
    *((kind, CELLS["lstm"], True) for kind in (unrolled, sixteen_bits)),
    *((looped, cells, False) for cells in CELLS.values() if cells),
]
"""How a model is written, of which cells, and whether its head reads every step."""


@pytest.mark.parametrize(("kind", "cells", "every"), WRITTEN)
def test_taps_come_with_the_model_and_are_those_that_names_tell(
    kind: Callable[[Network], WrittenModel], cells: tuple[Cell, ...], every: bool
) -> None:
    network = random_network(cells, return_sequences=every)
    written = kind(network)
    trained = TrainedQat(weights=network.weights, ranges=network.ranges)
    learned, weight_of = learned_scales(network.architecture, trained)
    model = schema.read(written.model)
    told = {
        (number, index): tap.role
        for (number, index), tap in places_by_name(model, weight_of).items()
        if model.graphs[number].tensors[index].dtype in (np.int8, np.int16)
    }
    assert {place: tap.role for place, tap in written.places.items()} == told
    assert set(learned) <= set(told.values())


def steps_of(written: WrittenModel, role: str) -> dict[str, int | None]:
    """Tensor's name -> time step, of the tensors of a role."""
    graphs = schema.read(written.model).graphs
    return {
        graphs[number].tensors[index].name: tap.step
        for (number, index), tap in written.places.items()
        if tap.role == role
    }


def test_taps_of_unrolled_layers_have_their_time_step() -> None:
    written = unrolled(random_network(CELLS["lstm"]))
    assert steps_of(written, "recurrent_1/h") == {f"recurrent_1/step_{step}/h/MUL": step for step in range(3)}
    assert steps_of(written, "x") == {"x": None, **{f"x/UNPACK_{step}": step for step in range(3)}}
    assert steps_of(written, "recurrent_0/kernel") == {"recurrent_0/kernel": None}
    assert set(steps_of(written, "dense_0/output").values()) == {None}


def test_taps_of_a_fused_layer_stand_for_all_time_steps_but_for_the_one_cut_out() -> None:
    written = unrolled(random_network(FUSED))
    names = ("h_state", "h_intermediate", "h")
    assert steps_of(written, "recurrent_0/h") == {f"recurrent_0/{name}": None for name in names}
    assert steps_of(written, "recurrent_1/h") == {f"recurrent_1/{name}": None for name in names} | {"last_step": 2}
    assert steps_of(written, "recurrent_0/kernel/f") == {"recurrent_0/input_to_forget": None}


def test_taps_of_a_loop_have_the_last_time_step_where_it_ends() -> None:
    written = looped(random_network(CELLS["simple_rnn"]))
    assert steps_of(written, "recurrent_0/h") == {
        "recurrent_0/step/h/LAST_0": 2,
        "recurrent_0/step/h/TESTED_0": None,
        "recurrent_0/step/h/BEFORE_0": None,
        "recurrent_0/step/h/TANH": None,
    }


def test_a_fused_layer_is_no_loop() -> None:
    with pytest.raises(ValueError, match="a fused layer has none"):
        looped(random_network(FUSED))
