"""Float networks made smaller by training on: pruned, or clustered, by tensorflow-model-optimization's algorithms.

Its wrappers take Keras layers; the algorithms behind them take any variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.clustering.keras.clustering_algorithm import ClusteringAlgorithm
from tensorflow_model_optimization.python.core.clustering.keras.clustering_centroids import (
    LinearCentroidsInitialisation,
)
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_impl import Pruning

from qcompare.data.dataset import Dataset
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture
from qcompare.training.fit import Settings, Training, as_variables, values_of


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Trainable:
    """A network that is made smaller.

    variables: what is trained, by name. matrices: the names of those that become smaller.
    forward: logits or real outputs [samples, outputs], given the weights by name and x [samples, steps, features].
    """

    variables: Mapping[str, tf.Variable]
    matrices: Sequence[str]
    forward: Callable[[Mapping[str, tf.Tensor], tf.Tensor], tf.Tensor]


def trainable(architecture: Architecture, weights: Mapping[str, np.ndarray]) -> Trainable:
    """A network of ours, of whose weights all but the biases become smaller."""
    constants = architecture.constants()
    return Trainable(
        variables=as_variables(weights),
        matrices=[name for name, value in weights.items() if value.ndim > 1],
        forward=lambda values, x: architecture.forward(FloatOps(Unrounded({**values, **constants})), x),
    )


def pruned(
    network: Trainable,
    dataset: Dataset,
    *,
    sparsity: float,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> dict[str, np.ndarray]:
    """The weights trained on, that share of each matrix zero: those of the smallest magnitudes.

    The share grows to its end in the first half of the steps (PolynomialDecay, tfmot's schedule), by each matrix.
    """
    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    step = tf.Variable(0, dtype=tf.int64)
    end = max(1, epochs * settings.steps // 2)
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=1)
    named = [network.variables[name] for name in network.matrices]
    parts = [(variable, tf.Variable(tf.ones_like(variable)), tf.Variable(0.0)) for variable in named]
    pruning = Pruning(lambda: step, parts, schedule, (1, 1), "AVG")

    def after_step() -> None:
        step.assign_add(1)
        pruning.conditional_mask_update()
        pruning.weight_mask_op()

    trained = list(network.variables.values())
    Training(lambda x: network.forward(network.variables, x), trained, settings, after_step).run(dataset, [seed, 3])
    return values_of(network.variables)


def clustered(
    network: Trainable,
    dataset: Dataset,
    *,
    clusters: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> dict[str, np.ndarray]:
    """The weights trained on, those of each matrix one of so many values, which are trained too.

    The values start evenly spread over a matrix's range; every weight has the nearest.
    """
    centroids = {
        name: tf.Variable(
            LinearCentroidsInitialisation(network.variables[name].numpy(), clusters).get_cluster_centroids()
        )
        for name in network.matrices
    }
    algorithms = {name: ClusteringAlgorithm(values) for name, values in centroids.items()}

    def shared() -> dict[str, tf.Tensor]:
        found: dict[str, tf.Tensor] = dict(network.variables)
        for name, algorithm in algorithms.items():
            nearest = algorithm.get_pulling_indices(network.variables[name])
            found[name] = algorithm.get_clustered_weight(nearest, network.variables[name])
        return found

    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    trained = [*network.variables.values(), *centroids.values()]
    Training(lambda x: network.forward(shared(), x), trained, settings).run(dataset, [seed, 4])
    return {name: np.asarray(value) for name, value in shared().items()}
