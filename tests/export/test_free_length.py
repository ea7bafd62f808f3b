"""Models of any length: their shapes, their ranges, their integers in every runtime, and their outputs by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.core import lstm
from qcompare.core.engine import EngineId
from qcompare.core.graph import Model
from qcompare.core.method import DYNAMIC, FLOAT16, FLOAT32, Method
from qcompare.engines import litert, micro
from qcompare.engines.latency import Subject, measure
from qcompare.engines.manual import by_hand
from qcompare.engines.sequences import integers
from qcompare.export import convert as export
from qcompare.export.free_length import EVERY_STEP, OUTPUT, apart, free_length
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.lstm import FusedLSTM
from qcompare.models.network import Architecture
from qcompare.tflite import schema
from qcompare.tflite.converter import INTEGER_ENDS, convert_traced, traced
from qcompare.tflite.free_length import LengthError, settled

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

FEATURES, OUTPUTS = 3, 4
LENGTHS = (3, 10, 50)
METHODS = {
    "float32": Method(name=FLOAT32, optimizations="NONE"),
    "float16": Method(name=FLOAT16),
    "dynamic": Method(name=DYNAMIC),
    "int8": INTEGER_ENDS,
}

NETWORK = Architecture(
    cells=(FusedLSTM(units=36), FusedLSTM(units=33)),
    dense_units=(5, OUTPUTS),
    activation="relu",
    steps=8,
    features=FEATURES,
)
"""Wide enough that dynamic range quantizes the weights of both layers."""


@cache
def weights() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    initial = NETWORK.initial_weights(generator)
    return {name: (value + generator.normal(0, 0.2, value.shape)).astype(np.float32) for name, value in initial.items()}


def sequences(lengths: Sequence[int], seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(steps, FEATURES)).astype(np.float32) for steps in lengths]


@cache
def model(method: str) -> bytes:
    found = free_length(NETWORK, weights(), sequences([3, 10, 5, 5, 50, 1] * 4, 1), METHODS[method], every_step=True)
    assert found.note == ""
    return found.model


def fed(content: bytes, given: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Sequences as the model's input holds them."""
    return integers(schema.read(content).main, given)


RAGGED = [*LENGTHS, 10, 10, 1, 50, 3, 7]


@pytest.mark.parametrize("kernels", litert.KERNEL_SETS)
def test_every_integer_is_understood_at_every_length(kernels: str) -> None:
    given = fed(model("int8"), sequences(RAGGED))
    found = litert.run_sequences(model("int8"), given, kernels)
    by_us = by_hand(schema.read(model("int8")), given, kernels)
    for steps, measured, computed in zip(RAGGED, found, by_us, strict=True):
        assert {name: value.shape for name, value in measured.items()} == {
            OUTPUT: (OUTPUTS,),
            EVERY_STEP: (steps, OUTPUTS),
        }
        for name in measured:
            np.testing.assert_array_equal(measured[name], computed[name])
    assert len(np.unique([each[OUTPUT] for each in found], axis=0)) == len(RAGGED)


@pytest.mark.parametrize("kernels", litert.KERNEL_SETS)
@pytest.mark.parametrize("method", METHODS)
def test_neighbours_of_other_lengths_change_nothing(method: str, kernels: str) -> None:
    given = fed(model(method), sequences(RAGGED))
    together = litert.run_sequences(model(method), given, kernels)
    for sequence, found in zip(given, together, strict=True):
        (alone,) = litert.run_sequences(model(method), [sequence], kernels)
        for name in (OUTPUT, EVERY_STEP):
            np.testing.assert_array_equal(alone[name], found[name])


def test_it_is_timed_on_sequences_of_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    run = Interpreter.invoke

    def invoke(interpreter: Interpreter) -> None:
        lengths.append(interpreter.get_input_details()[0]["shape"][1])
        run(interpreter)

    monkeypatch.setattr(Interpreter, "invoke", invoke)
    subject = Subject(content=model("int8"), engine=EngineId.parse("interpreter:xnnpack"), x=sequences(LENGTHS))
    assert measure([subject], rounds=3).shape == (1, 3)
    assert list(dict.fromkeys(lengths)) == list(LENGTHS)


def test_micro_is_fed_step_by_step() -> None:
    given = fed(model("int8"), sequences([3, 10, 10, 1]))
    for sequence, found in zip(given, micro.run_steps(model("int8"), given), strict=True):
        so_far = by_hand(schema.read(model("int8")), [sequence[: step + 1] for step in range(len(sequence))], "micro")
        np.testing.assert_array_equal(found[OUTPUT], [each[OUTPUT] for each in so_far])
        np.testing.assert_array_equal(found[EVERY_STEP][:, 0], so_far[-1][EVERY_STEP])


@pytest.mark.parametrize("method", METHODS)
def reals(content: bytes, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs by name as real numbers."""
    tensors = schema.read(content).main.tensors
    grids = {name: tensors[index].integers for name, index in schema.read(content).outputs.items()}
    return {
        name: value if (grid := grids[name]) is None else grid.dequantize(value, value.ndim)
        for name, value in outputs.items()
    }


@pytest.mark.parametrize(
    ("method", "tolerance"), [("float32", 1e-5), ("float16", 1e-3), ("dynamic", 0.05), ("int8", 0.05)]
)
def test_it_is_the_trained_network_at_every_length(method: str, tolerance: float) -> None:
    given, content = sequences(RAGGED), model(method)
    rounding = Unrounded({**weights(), **NETWORK.constants()})
    found = litert.run_sequences(content, fed(content, given), "xnnpack")
    for sequence, outputs in zip(given, found, strict=True):
        expected = NETWORK.forward(FloatOps(rounding), tf.constant(sequence[np.newaxis])).numpy()[0]
        values = reals(content, outputs)
        np.testing.assert_allclose(values[EVERY_STEP][-1], expected, atol=tolerance)
        if np.abs(expected).max() < 0.35:  # The calibration sequences end with no larger output.
            np.testing.assert_allclose(values[OUTPUT], expected, atol=tolerance)


def test_shapes_are_those_that_litert_allocates() -> None:
    interpreter = Interpreter(
        model_content=model("int8"), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    given = interpreter.get_input_details()[0]["index"]
    for steps in (*LENGTHS, 1):
        interpreter.resize_tensor_input(given, (1, steps, FEATURES), strict=True)
        interpreter.allocate_tensors()
        allocated = {each["index"]: tuple(map(int, each["shape"])) for each in interpreter.get_tensor_details()}
        for tensor in settled(schema.read(model("int8")), steps).main.tensors:
            assert tensor.shape == allocated[tensor.index], tensor.name


def test_a_fixed_length_is_not_settled() -> None:
    fixed = export.ptq_fused(NETWORK, weights(), np.stack(sequences([8] * 4)), INTEGER_ENDS).model
    with pytest.raises(LengthError, match="length None"):
        settled(schema.read(fixed), 8)


def scales(found: Model) -> list[float]:
    """Of the cells, of h and of the outputs."""
    layers = [operator for operator in found.main.operators if operator.name == lstm.OPERATOR]
    indices = [index for each in layers for index in (each.inputs[lstm.CELL], *each.outputs)]
    return [float(found.main.tensors[index].scale) for index in (*indices, *found.main.outputs)]


def calibrated(samples: list[np.ndarray]) -> list[float]:
    """The scales of a network that forgets nothing, with the samples in the order in which they are given."""
    network = {name: value.copy() for name, value in weights().items()}
    for index, cell in enumerate(NETWORK.cells):
        network[f"recurrent_{index}/bias"][cell.units : 2 * cell.units] = 5.0
    return scales(schema.read(free_length(NETWORK, network, samples, INTEGER_ENDS).model))


def test_ranges_are_those_of_sequences_that_begin_with_zeros() -> None:
    (sample,) = sequences([6], 2)
    once = calibrated([sample])
    assert calibrated([sample] * 20) == once


def test_the_calibrator_would_carry_the_state_on(monkeypatch: pytest.MonkeyPatch) -> None:
    (sample,) = sequences([6], 2)
    monkeypatch.setattr("qcompare.export.free_length.apart", list)
    once, carried = calibrated([sample]), calibrated([sample] * 20)
    assert carried[0] >= 4 * once[0]
    # Another length before it is a reset.
    assert calibrated([sample[:-1], sample] * 10) == calibrated([sample[:-1], sample])


@pytest.mark.parametrize("lengths", [[5], [5, 5], [1, 1], [5, 3, 5, 3, 3, 5, 4, 4, 4, 4], [2, 1, 1, 2, 2, 2]])
def test_no_neighbours_have_one_length(lengths: list[int]) -> None:
    given = sequences(lengths)
    order = apart(given)
    assert all(len(a) != len(b) for a, b in pairwise(order))
    assert all(any(each is sequence for each in order) for sequence in given)


@pytest.mark.parametrize("kernels", litert.KERNEL_SETS)
def test_zeros_in_front_change_no_integer_without_biases(kernels: str) -> None:
    """The state is zero until the first own step; with biases it is not."""
    recurrent_biases = [name for name in weights() if name.startswith("recurrent") and name.endswith("/bias")]
    unbiased = weights() | {name: np.zeros_like(weights()[name]) for name in recurrent_biases}
    given = sequences([3, 10, 7])
    padded = [np.pad(sequence, ((4, 0), (0, 0))) for sequence in given]
    for network, same in ((unbiased, True), (weights(), False)):
        content = free_length(NETWORK, network, sequences([3, 10, 5] * 4, 1), INTEGER_ENDS).model
        found, behind = (litert.run_sequences(content, fed(content, each), kernels) for each in (given, padded))
        equal = [np.array_equal(a[OUTPUT], b[OUTPUT]) for a, b in zip(found, behind, strict=True)]
        assert all(equal) if same else not any(equal)


def test_exits_of_every_layer_are_told_apart() -> None:
    """A network of a user's with an exit behind each layer, whose names do not stand in the order of its outputs."""
    layers = tf_keras.layers
    x = layers.Input((None, FEATURES), batch_size=1)
    first = layers.LSTM(6, return_sequences=True)(x)
    second = layers.LSTM(5, return_sequences=True)(first)
    exits = {"z_early": layers.Dense(2)(first[:, -1]), "a_late": layers.Dense(3)(second[:, -1])}
    network = tf_keras.Model(x, exits)
    generator = np.random.default_rng(5)
    network.set_weights([generator.normal(0, 0.5, value.shape) for value in network.get_weights()])
    module = tf.Module()
    module.held = network.weights
    function = traced(lambda value: network(value, training=False), (None, FEATURES))
    given = sequences([3, 10, 10, 50])
    content = convert_traced(function, apart(given), INTEGER_ENDS, module).model
    fed_with = fed(content, given)
    for kernels in litert.KERNEL_SETS:
        found = litert.run_sequences(content, fed_with, kernels)
        assert [{name: value.shape for name, value in each.items()} for each in found] == [
            {"z_early": (2,), "a_late": (3,)}
        ] * len(given)
        for measured, computed in zip(found, by_hand(schema.read(content), fed_with, kernels), strict=True):
            for name, value in measured.items():
                np.testing.assert_array_equal(value, computed[name])
    for sequence, outputs in zip(given, litert.run_sequences(content, fed_with, "xnnpack"), strict=True):
        values = reals(content, outputs)
        for name, expected in network(sequence[np.newaxis]).items():
            np.testing.assert_allclose(values[name], expected[0], atol=0.1)
