"""Small models with random weights, converted by TensorFlow with random calibration data, for benchmarks and tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

QUANTIZATIONS = ("int8", "int16x8")


def _weights(rng: np.random.Generator, *shape: int) -> tf.Tensor:
    return tf.constant(rng.normal(scale=1.2 / np.sqrt(shape[0]), size=shape).astype(np.float32))


def dense(
    seed: int, sizes: Sequence[int] = (20, 24, 16, 5), activations: str = "relu"
) -> tuple[Callable, tuple[int, ...]]:
    """Dense layers: `relu`, `relu6`, `tanh` or `sigmoid` between them."""
    rng = np.random.default_rng(seed)
    layers = [(_weights(rng, n, m), _weights(rng, m)) for n, m in itertools.pairwise(sizes)]
    activation = getattr(tf.nn, activations)

    def model(x: tf.Tensor) -> tf.Tensor:
        for i, (w, b) in enumerate(layers):
            x = tf.matmul(x, w) + b
            x = activation(x) if i + 1 < len(layers) else x
        return x

    return model, (1, sizes[0])


def unrolled_rnn(
    seed: int, steps: int, layers: int = 1, features: int = 6, units: int = 10
) -> tuple[Callable, tuple[int, ...]]:
    """SimpleRNN, every step its own operators, with a dense head."""
    rng = np.random.default_rng(seed)
    sizes = [features, *[units] * layers]
    cells = [(_weights(rng, n, units), _weights(rng, units, units), _weights(rng, units)) for n in sizes[:-1]]
    head = _weights(rng, units, 4)

    def model(x: tf.Tensor) -> tf.Tensor:
        xs = tf.unstack(tf.reshape(x, [steps, 1, features]))
        for w, u, b in cells:
            hs: list[Any] = []
            h = tf.zeros([1, units])
            for x_t in xs:
                h = tf.tanh(tf.matmul(x_t, w) + b + tf.matmul(h, u)) if hs else tf.tanh(tf.matmul(x_t, w) + b)
                hs.append(h)
            xs = hs
        return tf.matmul(xs[-1], head)

    return model, (1, steps, features)


def unrolled_lstm(
    seed: int, steps: int, layers: int = 1, features: int = 6, units: int = 8
) -> tuple[Callable, tuple[int, ...]]:
    """LSTM, every step its own operators, with a dense head."""
    rng = np.random.default_rng(seed)
    sizes = [features, *[units] * layers]
    cells = [
        (_weights(rng, n, 4 * units), _weights(rng, units, 4 * units), _weights(rng, 4 * units)) for n in sizes[:-1]
    ]
    head = _weights(rng, units, 4)

    def model(x: tf.Tensor) -> tf.Tensor:
        xs = tf.unstack(tf.reshape(x, [steps, 1, features]))
        for w, u, b in cells:
            hs: list[Any] = []
            h, c = tf.zeros([1, units]), tf.zeros([1, units])
            for x_t in xs:
                z = tf.matmul(x_t, w) + b
                z = z + tf.matmul(h, u) if hs else z
                i, f, g, o = tf.split(z, 4, axis=1)
                new = tf.sigmoid(i) * tf.tanh(g)
                c = tf.sigmoid(f) * c + new if hs else new
                h = tf.sigmoid(o) * tf.tanh(c)
                hs.append(h)
            xs = hs
        return tf.matmul(xs[-1], head)

    return model, (1, steps, features)


def convert(model: Callable, shape: tuple[int, ...], quantization: str, seed: int) -> bytes:
    """The integer model; calibrated on normal numbers."""
    function = tf.function(model, input_signature=[tf.TensorSpec(shape, tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)
    return _convert(converter, shape, quantization, seed)


def fused_lstm(seed: int, steps: int, layers: int = 1, features: int = 6, units: int = 8) -> bytes:
    """Keras LSTM layers, each one fused operator, with a dense head; int8."""
    tf.keras.utils.set_random_seed(seed)
    stack = [tf.keras.Input((steps, features), batch_size=1)]
    stack += [tf.keras.layers.LSTM(units, return_sequences=i + 1 < layers) for i in range(layers)]
    network = tf.keras.Sequential([*stack, tf.keras.layers.Dense(4)])
    rng = np.random.default_rng(seed)
    network.set_weights([w + rng.normal(scale=0.1, size=w.shape) for w in network.get_weights()])
    return _convert(tf.lite.TFLiteConverter.from_keras_model(network), (1, steps, features), "int8", seed)


def _convert(converter: tf.lite.TFLiteConverter, shape: tuple[int, ...], quantization: str, seed: int) -> bytes:
    rng = np.random.default_rng([seed, 1])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.normal(size=shape).astype(np.float32)] for _ in range(50))
    ops, dtype = {
        "int8": (tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.int8),
        "int16x8": (
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            tf.int16,
        ),
    }[quantization]
    converter.target_spec.supported_ops = [ops]
    converter.inference_input_type = converter.inference_output_type = dtype
    return bytes(converter.convert())
