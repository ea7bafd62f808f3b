"""Cells and networks against Keras's own layers and against what they are defined by."""

import re
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qcompare.core.gru import gru_weights
from qcompare.core.tap import Tap
from qcompare.models.bidirectional import Bidirectional
from qcompare.models.float_ops import FloatOps, Reals, Unrounded
from qcompare.models.gru import GRUCell
from qcompare.models.initial import glorot_uniform, orthogonal
from qcompare.models.lmu import LMUCell, legendre_matrices
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, unroll
from qcompare.models.ops import LOGISTIC_RANGE, TANH_RANGE, Place
from qcompare.models.simple_rnn import SimpleRNNCell

STEPS, FEATURES, SAMPLES = 7, 3, 5
X = np.random.default_rng(0).normal(size=(SAMPLES, STEPS, FEATURES)).astype(np.float32)


def of(cells, dense_units=(4,), activation="relu", steps=STEPS, features=FEATURES):
    return Architecture(
        cells=tuple(cells), dense_units=dense_units, activation=activation, steps=steps, features=features
    )


def weights_of(architecture, seed=1):
    """Initial weights with the zeros replaced, so that every one of them matters."""
    generator = np.random.default_rng(seed)
    weights = architecture.initial_weights(generator)
    return {
        name: value if value.any() else generator.normal(scale=0.3, size=value.shape).astype(np.float32)
        for name, value in weights.items()
    }


def outputs(architecture, weights, x=X):
    rounding = Unrounded({**weights, **architecture.constants()})
    return architecture.forward(FloatOps(rounding), tf.constant(x)).numpy()


def in_keras(layers, values, x=X):
    """Outputs of Keras layers with these weights."""
    model = tf_keras.Sequential([tf_keras.Input(x.shape[1:]), *layers])
    model.set_weights(values)
    return model(x).numpy()


def recurrent(weights, index=0):
    return [weights[f"recurrent_{index}/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]


def dense(weights, index=0):
    return [weights[f"dense_{index}/{name}"] for name in ("kernel", "bias")]


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "linear"])
def test_simple_rnn_is_kerass(activation):
    architecture = of([SimpleRNNCell(units=6, activation=activation)])
    weights = weights_of(architecture)
    layers = [tf_keras.layers.SimpleRNN(6, activation=activation), tf_keras.layers.Dense(4)]
    expected = in_keras(layers, [*recurrent(weights), *dense(weights)])
    np.testing.assert_allclose(outputs(architecture, weights), expected, rtol=1e-5, atol=1e-5)


def test_lstm_is_kerass():
    architecture = of([LSTMCell(units=6)])
    weights = weights_of(architecture)
    layers = [tf_keras.layers.LSTM(6), tf_keras.layers.Dense(4)]
    expected = in_keras(layers, [*recurrent(weights), *dense(weights)])
    np.testing.assert_allclose(outputs(architecture, weights), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_is_kerass(reset_after, use_bias):
    """The layer of tf-keras and that of Keras 3, whose matrices are laid out alike."""
    options = {"reset_after": reset_after, "use_bias": use_bias}
    architecture = of([GRUCell(units=6, **options), GRUCell(units=5, **options)])
    weights = weights_of(architecture)
    layers = [tf_keras.layers.GRU(6, return_sequences=True, **options), tf_keras.layers.GRU(5, **options)]
    values = [value for index, layer in enumerate(layers) for value in keras_gru(weights, index, **options)]
    expected = in_keras([*layers, tf_keras.layers.Dense(4)], [*values, *dense(weights)])
    np.testing.assert_allclose(outputs(architecture, weights), expected, rtol=1e-5, atol=1e-5)
    again = keras.layers.GRU(6, **options)
    again.build((None, STEPS, FEATURES))
    assert [tuple(each.shape) for each in again.weights] == [value.shape for value in values[: len(again.weights)]]
    again.set_weights(values[: len(again.weights)])
    cell = GRUCell(units=6, **options)
    rounding = Unrounded({name: value for name, value in weights.items() if name.startswith("recurrent_0/")})
    ours = unroll(
        FloatOps(rounding), "recurrent_0", cell, [Reals(tensor=tf.constant(x)) for x in X.swapaxes(0, 1)], SAMPLES
    )
    np.testing.assert_allclose(ours[-1].tensor, keras.ops.convert_to_numpy(again(X)), rtol=1e-5, atol=1e-5)


def keras_gru(weights, index, *, reset_after, use_bias):
    """A layer's matrices as Keras has them."""
    named = {name.partition("/")[2]: value for name, value in weights.items() if name.startswith(f"recurrent_{index}/")}
    if reset_after:
        biases = [np.stack([named["bias"], named["recurrent_bias"]])] if use_bias else []
        return [named["kernel"], named["recurrent_kernel"], *biases]
    recurrent = np.concatenate([named["recurrent_kernel"], named["candidate_kernel"]], axis=1)
    return [named["kernel"], recurrent, *([named["bias"]] if use_bias else [])]


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize(
    ("cell", "keras_layer"),
    [
        (FusedLSTM, tf_keras.layers.LSTM),
        (LSTMCell, tf_keras.layers.LSTM),
        (partial(SimpleRNNCell, activation="tanh"), tf_keras.layers.SimpleRNN),
    ],
    ids=["fused", "unrolled", "simple_rnn"],
)
def test_bidirectional_layers_are_kerass(cell, keras_layer, every):
    """A stack; its last layer gives every step, or the last of each direction."""
    cells = [Bidirectional(forward=cell(units=n), backward=cell(units=n)) for n in (4, 3)]
    architecture = replace(of(cells), return_sequences=every)
    weights = weights_of(architecture)
    layers = [
        tf_keras.layers.Bidirectional(keras_layer(4, return_sequences=True)),
        tf_keras.layers.Bidirectional(keras_layer(3, return_sequences=every)),
        tf_keras.layers.Flatten(),
        tf_keras.layers.Dense(4),
    ]
    values = [
        weights[f"recurrent_{index}/{direction}/{name}"]
        for index in (0, 1)
        for direction in ("forward", "backward")
        for name in ("kernel", "recurrent_kernel", "bias")
    ]
    expected = in_keras(layers, [*values, *dense(weights)])
    np.testing.assert_allclose(outputs(architecture, weights), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_starts_as_keras_does(reset_after):
    options = {"reset_after": reset_after, "use_bias": True}
    weights = GRUCell(units=4, reset_after=reset_after).initial_weights(FEATURES, np.random.default_rng(0))
    named = {f"recurrent_0/{name}": value for name, value in weights.items()}
    layer = tf_keras.layers.GRU(4, reset_after=reset_after)
    layer.build((None, STEPS, FEATURES))
    ours, theirs = keras_gru(named, 0, **options), layer.get_weights()
    assert [value.shape for value in ours] == [value.shape for value in theirs]
    for kernel, recurrent_kernel, bias in (ours, theirs):
        assert np.abs(kernel).max() <= np.sqrt(6 / (FEATURES + 12))
        np.testing.assert_allclose(recurrent_kernel @ recurrent_kernel.T, np.eye(4), atol=1e-5)
        assert not bias.any()
    back = gru_weights(*ours, reset_after=reset_after)
    assert set(back) == set(weights)
    assert all(np.array_equal(back[name], value) for name, value in weights.items())


def test_a_stack_with_a_head_is_kerass():
    architecture = of([LSTMCell(units=6), SimpleRNNCell(units=5, activation="tanh")], (8, 4))
    weights = weights_of(architecture)
    layers = [
        tf_keras.layers.LSTM(6, return_sequences=True),
        tf_keras.layers.SimpleRNN(5),
        tf_keras.layers.Dense(8, activation="relu"),
        tf_keras.layers.Dense(4),
    ]
    values = [*recurrent(weights, 0), *recurrent(weights, 1), *dense(weights, 0), *dense(weights, 1)]
    np.testing.assert_allclose(outputs(architecture, weights), in_keras(layers, values), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "linear"])
def test_dense_layers_are_kerass(activation):
    architecture = of([], (8, 6, 4), activation)
    weights = weights_of(architecture)
    layers = [tf_keras.layers.Flatten(), *(tf_keras.layers.Dense(n, activation=activation) for n in (8, 6))]
    values = [value for index in range(3) for value in dense(weights, index)]
    expected = in_keras([*layers, tf_keras.layers.Dense(4)], values)
    np.testing.assert_allclose(outputs(architecture, weights), expected, rtol=1e-5, atol=1e-5)


def test_lstm_starts_as_keras_does():
    weights = LSTMCell(units=4).initial_weights(FEATURES, np.random.default_rng(0))
    np.testing.assert_array_equal(weights["bias"], [0] * 4 + [1] * 4 + [0] * 8)
    assert {name: value.shape for name, value in weights.items()} == {
        "kernel": (FEATURES, 16),
        "recurrent_kernel": (4, 16),
        "bias": (16,),
    }


def lmu_by_hand(weights, cell, x):
    """The hidden state after the last step, in float64, by the equations."""
    a, b = legendre_matrices(cell.order, cell.theta)
    named = {name.partition("/")[2]: value.astype(np.float64) for name, value in weights.items()}
    h, memory = np.zeros((len(x), cell.units)), np.zeros((len(x), cell.order))
    for x_t in x.astype(np.float64).swapaxes(0, 1):
        u = x_t @ named["input_encoder"] + h @ named["hidden_encoder"] + memory @ named["memory_encoder"]
        memory = memory @ a.T + u @ b.T
        h = np.tanh(
            x_t @ named["input_kernel"] + named["bias"] + h @ named["hidden_kernel"] + memory @ named["memory_kernel"]
        )
    return h


def test_lmu_follows_its_equations():
    cell = LMUCell(units=6, order=4, theta=5.0, activation="tanh")
    architecture = of([cell])
    weights = weights_of(architecture)
    own = {name: value for name, value in weights.items() if name.startswith("recurrent_0/")}
    kernel, bias = dense(weights)
    expected = lmu_by_hand(own, cell, X) @ kernel + bias
    np.testing.assert_allclose(outputs(architecture, weights), expected, rtol=1e-5, atol=1e-5)


def legendre(order, position):
    """The shifted Legendre polynomials 0 .. order - 1 at a position in [0, 1]."""
    return np.array([np.polynomial.legendre.Legendre.basis(n)(2 * position - 1) for n in range(order)])


@pytest.mark.parametrize("position", [0.25, 0.5, 1.0])
@pytest.mark.parametrize(("order", "theta"), [(6, 40.0), (12, 100.0)])
def test_the_lmus_memory_holds_the_signal_of_the_last_theta_steps(order, theta, position):
    a, b = legendre_matrices(order, theta)
    assert (a.shape, b.shape) == ((order, order), (order, 1))
    times = np.arange(int(4 * theta))
    signal = np.sin(2 * np.pi * times / theta) + 0.5 * np.cos(2 * np.pi * times / (2 * theta))
    memory = np.zeros(order)
    read = []
    for value in signal:
        memory = a @ memory + b[:, 0] * value
        read.append(memory @ legendre(order, position))
    delay = position * theta
    settled = times[int(2 * theta) :]
    # The memory holds the signal of half a step before: an input stands for the whole of its step.
    expected = np.interp(settled - delay + 0.5, times, signal)
    np.testing.assert_allclose(np.array(read)[settled], expected, atol=0.05)


def test_the_lmus_memory_is_stable_and_has_no_gain():
    a, b = legendre_matrices(8, 20.0)
    assert np.abs(np.linalg.eigvals(a)).max() < 1
    constant = np.linalg.solve(np.eye(8) - a, b[:, 0])
    np.testing.assert_allclose(constant, [1, *[0] * 7], atol=1e-9)


def test_zero_order_hold_of_one_legendre_coefficient():
    # dm/dt = (u - m) / theta, held for one step.
    a, b = legendre_matrices(1, 10.0)
    np.testing.assert_allclose([a[0, 0], b[0, 0]], [np.exp(-0.1), 1 - np.exp(-0.1)], rtol=1e-12)


def test_constants_are_no_weights():
    architecture = of([LMUCell(units=6, order=4, theta=5.0, activation="tanh")])
    weights = architecture.initial_weights(np.random.default_rng(0))
    assert set(architecture.constants()) == {"recurrent_0/A", "recurrent_0/B"}
    assert not set(weights) & set(architecture.constants())


@pytest.mark.parametrize(
    "architecture",
    [
        of([SimpleRNNCell(units=6, activation="tanh")]),
        of([LSTMCell(units=6), LSTMCell(units=3)], (5, 2)),
        of([GRUCell(units=6), GRUCell(units=3, reset_after=False)], (5, 2)),
        of([LMUCell(units=6, order=4, theta=5.0, activation="relu")]),
        of([], (5, 2)),
    ],
    ids=["simple_rnn", "lstm", "gru", "lmu", "dense"],
)
def test_a_seed_gives_the_same_weights_and_every_weight_counts(architecture):
    one, again, other = (architecture.initial_weights(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert all(value.dtype == np.float32 for value in one.values())
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)
    weights = weights_of(architecture)
    expected = outputs(architecture, weights)
    assert expected.shape == (SAMPLES, architecture.dense_units[-1])
    for name, value in weights.items():
        changed = outputs(architecture, weights | {name: value + np.float32(0.5)})
        assert not np.allclose(changed, expected, rtol=1e-3, atol=1e-4), name


def test_each_sample_is_computed_by_itself():
    architecture = of([LMUCell(units=6, order=4, theta=5.0, activation="tanh"), LSTMCell(units=3)])
    weights = weights_of(architecture)
    one_by_one = np.concatenate([outputs(architecture, weights, X[i : i + 1]) for i in range(SAMPLES)])
    np.testing.assert_allclose(outputs(architecture, weights), one_by_one, rtol=1e-5, atol=1e-6)


def test_the_order_of_the_steps_matters():
    architecture = of([SimpleRNNCell(units=6, activation="tanh")])
    weights = weights_of(architecture)
    assert not np.allclose(outputs(architecture, weights, X), outputs(architecture, weights, X[:, ::-1]))


def roles_of(architecture):
    """Every role with the graph name of its tensor's operator, and the range that its kernel prescribes."""
    seen = []

    def see(tap, value, fixed):
        seen.append((tap.role, value.tensor.op.name, fixed))

    with tf.Graph().as_default():
        ops = FloatOps(Unrounded({**weights_of(architecture), **architecture.constants()}), see)
        architecture.forward(ops, tf.zeros([1, architecture.steps, architecture.features]))
    return seen


def test_roles_are_shared_by_the_steps_and_graph_names_say_the_step():
    seen = roles_of(of([SimpleRNNCell(units=6, activation="tanh")] * 2, steps=3))
    h = [name for role, name, _ in seen if role == "recurrent_1/h"]
    # The name of an operator that is entered twice, here for ADD and for TANH, has a number at its end.
    places = [re.sub(r"_\d+$", "", "/".join(name.split("/")[:3])) for name in h]
    assert places == [f"recurrent_1/step_{step}/h" for step in range(3)]
    assert {role for role, _, _ in seen} == {
        "x",
        "dense_0/output",
        *(
            f"recurrent_{layer}/{name}"
            for layer in (0, 1)
            for name in ("from_input", "from_state", "h_before_activation", "h")
        ),
    }


def test_the_roles_of_an_lstm_and_the_ranges_that_kernels_prescribe():
    seen = roles_of(of([LSTMCell(units=6)]))
    fixed = {role.removeprefix("recurrent_0/"): span for role, _, span in seen if role.startswith("recurrent_0/")}
    assert fixed == {
        "from_input": None,
        "from_state": None,
        "gates": None,
        "gate_i": LOGISTIC_RANGE,
        "gate_f": LOGISTIC_RANGE,
        "gate_g": TANH_RANGE,
        "gate_o": LOGISTIC_RANGE,
        "kept": None,
        "added": None,
        "cell": None,
        "tanh_cell": TANH_RANGE,
        "h": None,
    }


@pytest.mark.parametrize("reset_after", [True, False])
def test_the_roles_of_a_gru_and_the_ranges_that_kernels_prescribe(reset_after):
    seen = roles_of(of([GRUCell(units=6, reset_after=reset_after)]))
    fixed = {role.removeprefix("recurrent_0/"): span for role, _, span in seen if role.startswith("recurrent_0/")}
    assert fixed == {
        "from_input": None,
        "from_state": None,
        "gate_z_before_activation": None,
        "gate_z": LOGISTIC_RANGE,
        "gate_r_before_activation": None,
        "gate_r": LOGISTIC_RANGE,
        "reset": None,
        **({} if reset_after else {"from_reset": None}),
        "candidate_before_activation": None,
        "candidate": TANH_RANGE,
        "kept": None,
        "one_minus_z": None,
        "added": None,
        "h": None,
    }


def test_relu_is_part_of_the_operator_before_it_and_tanh_an_operator_of_its_own():
    for activation, roles in (
        ("relu", {"x", "dense_0/output", "dense_1/output"}),
        ("linear", {"x", "dense_0/output", "dense_1/output"}),
        ("tanh", {"x", "dense_0/output_before_activation", "dense_0/output", "dense_1/output"}),
        ("sigmoid", {"x", "dense_0/output_before_activation", "dense_0/output", "dense_1/output"}),
    ):
        assert {role for role, _, _ in roles_of(of([], (5, 2), activation))} == roles


def test_a_place_ends_where_it_began():
    place = Place()
    with place.within("outer", None):
        assert place.role("a") == "outer/a"
        with place.within("inner", 3):
            assert place.role("a") == "inner/a"
            assert place.tap("inner/a") == Tap("inner/a", 3)
        assert place.role("a") == "outer/a"
        assert place.tap("outer/a") == Tap("outer/a")
    assert (place.layer, place.step) == ("", None)


def test_a_place_ends_when_its_block_raises():
    place = Place()

    def fail():
        with place.within("inner", 1):
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert (place.layer, place.step) == ("", None)


@pytest.mark.parametrize("cell", [LSTMCell(units=6), FusedLSTM(units=6)], ids=["unrolled", "fused"])
def test_results_are_seen_with_their_time_steps(cell):
    seen: dict[Tap, tf.Tensor] = {}
    architecture = of([cell], steps=3)
    ops = FloatOps(
        Unrounded(weights_of(architecture)), lambda tap, value, fixed: seen.__setitem__(tap, value.tensor.numpy())
    )
    output = architecture.forward(ops, tf.constant(X[:, :3]))
    assert {tap.step for tap in seen if tap.role == "recurrent_0/h"} == {0, 1, 2}
    assert {tap for tap in seen if tap.step is None} == {Tap("x"), Tap("dense_0/output")}
    np.testing.assert_array_equal(seen[Tap("dense_0/output")], output)
    assert {tap.role for tap in seen} >= {f"recurrent_0/gate_{gate}" for gate in "ifgo"}


def test_initial_weights_have_their_distribution():
    generator = np.random.default_rng(0)
    uniform = glorot_uniform((300, 200), generator)
    limit = np.sqrt(6 / 500)
    assert np.abs(uniform).max() <= np.float32(limit)
    np.testing.assert_allclose(uniform.std(), limit / np.sqrt(3), rtol=0.02)
    matrix = orthogonal(40, generator)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(40), atol=1e-5)
    assert {array.dtype for array in (uniform, matrix)} == {np.dtype(np.float32)}
