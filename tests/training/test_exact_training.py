"""Networks trained in a kernel set's integers: what they compute is what the runtime computes, at every time step."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from qcompare.analysis.figures import to_integers
from qcompare.config.options import Qat, Quant
from qcompare.core.graph import Graph
from qcompare.data.dataset import Dataset
from qcompare.data.sequence_sum import sequences
from qcompare.engines.runtimes import RUNTIMES
from qcompare.manual import executor
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, Cell
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.routes import export
from qcompare.tflite import schema
from qcompare.training import fit, qat
from qcompare.training.exact import ExactOps, Integers
from qcompare.training.qat import TrainedQat

QAT = Qat(scheme="aligned", epochs=2, learning_rate=0.002, range_momentum=0.99)
FEATURES = 6

NETWORKS: dict[str, tuple[Cell, ...]] = {
    "dense": (),
    "simple_rnn": (SimpleRNNCell(units=16, activation="tanh"),),
    "lmu": (LMUCell(units=12, order=6, theta=8.0, activation="tanh"),),
    "unrolled lstm": (LSTMCell(units=9),),
    "fused lstm": (FusedLSTM(units=32),),
    "two fused lstms": (FusedLSTM(units=24), FusedLSTM(units=16)),
}


class RecordingOps(ExactOps):
    """Keeps h of every step of every layer, as int8 numbers."""

    def __init__(self, trained: TrainedQat, architecture: Architecture) -> None:
        super().__init__({**trained.weights, **architecture.constants()}, trained.ranges, trained.kernels)
        self.hidden: dict[str, list[tf.Tensor]] = {}

    def _kept(self, name: str, value: Integers) -> Integers:
        if name == "h":
            self.hidden.setdefault(self.layer, []).append(value.tensor + float(value.grid.zero_point))
        return value

    def tanh(self, name: str, x: Integers) -> Integers:
        return self._kept(name, super().tanh(name, x))

    def multiply(self, name: str, a: Integers, b: Integers) -> Integers:
        return self._kept(name, super().multiply(name, a, b))

    def lstm(self, sequence: list[Integers], units: int) -> list[Integers]:
        return [self._kept("h", value) for value in super().lstm(sequence, units)]


def hidden_of(graph: Graph) -> dict[str, list[int]]:
    """Layer -> the tensors that hold h of its steps: one for each step, or one in all of a fused layer."""
    found: dict[str, dict[int, int]] = {}
    fused = [operator for operator in graph.operators if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM"]
    for layer, operator in enumerate(fused):
        found[f"recurrent_{layer}"] = {0: operator.outputs[0]}
    for operator in graph.operators:
        for index in operator.outputs:
            match = re.search(r"(recurrent_\d+)/step_(\d+)/h(?:_\d+)?/", graph.tensors[index].name)
            if match and operator.name in ("TANH", "MUL"):
                found.setdefault(match.group(1), {})[int(match.group(2))] = index
    return {layer: [steps[step] for step in sorted(steps)] for layer, steps in found.items()}


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
    quant = Quant(name="int8", simulate="exact", kernels=kernels)
    return architecture, qat.train(architecture, weights, data, QAT, quant, 20, seed)


@pytest.mark.parametrize("kernels", ["reference", "micro"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trained_in_integers_is_the_network_deployed(
    name: str, kernels: str, exact_seeds: int, exact_steps: list[int]
) -> None:
    for steps in exact_steps:
        for seed in range(exact_seeds):
            architecture, trained = train(name, steps, seed, kernels)
            model = export.written(architecture, trained).model
            check(architecture, trained, model, dataset(steps).x_test)
            if kernels == "reference":
                for other in ("optimized", "xnnpack"):
                    check(architecture, replace(trained, kernels=other), model, dataset(steps).x_test)


def check(architecture: Architecture, trained: TrainedQat, model: bytes, samples: np.ndarray) -> None:
    """The forward pass, the runtime and the manual engine give the same integers at h of every step and the output."""
    ops = RecordingOps(trained, architecture)

    def forward(x: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        output = architecture.forward(ops, x)
        return output, {layer: tf.stack(values, axis=1) for layer, values in ops.hidden.items()}

    output, hidden = tf.function(forward, autograph=False)(tf.constant(samples))
    parsed = schema.read(model)
    graph = parsed.main
    x, y = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    fed = {x.index: to_integers(samples, x.grid).astype(np.int8)}
    places = hidden_of(graph)
    keep = [index for indices in places.values() for index in indices]
    trace = RUNTIMES[trained.kernels].run(model, fed, keep=keep)
    names = [graph.tensors[index].name for index in keep]
    manual = executor.run(parsed, fed, trained.kernels, keep=[*names, y.name])
    np.testing.assert_array_equal(to_integers(output.numpy(), y.grid), trace.result)
    np.testing.assert_array_equal(manual.tensors[y.name], trace.result)
    assert len(np.unique(trace.result)) > 20
    assert places.keys() == hidden.keys()
    for layer, indices in places.items():
        parts = [trace.tensors[graph.tensors[index].name] for index in indices]
        theirs = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
        np.testing.assert_array_equal(hidden[layer].numpy().reshape(theirs.shape), theirs)
        for index, part in zip(indices, parts, strict=True):
            np.testing.assert_array_equal(manual.tensors[graph.tensors[index].name], part)
