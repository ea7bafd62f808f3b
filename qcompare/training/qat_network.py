"""The network of a trial, trained by aligned fake quantization or in a kernel set's integers, and evaluated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.training import number_format as formats
from qcompare.training import qat, runtime
from qcompare.training.float_network import architecture_of
from qcompare.training.learned import TrainedQat


def train(
    network: Network,
    data: Dataset,
    *,
    simulate: str,
    kernels: str,
    number_format: str,
    per_channel: bool,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    range_momentum: float | None,
    keep_zeros: bool,
    seed: int,
) -> Network:
    """Fine-tuned from a float network."""
    runtime.prepare()
    trained = qat.train(
        architecture_of(network),
        dict(network.weights),
        data,
        simulate=simulate,
        kernels=kernels,
        number_format=formats.number_format(number_format, per_channel=per_channel),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        range_momentum=range_momentum,
        keep_zeros=keep_zeros,
        seed=seed,
    )
    return replace(
        network,
        weights=trained.weights,
        ranges=trained.ranges,
        simulation={
            "kernels": trained.kernels,
            "exact": trained.exact,
            "number_format": trained.number_format.name,
            "per_channel": trained.number_format.per_channel,
        },
        evaluate=Function(__name__, evaluate.__name__),
    )


def evaluate(network: Network, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs], float32, for x [samples, steps, features]."""
    runtime.prepare()
    return qat.evaluate(architecture_of(network), learned(network), x)


def learned(network: Network) -> TrainedQat:
    """What training learned, in the form that evaluation and conversion take."""
    return TrainedQat(
        weights=dict(network.weights),
        ranges=dict(network.ranges),
        kernels=network.simulation["kernels"],
        exact=network.simulation["exact"],
        number_format=formats.number_format(
            network.simulation["number_format"], per_channel=network.simulation["per_channel"]
        ),
    )
