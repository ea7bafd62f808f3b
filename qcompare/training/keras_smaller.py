"""A Keras model of a user's as what can be pruned and clustered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from qcompare.core.network import Network
from qcompare.models import keras_description
from qcompare.models.keras_smaller import matrices
from qcompare.models.keras_twin import twin, valid
from qcompare.training.smaller import Trainable


def trainable(network: Network) -> Trainable:
    """The model with its weights, its outputs logits; BatchNormalization keeps its statistics."""
    ending = keras_description.with_end(network.model, softmax=False)
    layers = keras_description.layers(ending, network.weights)
    shape = tuple(network.model["input_shape"])
    model = twin(layers, shape)
    variables = {
        f"{layer.name}/{number}": variable
        for layer in layers
        if layer.weights
        for number, variable in enumerate(model.get_layer(valid(layer.name)).weights)
    }
    named = matrices(layers)
    places = {name: _place(model, variables[name]) for name in named}

    def forward(weights: Mapping[str, tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        for name in named:
            owner, attribute = places[name]
            setattr(owner, attribute, weights[name])
        found = model(tf.reshape(x, (-1, *shape)), training=False)
        return tf.reshape(found, (-1, network.outputs))

    trained = {variable.ref() for variable in model.trainable_variables}
    return Trainable(
        variables={name: variable for name, variable in variables.items() if variable.ref() in trained},
        matrices=named,
        forward=forward,
    )


def _place(model: tf_keras.Model, variable: tf.Variable) -> tuple[Any, str]:
    """The layer or cell, and its attribute, that a variable is."""
    return next(
        (owner, attribute)
        for owner in _owners(model)
        for attribute in ("kernel", "recurrent_kernel", "pointwise_kernel")
        if getattr(owner, attribute, None) is variable
    )


def _owners(model: tf_keras.Model) -> Iterator[Any]:
    for layer in model.layers:
        for one in (layer, getattr(layer, "forward_layer", None), getattr(layer, "backward_layer", None)):
            yield from filter(None, (one, getattr(one, "cell", None)))
