"""Trained networks handed to the converter. Each function stands alone, so that it can run in a child process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import final

import numpy as np
import tensorflow as tf
from tensorflow.types.experimental import ConcreteFunction

from qcompare.core.layers import dense_name, recurrent_name
from qcompare.core.method import Method
from qcompare.export.loop import loop_model
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.looped import looped
from qcompare.models.network import Architecture
from qcompare.tflite.converter import (
    INTEGER_ENDS,
    Converted,
    checked,
    convert,
    convert_traced,
    quantized_after_training,
    traced,
)
from qcompare.tflite.ends import ended
from qcompare.training.calibrate import calibrate
from qcompare.training.fake_quant import FakeQuant
from qcompare.training.fit import KEPT
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import number_format


def ptq(
    architecture: Architecture, weights: dict[str, np.ndarray], calibration: np.ndarray, method: Method
) -> Converted:
    """The float network, quantized after training with the calibration samples [samples, steps, features]."""
    rounding = Unrounded({**weights, **architecture.constants()})
    shape = (architecture.steps, architecture.features)
    function = traced(lambda x: architecture.forward(FloatOps(rounding), x), shape)
    return quantized_after_training(function, calibration, method)


def ptq_fused(
    architecture: Architecture, weights: dict[str, np.ndarray], calibration: np.ndarray, method: Method
) -> Converted:
    """As `ptq`; the recurrent layers are Keras's, which the converter turns into one operator each."""
    network = _fused(architecture)
    everything = {**weights, **architecture.constants()}
    for name, variable in network.variables.items():
        variable.assign(everything[name])
    return quantized_after_training(network.traced, calibration, method, network.module)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class FusedNetwork:
    """A network of Keras's layers. variables: by `layer/name`. module: holds them."""

    variables: dict[str, tf.Variable]
    module: tf.Module
    traced: ConcreteFunction


@lru_cache(maxsize=KEPT)
def _fused(architecture: Architecture) -> FusedNetwork:
    import tf_keras

    last = len(architecture.cells) - 1
    layers = [tf_keras.layers.Input((architecture.steps, architecture.features), batch_size=1)]
    for index, cell in enumerate(architecture.cells):
        every = architecture.return_sequences or index != last
        layers.append(tf_keras.layers.LSTM(cell.units, return_sequences=every, name=recurrent_name(index)))
    if architecture.return_sequences:
        layers.append(tf_keras.layers.Flatten(name="flatten"))
    for index, units in enumerate(architecture.dense_units):
        activation = architecture.dense_activation(index)
        layers.append(
            tf_keras.layers.Dense(units, activation=activation, use_bias=architecture.use_bias, name=dense_name(index))
        )
    # Keras would count the models of a process in their names, which stand in the file.
    model = tf_keras.Sequential(layers, name="sequential")
    # The model itself would bring functions along, which the converter traces for nothing.
    module = tf.Module()
    module.held = model.weights
    variables = {
        f"{layer.name}/{variable.name.split('/')[-1].removesuffix(':0')}": variable
        for layer in model.layers
        for variable in layer.weights
    }
    function = traced(lambda x: model(x, training=False), (architecture.steps, architecture.features))
    return FusedNetwork(variables=variables, module=module, traced=function)


def ptq_loop(
    architecture: Architecture, weights: dict[str, np.ndarray], calibration: np.ndarray, method: Method
) -> Converted:
    """The float network as a loop; in integers with the ranges of the calibration samples.

    The converter's own calibration takes its process down on a loop (docs/architecture.md, "Loops").
    """
    if not method.integer:
        rounding = Unrounded({**weights, **architecture.constants()})
        shape = (architecture.steps, architecture.features)
        return quantized_after_training(
            traced(lambda x: looped(architecture, FloatOps(rounding), x), shape), None, method
        )
    ranges = calibrate(architecture, weights, calibration)
    form = number_format(method.name, per_channel=method.per_channel)
    ends = method.input, method.output
    written = loop_model(architecture, weights, ranges, form)
    return replace(checked(ended(written.model, *ends), *ends), reals=written.reals)


def aligned(architecture: Architecture, trained: TrainedQat) -> Converted:
    """As `written`, by the converter: what tests hold `written` against.

    The converter rounds a rare weight within 1e-7 of a tie to its other neighbour, which a recurrent layer amplifies.
    """
    everything = {**trained.weights, **architecture.constants()}
    return convert(
        lambda x: architecture.forward(FloatOps(FakeQuant(everything, trained.ranges)), x),
        (architecture.steps, architecture.features),
        None,
    )


def tfmot(architecture: Architecture, trained: TrainedQat, method: Method = INTEGER_ENDS) -> Converted:
    """The dense network trained by tensorflow-model-optimization, with the ranges that it learned."""
    from qcompare.training.tfmot import network

    return convert_traced(network(architecture, trained).traced, None, method)
