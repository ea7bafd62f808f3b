"""The exact forward pass against the runtimes, and its gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qcompare.analysis.figures import to_integers
from qcompare.core.layers import recurrent_name
from qcompare.core.tap import Tap
from qcompare.engines.runtimes import RUNTIMES
from qcompare.export import convert as export
from qcompare.export.written import written_model
from qcompare.manual.rules import KERNEL_SETS
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.gru import GRUCell
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import LSTMCell
from qcompare.models.network import Architecture, Cell, SequenceLayer
from qcompare.models.ops import Ops
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.tflite import schema
from qcompare.training import fixed_point
from qcompare.training.calibrate import calibrate
from qcompare.training.exact import CHUNK, ExactOps, Integers, product
from qcompare.training.fake_quant import Aligned
from qcompare.training.learned import TrainedQat
from qcompare.training.lstm_kernels import lstm_kernels
from tests.training.random_networks import Network, fused_network

pytestmark = pytest.mark.runtime


def hidden_of(architecture: Architecture, seen: dict[Tap, tf.Tensor]) -> list[tf.Tensor]:
    """h of every step of every fused LSTM, [batch, steps, units]."""
    layers = [recurrent_name(i) for i, cell in enumerate(architecture.cells) if isinstance(cell, SequenceLayer)]
    return [tf.stack([seen[Tap(f"{layer}/h", step)] for step in range(architecture.steps)], 1) for layer in layers]


def check(network: Network, model: bytes, kernels: str) -> None:
    """The forward pass gives the runtime's integers at the output and at h of every step of a fused LSTM."""
    graph = schema.read(model).main
    architecture = network.architecture

    def forward(x: tf.Tensor) -> list[tf.Tensor]:
        seen: dict[Tap, tf.Tensor] = {}

        def see(tap: Tap, value: Integers) -> None:
            seen[tap] = value.tensor + float(value.grid.zero)

        ops = ExactOps({**network.weights, **architecture.constants()}, network.ranges, kernels, see)
        return [architecture.forward(ops, x), *hidden_of(architecture, seen)]

    output, *hidden = tf.function(forward, autograph=False)(tf.constant(network.samples))
    x, y = (graph.tensors[index] for index in (graph.inputs[0], graph.outputs[0]))
    fused = [op.outputs[0] for op in graph.operators if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM"]
    fed = {x.index: to_integers(network.samples, x.grid).astype(np.int8)}
    trace = RUNTIMES[kernels].run(model, fed, keep=fused)
    np.testing.assert_array_equal(to_integers(output.numpy(), y.grid), trace.result)
    assert len(hidden) == len(fused)
    for index, ours in zip(fused, hidden, strict=True):
        theirs = trace.tensors[graph.tensors[index].name]
        np.testing.assert_array_equal(ours.numpy().reshape(theirs.shape), theirs)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_fused_lstm_under_stress(kernels: str, exact_networks: int) -> None:
    rng = np.random.default_rng(KERNEL_SETS.index(kernels))
    for index in range(exact_networks):
        network = fused_network(rng, steps=int(rng.integers(1, 13)), layers=1 + index % 2)
        check(network, written_model(network.architecture, network.weights, network.ranges).model, kernels)


def test_inputs_wider_than_a_float32_product_holds() -> None:
    rng = np.random.default_rng(3)
    network = fused_network(rng, steps=2, layers=1, features=2 * CHUNK + 7)
    extreme = np.where(network.samples > 0, 9, -9).astype(np.float32)
    network = replace(network, samples=extreme, ranges={**network.ranges, "x": np.array([0, 3], np.float32)})
    check(network, written_model(network.architecture, network.weights, network.ranges).model, "reference")


def test_wide_products_are_summed_without_rounding() -> None:
    width = 3 * CHUNK + 1
    x, weight = tf.fill([1, width], 255.0), tf.fill([width, 2], 127.0)
    _, exact = product(x, weight)
    np.testing.assert_array_equal(exact.numpy(), np.full((1, 2), width * 255 * 127))


CELLS: dict[str, tuple[Cell, ...]] = {
    "dense": (),
    "simple_rnn": (SimpleRNNCell(units=17, activation="tanh"),),
    "simple_rnn relu": (SimpleRNNCell(units=5, activation="relu"),),
    "lmu": (LMUCell(units=6, order=4, theta=3.0, activation="tanh"),),
    "lstm unrolled": (LSTMCell(units=5),),
    "gru": (GRUCell(units=5),),
    "gru reset before": (GRUCell(units=5, reset_after=False),),
}


@pytest.fixture(scope="module", params=list(CELLS))
def unrolled(request: pytest.FixtureRequest) -> tuple[Network, bytes]:
    """A network of each kind with random weights and calibrated ranges, and its model."""
    rng = np.random.default_rng(4)
    architecture = Architecture(cells=CELLS[request.param], dense_units=(9, 4), activation="relu", steps=3, features=5)
    weights = {
        name: rng.normal(0, 0.7, value.shape).astype(np.float32)
        for name, value in architecture.initial_weights(rng).items()
    }
    samples = rng.normal(0, 1, (60, 3, 5)).astype(np.float32)
    ranges = calibrate(architecture, weights, samples[:10])
    converted = export.aligned(architecture, TrainedQat(weights=weights, ranges=ranges))
    assert converted.note == ""
    return Network(architecture=architecture, weights=weights, ranges=ranges, samples=samples), converted.model


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_unrolled_networks(unrolled: tuple[Network, bytes], kernels: str) -> None:
    check(*unrolled, kernels)


def gradients(network: Network, ops: Callable[[dict[str, tf.Tensor]], Ops[Any]]) -> np.ndarray:
    """Of the sum of squared outputs, by all weights, in one vector. ops: weights -> the operators."""
    variables = {name: tf.Variable(value) for name, value in network.weights.items()}
    everything = {**variables, **network.architecture.constants()}
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network.architecture.forward(ops(everything), tf.constant(network.samples)) ** 2)
    found = tape.gradient(loss, list(variables.values()))
    return np.concatenate([gradient.numpy().ravel() for gradient in found])


@pytest.mark.parametrize("kernels", ["reference", "micro"])
def test_gradients_point_where_those_of_the_float_network_do(kernels: str) -> None:
    """Ranges wide enough that nothing is clipped; then only rounding is between the two."""
    rng = np.random.default_rng(5)
    network = fused_network(rng, steps=4, layers=2, strength=1)
    network = replace(network, ranges=calibrate(network.architecture, network.weights, network.samples))
    exact = gradients(network, partial(ExactOps, learned=network.ranges, kernels=kernels))
    real = gradients(network, lambda weights: FloatOps(Unrounded(weights)))
    cosine = exact @ real / np.linalg.norm(exact) / np.linalg.norm(real)
    assert cosine > 0.99
    assert np.linalg.norm(exact) == pytest.approx(np.linalg.norm(real), rel=0.1)


def test_unrolled_gradients_point_where_those_of_the_float_network_do(unrolled: tuple[Network, bytes]) -> None:
    network, _ = unrolled
    network = replace(network, ranges=calibrate(network.architecture, network.weights, network.samples))
    exact = gradients(network, partial(ExactOps, learned=network.ranges, kernels="reference"))
    real = gradients(network, lambda weights: FloatOps(Unrounded(weights)))
    assert exact @ real / np.linalg.norm(exact) / np.linalg.norm(real) > 0.97


@pytest.mark.parametrize("kernels", ["reference", "micro"])
@pytest.mark.parametrize("layers", [1, 2])
def test_fake_quantization_of_the_fused_lstm_is_near_the_integers(kernels: str, layers: int) -> None:
    rng = np.random.default_rng(6)
    network = fused_network(rng, steps=9, layers=layers, strength=1)
    weights = network.weights
    ranges = calibrate(network.architecture, weights, network.samples)
    step = float(np.ptp(ranges[f"dense_{len(network.architecture.dense_units) - 1}/output"]) / 255)
    x = tf.constant(network.samples)
    fake = network.architecture.forward(FloatOps(Aligned(weights, ranges, kernels)), x).numpy()
    exact = network.architecture.forward(ExactOps(weights, ranges, kernels), x).numpy()
    assert np.abs(fake - exact).max() <= 1.5 * step
    assert (np.abs(fake - exact) < step / 2).mean() > 0.98


def test_tables_and_products_meet_the_same_multiplier() -> None:
    """A multiplier whose 31 bits round up to a power of two is halved and shifted once more."""
    m, s = fixed_point.quantize_multiplier(tf.constant(1 - 2.0**-40, tf.float64))
    assert (int(m), int(s)) == (1 << 30, 1)


def test_micro_multiplies_the_scales_of_a_gate_in_float64() -> None:
    """In float32 the product's last bits are lost, which turns a rare value into its neighbour."""
    rng = np.random.default_rng(7)
    weight = np.exp(rng.uniform(-7, -2, 100)).astype(np.float32)
    scale = np.float32(0.0077902)
    wide, narrow = (
        lstm_kernels(kernels, np.array([-8, 8], np.float32)).gate_multiplier(scale, tf.constant(weight)).numpy()
        for kernels in ("micro", "reference")
    )
    np.testing.assert_array_equal(wide, np.float64(scale) * weight.astype(np.float64) * 4096)
    np.testing.assert_array_equal(narrow, (scale * weight).astype(np.float64) * 4096)
    assert (wide != narrow).mean() > 0.5
