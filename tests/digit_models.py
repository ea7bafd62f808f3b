"""Small networks trained on handwritten digits, as TensorFlow's converter makes them: float and int8, one pair each.

    python -m tests.digit_models FOLDER [NAME...]

NAME-float.tflite and NAME-int8.tflite. x.npy: samples that nothing was trained on. The first channel of every hidden
layer is dead: it gives zeros alone, as a ReLU's may, and what meets them changes nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

NAMES = ("cnn", "ds_cnn", "lstm", "gru")
SAMPLES, TRAINED, EPOCHS = 64, 1200, 6
DEAD = -4.0
"""The bias of a channel that ends in a ReLU."""


def network(keras: Any, name: str) -> Any:
    layers = keras.layers
    if name == "cnn":
        body = [
            layers.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="conv_2"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(24, activation="relu", name="dense_1"),
        ]
    elif name == "ds_cnn":
        body = [
            layers.Input((8, 8, 1)),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="conv_1"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise_1"),
            layers.Conv2D(16, 1, activation="relu", name="conv_2"),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu", name="depthwise_2"),
            layers.Conv2D(24, 1, activation="relu", name="conv_3"),
            layers.GlobalAveragePooling2D(),
        ]
    elif name == "lstm":
        body = [
            layers.Input((8, 8), batch_size=1),
            layers.LSTM(20, name="recurrent"),
            layers.Dense(24, activation="relu", name="dense_1"),
        ]
    else:
        body = [
            layers.Input((8, 8), batch_size=1),
            layers.GRU(16, unroll=True, name="recurrent"),
            layers.Dense(24, activation="relu", name="dense_1"),
        ]
    return keras.Sequential([*body, layers.Dense(10, name="logits")])


def trained(keras: Any, name: str, x: np.ndarray, y: np.ndarray) -> Any:
    keras.utils.set_random_seed(7)
    model = network(keras, name)
    # Trained as it is with batches of more than one, which a fixed batch of one does not take.
    taught = keras.Sequential([keras.layers.Input(model.input_shape[1:]), *model.layers])
    if model.input_shape[0] == 1:
        taught = keras.models.clone_model(model, input_tensors=keras.layers.Input(model.input_shape[1:]))
    taught.compile(keras.optimizers.Adam(0.004), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    taught.fit(x, y, batch_size=50, epochs=EPOCHS, verbose=0)
    model.set_weights(taught.get_weights())
    for layer in model.layers:
        kill_first(layer)
    return model


def kill_first(layer: Any) -> None:
    """Make the first channel of a hidden layer zero for every sample."""
    weights = layer.get_weights()
    if not weights or layer.name == "logits":
        return
    if layer.name == "recurrent":
        # Its candidate is zero, which the state begins as.
        units = layer.units
        for weight in weights:
            weight[..., 2 * units] = 0.0
    else:
        weights[-1][0] = DEAD
        weights[0][(..., 0, slice(None)) if type(layer).__name__ == "DepthwiseConv2D" else (..., 0)] *= 0.1
    layer.set_weights(weights)


def converted(tf: Any, folder: Path, samples: np.ndarray, *, integer: bool) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    if integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def main(folder: Path, wanted: list[str]) -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf
    from sklearn.datasets import load_digits

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32).reshape(-1, 8, 8)
    np.save(folder / "x.npy", x[TRAINED : TRAINED + SAMPLES])
    for name in wanted or NAMES:
        shape = (8, 8, 1) if name in ("cnn", "ds_cnn") else (8, 8)
        own = x.reshape(-1, *shape)
        model = trained(tf.keras, name, own[:TRAINED], labels[:TRAINED])
        with TemporaryDirectory() as exported:
            model.export(exported)
            for scheme in ("float", "int8"):
                content = converted(tf, Path(exported), own[TRAINED:], integer=scheme == "int8")
                (folder / f"{name}-{scheme}.tflite").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
