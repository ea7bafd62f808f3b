"""A Keras model of a user's trained for int8 by tensorflow-model-optimization's `quantize_model`, and evaluated."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, final

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow.types.experimental import ConcreteFunction

from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.models import keras_description
from qcompare.models.keras_file import KerasLayer
from qcompare.models.keras_folded import folded
from qcompare.models.keras_tfmot import prepared
from qcompare.models.keras_twin import twin, valid
from qcompare.tflite.converter import traced
from qcompare.training import runtime
from qcompare.training.fit import KEPT, Settings, Training
from qcompare.training.keras_network import BATCH, as_input
from qcompare.training.scales import SMALLEST_RANGE
from qcompare.training.tfmot import INPUT_LAYER, variables_of

PARTS = ("kernel", "bias")
"""Of a layer with weights, in the order of Keras."""

RANGES = {"output": "output", "post_activation": "output", "pre_activation": "output_before_activation"}
"""tfmot's name of a range -> that of its role."""


def train(
    network: Network,
    data: Dataset,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    all_values: bool,
    keep_zeros: bool,
    seed: int,
) -> Network:
    """Fine-tuned from the weights of a Keras model, with BatchNormalization folded first: converted, tfmot's own
    folding leaves a Dense layer in float. Ranges are calibrated first; those of weights are refreshed last.

    all_values: whether ranges of activations are the extremes of one pass of the training set in place of moving
        averages, but for the input's, for which tfmot always takes all values.
    keep_zeros: whether elements of kernels that are zero stay so. Raises NotTakenError.
    """
    runtime.prepare()
    layers = [_named(layer) for layer in prepared(keras_description.layers(network.model, network.weights))]
    start = replace(
        network,
        model=keras_description.described(layers, network.model["input_shape"]),
        weights={
            f"{layer.name}/{part}": value for layer in layers for part, value in zip(PARTS, layer.weights, strict=False)
        },
        evaluate=Function(__name__, evaluate.__name__),
    )
    found = _built(json.dumps(start.model))
    found.assign(start)
    found.see(as_input(start.model, data.x_train if all_values else data.calibration))
    settings = Settings.of(data, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    found.training(settings, all_values=all_values, keep_zeros=keep_zeros).run(data, [seed, 2])
    if all_values:
        found.see(as_input(start.model, data.x_train))
    return found.read(start)


def evaluate(network: Network, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs], float32, for x [samples, steps, features]."""
    runtime.prepare()
    found = quantized(network)
    parts = [found.outputs(tf.constant(x[start : start + BATCH])).numpy() for start in range(0, len(x), BATCH)]
    return np.concatenate(parts)


def quantized(network: Network) -> Quantized:
    """The process's model of these layers, with a trained network's weights and ranges until the next call."""
    found = _built(json.dumps(network.model))
    found.assign(network)
    return found


def _named(layer: KerasLayer) -> KerasLayer:
    """A layer called as tf-keras calls it."""
    return replace(layer, name=valid(layer.name), inputs=tuple(map(valid, layer.inputs)))


@final
class Quantized:
    """tfmot's `quantize_model` of a Keras model, built and traced once.

    A softmax at its end is none of the trained layers, whose outputs are logits: it stands behind them.
    outputs: [samples, outputs] of x [samples, steps, features], compiled. model: with its variables.
    """

    @tf.autograph.experimental.do_not_convert  # no layer needs it, and it takes longer than all else
    def __init__(self, description: str) -> None:
        tf_keras.backend.clear_session()  # Keras counts layers in their names, which the converter takes over
        described = json.loads(description)
        self._end = tf.nn.softmax if keras_description.ends_in_softmax(described) else tf.identity
        layers = keras_description.layers(keras_description.with_end(described, softmax=False), {})
        self._shape: tuple[int, ...] = tuple(described["input_shape"])
        self.model: tf_keras.Model = tfmot.quantization.keras.quantize_model(twin(folded(layers), self._shape))
        self.outputs = tf.function(lambda x: self._end(self._logits(x, training=False)), autograph=False)
        self._kernels = {name: each for name, each in variables_of(self.model).items() if name.endswith("/kernel")}
        self._masks = {name: tf.Variable(tf.ones_like(kernel)) for name, kernel in self._kernels.items()}
        self._trainings: dict[tuple[Settings, bool], Training] = {}

    @tf.autograph.experimental.do_not_convert
    def _logits(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """[samples, outputs], for samples in rows or in the model's own shape."""
        found = self.model(tf.reshape(x, (-1, *self._shape)), training=training)
        return tf.reshape(found, (-1, np.prod(self.model.output_shape[1:], dtype=int)))

    @cached_property
    def traced(self) -> ConcreteFunction:
        """The outputs as the converter takes them."""
        return traced(lambda x: self._end(self.model(x, training=False)), self._shape)

    def assign(self, network: Network) -> None:
        """Give it a network's weights, their ranges, and the ranges of activations where there are any."""
        for name, variable in variables_of(self.model).items():
            layer, short = name.split("/")
            if short in PARTS:
                variable.assign(network.weights[name])
            elif short.startswith("kernel"):
                largest = _largest(network.weights[f"{layer}/kernel"], variable.shape)
                variable.assign(largest if short.endswith("_max") else -largest)
            elif network.ranges:
                variable.assign(network.ranges[_role(name)][int(short.endswith("_max"))])

    def see(self, x: np.ndarray) -> None:
        """Set every range of an activation anew, to the extremes of one pass of the samples x, in their shape."""
        _quantize_by(self.model, ALL_VALUES)
        for name, variable in variables_of(self.model).items():
            if _bounds_activation(name):
                variable.assign(SMALLEST_RANGE if name.endswith("_max") else 0.0)
        for start in range(0, len(x), BATCH):
            self._logits(tf.constant(x[start : start + BATCH]), training=True)

    def training(self, settings: Settings, *, all_values: bool, keep_zeros: bool) -> Training:
        """What trains the network from the weights that it has now, compiled once."""
        for name, mask in self._masks.items():
            kernel = self._kernels[name]
            mask.assign(tf.cast(kernel != 0, kernel.dtype) if keep_zeros else tf.ones_like(kernel))
        _quantize_by(self.model, ALL_VALUES if all_values else MOVING_AVERAGES)
        if (settings, all_values) not in self._trainings:
            self._trainings[settings, all_values] = Training(
                lambda x: self._logits(x, training=True), self.model.trainable_variables, settings, self._masked
            )
        return self._trainings[settings, all_values]

    def _masked(self) -> None:
        for name, kernel in self._kernels.items():
            kernel.assign(kernel * self._masks[name])

    def read(self, network: Network) -> Network:
        """A network with the weights and ranges that it has now."""
        values = {name: variable.numpy() for name, variable in variables_of(self.model).items()}
        lows = [name for name in values if _bounds_activation(name) and name.endswith("_min")]
        ranges = {_role(name): np.array([values[name], values[name[:-3] + "max"]], np.float32) for name in lows}
        return replace(network, weights={name: values[name] for name in network.weights}, ranges=ranges)


_built = lru_cache(maxsize=KEPT)(Quantized)

EIGHT_BITS: dict[str, Any] = {"num_bits": 8, "per_axis": False, "symmetric": False, "narrow_range": False}
ALL_VALUES = tfmot.quantization.keras.quantizers.AllValuesQuantizer(**EIGHT_BITS)
MOVING_AVERAGES = tfmot.quantization.keras.quantizers.MovingAverageQuantizer(**EIGHT_BITS)


def _quantize_by(model: tf_keras.Model, quantizer: Any) -> None:
    """Have all activations but the input quantized so. What tfmot puts behind a Concatenate comes from no registry, so
    that a scheme of one's own would not reach it."""
    for layer in model.layers:
        for activation in getattr(layer, "_quantize_activations", ()):
            activation.quantizer = quantizer
        if getattr(layer, "_output_quantizers", ()):
            layer._output_quantizers = [quantizer]


def _largest(kernel: np.ndarray, shape: tf.TensorShape) -> np.ndarray:
    """The largest magnitude of a kernel, of each of its last dimension where the shape has one."""
    largest = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0 if shape.rank else (0, 1))
    return np.maximum(largest, np.float32(SMALLEST_RANGE))


def _bounds_activation(name: str) -> bool:
    """Whether a variable is an end of an activation's range."""
    _, short = name.split("/")
    return short.endswith(("_min", "_max")) and not short.startswith("kernel")


def _role(name: str) -> str:
    """The role whose range a variable such as conv2d/post_activation_min bounds."""
    layer, short = name.split("/")
    return "x" if layer == INPUT_LAYER else f"{layer}/{RANGES[short[:-4]]}"
