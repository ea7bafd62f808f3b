"""A Keras model of a user's as a network: read from its file, and evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.models import keras_description
from qcompare.models.keras_ours import ours
from qcompare.models.keras_twin import twin
from qcompare.tflite.artifact import Built
from qcompare.tflite.pair import ends_in_softmax
from qcompare.training import runtime

BATCH = 256
"""Samples that are evaluated at a time."""


def read(path: str, content: str, trust: bool, data: Dataset) -> Network:
    """The network of a Keras file. content: its digest. trust: whether its code may run.

    Raises KerasFileError, and ValueError where its output is not as wide as the data's.
    """
    runtime.prepare()
    found = keras_description.of_file(Path(path), content, trust)
    model = keras_description.described(found.layers, found.input_shape)
    (*_, outputs) = twin(found.layers, found.input_shape).output_shape
    if outputs != data.outputs:
        raise ValueError(f"model.path={path}: its output is {outputs} wide, and the data ask for {data.outputs}")
    return Network(
        model=model,
        steps=data.steps,
        features=data.features,
        outputs=outputs,
        weights=keras_description.weights(found.layers),
        evaluate=Function(__name__, evaluate.__name__),
    )


def as_ours(network: Network) -> Network:
    """The network of ours that computes what a Keras model does. Raises NotOursError."""
    found = ours(keras_description.layers(network.model, network.weights))
    return replace(
        network,
        model=found.description,
        weights=found.weights,
        evaluate=Function("qcompare.training.float_network", "evaluate"),
    )


def with_end_of(network: Network, given: Built) -> Network:
    """The network with a softmax at its end where an integer model has one, and without where it has none."""
    changed = keras_description.with_end(network.model, softmax=ends_in_softmax(given.model.main))
    return replace(network, model=changed)


def evaluate(network: Network, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs], float32, for x [samples, steps, features]."""
    runtime.prepare()
    model = twin_of(network)
    forward = tf.function(lambda samples: model(samples, training=False))
    shaped = as_input(network.model, x)
    parts = [forward(tf.constant(shaped[start : start + BATCH])).numpy() for start in range(0, len(shaped), BATCH)]
    return np.concatenate(parts).reshape(len(x), -1)


def twin_of(network: Network, *, batch: int | None = None, unroll: bool = False) -> tf_keras.Model:
    """The network in tf-keras."""
    layers = keras_description.layers(network.model, network.weights)
    return twin(layers, network.model["input_shape"], batch=batch, unroll=unroll)


def as_input(model: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    """x [samples, steps, features] in the shape that the model takes."""
    shape: Sequence[int] = model["input_shape"]
    return x.reshape(len(x), *shape)
