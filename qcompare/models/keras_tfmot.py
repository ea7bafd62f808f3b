"""Which Keras layers tensorflow-model-optimization trains for int8, told without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

from qcompare.models.keras_file import KerasLayer
from qcompare.models.keras_folded import folded
from qcompare.models.keras_shapes import shapes
from qcompare.models.keras_two_dimensions import ONE_DIMENSIONAL, in_two_dimensions

FUSED = ("linear", "relu", "sigmoid", "tanh", "softmax", "gelu")
"""Activations that a layer with weights may have."""

ACTIVATIONS = {
    "Dense": FUSED,
    "Conv2D": FUSED,
    "DepthwiseConv2D": FUSED,
    "Activation": (*FUSED, "relu6", "swish"),
}

WITHOUT_ACTIVATION = (
    *("InputLayer", "Flatten", "Reshape", "Permute", "ReLU", "LeakyReLU", "Softmax", "Add", "Concatenate"),
    *("MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D", "ZeroPadding2D"),
)

TAKEN = (*ACTIVATIONS, *WITHOUT_ACTIVATION)
"""Layers that it takes and that are all in integers after conversion."""

SUMMED = 2
"""Inputs of an Add: the sum of two of three has no range, and would stay in float."""


@final
class NotTakenError(ValueError):
    """A layer that tensorflow-model-optimization does not train; the message names it."""

    def __init__(self, layer: KerasLayer, reason: str) -> None:
        super().__init__(f"tensorflow-model-optimization does not take layer '{layer.name}', {reason}")


def prepared(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """Layers that compute the same, all of which are taken. Raises NotTakenError."""
    found = folded(layers)
    _check_kinds(found, (*TAKEN, *ONE_DIMENSIONAL, "BatchNormalization"))
    # Again for a BatchNormalization of sequences, which is one of pictures now.
    found = _apart(folded(in_two_dimensions(found)))
    _check_kinds(found, TAKEN)
    for layer in found:
        activation = layer.config.get("activation", "linear")
        if layer.kind in ACTIVATIONS and activation not in ACTIVATIONS[layer.kind]:
            raise NotTakenError(layer, f"whose activation is {activation}")
        if layer.kind == "ReLU" and (layer.config.get("negative_slope") or layer.config.get("threshold")):
            raise NotTakenError(layer, "which has a slope or a threshold")
        if layer.kind == "Add" and len(layer.inputs) > SUMMED:
            raise NotTakenError(layer, f"which adds {len(layer.inputs)} inputs")
    return found


def _apart(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """Layers that compute the same, each Concatenate behind Reshapes to the shapes that are there.

    tensorflow-model-optimization takes the range of what it sees concatenated away. Where a RESHAPE reads the whole,
    the converter then has a sum without a range on the grid of its neighbour, however small that is. It drops these
    Reshapes.
    """
    if all(layer.kind != "Concatenate" for layer in layers):
        return list(layers)
    shape_of = shapes(layers)
    found: dict[str, KerasLayer] = {}
    for layer in layers:
        inputs = layer.inputs
        if layer.kind == "Concatenate":
            inputs = tuple(f"{name}_apart" for name in layer.inputs)
            for name, read in zip(inputs, layer.inputs, strict=True):
                config = {"target_shape": list(shape_of[read])}
                found[name] = KerasLayer(name=name, kind="Reshape", config=config, inputs=(read,))
        found[layer.name] = replace(layer, inputs=inputs)
    return list(found.values())


def _check_kinds(layers: Sequence[KerasLayer], taken: Sequence[str]) -> None:
    for layer in layers:
        if layer.kind not in taken:
            raise NotTakenError(layer, f"a {layer.kind}")
