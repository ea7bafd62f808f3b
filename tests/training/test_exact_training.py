"""Networks trained in a kernel set's integers: what they compute is what the runtime computes, at every time step."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from qcompare.analysis.figures import to_integers
from qcompare.core.graph import Graph
from qcompare.core.layers import recurrent_name
from qcompare.core.tap import Tap
from qcompare.data.dataset import Dataset
from qcompare.data.sequence_sum import sequences
from qcompare.engines.runtimes import RUNTIMES
from qcompare.export.written import WrittenModel, written_model
from qcompare.manual import executor
from qcompare.models.gru import GRUCell
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, Cell
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.tflite import schema
from qcompare.training import fit, qat
from qcompare.training.exact import ExactOps, Integers
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import INT8

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

FEATURES = 6

NETWORKS: dict[str, tuple[Cell, ...]] = {
    "dense": (),
    "simple_rnn": (SimpleRNNCell(units=16, activation="tanh"),),
    "gru": (GRUCell(units=12),),
    "lmu": (LMUCell(units=12, order=6, theta=8.0, activation="tanh"),),
    "unrolled lstm": (LSTMCell(units=9),),
    "fused lstm": (FusedLSTM(units=32),),
    "two fused lstms": (FusedLSTM(units=24), FusedLSTM(units=16)),
}


def hidden_of(layer: str, written: WrittenModel, graph: Graph) -> list[int]:
    """The tensors that hold h of a layer's steps: one for each step, or one in all of a fused layer."""
    computed = {index for operator in graph.operators for index in operator.outputs}
    found = {
        tap.step: index for (_, index), tap in written.places.items() if tap.role == f"{layer}/h" and index in computed
    }
    return [found[None]] if None in found else [found[step] for step in sorted(found)]


@cache
def dataset(steps: int) -> Dataset:
    return sequences(
        samples=260, steps=steps, features=FEATURES, test_samples=100, calibration_samples=60, split_seed=0
    )


def train(name: str, steps: int, seed: int, kernels: str) -> tuple[Architecture, TrainedQat]:
    data = dataset(steps)
    architecture = Architecture(
        cells=NETWORKS[name], dense_units=(10, data.outputs), activation="relu", steps=steps, features=FEATURES
    )
    weights = fit.train_float(architecture, data, epochs=3, batch_size=20, learning_rate=0.01, seed=seed)
    trained = qat.train(
        architecture,
        weights,
        data,
        simulate="exact",
        kernels=kernels,
        number_format=INT8,
        epochs=2,
        batch_size=20,
        learning_rate=0.002,
        range_momentum=0.99,
        seed=seed,
    )
    return architecture, trained


@pytest.mark.parametrize("kernels", ["reference", "micro"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trained_in_integers_is_the_network_deployed(
    name: str, kernels: str, exact_seeds: int, exact_steps: list[int]
) -> None:
    for steps in exact_steps:
        for seed in range(exact_seeds):
            architecture, trained = train(name, steps, seed, kernels)
            model = written_model(architecture, trained.weights, trained.ranges)
            check(architecture, trained, model, dataset(steps).x_test)
            if kernels == "reference":
                for other in ("optimized", "xnnpack"):
                    check(architecture, replace(trained, kernels=other), model, dataset(steps).x_test, traced=False)


def check(
    architecture: Architecture, trained: TrainedQat, written: WrittenModel, samples: np.ndarray, *, traced: bool = True
) -> None:
    """The forward pass, the runtime and the manual engine give the same integers at h of every step and the output.

    traced: as one graph, as it is trained, which takes several times as long to make; test_exact.py does so in every
        kernel set.
    """
    layers = [recurrent_name(index) for index in range(len(architecture.cells))]

    def forward(x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        seen: dict[Tap, tf.Tensor] = {}

        def see(tap: Tap, value: Integers) -> None:
            seen[tap] = value.tensor + float(value.grid.zero)

        weights = {**trained.weights, **architecture.constants()}
        output = architecture.forward(ExactOps(weights, trained.ranges, trained.kernels, see), x)
        steps = range(architecture.steps)
        return output, [tf.stack([seen[Tap(f"{layer}/h", step)] for step in steps], axis=1) for layer in layers]

    compute = tf.function(forward, autograph=False) if traced else forward
    output, hidden = compute(tf.constant(samples))
    parsed = schema.read(written.model)
    graph = parsed.main
    x, y = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    fed = {x.index: to_integers(samples, x.grid).astype(np.int8)}
    places = [hidden_of(layer, written, graph) for layer in layers]
    keep = [index for indices in places for index in indices]
    trace = RUNTIMES[trained.kernels].run(written.model, fed, keep=keep)
    names = [graph.tensors[index].name for index in keep]
    manual = executor.run(parsed, fed, trained.kernels, keep=[*names, y.name])
    np.testing.assert_array_equal(to_integers(output.numpy(), y.grid), trace.result)
    np.testing.assert_array_equal(manual.tensors[y.name], trace.result)
    assert len(np.unique(trace.result)) > 20
    for ours, indices in zip(hidden, places, strict=True):
        assert len(indices) in (1, architecture.steps)
        parts = [trace.tensors[graph.tensors[index].name] for index in indices]
        theirs = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
        np.testing.assert_array_equal(ours.numpy().reshape(theirs.shape), theirs)
        for index, part in zip(indices, parts, strict=True):
            np.testing.assert_array_equal(manual.tensors[graph.tensors[index].name], part)
