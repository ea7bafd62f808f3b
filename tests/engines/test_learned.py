"""The network with the parameters that training learned, against plain NumPy and the networks that were trained."""

from dataclasses import replace

import numpy as np
import pytest

from qcompare.core.engine import DEQUANTIZED, LEARNED
from qcompare.core.function import Function
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.tap import OUTPUT, Tap
from qcompare.engines.engine import answer
from qcompare.engines.learned import LearnedEngine, learned_model
from qcompare.engines.manual import ManualEngine
from qcompare.export import trained as export
from qcompare.tflite.artifact import Artifact, Built
from qcompare.training import qat_network, tfmot_network
from qcompare.training.calibrate import calibrate
from qcompare.training.float_network import architecture_of

ENGINE = LearnedEngine()
STEPS, FEATURES = 3, 2
X = np.random.default_rng(8).normal(size=(200, STEPS, FEATURES)).astype(np.float32)


def network_of(model, evaluate, seed=0, *, per_channel=True):
    """A network of random weights and biases, calibrated on X."""
    generator = np.random.default_rng(seed)
    simulation = {"kernels": "reference", "exact": False, "number_format": "int8", "per_channel": per_channel}
    described = {"activation": "linear", "head": (), "return_sequences": False, "use_bias": True} | model
    empty = Network(model=described, steps=STEPS, features=FEATURES, outputs=3, weights={}, evaluate=evaluate)
    architecture = architecture_of(empty)
    weights = {
        name: (value + generator.normal(0, 0.3, value.shape)).astype(np.float32)
        for name, value in architecture.initial_weights(generator).items()
    }
    ranges = calibrate(architecture, weights, X)
    return replace(empty, weights=weights, ranges=ranges, simulation=simulation)


ALIGNED = Function(qat_network.__name__, "evaluate")
TFMOT = Function(tfmot_network.__name__, "evaluate")
DENSE = {"name": "dense", "units": (5, 4)}


def artifact_of(network, end="int8"):
    return Artifact(route="qat", network=network, built=export.written(network, X, end, end))


@pytest.fixture(scope="module")
def tfmot():
    """A dense network in tensorflow-model-optimization, and its converted model."""
    network = network_of(DENSE, TFMOT)
    method = Method(name="int8", input="int8", output="int8")
    return Artifact(route="qat", network=network, built=export.converted(network, X, method))


def found(engine, artifact):
    trace = answer(engine, artifact, X, (OUTPUT,))
    assert not trace.findings
    return trace.values[OUTPUT], trace.grids[OUTPUT]


def rounded(real, grid, rank=1):
    return grid.dequantize(grid.quantize(real.astype(np.float64), rank), rank)


def by_hand(weights, learned, *, biases):
    """Linear dense layers, each result in real numbers and then on its grid. biases: a function of (name, layer)."""
    real = learned[Tap("x")].dequantize(learned[Tap("x")].quantize(X)).reshape(len(X), -1)
    for layer in range(3):
        grid = learned[Tap(f"dense_{layer}/kernel")]
        scale = grid.scale.astype(np.float64)
        kernel = np.clip(np.rint(weights[f"dense_{layer}/kernel"] / scale), -127, 127) * scale
        real = rounded(real @ kernel + biases(layer), learned[Tap(f"dense_{layer}/output")])
    return real


def other_grids(learned):
    """Grids that no tensor of the model has: scales some per cent off, zero points of activations by 3."""
    factors = np.random.default_rng(1).uniform(0.9, 1.1, len(learned)).astype(np.float32)
    return {
        tap: replace(grid, scale=grid.scale * factor, zero_point=grid.zero_point + (0 if "kernel" in tap.role else 3))
        for (tap, grid), factor in zip(learned.items(), factors, strict=True)
    }


def test_a_network_that_does_not_round_biases_is_computed_with_them_as_they_are(tfmot):
    values, grid = found(ENGINE, tfmot)
    weights = tfmot.network.weights
    expected = by_hand(weights, tfmot.built.learned, biases=lambda layer: weights[f"dense_{layer}/bias"].astype(float))
    np.testing.assert_array_equal(grid.dequantize(values), expected)


def test_what_tensorflow_model_optimization_trains_is_understood(tfmot):
    values, grid = found(ENGINE, tfmot)
    trained = tfmot.network.evaluate(tfmot.network, X)
    apart = grid.quantize(trained).astype(int) - values
    assert np.count_nonzero(apart) == 0
    # Its biases are rounded in the model, which is seen at the output.
    deployed, _ = found(ManualEngine(id=DEQUANTIZED), tfmot)
    assert np.count_nonzero(deployed != values) > 0


@pytest.mark.parametrize(
    "model",
    [
        DENSE,
        {"name": "simple_rnn", "units": (4,), "activation": "tanh", "lowering": "unrolled"},
        {"name": "lstm", "units": (4,), "lowering": "fused"},
        DENSE | {"use_bias": False},
        {"name": "lmu", "units": (4,), "order": 3, "theta": "auto", "activation": "tanh", "lowering": "unrolled"},
    ],
    ids=lambda model: model["name"],
)
@pytest.mark.parametrize(("per_channel", "end"), [(True, "int8"), (False, "uint8"), (True, "float32")])
def test_a_model_that_has_every_learned_parameter_is_computed_as_it_is(model, per_channel, end):
    artifact = artifact_of(network_of(model, ALIGNED, per_channel=per_channel), end)
    for own, learned in zip(artifact.built.model.graphs, learned_model(artifact).graphs, strict=True):
        for tensor, other in zip(own.tensors, learned.tensors, strict=True):
            assert (tensor.grid is None) == (other.grid is None)
            assert tensor.grid is None or tensor.grid.same(other.grid)
            assert tensor.data is None or np.array_equal(tensor.data, other.data)
    values, grid = found(ENGINE, artifact)
    deployed, own_grid = found(ManualEngine(id=DEQUANTIZED), artifact)
    np.testing.assert_array_equal(values, deployed)
    assert grid.same(own_grid)


def test_the_learned_grids_are_followed_where_the_model_has_others():
    artifact = artifact_of(network_of(DENSE, ALIGNED))
    built = artifact.built
    other = other_grids(built.learned)
    values, grid = found(ENGINE, replace(artifact, built=replace(built, learned=other)))
    assert grid.same(other[Tap("dense_2/output")])

    def bias(layer):
        tensor = built.model.main.tensor(f"dense_{layer}/bias")
        return tensor.grid.dequantize(tensor.data)

    expected = by_hand(artifact.network.weights, other, biases=bias)
    np.testing.assert_array_equal(grid.dequantize(values), expected)
    deployed, own = found(ManualEngine(id=DEQUANTIZED), artifact)
    assert np.abs(own.dequantize(deployed) - expected).max() > 0


def test_what_has_no_model_or_no_learned_grids_is_refused():
    network = network_of(DENSE, ALIGNED)
    assert ENGINE.refuses(Artifact(route="qat", network=network)).text == "the route has no model"
    bare = Artifact(route="ptq", built=Built(content=b"some"))
    assert ENGINE.refuses(bare).text == "the route has learned no grids"
    assert answer(ENGINE, bare, X, (OUTPUT,)).values == {}
    assert ENGINE.id == LEARNED
