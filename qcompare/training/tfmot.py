"""Quantization-aware training of dense models by tensorflow-model-optimization, as users run it today."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import final

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow.types.experimental import ConcreteFunction

from qcompare.core.layers import dense_name
from qcompare.data.dataset import Dataset
from qcompare.models.network import Architecture
from qcompare.tflite.converter import traced
from qcompare.training.calibrate import calibrate
from qcompare.training.fit import KEPT, Settings, Training
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import number_format
from qcompare.training.scales import SMALLEST_RANGE

INPUT_LAYER = "quantize_layer"

PER_TENSOR = number_format("int8", per_channel=False)
"""What its Dense layers are quantized to."""


def train(
    architecture: Architecture,
    float_weights: dict[str, np.ndarray],
    dataset: Dataset,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    all_values: bool = False,
) -> TrainedQat:
    """Fine-tune tfmot's `quantize_model` from the float weights: ranges calibrated first, weight ranges refreshed last.

    It knows one way to simulate, fake quantization. Untouched, its activation ranges start at +-6 and its weight
    ranges end one optimizer step stale.

    all_values: whether activation ranges are those of its AllValuesQuantizer: calibrated on the training set, they
        widen in training, and are at last the extremes that one pass of all of it sees, from the first layer to the
        last, each layer's result rounded on its new range. Else they are moving averages, but for the input's, for
        which tfmot always takes all values.
    """
    ranges = calibrate(architecture, float_weights, dataset.x_train if all_values else dataset.calibration)
    settings = Settings.of(dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    found = network(architecture, TrainedQat(weights=float_weights, ranges=ranges), all_values=all_values)
    found.training(settings).run(dataset, [seed, 2])
    if all_values:
        found.see_all(dataset.x_train)
    return _read(found.model)


def evaluate(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> np.ndarray:
    """The fake-quantized outputs [samples, outputs], float32."""
    return network(architecture, trained).outputs(tf.constant(x)).numpy()


def network(architecture: Architecture, trained: TrainedQat, *, all_values: bool = False) -> Network:
    """The process's network of this architecture, with these weights and ranges until the next call.

    Weight ranges are those of the weights. all_values: how it would be trained; evaluated it is the same.
    """
    found = _network(architecture, all_values)
    for name, variable in variables_of(found.model).items():
        variable.assign(_value(name, trained))
    return found


@final
class AllValues(tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme):
    """tfmot's default scheme with the extremes of all values in place of moving averages."""

    def get_quantize_registry(self) -> AllValuesRegistry:
        return AllValuesRegistry()


@final
class AllValuesRegistry(tfmot.quantization.keras.default_8bit.Default8BitQuantizeRegistry):
    """How layers are quantized: as by default, but for the range of their activations."""

    def get_quantize_config(self, layer: tf_keras.layers.Layer) -> tfmot.quantization.keras.QuantizeConfig:
        config = super().get_quantize_config(layer)
        config.activation_quantizer = tfmot.quantization.keras.quantizers.AllValuesQuantizer(
            num_bits=8, per_axis=False, symmetric=False, narrow_range=False
        )
        return config


@final
class Network:
    """tfmot's `quantize_model` of a dense network, built and traced once.

    outputs: the fake-quantized outputs [samples, outputs] of x [samples, steps, features], compiled.
    """

    @tf.autograph.experimental.do_not_convert  # no layer needs it, and it takes longer than all else
    def __init__(self, architecture: Architecture, all_values: bool) -> None:
        tf_keras.backend.clear_session()  # Keras counts layers in their names, which the converter takes over
        layers = [tf_keras.layers.Input((architecture.steps, architecture.features)), tf_keras.layers.Flatten()]
        for index, units in enumerate(architecture.dense_units):
            activation = architecture.dense_activation(index)
            layers.append(
                tf_keras.layers.Dense(
                    units, activation=activation, use_bias=architecture.use_bias, name=dense_name(index)
                )
            )
        quantized = tfmot.quantization.keras
        scheme = AllValues() if all_values else quantized.default_8bit.Default8BitQuantizeScheme()
        annotated = quantized.quantize_annotate_model(tf_keras.Sequential(layers))
        self.model: tf_keras.Model = quantized.quantize_apply(annotated, scheme)
        self.outputs = tf.function(lambda x: self._forward(x, training=False), autograph=False)
        self._shape = (architecture.steps, architecture.features)
        self._trainings: dict[Settings, Training] = {}

    @tf.autograph.experimental.do_not_convert
    def _forward(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        return self.model(x, training=training)

    def see_all(self, x: np.ndarray) -> None:
        """Set every range of an activation anew, to the extremes of one pass of the samples x, all at once."""
        for name, variable in variables_of(self.model).items():
            if name.endswith(("_min", "_max")) and "/kernel" not in name:
                variable.assign(SMALLEST_RANGE if name.endswith("_max") else 0.0)
        self._forward(tf.constant(x), training=True)

    @cached_property
    def traced(self) -> ConcreteFunction:
        """The outputs as the converter takes them."""
        return traced(lambda x: self._forward(x, training=False), self._shape)

    def training(self, settings: Settings) -> Training:
        """What trains the network, compiled once."""
        if settings not in self._trainings:
            variables = self.model.trainable_variables
            self._trainings[settings] = Training(lambda x: self._forward(x, training=True), variables, settings)
        return self._trainings[settings]


_network = lru_cache(maxsize=KEPT)(Network)


def variables_of(model: tf_keras.Model) -> dict[str, tf.Variable]:
    """tfmot's variables by `layer/short name`, such as dense_0/kernel_max; a depthwise kernel is a kernel."""
    found = {}
    for layer in model.layers:
        for variable in layer.weights:
            short = variable.name.split("/")[-1].removesuffix(":0").removeprefix("depthwise_")
            if short != "optimizer_step":
                found[f"{layer.name.removeprefix('quant_')}/{short}"] = variable
    return found


def _role(name: str) -> str:
    """The role whose range a variable such as dense_0/post_activation_min bounds."""
    layer, short = name.split("/")
    if layer == INPUT_LAYER:
        return "x"
    return f"{layer}/output_before_activation" if short.startswith("pre_activation") else f"{layer}/output"


def _value(name: str, trained: TrainedQat) -> np.ndarray:
    layer, short = name.split("/")
    if short in ("kernel", "bias"):
        return trained.weights[name]
    end = 0 if short.endswith("_min") else 1
    if short.startswith("kernel"):
        largest = np.abs(trained.weights[f"{layer}/kernel"]).max()
        return largest if end else -largest
    return trained.ranges[_role(name)][end]


def _read(model: tf_keras.Model) -> TrainedQat:
    variables = {name: variable.numpy() for name, variable in variables_of(model).items()}
    weights = {name: value for name, value in variables.items() if name.endswith(("/kernel", "/bias"))}
    bounds = [name for name in variables if name.endswith("_min") and "/kernel" not in name]
    ranges = {_role(name): np.array([variables[name], variables[name[:-3] + "max"]], np.float32) for name in bounds}
    return TrainedQat(weights=weights, ranges=ranges, number_format=PER_TENSOR)
