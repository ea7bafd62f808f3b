"""What TensorFlow's converter makes of everyday Keras models, one file each.

    python -m tests.everyday_models {keras,tf_keras} FOLDER [NAME...]

`keras` is Keras 3, TensorFlow's default, with a free batch; which of the two TensorFlow takes is settled when it is
imported, so each is a process of its own. A model is untrained, its weights drawn; it is calibrated on normal numbers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

SCHEMES = ("int8", "uint8", "16x8", "float", "float16", "dynamic")
"""How a model is quantized: all integers, with uint8 at its ends, 16-bit activations, or its weights alone."""

SIZE, CHANNELS, STEPS, FEATURES, CLASSES, WORDS = 12, 3, 6, 26, 4, 200

Layers = Any
"""The module `keras.layers`, of either Keras."""


def mlp(layers: Layers) -> list[Any]:
    return [
        layers.Input((24,)),
        layers.Dense(48, activation="relu"),
        layers.Dense(40, activation="tanh"),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def cnn(layers: Layers) -> list[Any]:
    return [
        layers.Input((SIZE, SIZE, CHANNELS)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(20, activation="relu"),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def ds_cnn(layers: Layers) -> list[Any]:
    """Depthwise separable, as for keyword spotting."""
    separable = [
        part
        for _ in range(2)
        for part in (
            layers.DepthwiseConv2D(3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(16, 1),
            layers.BatchNormalization(),
            layers.ReLU(),
        )
    ]
    return [
        layers.Input((SIZE, SIZE, 1)),
        layers.Conv2D(16, (5, 3), strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        *separable,
        layers.GlobalAveragePooling2D(),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def conv1d(layers: Layers) -> list[Any]:
    return [
        layers.Input((16, FEATURES)),
        layers.Conv1D(12, 3, padding="same", activation="relu"),
        layers.MaxPooling1D(),
        layers.Conv1D(12, 3, activation="elu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(CLASSES),
    ]


def decoder(layers: Layers) -> list[Any]:
    """Down and up again: by nearest neighbours, between them, and by a filter."""
    return [
        layers.Input((SIZE, SIZE, CHANNELS)),
        layers.Conv2D(8, 3, strides=2, padding="same"),
        layers.PReLU(shared_axes=[1, 2]),
        layers.UpSampling2D(),
        layers.Conv2D(8, 3, padding="same"),
        layers.PReLU(),
        layers.UpSampling2D(interpolation="bilinear"),
        layers.Conv2D(6, 3, activation="relu"),
        layers.Conv2DTranspose(6, 3, strides=2, padding="same"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def global_max(layers: Layers) -> list[Any]:
    return [
        layers.Input((16, FEATURES)),
        layers.Conv1D(12, 3, padding="same"),
        layers.PReLU(shared_axes=[1]),
        layers.Conv1D(12, 3),
        layers.GlobalMaxPooling1D(),
        layers.Dense(CLASSES),
    ]


def sequence(layers: Layers) -> list[Any]:
    """Dense layers at every step, for which tf-keras computes shapes."""
    return [
        layers.Input((STEPS, FEATURES)),
        layers.Dense(16, activation="relu"),
        layers.Dense(12),
        layers.GlobalMaxPooling1D(),
        layers.Dense(CLASSES),
    ]


def dilated(layers: Layers) -> list[Any]:
    """Causal and centred dilated convolutions, which the converter makes of blocks where the batch is free."""
    return [
        layers.Input((15, FEATURES)),
        layers.Conv1D(12, 3, padding="causal", dilation_rate=2, activation="relu"),
        layers.Conv1D(12, 3, padding="same", dilation_rate=4, activation="relu"),
        layers.Conv1D(12, 2, dilation_rate=3),
        layers.Flatten(),
        layers.Dense(CLASSES),
    ]


def recurrent(layer: Callable[[Layers], Any], *, batch: int | None = 1, steps: int | None = STEPS) -> Any:
    def build(layers: Layers) -> list[Any]:
        # A fixed batch: the converter refuses loops of a free one.
        shape = (
            {"batch_shape": (batch, steps, FEATURES)}
            if not legacy()
            else {"batch_input_shape": (batch, steps, FEATURES)}
        )
        return [layers.InputLayer(**shape), layer(layers), layers.Dense(CLASSES)]

    return build


def lstm(layers: Layers) -> Any:
    return layers.LSTM(40)


def attention(layers: Layers) -> Any:
    """A transformer block: attention, GELU, and normalization, over a fixed batch."""
    x = layers.Input((STEPS, 16), batch_size=1)
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=8)(x, x)
    y = layers.LayerNormalization()(layers.Add()([x, attended]))
    inner = layers.Dense(16)(layers.Dense(32, activation="gelu")(y))
    y = layers.LayerNormalization()(layers.Add()([y, inner]))
    return x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(y))


def embedding(layers: Layers) -> list[Any]:
    return [
        layers.Input((STEPS,), dtype="int32"),
        layers.Embedding(WORDS, 8),
        layers.GlobalAveragePooling1D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(CLASSES),
    ]


KERAS: Mapping[str, tuple[Callable[[Layers], Any], tuple[str, ...]]] = {
    "mlp": (mlp, SCHEMES),
    "cnn": (cnn, SCHEMES),
    "ds_cnn": (ds_cnn, ("int8", "float")),
    "conv1d": (conv1d, ("int8", "float")),
    "decoder": (decoder, ("int8", "float")),
    "dilated": (dilated, ("int8", "float")),
    "global_max": (global_max, ("int8",)),
    "sequence": (sequence, ("int8", "float")),
    "lstm_loop": (recurrent(lstm), ("float",)),
    "attention": (attention, ("int8", "float")),
    "embedding": (embedding, ("int8", "float", "dynamic")),
}
TF_KERAS: Mapping[str, tuple[Callable[[Layers], Any], tuple[str, ...]]] = {
    "mlp": (mlp, SCHEMES),
    "cnn": (cnn, SCHEMES),
    "ds_cnn": (ds_cnn, ("int8", "uint8", "float", "dynamic")),
    "conv1d": (conv1d, ("int8", "float")),
    "decoder": (decoder, ("int8", "float")),
    "dilated": (dilated, ("int8", "float")),
    "global_max": (global_max, ("int8",)),
    "sequence": (sequence, ("int8", "float")),
    "lstm": (recurrent(lstm), ("int8", "float", "float16", "dynamic")),
    "lstm_unrolled": (recurrent(lambda layers: layers.LSTM(40, unroll=True)), ("int8", "16x8", "float")),
    "lstm_bidirectional": (recurrent(lambda layers: layers.Bidirectional(layers.LSTM(40))), ("int8", "float")),
    "lstm_any_length": (recurrent(lstm, steps=None), ("int8", "float")),
    "gru_unrolled": (recurrent(lambda layers: layers.GRU(24, unroll=True)), ("int8", "float")),
    "gru": (recurrent(lambda layers: layers.GRU(24)), ("float",)),
    "attention": (attention, ("int8", "float")),
    "embedding": (embedding, ("int8", "float", "dynamic")),
}
MODELS = {"keras": KERAS, "tf_keras": TF_KERAS}
"""Which Keras -> name of a model -> what builds it (its layers in a row, or its input and output), and its schemes."""


def names(keras: str) -> list[str]:
    """Of the files that one of the two gives, without the ending."""
    return [f"{name}-{scheme}" for name, (_, schemes) in MODELS[keras].items() for scheme in schemes]


def legacy() -> bool:
    return os.environ.get("TF_USE_LEGACY_KERAS") == "1"


def built(keras: Any, build: Callable[[Layers], Any]) -> Any:
    """The model, every weight drawn: normalization that has seen data, biases that are not zero."""
    parts = build(keras.layers)
    model = keras.Sequential(parts) if isinstance(parts, list) else keras.Model(*parts)
    rng = np.random.default_rng(3)
    for weight in model.weights:
        drawn = rng.normal(0, 0.3, weight.shape)
        weight.assign(np.abs(drawn) + 0.5 if "variance" in weight.name or "gamma" in weight.name else drawn)
    return model


AS_THEY_ARE = ("mlp", "cnn")
"""Models of tf-keras that the converter is given as they are; it saves them with all that training needs, for each
scheme anew. The others are exported once, the other way of the tutorials: the same operators in a fifth of the time."""


def prepared(tf: Any, name: str, model: Any, folder: Path) -> Any:
    """A converter of a model. folder: where it is exported to, once for all schemes."""
    if name in AS_THEY_ARE or not legacy():
        return tf.lite.TFLiteConverter.from_keras_model(model)
    if not folder.exists():
        model.export(str(folder))
    return tf.lite.TFLiteConverter.from_saved_model(str(folder))


def converted(tf: Any, converter: Any, model: Any, scheme: str) -> bytes:
    if scheme != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme in ("int8", "uint8", "16x8"):
        converter.representative_dataset = lambda: ([sample] for sample in samples(model))
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        kernels = wide if scheme == "16x8" else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        converter.target_spec.supported_ops = [kernels]
        of_reals = model.inputs[0].dtype == "float32"
        ends = {"int8": tf.int8, "uint8": tf.uint8, "16x8": tf.int16}[scheme]
        converter.inference_output_type = ends
        if of_reals:
            converter.inference_input_type = ends
    content: bytes = converter.convert()
    return content


def samples(model: Any, count: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    shape = [size or STEPS for size in list(model.inputs[0].shape)[1:]]
    if model.inputs[0].dtype != "float32":
        return [rng.integers(0, WORDS, (1, *shape)).astype(np.int32) for _ in range(count)]
    return [rng.normal(size=(1, *shape)).astype(np.float32) for _ in range(count)]


def main(which: str, folder: Path, wanted: list[str]) -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1" if which == "tf_keras" else "0"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    with TemporaryDirectory() as exports:
        for name, (build, schemes) in MODELS[which].items():
            files = {scheme: f"{name}-{scheme}" for scheme in schemes}
            asked = {scheme: file for scheme, file in files.items() if not wanted or file in wanted}
            tf.keras.backend.clear_session()
            model = built(tf.keras, build) if asked else None
            for scheme, file in asked.items():
                content = converted(tf, prepared(tf, name, model, Path(exports) / name), model, scheme)
                (folder / f"{file}.tflite").write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
