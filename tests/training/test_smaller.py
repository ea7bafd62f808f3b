"""Networks pruned and clustered before they are quantized."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qcompare.data.sequence_sum import sequences
from qcompare.models.lstm import FusedLSTM
from qcompare.models.network import Architecture
from qcompare.training import qat
from qcompare.training.integers import weight_constant
from qcompare.training.number_format import INT8
from qcompare.training.smaller import clustered, matrices, pruned

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
    found = pruned(network, weights, DATASET, sparsity=sparsity, **FINE_TUNING)
    assert found.keys() == weights.keys()
    for name in matrices(weights):
        zeros = np.count_nonzero(found[name] == 0)
        assert zeros == weights[name].size - max(1, round(weights[name].size * (1 - sparsity)))
    again = pruned(network, weights, DATASET, sparsity=sparsity, **FINE_TUNING)
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
    assert any(not np.array_equal(trained.weights[name], found[name]) for name in matrices(weights))
    for name in matrices(weights):
        np.testing.assert_array_equal(trained.weights[name][found[name] == 0], 0)
        assert np.count_nonzero(weight_constant(trained.weights[name], per_channel=True).data == 0) >= np.count_nonzero(
            found[name] == 0
        )


@pytest.mark.parametrize("clusters", [2, 8])
def test_each_matrix_has_so_many_values(network, weights, clusters):
    found = clustered(network, weights, DATASET, clusters=clusters, **FINE_TUNING)
    for name in matrices(weights):
        assert np.unique(found[name]).size <= clusters
        assert np.unique(found[name]).size > 1
        assert np.unique(weight_constant(found[name], per_channel=False).data).size <= clusters
    biases = found.keys() - set(matrices(weights))
    assert any(not np.array_equal(found[name], weights[name]) for name in biases)
