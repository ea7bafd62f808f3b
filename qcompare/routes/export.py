"""Trained networks handed to the converter. Each function stands alone, so that it can run in a child process."""

from __future__ import annotations

import numpy as np

from qcompare.export.loop import loop_model
from qcompare.export.written import written_model
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture, dense_name, recurrent_name
from qcompare.tflite.converter import Converted, checked, convert
from qcompare.training.calibrate import calibrate
from qcompare.training.fake_quant import FakeQuant
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import NumberFormat


def ptq(
    architecture: Architecture, weights: dict[str, np.ndarray], calibration: np.ndarray, number_format: NumberFormat
) -> Converted:
    """The float network, quantized after training with the calibration samples [samples, steps, features]."""
    rounding = Unrounded({**weights, **architecture.constants()})
    shape = (architecture.steps, architecture.features)
    return convert(lambda x: architecture.forward(FloatOps(rounding), x), shape, calibration, number_format.activation)


def ptq_fused(architecture: Architecture, weights: dict[str, np.ndarray], calibration: np.ndarray) -> Converted:
    """As `ptq`; the recurrent layers are Keras's, which the converter turns into one operator each."""
    import tf_keras

    last = len(architecture.cells) - 1
    layers = [tf_keras.layers.Input((architecture.steps, architecture.features), batch_size=1)]
    names = [recurrent_name(index) for index in range(len(architecture.cells))]
    for index, cell in enumerate(architecture.cells):
        layers.append(
            tf_keras.layers.LSTM(
                cell.units, return_sequences=architecture.return_sequences or index != last, name=names[index]
            )
        )
    if architecture.return_sequences:
        layers.append(tf_keras.layers.Flatten())
    for index, units in enumerate(architecture.dense_units):
        activation = "linear" if index == len(architecture.dense_units) - 1 else architecture.activation
        names.append(dense_name(index))
        layers.append(tf_keras.layers.Dense(units, activation=activation, name=names[-1]))
    model = tf_keras.Sequential(layers)
    for name in names:
        layer = model.get_layer(name)
        layer.set_weights([weights[f"{name}/{variable.name.split('/')[-1][:-2]}"] for variable in layer.weights])
    return convert(
        lambda x: model(x, training=False),
        (architecture.steps, architecture.features),
        calibration,
        tracked=model,
    )


def written(architecture: Architecture, trained: TrainedQat) -> Converted:
    """The network with all that training learned, operator by operator; no converter takes part."""
    return checked(written_model(architecture, trained.weights, trained.ranges, trained.number_format).model)


def ptq_loop(architecture: Architecture, weights: dict[str, np.ndarray], calibration: np.ndarray) -> Converted:
    """The float network as a loop, its ranges those of the calibration samples.

    The converter's own calibration takes its process down on a loop (docs/architecture.md, "Loops").
    """
    return checked(loop_model(architecture, weights, calibrate(architecture, weights, calibration)).model)


def loop(architecture: Architecture, trained: TrainedQat) -> Converted:
    """As `written`, its recurrent layers a loop."""
    return checked(loop_model(architecture, trained.weights, trained.ranges).model)


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


def tfmot(architecture: Architecture, trained: TrainedQat) -> Converted:
    """The dense network trained by tensorflow-model-optimization, with the ranges that it learned."""
    from qcompare.training.tfmot import quantized

    model = quantized(architecture, trained)
    shape = (architecture.steps, architecture.features)
    return convert(lambda x: model(x, training=False), shape, None)
