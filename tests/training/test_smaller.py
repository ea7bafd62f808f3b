"""Networks pruned and clustered before they are quantized."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.core.function import Function
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.data.sequence_sum import sequences
from qcompare.export import keras as keras_export
from qcompare.export import keras_trained
from qcompare.models import keras_description
from qcompare.models.keras_file import KerasLayer
from qcompare.models.lstm import FusedLSTM
from qcompare.models.network import Architecture
from qcompare.training import keras_smaller, keras_tfmot, qat
from qcompare.training.integers import weight_constant
from qcompare.training.number_format import INT8
from qcompare.training.smaller import clustered, pruned, trainable

pytestmark = pytest.mark.slow

FINE_TUNING: dict[str, Any] = {"epochs": 2, "batch_size": 16, "learning_rate": 0.001, "seed": 0}
DATASET = sequences(samples=90, steps=4, features=3, test_samples=20, calibration_samples=30, split_seed=0)

NETWORKS = {
    "lstm": Architecture(cells=(FusedLSTM(units=6),), dense_units=(5, 1), activation="relu", steps=4, features=3),
    "dense": Architecture(cells=(), dense_units=(16, 1), activation="tanh", steps=4, features=3),
}


@pytest.fixture(params=list(NETWORKS))
def network(request):
    return NETWORKS[request.param]


@pytest.fixture
def weights(network):
    rng = np.random.default_rng(6)
    return {
        name: value + rng.normal(0, 0.1, value.shape).astype(np.float32)
        for name, value in network.initial_weights(rng).items()
    }


@pytest.mark.parametrize("sparsity", [0.5, 0.8])
def test_the_smallest_weights_of_each_matrix_become_zero_and_stay_so_in_qat(network, weights, sparsity):
    found = pruned(trainable(network, weights), DATASET, sparsity=sparsity, **FINE_TUNING)
    assert found.keys() == weights.keys()
    for name in trainable(network, weights).matrices:
        zeros = np.count_nonzero(found[name] == 0)
        assert zeros == weights[name].size - max(1, round(weights[name].size * (1 - sparsity)))
    again = pruned(trainable(network, weights), DATASET, sparsity=sparsity, **FINE_TUNING)
    assert all(np.array_equal(found[name], again[name]) for name in found)
    trained = qat.train(
        network,
        found,
        DATASET,
        simulate="fake_quant",
        kernels="reference",
        number_format=INT8,
        range_momentum=0.99,
        keep_zeros=True,
        **FINE_TUNING,
    )
    assert any(not np.array_equal(trained.weights[name], found[name]) for name in trainable(network, weights).matrices)
    for name in trainable(network, weights).matrices:
        np.testing.assert_array_equal(trained.weights[name][found[name] == 0], 0)
        assert np.count_nonzero(weight_constant(trained.weights[name], per_channel=True).data == 0) >= np.count_nonzero(
            found[name] == 0
        )


@pytest.mark.parametrize("clusters", [2, 8])
def test_each_matrix_has_so_many_values(network, weights, clusters):
    found = clustered(trainable(network, weights), DATASET, clusters=clusters, **FINE_TUNING)
    for name in trainable(network, weights).matrices:
        assert np.unique(found[name]).size <= clusters
        assert np.unique(found[name]).size > 1
        assert np.unique(weight_constant(found[name], per_channel=False).data).size <= clusters
    biases = found.keys() - set(trainable(network, weights).matrices)
    assert any(not np.array_equal(found[name], weights[name]) for name in biases)


RNG = np.random.default_rng(2)
STEPS, FEATURES, CLASSES = 6, 5, 3


def layer(kind: str, read: str, weights: list[tuple[int, ...]] | None = None, **config: Any) -> KerasLayer:
    values = tuple(RNG.normal(0, 0.5, shape).astype(np.float32) for shape in weights or [])
    return KerasLayer(name=f"a {kind}", kind=kind, config=config, inputs=(read,) if read else (), weights=values)


IMAGE = {"padding": "same", "strides": [1, 1], "activation": "linear", "use_bias": True, "kernel_size": [3, 3]}
LSTM = {"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
LSTM_SHAPES = [(FEATURES, 16), (4, 16), (16,)]


def keras_network(*layers: KerasLayer) -> Network:
    layers = (layer("InputLayer", "", batch_shape=[None, *SHAPE]), *layers)
    norms = {each.name: each for each in layers if each.kind == "BatchNormalization"}
    values = keras_description.weights(layers)
    values |= {f"{name}/3": np.abs(each.weights[3]) + np.float32(0.5) for name, each in norms.items()}
    return Network(
        model=keras_description.described(layers, SHAPE),
        steps=STEPS,
        features=FEATURES,
        outputs=CLASSES,
        weights=values,
        evaluate=Function("qcompare.training.keras_network", "evaluate"),
    )


SHAPE: tuple[int, ...] = (STEPS, FEATURES, 1)


def picture() -> Network:
    return keras_network(
        layer("Conv2D", "a InputLayer", [(3, 3, 1, 4), (4,)], filters=4, **IMAGE),
        layer("BatchNormalization", "a Conv2D", [(4,)] * 4, axis=-1, epsilon=0.001, scale=True, center=True),
        layer("DepthwiseConv2D", "a BatchNormalization", [(3, 3, 4, 1), (4,)], depth_multiplier=1, **IMAGE),
        layer("SeparableConv2D", "a DepthwiseConv2D", [(3, 3, 4, 1), (1, 1, 4, 4), (4,)], filters=4, **IMAGE),
        layer("Flatten", "a SeparableConv2D"),
        layer("Dense", "a Flatten", [(120, CLASSES), (CLASSES,)], units=CLASSES, activation="softmax", use_bias=True),
    )


def recurrent() -> Network:
    gru = {"class_name": "LSTM", "config": {**LSTM, "return_sequences": True}}
    return keras_network(
        layer("Reshape", "a InputLayer", target_shape=[STEPS, FEATURES]),
        layer("Bidirectional", "a Reshape", LSTM_SHAPES * 2, layer=gru, merge_mode="sum"),
        layer("GRU", "a Bidirectional", [(4, 12), (4, 12), (2, 12)], reset_after=True, **LSTM),
        layer("Dense", "a GRU", [(4, CLASSES), (CLASSES,)], units=CLASSES, activation="linear", use_bias=True),
    )


def keras_data() -> Dataset:
    x = np.random.default_rng(3).normal(size=(40, STEPS, FEATURES)).astype(np.float32)
    y = np.arange(40, dtype=np.int32) % CLASSES
    return Dataset(x_train=x, y_train=y, x_test=x, y_test=y, classes=CLASSES, calibration=x)


KERAS = {
    "picture": (picture, ["a Conv2D/0", "a SeparableConv2D/1", "a Dense/0"]),
    "recurrent": (
        recurrent,
        [*(f"a Bidirectional/{number}" for number in (0, 1, 3, 4)), "a GRU/0", "a GRU/1", "a Dense/0"],
    ),
}


@pytest.mark.parametrize("name", list(KERAS))
@pytest.mark.parametrize(("how", "asked"), [("pruned", {"sparsity": 0.75}), ("clustered", {"clusters": 4})])
def test_matrices_of_keras_layers_become_smaller(name: str, how: str, asked: dict[str, Any]) -> None:
    make, matrices = KERAS[name]
    network = make()
    start = keras_smaller.trainable(network)
    assert list(start.matrices) == matrices
    make_smaller: dict[str, Any] = {"pruned": pruned, "clustered": clustered}
    smaller = make_smaller[how](start, keras_data(), **asked, **FINE_TUNING)
    for matrix in matrices:
        size = network.weights[matrix].size
        if how == "pruned":
            assert np.count_nonzero(smaller[matrix] == 0) == size - max(1, round(size * 0.25))
        else:
            assert 1 < np.unique(smaller[matrix]).size <= 4
    assert {key for key in network.weights if key not in smaller} == (
        {"a BatchNormalization/2", "a BatchNormalization/3"} if name == "picture" else set()
    )
    assert all(not np.array_equal(value, network.weights[key]) for key, value in smaller.items())


def test_zeros_are_in_the_file_and_stay_in_training_by_tfmot() -> None:
    network = picture()
    matrices = KERAS["picture"][1]
    weights = {**network.weights, **pruned(keras_smaller.trainable(network), keras_data(), sparsity=0.5, **FINE_TUNING)}
    network = replace(network, weights=weights)
    zeros = sum(np.count_nonzero(weights[name] == 0) for name in matrices)
    settings: dict[str, Any] = {"all_values": False, **FINE_TUNING}
    trained = keras_tfmot.train(network, keras_data(), keep_zeros=True, **settings)
    free = keras_tfmot.train(network, keras_data(), keep_zeros=False, **settings)
    method = Method(name="int8", input="int8", output="int8", full_integer=True)
    calibration = keras_data().calibration
    files = [keras_export.converted(network, calibration, method)]
    files += [keras_trained.converted(each, method) for each in (trained, free)]
    found = [
        sum(
            np.count_nonzero(tensor.data == 0)
            for tensor in built.model.main.tensors
            if tensor.dtype == np.int8 and tensor.data is not None
        )
        for built in files
    ]
    assert found[0] >= zeros
    assert found[1] >= zeros
    assert found[2] < zeros
