"""Training: what a seed decides, how ranges are found and follow, and what comes out of both schemes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qcompare.data.dataset import assemble
from qcompare.data.sequence_sum import sequences
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.training import calibrate as calibration
from qcompare.training import fit, qat, runtime, tfmot
from qcompare.training.calibrate import RangeObserver, calibrate
from qcompare.training.learned import TrainedQat, learned_scales
from qcompare.training.number_format import INT8
from qcompare.training.scales import SMALLEST_RANGE

pytestmark = pytest.mark.slow

FINE_TUNING: dict[str, Any] = {"epochs": 1, "batch_size": 16, "learning_rate": 0.001, "seed": 0}
ALIGNED: dict[str, Any] = {
    "simulate": "fake_quant",
    "kernels": "reference",
    "number_format": INT8,
    "range_momentum": 0.9,
}


@pytest.fixture(scope="module")
def dataset():
    return sequences(samples=90, steps=2, features=2, test_samples=20, calibration_samples=30, split_seed=0)


@pytest.fixture(scope="module")
def architecture(dataset):
    return Architecture(
        cells=(SimpleRNNCell(units=3, activation="tanh"),),
        dense_units=(dataset.outputs,),
        activation="relu",
        steps=dataset.steps,
        features=dataset.features,
    )


@pytest.fixture(scope="module")
def dense(dataset):
    return Architecture(cells=(), dense_units=(5, 2), activation="relu", steps=2, features=2)


def trained_float(architecture, dataset, seed=0, **options):
    settings = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01} | options
    return fit.train_float(architecture, dataset, seed=seed, **settings)


@pytest.fixture(scope="module")
def weights(architecture, dataset):
    return trained_float(architecture, dataset)


def same(one, other):
    assert one.keys() == other.keys()
    return all(np.array_equal(one[name], other[name]) for name in one)


def loss(architecture, weights, dataset):
    ops = FloatOps(Unrounded({**weights, **architecture.constants()}))
    outputs = fit.outputs(lambda x: architecture.forward(ops, x), dataset.x_train)
    return float(np.mean((outputs - dataset.y_train) ** 2))


def test_a_seed_decides_the_trained_weights(architecture, dataset, weights):
    assert same(weights, trained_float(architecture, dataset))
    assert not same(weights, trained_float(architecture, dataset, seed=1))
    assert not same(weights, trained_float(architecture, dataset, epochs=3))


def test_neither_global_generator_decides_anything(architecture, dataset, weights):
    tf.keras.utils.set_random_seed(5)
    np.random.seed(7)
    assert same(weights, trained_float(architecture, dataset))


def test_training_lowers_the_loss(architecture, dataset, weights):
    before = architecture.initial_weights(np.random.default_rng([0, 0]))
    assert before.keys() == weights.keys()
    assert loss(architecture, trained_float(architecture, dataset, epochs=15), dataset) < 0.5 * loss(
        architecture, before, dataset
    )


def test_a_batch_may_be_larger_than_the_training_set(architecture, dataset):
    found = trained_float(architecture, dataset, batch_size=10_000)
    assert not same(found, architecture.initial_weights(np.random.default_rng([0, 0])))


def test_every_epoch_sees_all_samples_in_another_order():
    x = np.arange(12, dtype=np.float32).reshape(12, 1, 1)
    data = assemble((x, np.zeros((12, 1), np.float32)), (x, np.zeros((12, 1), np.float32)), None, 4, 0)
    seen = tf.Variable(tf.zeros([0]), shape=[None])

    def forward(batch):
        seen.assign(tf.concat([seen, tf.reshape(batch, [-1])], 0))
        return tf.reduce_sum(batch, axis=2) * scale

    scale = tf.Variable(1.0)
    fit.fit(forward, [scale], data, epochs=3, batch_size=4, learning_rate=0.01, seed=[0, 1])
    epochs = seen.numpy().reshape(3, 12)
    for epoch in epochs:
        assert sorted(epoch) == list(range(12))
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_losses():
    outputs, target = tf.constant([[1.0], [3.0]]), tf.constant([[0.0], [1.0]])
    assert float(fit.loss_function(regression=True)(target, outputs)) == pytest.approx(2.5)
    logits = tf.constant([[2.0, 0.0], [0.0, 1.0]])
    expected = np.mean([np.log(1 + np.exp(-2)), np.log(1 + np.exp(1))])
    assert float(fit.loss_function(regression=False)(tf.constant([0, 0]), logits)) == pytest.approx(expected)


def observed(architecture, weights, x):
    """Role -> (smallest, largest) by one pass for each sample."""
    found: dict[str, tuple[float, float]] = {}
    for sample in x:
        observer = RangeObserver()
        rounding = Unrounded({**weights, **architecture.constants()})
        architecture.forward(FloatOps(rounding, observer.see), tf.constant(sample[None]))
        for role, (low, high) in observer.ranges().items():
            old = found.get(role, (0.0, SMALLEST_RANGE))
            found[role] = min(old[0], float(low)), max(old[1], float(high))
    return found


def test_calibration_finds_the_range_of_every_role_over_all_samples_and_steps(architecture, dataset, weights):
    ranges = calibrate(architecture, weights, dataset.calibration)
    expected = observed(architecture, weights, dataset.calibration)
    assert ranges.keys() == expected.keys()
    for role, values in ranges.items():
        np.testing.assert_allclose(values, expected[role], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ranges["x"], [dataset.calibration.min(), dataset.calibration.max()])


def train(architecture, weights, dataset, **options):
    return qat.train(architecture, weights, dataset, **(FINE_TUNING | ALIGNED | options))


def test_fine_tuning_starts_from_the_float_weights_and_calibrated_ranges(architecture, dataset, weights):
    trained = train(architecture, weights, dataset, learning_rate=1e-12, range_momentum=1.0)
    for name, value in weights.items():
        np.testing.assert_allclose(trained.weights[name], value, atol=1e-9)
    ranges = calibrate(architecture, weights, dataset.calibration)
    for role, values in ranges.items():
        np.testing.assert_allclose(trained.ranges[role], values, rtol=1e-6)


def test_ranges_follow_the_batches_as_moving_averages(architecture, dataset, weights):
    still = {"learning_rate": 1e-12, "epochs": 1}
    trained = train(architecture, weights, dataset, range_momentum=0.6, **still)
    low, high = calibrate(architecture, weights, dataset.calibration)["x"]
    order = np.random.default_rng([0, 2]).permutation(len(dataset.x_train))
    for step in range(len(order) // 16):
        batch = dataset.x_train[order[16 * step : 16 * (step + 1)]]
        low = 0.6 * low + 0.4 * min(batch.min(), 0)
        high = 0.6 * high + 0.4 * batch.max()
    np.testing.assert_allclose(trained.ranges["x"], [low, high], rtol=1e-5)


def on_grid(real, ends):
    """Rounded to the grid of a range."""
    grid = INT8.grid(*ends)
    return grid.dequantize(grid.quantize(real.astype(np.float64)))


def rounded_weights(weights, layer, x_scale):
    """A dense layer's kernel and bias as int8 kernels have them, a scale a column."""
    kernel, bias = (weights[f"{layer}/{name}"].astype(np.float64) for name in ("kernel", "bias"))
    scale = (np.abs(kernel).max(axis=0) / 127).astype(np.float32).astype(np.float64)
    return np.rint(kernel / scale) * scale, np.rint(bias / (x_scale * scale)) * (x_scale * scale)


def extremes(real):
    return [min(real.min(), 0), max(real.max(), SMALLEST_RANGE)]


def test_all_values_are_the_extremes_of_one_pass_of_the_training_set(dense, dataset, monkeypatch):
    """A pass with the trained weights on the ranges that training left, each result taken before it is rounded."""
    left = []
    original = qat.seen

    def seen(network, trained, x):
        left.append(trained)
        return original(network, trained, x)

    monkeypatch.setattr(qat, "seen", seen)
    trained = train(dense, trained_float(dense, dataset), dataset, range_momentum=None, epochs=3, learning_rate=0.02)
    (before,) = left
    assert same(before.weights, trained.weights)
    flat = dataset.x_train.reshape(len(dataset.x_train), -1)
    np.testing.assert_array_equal(trained.ranges["x"], np.array(extremes(flat), np.float32))
    given = on_grid(flat, before.ranges["x"])
    for layer, activation in (("dense_0", lambda y: np.maximum(y, 0)), ("dense_1", lambda y: y)):
        read = "x" if layer == "dense_0" else "dense_0/output"
        kernel, bias = rounded_weights(trained.weights, layer, float(INT8.grid(*before.ranges[read]).lsb))
        result = activation(given @ kernel + bias)
        np.testing.assert_allclose(trained.ranges[f"{layer}/output"], extremes(result), rtol=2e-6)
        given = on_grid(result, before.ranges[f"{layer}/output"])


def test_all_values_widen_in_training(architecture, dataset, weights, monkeypatch):
    monkeypatch.setattr(qat, "seen", lambda *_: {})
    calibrated = calibrate(architecture, weights, dataset.x_train)
    trained = train(architecture, weights, dataset, range_momentum=None, epochs=3, learning_rate=0.05)
    for role, (low, high) in trained.ranges.items():
        assert low <= calibrated[role][0], role
        assert high >= calibrated[role][1], role
    assert not same(trained.ranges, calibrated)


def test_all_values_do_not_depend_on_the_parts_that_are_seen_at_once(architecture, dataset, weights, monkeypatch):
    trained = train(architecture, weights, dataset)
    whole = qat.seen(architecture, trained, dataset.x_train)
    monkeypatch.setattr(calibration, "PART", 32)
    parts = qat.seen(architecture, trained, dataset.x_train)
    assert whole.keys() == parts.keys() == trained.ranges.keys()
    for role, ends in whole.items():
        np.testing.assert_allclose(parts[role], ends, rtol=1e-6)
        assert np.float32(parts[role]).dtype == ends.dtype == np.float32


def test_all_values_of_exact_training_are_those_of_the_float_network(architecture, dataset, weights):
    trained = train(architecture, weights, dataset, simulate="exact", range_momentum=None)
    assert same(trained.ranges, calibrate(architecture, weights, dataset.x_train))
    expected = observed(architecture, weights, dataset.x_train)
    for role, ends in trained.ranges.items():
        np.testing.assert_allclose(ends, expected[role], rtol=1e-5, atol=1e-6)


def test_fine_tuning_is_repeatable(architecture, dataset, weights):
    one, other = (train(architecture, weights, dataset) for _ in range(2))
    assert same(one.weights, other.weights)
    assert same(one.ranges, other.ranges)
    assert not same(one.weights, weights)


def test_quantized_outputs_are_near_the_float_ones_and_on_the_grid(architecture, dataset, weights):
    trained = train(architecture, weights, dataset, learning_rate=1e-12, range_momentum=1.0)
    x = dataset.calibration  # within the ranges, so that rounding is all there is
    quantized = qat.evaluate(architecture, trained, x)
    ops = FloatOps(Unrounded(weights))
    real = fit.outputs(lambda x: architecture.forward(ops, x), x)
    noise = np.mean((quantized - real) ** 2)
    assert noise > 0
    assert 10 * np.log10(np.mean(real**2) / noise) > 25
    learned, _ = learned_scales(architecture, trained)
    steps = quantized.astype(np.float64) / learned["dense_0/output"].scale[0]
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_learned_scales_are_of_the_final_weights(architecture, dataset, weights):
    trained = train(architecture, weights, dataset, learning_rate=0.05)
    learned, weight_of = learned_scales(architecture, trained)
    assert weight_of == {
        "recurrent_0/from_input": "recurrent_0/kernel",
        "recurrent_0/from_state": "recurrent_0/recurrent_kernel",
        "dense_0/output": "dense_0/kernel",
    }
    for name in weight_of.values():
        largest = np.abs(trained.weights[name]).max(axis=0).astype(np.float64)
        np.testing.assert_array_equal(learned[name].scale, (largest / 127).astype(np.float32))
    whole, _ = learned_scales(architecture, replace(trained, number_format=tfmot.PER_TENSOR))
    assert whole["dense_0/kernel"].scale.shape == (1,)
    # In an order that is the same in every process: what is stored is the same bytes.
    assert list(learned) == [*trained.ranges, *weight_of.values()]


@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
def test_tfmot_starts_from_calibrated_ranges_and_ends_with_those_of_its_weights(activation, dense, dataset):
    network = replace(dense, activation=activation)
    start = trained_float(network, dataset)
    trained = tfmot.train(network, start, dataset, **FINE_TUNING)
    calibrated = calibrate(network, start, dataset.calibration)
    assert trained.weights.keys() == start.keys()
    assert not same(trained.weights, start)
    assert {"x", "dense_1/output"} < set(trained.ranges) <= set(calibrated)
    for role, (low, high) in trained.ranges.items():
        span = calibrated[role][1] - calibrated[role][0]
        assert abs(low - calibrated[role][0]) < 0.3 * span, role
        assert abs(high - calibrated[role][1]) < 0.3 * span, role
    variables = tfmot.variables_of(tfmot.network(network, trained).model)
    for layer in ("dense_0", "dense_1"):
        largest = np.abs(trained.weights[f"{layer}/kernel"]).max()
        assert variables[f"{layer}/kernel_max"].numpy() == largest
        assert variables[f"{layer}/kernel_min"].numpy() == -largest


def test_all_values_of_tfmot_are_the_extremes_of_one_pass_layer_by_layer(dense, dataset):
    """Each layer's result, before it is rounded, of what the layer before rounded on its own new range."""
    start = trained_float(dense, dataset)
    trained = tfmot.train(dense, start, dataset, all_values=True, **FINE_TUNING | {"epochs": 3, "learning_rate": 0.02})
    flat = dataset.x_train.reshape(len(dataset.x_train), -1)
    np.testing.assert_array_equal(trained.ranges["x"], np.array(extremes(flat), np.float32))
    given = on_grid(flat, trained.ranges["x"])
    for layer, activation in (("dense_0", lambda y: np.maximum(y, 0)), ("dense_1", lambda y: y)):
        scale = np.abs(trained.weights[f"{layer}/kernel"]).max() / 127
        kernel = np.rint(trained.weights[f"{layer}/kernel"] / scale).astype(np.float64) * scale
        result = activation(given @ kernel + trained.weights[f"{layer}/bias"])
        np.testing.assert_allclose(trained.ranges[f"{layer}/output"], extremes(result), rtol=2e-6)
        given = on_grid(result, trained.ranges[f"{layer}/output"])
    moving = tfmot.train(dense, start, dataset, **FINE_TUNING)
    assert not same(moving.ranges, trained.ranges)


def test_tfmots_model_computes_what_its_ranges_say(dense, dataset):
    start = trained_float(dense, dataset)
    trained = TrainedQat(weights=start, ranges=calibrate(dense, start, dataset.calibration))
    real = fit.outputs(lambda x: dense.forward(FloatOps(Unrounded(start)), x), dataset.x_test)
    scale = learned_scales(dense, replace(trained, number_format=tfmot.PER_TENSOR))[0]["dense_1/output"].scale[0]
    gap = np.abs(tfmot.evaluate(dense, trained, dataset.x_test) - real).max()
    assert 0 < gap < 8 * scale


def test_preparing_a_process_makes_it_repeatable_and_single_threaded():
    for _ in range(2):
        runtime.prepare()
        assert tf.config.threading.get_intra_op_parallelism_threads() == 1
        assert tf.config.threading.get_inter_op_parallelism_threads() == 1


def test_training_does_not_start_inside_a_graph():
    runtime.prepare.cache_clear()
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="outside of any graph"):
        runtime.prepare()
