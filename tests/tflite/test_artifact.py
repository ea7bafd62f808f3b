"""A converted model comes back from its files with its places and what was learned."""

import numpy as np
import pytest

from qcompare.core.finding import Severity, remark, warning
from qcompare.core.function import Function
from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.core.network import Network
from qcompare.core.tap import Tap
from qcompare.tflite import schema
from qcompare.tflite.artifact import Artifact, Built, artifact, dump, load, not_built
from tests.tflite.graphs import named, network, per_channel, per_tensor

MODEL = Built(
    content=schema.write(model_of(network(), named())),
    places={
        (1, 3): Tap("recurrent_0/from_input", 0),
        (0, 3): Tap("dense_0/output"),
        (1, 5): Tap("recurrent_0/h", 0),
        (1, 4): Tap("recurrent_0/h"),
        (0, 0): Tap("x"),
    },
    learned={
        Tap("x"): per_tensor(0.05, -3),
        Tap("dense_0/kernel"): per_channel([0.01, np.nextafter(np.float32(0.02), np.float32(1)), 0.03]),
        Tap("recurrent_0/cell_state"): per_tensor(2**-11, dtype=np.int16),
        Tap("recurrent_0/kernel"): Grid(
            scale=np.array([0.5, 3e-39], np.float32),
            zero_point=np.array([4, -128], np.int64),
            dtype=np.dtype(np.int8),
            axis=3,
        ),
    },
    reals={
        (1, 1): np.array([[0.1, -3e-39], [np.nextafter(np.float32(2), np.float32(3)), 0]], np.float32),
        (0, 2): np.zeros(3, np.float32),
        (0, 1): np.array(0.5, np.float32),
    },
    findings=(warning("recurrent_0", "an LSTM of one"), remark("", "naïve")),
)
BUILT = {"model": MODEL, "nothing learned": Built(content=b"model"), "not built": not_built("the converter crashed")}


def plain(grid):
    parts = [(part.dtype, part.shape, part.tobytes()) for part in (grid.scale, grid.zero_point)]
    return (*parts, grid.dtype, grid.axis)


@pytest.mark.parametrize("name", BUILT)
def test_a_built_model_comes_back_as_it_was(name):
    built = BUILT[name]
    back = load(dump(built))
    assert back.content == built.content
    assert list(back.places.items()) == list(built.places.items())
    assert [(tap, plain(grid)) for tap, grid in back.learned.items()] == [
        (tap, plain(grid)) for tap, grid in built.learned.items()
    ]
    assert [(place, real.dtype, real.shape, real.tobytes()) for place, real in back.reals.items()] == [
        (place, real.dtype, real.shape, real.tobytes()) for place, real in built.reals.items()
    ]
    assert back.findings == built.findings


@pytest.mark.parametrize("name", BUILT)
def test_the_same_model_has_the_same_bytes(name):
    files = dump(BUILT[name])
    assert dump(load(files)) == files
    assert files["model.tflite"] == BUILT[name].content


def test_the_graphs_are_read_from_the_content():
    back = load(dump(MODEL))
    names = [[tensor.name for tensor in graph.tensors] for graph in back.model.graphs]
    assert names == [[tensor.name for tensor in graph.tensors] for graph in (network(), named())]
    assert back.model is back.model


def test_what_was_not_built_says_why_and_cannot_be_run():
    built = not_built("the converter crashed")
    (finding,) = built.findings
    assert (finding.severity, finding.where, finding.text) == (Severity.FAILURE, "conversion", "the converter crashed")
    assert artifact("ptq", None, built).converted is None


def test_an_artifact_has_what_its_route_gave():
    twin = Network(model={}, steps=1, features=1, outputs=1, weights={}, evaluate=Function("math", "hypot"))
    whole = artifact("qat", twin, MODEL)
    assert (whole.route, whole.network, whole.built, whole.converted) == ("qat", twin, MODEL, MODEL)
    plain_network = artifact("float", twin)
    assert (plain_network.network, plain_network.built, plain_network.converted) == (twin, None, None)
    assert Artifact(route="ptq", built=MODEL).converted is MODEL
