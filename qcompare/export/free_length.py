"""Fused recurrent layers converted with their length left free: one model for sequences of any length.

The batch is one. TensorFlow Lite leaves one dimension open, not two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import tensorflow as tf

from qcompare.core.layers import dense_name, recurrent_name
from qcompare.core.method import Method
from qcompare.export.convert import FusedNetwork
from qcompare.models.network import Architecture
from qcompare.tflite.converter import Converted, quantized_after_training, traced
from qcompare.training.fit import KEPT

OUTPUT, EVERY_STEP = "output", "every_step"
"""The names of the model's outputs: [1, outputs] after the last step, [1, steps, outputs] after each."""


def free_length(
    architecture: Architecture,
    weights: dict[str, np.ndarray],
    calibration: Sequence[np.ndarray],
    method: Method,
    *,
    every_step: bool = False,
) -> Converted:
    """The float network of fused layers for x [1, steps, features] of any number of steps.

    calibration: each float32 [steps, features]; methods without ranges leave it alone.
    every_step: whether the model has a second output, what the head makes of each step.
    """
    return as_fed(architecture, weights, apart(calibration), method, every_step=every_step)


def as_fed(
    architecture: Architecture,
    weights: dict[str, np.ndarray],
    calibration: Sequence[np.ndarray],
    method: Method,
    *,
    every_step: bool = False,
) -> Converted:
    """As `free_length`, calibrated on the sequences in the order in which they stand (see `apart`)."""
    network = _free(architecture, every_step)
    everything = {**weights, **architecture.constants()}
    for name, variable in network.variables.items():
        variable.assign(everything[name])
    return quantized_after_training(network.traced, calibration, method, network.module)


@lru_cache(maxsize=KEPT)
def _free(architecture: Architecture, every_step: bool) -> FusedNetwork:
    import tf_keras

    if architecture.return_sequences or not architecture.cells:
        raise ValueError("a head that reads all steps side by side has a fixed length")
    recurrent = [
        tf_keras.layers.LSTM(cell.units, return_sequences=True, name=recurrent_name(index))
        for index, cell in enumerate(architecture.cells)
    ]
    dense = [
        tf_keras.layers.Dense(
            units,
            activation=architecture.dense_activation(index),
            use_bias=architecture.use_bias,
            name=dense_name(index),
        )
        for index, units in enumerate(architecture.dense_units)
    ]

    def head(value: tf.Tensor) -> tf.Tensor:
        for layer in dense:
            value = layer(value)
        return value

    def forward(x: tf.Tensor) -> dict[str, tf.Tensor]:
        value = x
        for layer in recurrent:
            value = layer(value)
        outputs = {OUTPUT: head(value[:, -1])}
        # The batch is one: without it the head is a FULLY_CONNECTED of all steps, with it operators on shapes.
        return outputs | ({EVERY_STEP: head(value[0])[tf.newaxis]} if every_step else {})

    function = traced(forward, (None, architecture.features))
    module = tf.Module()
    module.held = [weight for layer in (*recurrent, *dense) for weight in layer.weights]
    variables = {
        f"{layer.name}/{weight.name.split('/')[-1].removesuffix(':0')}": weight
        for layer in (*recurrent, *dense)
        for weight in layer.weights
    }
    return FusedNetwork(variables=variables, module=module, traced=function)


def apart(sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Sequences [steps, features] in an order, with others between them, in which no two neighbours have one length.

    TensorFlow's calibrator starts a sample from zeros where its length is not that of the sample before, for it then
    allocates anew. Otherwise it goes on with the state that the sample before left, and finds ranges of sequences
    that nobody has. Between two of one length stands the second without its last step, whose own values are among
    those of the whole; a single step stands twice.
    """
    seen: dict[int, int] = {}
    rounds = []
    for index, sequence in enumerate(sequences):
        rounds.append((seen.setdefault(len(sequence), 0), len(sequence), index))
        seen[len(sequence)] += 1
    ordered: list[np.ndarray] = []
    for _, _, index in sorted(rounds):
        sequence = sequences[index]
        if ordered and len(ordered[-1]) == len(sequence):
            ordered.append(sequence[:-1] if len(sequence) > 1 else np.repeat(sequence, 2, axis=0))
        ordered.append(sequence)
    return ordered
