"""Conversions of one process do not depend on what it converted before."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from qcompare.core.child import Child
from qcompare.core.method import Method
from qcompare.export import convert as export
from qcompare.models.gru import GRUCell
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, Cell
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.tflite import schema
from qcompare.tflite.converter import INTEGER_ENDS, convert_traced
from qcompare.training.calibrate import calibrate
from qcompare.training.learned import TrainedQat

pytestmark = pytest.mark.slow

STEPS, FEATURES = 3, 2

CELLS: dict[str, tuple[Cell, ...]] = {
    "dense": (),
    "simple_rnn": (SimpleRNNCell(units=4, activation="tanh"),),
    "lmu": (LMUCell(units=4, order=3, theta=3.0, activation="tanh"),),
    "lstm": (LSTMCell(units=4),),
    "gru": (GRUCell(units=4),),
    "fused": (FusedLSTM(units=4),),
    "two fused": (FusedLSTM(units=4), FusedLSTM(units=3)),
}

METHODS = {
    "int8": INTEGER_ENDS,
    "int16x8": Method(name="int16x8", input="int16", output="int16", full_integer=True),
}

KINDS = [
    *(("ptq", cells, "int8") for cells in ("dense", "simple_rnn", "lmu", "lstm", "gru")),
    ("ptq", "dense", "int16x8"),
    ("ptq", "simple_rnn", "int16x8"),
    ("ptq_fused", "fused", "int8"),
    ("ptq_fused", "two fused", "int8"),
    ("aligned", "lstm", "int8"),
    ("tfmot", "dense", "int8"),
]
"""(how a network is exported, its cells, its number format)."""


def architecture(cells):
    return Architecture(
        cells=CELLS[cells],
        dense_units=(5, 2),
        activation="relu",
        steps=STEPS,
        features=FEATURES,
        return_sequences=cells == "two fused",
    )


def exported(kind, seed):
    """The model of random weights."""
    how, cells, number_format = kind
    network, generator = architecture(cells), np.random.default_rng(seed)
    weights = {
        name: (value + generator.normal(0, 0.1, value.shape)).astype(np.float32)
        for name, value in network.initial_weights(generator).items()
    }
    x = generator.normal(size=(16, STEPS, FEATURES)).astype(np.float32)
    if how == "ptq":
        converted = export.ptq(network, weights, x, METHODS[number_format])
    elif how == "ptq_fused":
        converted = export.ptq_fused(network, weights, x, METHODS[number_format])
    else:
        trained = TrainedQat(weights=weights, ranges=calibrate(network, weights, x))
        converted = {"aligned": export.aligned, "tfmot": export.tfmot}[how](network, trained)
    assert "float operators" not in converted.note
    return converted.model


def refused():
    """A conversion that the converter refuses, halfway through."""
    network = export._fused(replace(architecture("fused"), dense_units=(2,)))
    x = np.zeros((4, STEPS, FEATURES), np.float32)
    with pytest.raises(Exception, match="16x8"):
        convert_traced(network.traced, x, METHODS["int16x8"], network.module)


@pytest.fixture(scope="module")
def kept():
    """A process that has converted a network of every kind, and failed at one."""
    with Child() as child:
        for kind in KINDS:
            child.call(exported, kind, 1)
        child.call(refused)
        yield child


@pytest.fixture(scope="module")
def fresh():
    """What a function returns in a process that has imported this module and done nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])

    def call(function, *arguments):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(function, *arguments).result()

    return call


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_a_kept_process_converts_as_a_fresh_one(kind, kept, fresh):
    model = fresh(exported, kind, 0)
    assert kept.call(exported, kind, 0) == model
    assert kept.call(exported, kind, 2) != model
    assert kept.call(exported, kind, 0) == model


def test_what_a_fused_lstm_leaves_behind_is_zero():
    model = schema.unpack(exported(("ptq_fused", "fused", "int8"), 0))
    named = {tensor.buffer for tensor in model.subgraphs[0].tensors} | {item.buffer for item in model.metadata}
    states = [tensor for tensor in model.subgraphs[0].tensors if tensor.isVariable]
    assert [tensor.buffer for tensor in states] == [0, 0]
    left = [buffer.data for index, buffer in enumerate(model.buffers) if index not in named and buffer.data is not None]
    assert sorted(map(len, left)) == [4, 8]
    assert not np.concatenate(left).any()
