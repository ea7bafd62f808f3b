"""Keras's SimpleRNN handed to TensorFlow's converter, in the ways that people try; one takes its process down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a network is converted.

    batch: of the model's input; None leaves it open. unroll: Keras's option. select: SELECT_TF_OPS, and
    `_experimental_lower_tensor_list_ops=False`. resource: `experimental_enable_resource_variables=True`.
    optimize: Optimize.DEFAULT. calibrate: a representative dataset, too, and but for `select` integers throughout.
    """

    name: str
    batch: int | None = None
    unroll: bool = False
    select: bool = False
    resource: bool = False
    optimize: bool = False
    calibrate: bool = False


WAYS = (
    Way(name="as it is"),
    Way(name="resource variables", resource=True),
    Way(name="Flex", select=True),
    Way(name="Flex, Optimize.DEFAULT", select=True, optimize=True),
    Way(name="Flex, representative dataset", select=True, optimize=True, calibrate=True),
    Way(name="batch 1", batch=1),
    Way(name="batch 1, Optimize.DEFAULT", batch=1, optimize=True),
    Way(name="batch 1, int8", batch=1, optimize=True, calibrate=True),
    Way(name="batch 1, unrolled, int8", batch=1, unroll=True, optimize=True, calibrate=True),
)
"""The text's own is the one called Flex; 8 bits are what it wants."""


def convert(way: Way, weights: Mapping[str, np.ndarray], calibration: np.ndarray) -> bytes:
    """The model. weights: of `recurrent_0` and `dense_0`; calibration: [samples, steps, features]. Raises whatever the
    converter raises."""
    import tensorflow as tf
    import tf_keras

    layers = tf_keras.layers
    x = layers.Input(calibration.shape[1:], batch_size=way.batch)
    units, outputs = len(weights["recurrent_0/bias"]), len(weights["dense_0/bias"])
    network = tf_keras.Model(x, layers.Dense(outputs)(layers.SimpleRNN(units, unroll=way.unroll)(x)))
    network.set_weights(
        [weights[f"recurrent_0/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]
        + [weights[f"dense_0/{name}"] for name in ("kernel", "bias")]
    )
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.experimental_enable_resource_variables = way.resource
    if way.optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if way.calibrate:
        converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in calibration)
    if way.select:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        converter._experimental_lower_tensor_list_ops = False
    elif way.calibrate:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def operators(content: bytes) -> Sequence[str]:
    """Of all graphs, each once."""
    from qcompare.tflite import schema

    return sorted({operator.name for graph in schema.read(content).graphs for operator in graph.operators})


def predict(content: bytes, x: np.ndarray) -> Any:
    """The outputs of a model of batch one in real units, in LiteRT by default. Raises whatever it raises."""
    from qcompare.engines import litert
    from qcompare.engines.converted import inputs_of, output_grid
    from qcompare.tflite import schema

    main = schema.read(content).main
    found = litert.run(content, inputs_of(main, x), "xnnpack").result
    grid = output_grid(main)
    return found if grid is None else grid.dequantize(found)
