"""Keras models of users handed to the converter. Each function stands alone, so that it can run in another process."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from qcompare.core.function import Function
from qcompare.core.method import IN_FLOAT, Method
from qcompare.core.network import Network
from qcompare.export.post_training import built
from qcompare.models import keras_description
from qcompare.tflite.artifact import Built
from qcompare.tflite.converter import quantized_after_training, traced
from qcompare.training.keras_network import as_input, twin_of, with_end_of


def converted(network: Network, calibration: np.ndarray, method: Method) -> Built:
    """The model by TensorFlow's converter, of batch one. calibration: float32 [samples, steps, features].

    A GRU or SimpleRNN in integers is operators for every time step: calibrating its loop takes the process down.
    """
    return _converted(network, as_input(network.model, calibration), method, unroll=method.integer)


def in_float(network: Network, given: Built) -> Built:
    """The float model, with operators for every time step where the integer model has no loop."""
    loops = any(operator.name == "WHILE" for operator in given.model.main.operators)
    return _converted(network, None, IN_FLOAT, unroll=not loops)


def _converted(network: Network, calibration: np.ndarray | None, method: Method, *, unroll: bool) -> Built:
    model = twin_of(network, batch=1, unroll=unroll)
    # The model itself would bring functions along, which the converter traces for nothing.
    module = tf.Module()
    module.held = model.weights
    function = traced(lambda x: model(x, training=False), tuple(network.model["input_shape"]))
    return built(quantized_after_training(function, calibration, method, module), method)


def of_file(path: str, content: str, given: Built) -> Built:
    """A Keras file as a float model, with the end of an integer model and its lowering. content: the file's digest.

    Raises KerasFileError.
    """
    found = keras_description.of_file(Path(path), content)
    network = Network(
        model=keras_description.described(found.layers, found.input_shape),
        steps=1,
        features=math.prod(found.input_shape),
        outputs=math.prod(given.model.main.tensors[given.model.main.outputs[0]].shape),
        weights=keras_description.weights(found.layers),
        evaluate=Function("qcompare.training.keras_network", "evaluate"),
    )
    return in_float(with_end_of(network, given), given)
