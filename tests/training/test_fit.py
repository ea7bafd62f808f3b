"""Trainings that a process keeps compiled from one seed to the next."""

import numpy as np
import pytest

from qcompare.data.sequence_sum import sequences
from qcompare.models.network import Architecture
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.training import fit, tfmot

pytestmark = pytest.mark.slow

DENSE = Architecture(cells=(), dense_units=(5, 2), activation="relu", steps=2, features=2)
RECURRENT = Architecture(
    cells=(SimpleRNNCell(units=3, activation="tanh"),), dense_units=(2,), activation="relu", steps=2, features=2
)


@pytest.fixture(scope="module")
def dataset():
    return sequences(samples=90, steps=2, features=2, test_samples=20, calibration_samples=30, split_seed=0)


def trained_float(architecture, dataset, seed=0, epochs=2):
    return fit.train_float(architecture, dataset, epochs=epochs, batch_size=16, learning_rate=0.01, seed=seed)


def trained(dataset):
    """All arrays that training gives for one seed, float and by tfmot."""
    start = trained_float(DENSE, dataset)
    found = tfmot.train(DENSE, start, dataset, epochs=2, batch_size=16, learning_rate=0.001, seed=0)
    evaluated = {"outputs": tfmot.evaluate(DENSE, found, dataset.x_test)}
    return [trained_float(RECURRENT, dataset), start, found.weights, found.ranges, evaluated]


def test_a_kept_training_remembers_nothing(dataset):
    fit._float_training.cache_clear()
    tfmot._network.cache_clear()
    fresh = trained(dataset)
    for seed in (1, 2):
        for epochs in (2, 1):
            start = trained_float(DENSE, dataset, seed, epochs)
            tfmot.train(DENSE, start, dataset, epochs=epochs, batch_size=16, learning_rate=0.001, seed=seed)
    for one, other in zip(fresh, trained(dataset), strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name])
    assert fit._float_training.cache_info().hits > 0
    assert tfmot._network.cache_info().misses == 1
