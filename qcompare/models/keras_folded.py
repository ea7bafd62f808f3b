"""Layers of a Keras model as training for integers takes them: those that scale or hand on alone are part of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qcompare.models.keras_file import IGNORED, KerasLayer
from qcompare.models.keras_shapes import shapes

LINEAR = ("Dense", "Conv1D", "Conv2D", "DepthwiseConv2D")
"""Layers that a scale and an offset of each channel behind them are part of, where they have no activation."""

IMAGE_RANK = 3
"""Of a sample [height, width, channels]."""

POINTWISE: Mapping[str, Any] = {
    "kernel_size": [1, 1],
    "strides": [1, 1],
    "padding": "valid",
    "dilation_rate": [1, 1],
    "activation": "linear",
    "use_bias": True,
}
"""Options of a convolution that reads one place at a time."""


def folded(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """Layers that compute the same, but for the rounding of float32, the last of which gives the output.

    A SeparableConv2D is its two convolutions. A BatchNormalization, whose statistics are settled, is part of the layer
    that it reads, where that is linear; or of the Dense layer that reads it; or a depthwise convolution of single
    pixels. One that is none of these stays. A relu is the activation of the linear layer that it reads. Layers that
    hand on what they get are left out.
    """
    found = _without_idle([part for layer in layers for part in _separated(layer)])
    for name in [layer.name for layer in found if layer.kind == "BatchNormalization"]:
        found = _without(found, name)
    for name in [layer.name for layer in found if _is_relu(layer)]:
        found = _joined(found, name)
    return found


def _separated(layer: KerasLayer) -> list[KerasLayer]:
    if layer.kind != "SeparableConv2D":
        return [layer]
    depthwise, pointwise, *bias = layer.weights
    first = KerasLayer(
        name=f"{layer.name}_depthwise",
        kind="DepthwiseConv2D",
        config={**layer.config, "activation": "linear", "use_bias": False},
        inputs=layer.inputs,
        weights=(depthwise,),
    )
    last = {"filters": layer.config["filters"], "activation": layer.config["activation"], "use_bias": bool(bias)}
    return [
        first,
        replace(
            layer,
            kind="Conv2D",
            config={**POINTWISE, **last},
            inputs=(first.name,),
            weights=(pointwise, *bias),
        ),
    ]


def _without_idle(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    for layer in layers:
        if layer.kind in IGNORED or (layer.kind == "Activation" and layer.config["activation"] == "linear"):
            return _without_idle(_left_out(layers, layer.name))
    return list(layers)


def _left_out(layers: Sequence[KerasLayer], name: str) -> list[KerasLayer]:
    """Layers without one, whose readers read what it read; what gives the output is the last again."""
    read = _read_by(layers, name)
    output = read if layers[-1].name == name else layers[-1].name
    kept = [
        replace(layer, inputs=tuple(read if given == name else given for given in layer.inputs))
        for layer in layers
        if layer.name != name
    ]
    return sorted(kept, key=lambda layer: layer.name == output)


def _without(layers: list[KerasLayer], name: str) -> list[KerasLayer]:
    """The layers without a BatchNormalization, if that can be."""
    by_name = {layer.name: layer for layer in layers}
    layer = by_name[name]
    shape = shapes(layers).get(name)
    if shape is None or _axis(layer) not in (-1, len(shape)):
        return layers
    before = by_name[layer.inputs[0]]
    readers = [other for other in layers if name in other.inputs]
    scale, offset = _affine(layer)
    if _ends_linear(layers, before):
        return _left_out(_in_place(layers, before.name, _scaled(before, scale, offset)), name)
    if len(readers) == 1 and readers[0].kind == "Dense":
        return _left_out(_in_place(layers, readers[0].name, _of_scaled(readers[0], scale, offset)), name)
    if len(shape) == IMAGE_RANK:
        config = {**POINTWISE, "depth_multiplier": 1}
        weights = (scale.reshape(1, 1, -1, 1).astype(np.float32), offset.astype(np.float32))
        return _in_place(layers, name, replace(layer, kind="DepthwiseConv2D", config=config, weights=weights))
    return layers


def _is_relu(layer: KerasLayer) -> bool:
    """Whether a layer is a relu alone, without a bound, a slope or a threshold."""
    if layer.kind == "ReLU":
        return not any(layer.config.get(option) for option in ("max_value", "negative_slope", "threshold"))
    return layer.kind == "Activation" and layer.config["activation"] == "relu"


def _joined(layers: list[KerasLayer], name: str) -> list[KerasLayer]:
    """The layers without a relu, if that can be."""
    before = next(layer for layer in layers if layer.name == _read_by(layers, name))
    if not _ends_linear(layers, before):
        return layers
    with_relu = replace(before, config={**before.config, "activation": "relu"})
    return _left_out(_in_place(layers, before.name, with_relu), name)


def _ends_linear(layers: Sequence[KerasLayer], layer: KerasLayer) -> bool:
    """Whether a layer is linear and one other reads it."""
    linear = layer.kind in LINEAR and layer.config["activation"] == "linear"
    return linear and sum(other.inputs.count(layer.name) for other in layers) == 1


def _read_by(layers: Sequence[KerasLayer], name: str) -> str:
    """The one layer that a layer reads."""
    (read,) = next(layer.inputs for layer in layers if layer.name == name)
    return read


def _in_place(layers: Sequence[KerasLayer], name: str, other: KerasLayer) -> list[KerasLayer]:
    return [other if layer.name == name else layer for layer in layers]


def _axis(layer: KerasLayer) -> int:
    axis = layer.config.get("axis", -1)
    return int(axis[0]) if isinstance(axis, list) else int(axis)


def _affine(layer: KerasLayer) -> tuple[np.ndarray, np.ndarray]:
    """The scale and the offset [channels], float64, that a BatchNormalization with settled statistics comes to."""
    left = [weight.astype(np.float64) for weight in layer.weights]
    variance, mean = left.pop(), left.pop()
    gamma = left.pop(0) if layer.config.get("scale", True) else np.ones_like(mean)
    beta = left.pop(0) if layer.config.get("center", True) else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + layer.config.get("epsilon", 0.001))
    return scale, beta - mean * scale


def _bias(layer: KerasLayer, size: int) -> np.ndarray:
    return layer.weights[1].astype(np.float64) if layer.config["use_bias"] else np.zeros(size)


def _scaled(layer: KerasLayer, scale: np.ndarray, offset: np.ndarray) -> KerasLayer:
    """A linear layer whose outputs are scaled and moved. Channels are a kernel's last dimension, of a depthwise one
    its last two."""
    kernel = layer.weights[0].astype(np.float64)
    channels = kernel.shape[2:] if layer.kind == "DepthwiseConv2D" else kernel.shape[-1:]
    return _biased(layer, kernel * scale.reshape(channels), _bias(layer, scale.size) * scale + offset)


def _of_scaled(layer: KerasLayer, scale: np.ndarray, offset: np.ndarray) -> KerasLayer:
    """A Dense layer whose inputs are scaled and moved before."""
    kernel = layer.weights[0].astype(np.float64)
    return _biased(layer, kernel * scale[:, None], offset @ kernel + _bias(layer, kernel.shape[1]))


def _biased(layer: KerasLayer, kernel: np.ndarray, bias: np.ndarray) -> KerasLayer:
    weights = (kernel.astype(np.float32), bias.astype(np.float32))
    return replace(layer, config={**layer.config, "use_bias": True}, weights=weights)
