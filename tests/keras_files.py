"""Files of everyday Keras models, as their users save them, with inputs and what each Keras computes of them.

    python -m tests.keras_files {keras,tf_keras} FOLDER

`keras` is Keras 3. Each model is saved as NAME.keras and NAME.h5, by tf-keras as the SavedModel NAME too; NAME.npz has
`x` and the outputs `y`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.everyday_models import CLASSES, FEATURES, STEPS, Layers, built, cnn, ds_cnn, mlp


def recurrent(*layer: Callable[[Layers], Any]) -> Callable[[Layers], list[Any]]:
    return lambda layers: [
        layers.Input((STEPS, FEATURES)),
        *(make(layers) for make in layer),
        layers.Dropout(0.2),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def conv1d(layers: Layers) -> list[Any]:
    return [
        layers.Input((16, FEATURES)),
        layers.Conv1D(12, 3, padding="same", activation="relu"),
        layers.MaxPooling1D(),
        layers.Conv1D(12, 3),
        layers.ReLU(),
        layers.GlobalAveragePooling1D(),
        layers.Dense(CLASSES),
    ]


def conv1d_deep(layers: Layers) -> list[Any]:
    """Each padding, strides, dilation, groups and pooling, with normalization before, between and behind."""
    return [
        layers.Input((24, FEATURES)),
        layers.BatchNormalization(),
        layers.Conv1D(12, 3, padding="causal", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv1D(12, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        layers.SpatialDropout1D(0.2),
        layers.Conv1D(12, 3, padding="causal", dilation_rate=2, groups=2),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling1D(3, strides=1, padding="same"),
        layers.Conv1D(8, 2, dilation_rate=2),
        layers.AveragePooling1D(2),
        layers.GlobalMaxPooling1D(),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def conv1d_branches(layers: Layers) -> Any:
    """A sum and a branch of smaller numbers, concatenated and pooled."""
    x = layers.Input((16, FEATURES), name="sensor")
    first = layers.Conv1D(8, 3, padding="same", activation="relu")(x)
    y = layers.Add()([first, layers.Conv1D(8, 5, padding="same")(first)])
    pooled = layers.AveragePooling1D(8, strides=1, padding="same")(x)
    pooled = layers.Conv1D(4, 1, activation="relu", name="pooled")(pooled)
    y = layers.MaxPooling1D(2)(layers.Concatenate(name="joined")([y, pooled]))
    return x, layers.Dense(CLASSES)(layers.Flatten()(layers.Conv1D(8, 3, activation="relu")(y)))


def branches(layers: Layers) -> Any:
    x = layers.Input((12, 12, 1), name="picture")
    first = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    other = layers.DepthwiseConv2D(3, padding="same")(first)
    y = layers.Concatenate()([layers.Add()([first, other]), first])
    return x, layers.Dense(CLASSES)(layers.Flatten()(layers.AveragePooling2D(2)(y)))


def global_max(layers: Layers) -> list[Any]:
    return [
        layers.Input((12, 12, 1)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.Conv2D(8, 3, strides=2),
        layers.GlobalMaxPooling2D(),
        layers.Dense(CLASSES, activation="softmax"),
    ]


MODELS: Mapping[str, Callable[[Layers], Any]] = {
    "mlp": mlp,
    "cnn": cnn,
    "ds_cnn": ds_cnn,
    "conv1d": conv1d,
    "branches": branches,
    "global_max": global_max,
    "lstm": recurrent(lambda layers: layers.LSTM(12)),
    "gru": recurrent(lambda layers: layers.GRU(8)),
    "gru_stack": recurrent(
        lambda layers: layers.GRU(7, reset_after=False, return_sequences=True, name="first"),
        lambda layers: layers.GRU(6, reset_after=False, return_sequences=True, name="second"),
        lambda layers: layers.Flatten(),
    ),
    "bidirectional": recurrent(lambda layers: layers.Bidirectional(layers.LSTM(8))),
    "bidirectional_steps": recurrent(
        lambda layers: layers.Bidirectional(layers.LSTM(6, return_sequences=True)), lambda layers: layers.Flatten()
    ),
    "bidirectional_gru": recurrent(
        lambda layers: layers.Bidirectional(layers.GRU(5, return_sequences=True)),
        lambda layers: layers.Bidirectional(layers.GRU(4)),
    ),
    "bidirectional_simple_rnn": recurrent(
        lambda layers: layers.Bidirectional(
            layers.SimpleRNN(5, return_sequences=True),
            backward_layer=layers.SimpleRNN(5, return_sequences=True, go_backwards=True, name="backwards"),
        ),
        lambda layers: layers.Flatten(),
    ),
    "simple_rnn": recurrent(
        lambda layers: layers.SimpleRNN(8, return_sequences=True), lambda layers: layers.SimpleRNN(6)
    ),
    # Last: Keras numbers the layers of all of them in one row.
    "conv1d_deep": conv1d_deep,
    "conv1d_branches": conv1d_branches,
}

SUFFIXES = {"keras": (".keras", ".h5"), "tf_keras": (".keras", ".h5", "")}
"""Which Keras -> endings of a model's files; a SavedModel has none."""

SAMPLES = 40


def main(which: str, folder: str) -> None:
    if which == "tf_keras":
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tf_keras as keras
    else:
        import keras
    for name, build in MODELS.items():
        model = built(keras, build)
        x = np.random.default_rng(4).normal(size=(SAMPLES, *model.input_shape[1:])).astype(np.float32)
        np.savez(Path(folder) / f"{name}.npz", x=x, y=model.predict(x, verbose=0))
        for suffix in SUFFIXES[which]:
            model.save(Path(folder) / f"{name}{suffix}")
    lambdas = keras.Sequential([keras.layers.Input((4,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(2)])
    x = np.random.default_rng(4).normal(size=(SAMPLES, 4)).astype(np.float32)
    np.savez(Path(folder) / "lambda.npz", x=x, y=lambdas.predict(x, verbose=0))
    for suffix in (".keras", ".h5"):
        lambdas.save(Path(folder) / f"lambda{suffix}")


if __name__ == "__main__":
    main(*sys.argv[1:])
