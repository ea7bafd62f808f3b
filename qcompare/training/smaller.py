"""Float networks made smaller by training on: pruned, or clustered, by tensorflow-model-optimization's algorithms.

Its wrappers take Keras layers; the algorithms behind them take any variable.
"""

from __future__ import annotations

from collections.abc import Mapping

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


def matrices(weights: Mapping[str, np.ndarray]) -> list[str]:
    """The weights that are made smaller: all but biases."""
    return [name for name, value in weights.items() if value.ndim > 1]


def pruned(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
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
    variables = as_variables(weights)
    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    step = tf.Variable(0, dtype=tf.int64)
    end = max(1, epochs * settings.steps // 2)
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=1)
    parts = [
        (variables[name], tf.Variable(tf.ones_like(weights[name])), tf.Variable(0.0)) for name in matrices(weights)
    ]
    pruning = Pruning(lambda: step, parts, schedule, (1, 1), "AVG")

    def after_step() -> None:
        step.assign_add(1)
        pruning.conditional_mask_update()
        pruning.weight_mask_op()

    everything = {**variables, **architecture.constants()}
    training = Training(
        lambda x: architecture.forward(FloatOps(Unrounded(everything)), x),
        list(variables.values()),
        settings,
        after_step,
    )
    training.run(dataset, [seed, 3])
    return values_of(variables)


def clustered(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
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
    variables, named = as_variables(weights), matrices(weights)
    centroids = {
        name: tf.Variable(LinearCentroidsInitialisation(weights[name], clusters).get_cluster_centroids())
        for name in named
    }
    algorithms = {name: ClusteringAlgorithm(values) for name, values in centroids.items()}

    def shared() -> dict[str, tf.Tensor]:
        found: dict[str, tf.Tensor] = dict(variables)
        for name, algorithm in algorithms.items():
            nearest = algorithm.get_pulling_indices(variables[name])
            found[name] = algorithm.get_clustered_weight(nearest, variables[name])
        return found

    def forward(x: tf.Tensor) -> tf.Tensor:
        return architecture.forward(FloatOps(Unrounded({**shared(), **architecture.constants()})), x)

    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    trained = [*variables.values(), *centroids.values()]
    Training(forward, trained, settings).run(dataset, [seed, 4])
    return {name: np.asarray(value) for name, value in shared().items()}
