"""The float network of a trial made smaller before it is quantized."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.models import keras_description
from qcompare.training import runtime
from qcompare.training.float_network import architecture_of

if TYPE_CHECKING:
    from qcompare.training.smaller import Trainable


def prune(network: Network, data: Dataset, **options: Any) -> Network:
    """With a share of each matrix zero. options: as `smaller.pruned` takes them."""
    runtime.prepare()
    # Imported here: it brings all of Keras and matplotlib into the process, which other networks do without.
    from qcompare.training.smaller import pruned

    return replace(network, weights={**network.weights, **pruned(_trainable(network), data, **options)})


def cluster(network: Network, data: Dataset, **options: Any) -> Network:
    """With few values in each matrix. options: as `smaller.clustered` takes them."""
    runtime.prepare()
    from qcompare.training.smaller import clustered

    return replace(network, weights={**network.weights, **clustered(_trainable(network), data, **options)})


def _trainable(network: Network) -> Trainable:
    from qcompare.training import keras_smaller, smaller

    if network.model["name"] == keras_description.NAME:
        return keras_smaller.trainable(network)
    return smaller.trainable(architecture_of(network), network.weights)
