"""Training: Adam with cosine decay over shuffled batches, the same for float and quantized models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from qcompare.data.dataset import Dataset
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture

Forward = Callable[[tf.Tensor], tf.Tensor]
"""Outputs [batch, outputs] for x [batch, steps, features], as in training."""


def fit(
    forward: Forward,
    variables: Sequence[tf.Variable],
    dataset: Dataset,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: Sequence[int],
    after_step: Callable[[], None] | None = None,
) -> None:
    """Train the variables in place.

    Every epoch sees the training samples in a new order, drawn from the seed; those that do not fill a batch
    wait for the next epoch. after_step: graph code to run after each step.
    """
    batch_size = min(batch_size, len(dataset.x_train))
    steps = len(dataset.x_train) // batch_size
    schedule = tf_keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
    optimizer = tf_keras.optimizers.Adam(schedule)
    optimizer.build(variables)
    loss = loss_function(dataset)
    x, y = tf.constant(dataset.x_train), tf.constant(dataset.y_train)

    @tf.function(autograph=False)
    def step(batch: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            value = loss(tf.gather(y, batch), forward(tf.gather(x, batch)))
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        if after_step is not None:
            after_step()

    @tf.function
    def epoch(batches: tf.Tensor) -> None:
        for batch in batches:
            step(batch)

    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(len(dataset.x_train))[: steps * batch_size]
        epoch(tf.constant(order.reshape(steps, batch_size), tf.int32))


def loss_function(dataset: Dataset) -> tf_keras.losses.Loss:
    """Cross entropy of the outputs as logits, or the mean squared error."""
    if dataset.classes is None:
        return tf_keras.losses.MeanSquaredError()
    return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def as_variables(weights: Mapping[str, np.ndarray]) -> dict[str, tf.Variable]:
    """A variable for each weight."""
    return {name: tf.Variable(value, name=name.replace("/", "_")) for name, value in weights.items()}


def values_of(variables: Mapping[str, tf.Variable]) -> dict[str, np.ndarray]:
    """The values of variables."""
    return {name: variable.numpy() for name, variable in variables.items()}


def train_float(
    architecture: Architecture, dataset: Dataset, *, epochs: int, batch_size: int, learning_rate: float, seed: int
) -> dict[str, np.ndarray]:
    """Trained float32 weights by `layer/name`. The seed decides initial weights and batch order."""
    variables = as_variables(architecture.initial_weights(np.random.default_rng([seed, 0])))
    constants = architecture.constants()
    fit(
        lambda x: architecture.forward(FloatOps(Unrounded({**variables, **constants})), x),
        list(variables.values()),
        dataset,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=[seed, 1],
    )
    return values_of(variables)


def outputs(forward: Forward, x: np.ndarray) -> np.ndarray:
    """Outputs [samples, outputs], float32, for x [samples, steps, features]."""
    return tf.function(forward, autograph=False)(tf.constant(x)).numpy()
