"""The quantized network of a trial by tensorflow-model-optimization: trained, and evaluated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.training import runtime, tfmot
from qcompare.training.float_network import architecture_of
from qcompare.training.learned import TrainedQat


def train(
    network: Network,
    data: Dataset,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    all_values: bool,
    seed: int,
) -> Network:
    """Fine-tuned from a float network."""
    runtime.prepare()
    trained = tfmot.train(
        architecture_of(network),
        dict(network.weights),
        data,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        all_values=all_values,
        seed=seed,
    )
    return replace(
        network,
        weights=trained.weights,
        ranges=trained.ranges,
        evaluate=Function(__name__, evaluate.__name__),
    )


def evaluate(network: Network, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs], float32, for x [samples, steps, features]."""
    runtime.prepare()
    return tfmot.evaluate(architecture_of(network), learned(network), x)


def learned(network: Network) -> TrainedQat:
    """What training learned, in the form that evaluation and conversion take."""
    return TrainedQat(weights=dict(network.weights), ranges=dict(network.ranges), number_format=tfmot.PER_TENSOR)
