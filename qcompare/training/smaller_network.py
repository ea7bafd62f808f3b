"""The float network of a trial made smaller before it is quantized."""

from __future__ import annotations

from dataclasses import replace

from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.training import runtime
from qcompare.training.float_network import architecture_of


def prune(
    network: Network, data: Dataset, *, sparsity: float, epochs: int, batch_size: int, learning_rate: float, seed: int
) -> Network:
    """With that share of each matrix zero."""
    # Imported here: it brings all of Keras and matplotlib into the process, which other networks do without.
    runtime.prepare()
    from qcompare.training import smaller

    weights = smaller.pruned(
        architecture_of(network),
        network.weights,
        data,
        sparsity=sparsity,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    return replace(network, weights=weights)


def cluster(
    network: Network, data: Dataset, *, clusters: int, epochs: int, batch_size: int, learning_rate: float, seed: int
) -> Network:
    """With so many values in each matrix."""
    runtime.prepare()
    from qcompare.training import smaller

    weights = smaller.clustered(
        architecture_of(network),
        network.weights,
        data,
        clusters=clusters,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    return replace(network, weights=weights)
