"""Keras models as tensorflow-model-optimization trained them, converted. It stands alone, so that it can run in
another process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from qcompare.core.finding import Finding, failure, warning
from qcompare.core.grid import Grid
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.tap import Tap
from qcompare.export.trained import trained_constants
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from qcompare.tflite.converter import convert_traced
from qcompare.tflite.keras_roles import places
from qcompare.training.number_format import INT8
from qcompare.training.scales import weight_scale

PER_CHANNEL = ("Conv2D", "DepthwiseConv2D")
"""Layers whose kernels tfmot gives a scale for each of its last dimension."""


def converted(network: Network, method: Method) -> Built:
    """The trained network by TensorFlow's converter, with its ranges."""
    # Imported here: it brings all of Keras and matplotlib into the process, which other networks do without.
    from qcompare.training import keras_tfmot

    trained = keras_tfmot.quantized(network)
    module = tf.Module()
    module.held = trained.model.weights
    model = convert_traced(trained.traced, None, method, module)
    learned, graphs = grids(network), schema.read(model.model)
    found = places(graphs, learned)
    built = Built(
        content=model.model,
        places=found,
        reals=trained_constants(graphs, found, {**_no_biases(network), **network.weights}),
        learned={Tap(role): grid for role, grid in learned.items()},
        findings=(failure("conversion", model.note),) if model.note else (),
    )
    return replace(built, findings=(*built.findings, *changed(built)))


def _no_biases(network: Network) -> dict[str, np.ndarray]:
    """The zeros that the converter puts where a depthwise convolution has no bias, by `layer/bias`."""
    kernels = {
        layer["name"]: network.weights[f"{layer['name']}/kernel"]
        for layer in network.model["layers"]
        if layer["kind"] == "DepthwiseConv2D"
    }
    return {f"{name}/bias": np.zeros(kernel[0, 0].size, np.float32) for name, kernel in kernels.items()}


def changed(built: Built) -> tuple[Finding, ...]:
    """The weights that lie on another grid than they were trained for, told in one warning.

    Of a layer before a ReLU layer that is not its own activation, such as one with a bound, the converter drops the
    fake quantization of the weights and rounds them to scales of its own.
    """
    tensors = built.model.main.tensors
    names = [
        tap.role
        for (_, index), tap in built.places.items()
        if tensors[index].data is not None
        and (trained := built.learned.get(tap)) is not None
        and not ((grid := tensors[index].grid) is not None and grid.same(trained))
    ]
    text = f"the converter gave {', '.join(names)} other scales than were trained"
    return (warning("conversion", text),) if names else ()


def grids(network: Network) -> dict[str, Grid]:
    """The grids that follow from trained ranges and weights, by role and by `layer/kernel`."""
    found = {role: INT8.grid(*bounds) for role, bounds in network.ranges.items()}
    for layer in network.model["layers"]:
        kernel = network.weights.get(f"{layer['name']}/kernel")
        if kernel is not None:
            found[f"{layer['name']}/kernel"] = _kernel_grid(kernel, layer["kind"])
    return found


def _kernel_grid(kernel: np.ndarray, kind: str) -> Grid:
    grid = weight_scale(kernel.reshape(-1, kernel.shape[-1]), per_channel=kind in PER_CHANNEL)
    if kind != "DepthwiseConv2D":
        return grid
    # tfmot's last dimension is that of the multiplier: all channels have its scales.
    channels = kernel.shape[2]
    return replace(grid, scale=np.tile(grid.scale, channels), zero_point=np.tile(grid.zero_point, channels), axis=3)
