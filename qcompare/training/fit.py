"""Training: Adam with cosine decay over shuffled batches, the same for float and quantized models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import tensorflow as tf
import tf_keras

from qcompare.data.dataset import Dataset
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture

Forward = Callable[[tf.Tensor], tf.Tensor]
"""Outputs [batch, outputs] for x [batch, steps, features], as in training."""

Schedule = Callable[[tf.Tensor], tf.Tensor]
"""The learning rate, float32, of a step by its number, int64 from 0 on."""


KEPT = 2
"""How many compiled trainings a process keeps for the next seed, each with variables of its own."""


@final
@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a compiled training depends on besides its network.

    samples: of the training set. batch_size: at most all of them. regression: whether the loss is the squared error.
    """

    samples: int
    epochs: int
    batch_size: int
    learning_rate: float
    regression: bool

    @classmethod
    def of(cls, dataset: Dataset, *, epochs: int, batch_size: int, learning_rate: float) -> Settings:
        """The settings for the training set of a dataset."""
        samples = len(dataset.x_train)
        return cls(
            samples=samples,
            epochs=epochs,
            batch_size=min(batch_size, samples),
            learning_rate=learning_rate,
            regression=dataset.classes is None,
        )

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.samples // self.batch_size


@final
class Training:
    """Epochs of training of some variables, compiled once: each run starts from what the variables then hold."""

    def __init__(
        self,
        forward: Forward,
        variables: Sequence[tf.Variable],
        settings: Settings,
        after_step: Callable[[], None] | None = None,
    ) -> None:
        """after_step: graph code to run after each step."""
        steps = settings.steps
        schedule = tf_keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.epochs * steps)
        optimizer = tf_keras.optimizers.Adam(schedule)
        optimizer.build(variables)
        loss = loss_function(regression=settings.regression)

        def step(x: tf.Tensor, y: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                value = loss(y, forward(x))
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
            if after_step is not None:
                after_step()

        @tf.function(autograph=False)
        def epoch(x: tf.Tensor, y: tf.Tensor, batches: tf.Tensor) -> None:
            def body(index: tf.Tensor) -> tf.Tensor:
                step(tf.gather(x, batches[index]), tf.gather(y, batches[index]))
                return index + 1

            tf.while_loop(lambda index: index < steps, body, [tf.constant(0)])

        self._settings = settings
        self._optimizer = optimizer
        self._epoch = epoch

    def run(self, dataset: Dataset, seed: Sequence[int]) -> None:
        """Train the variables in place.

        Every epoch sees the training samples in a new order, drawn from the seed; those that do not fill a batch
        wait for the next epoch.
        """
        settings = self._settings
        for state in self._optimizer.variables:  # as if no step had been taken
            state.assign(tf.zeros_like(state))
        x, y = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
        generator = np.random.default_rng(seed)
        for _ in range(settings.epochs):
            order = generator.permutation(settings.samples)[: settings.steps * settings.batch_size]
            self._epoch(x, y, tf.constant(order.reshape(settings.steps, settings.batch_size), tf.int32))


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
    """Train the variables in place, as a `Training` does that runs once."""
    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    Training(forward, variables, settings, after_step).run(dataset, seed)


def loss_function(*, regression: bool) -> tf_keras.losses.Loss:
    """The mean squared error, or cross entropy of the outputs as logits."""
    if regression:
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
    initial = architecture.initial_weights(np.random.default_rng([seed, 0]))
    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    variables, training = _float_training(architecture, settings)
    for name, variable in variables.items():
        variable.assign(initial[name])
    training.run(dataset, [seed, 1])
    return values_of(variables)


@lru_cache(maxsize=KEPT)
def _float_training(architecture: Architecture, settings: Settings) -> tuple[dict[str, tf.Variable], Training]:
    """The float network's variables by `layer/name` and what trains them."""
    variables = as_variables(architecture.initial_weights(np.random.default_rng(0)))
    everything = {**variables, **architecture.constants()}
    training = Training(
        lambda x: architecture.forward(FloatOps(Unrounded(everything)), x), list(variables.values()), settings
    )
    return variables, training


def outputs(forward: Forward, x: np.ndarray) -> np.ndarray:
    """Outputs [samples, outputs], float32, for x [samples, steps, features]."""
    return tf.function(forward, autograph=False)(tf.constant(x)).numpy()
