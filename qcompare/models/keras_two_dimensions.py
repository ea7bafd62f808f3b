"""One-dimensional Keras layers as the two-dimensional ones that TensorFlow's converter makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import final

from qcompare.models.keras_file import KerasLayer
from qcompare.models.keras_shapes import Shape, shapes, sizes

POOLING = ("MaxPooling1D", "AveragePooling1D")

ONE_DIMENSIONAL = ("Conv1D", *POOLING)
"""Layers that become two-dimensional ones."""

ELEMENTWISE = ("BatchNormalization", "ReLU", "LeakyReLU", "Activation", "Add", "Concatenate")
"""Layers that do the same in either layout."""

SEQUENCE_RANK = 2
"""Of a sample [steps, channels]."""


@final
class Layout(Enum):
    """How a layer reads and gives samples. The value ends the name of a Reshape to it."""

    OWN = "in_its_shape"
    """As the model has it."""
    ROW = "in_a_row"
    """[1, steps, channels]: a convolution's."""
    COLUMN = "in_a_column"
    """[steps, 1, channels]: a pooling's."""

    def of(self, shape: Shape) -> list[int]:
        """A shape in this layout."""
        if self is Layout.OWN:
            return list(shape)
        steps, channels = shape
        return [1, steps, channels] if self is Layout.ROW else [steps, 1, channels]


STEPS_AXIS = {Layout.ROW: 2, Layout.COLUMN: 1}
"""The axis of the steps, the samples' being 0."""


def in_two_dimensions(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """Layers that compute the same, the last of which gives the output: a Conv1D is a Conv2D of height 1, a pooling one
    of width 1, between Reshapes, so that the converter writes the operators that it writes for the one-dimensional
    layers. What is element by element behind them, and a BatchNormalization of sequences, has their layout too."""
    padded = [part for layer in layers for part in _causal(layer)]
    shape_of = shapes(padded)
    found: list[KerasLayer] = []
    there: dict[tuple[str, Layout], str] = {}
    layouts: dict[str, Layout] = {}

    def read(name: str, layout: Layout) -> str:
        """The layer that gives what another one does, in a layout."""
        if (name, layout) not in there:
            config = {"target_shape": layout.of(shape_of[name])}
            made = KerasLayer(name=f"{name}_{layout.value}", kind="Reshape", config=config, inputs=(name,))
            found.append(made)
            there[name, layout] = made.name
        return there[name, layout]

    for layer in padded:
        layout = _layout(layer, [layouts[name] for name in layer.inputs], shape_of[layer.name])
        inputs = tuple(read(name, layout) for name in layer.inputs)
        laid_out = _laid_out(layer, layout)
        found.append(laid_out if inputs == layer.inputs else replace(laid_out, inputs=inputs))
        layouts[layer.name] = layout
        there[layer.name, layout] = layer.name
    read(padded[-1].name, Layout.OWN)
    return found


def _causal(layer: KerasLayer) -> list[KerasLayer]:
    """A Conv1D without causal padding, behind the zeros that it stands for."""
    if layer.kind != "Conv1D" or layer.config["padding"] != "causal":
        return [layer]
    (size,), (dilation,) = sizes(layer.config["kernel_size"]), sizes(layer.config["dilation_rate"])
    config = {"padding": [(size - 1) * dilation, 0]}
    zeros = KerasLayer(name=f"{layer.name}_padding", kind="ZeroPadding1D", config=config, inputs=layer.inputs)
    return [zeros, replace(layer, config={**layer.config, "padding": "valid"}, inputs=(zeros.name,))]


def _layout(layer: KerasLayer, read: Sequence[Layout], shape: Shape) -> Layout:
    """What a layer computes in. read: what those that it reads do. shape: of its output."""
    if layer.kind == "Conv1D" and len(shape) == SEQUENCE_RANK:
        return Layout.ROW
    if layer.kind in POOLING:
        return Layout.COLUMN
    if layer.kind in ELEMENTWISE and len(set(read)) == 1 and read[0] is not Layout.OWN:
        return read[0]
    if layer.kind == "BatchNormalization" and len(shape) == SEQUENCE_RANK:
        return Layout.ROW
    return Layout.OWN


def _laid_out(layer: KerasLayer, layout: Layout) -> KerasLayer:
    if layout is Layout.OWN:
        return layer
    kind, options = layer.kind.replace("1D", "2D"), layer.config
    if layer.kind == "Conv1D":
        wide = {option: [1, *sizes(options[option])] for option in ("kernel_size", "strides", "dilation_rate")}
        kernel, *bias = layer.weights
        return replace(layer, kind=kind, config={**options, **wide}, weights=(kernel[None], *bias))
    if layer.kind in POOLING:
        size = sizes(options["pool_size"])
        strides = sizes(options.get("strides") or size)
        high = {"pool_size": [*size, 1], "strides": [*strides, 1]}
        return replace(layer, kind=kind, config={**options, **high})
    if layer.kind in ("BatchNormalization", "Concatenate"):
        (axis,) = sizes(options.get("axis", -1))
        moved = STEPS_AXIS[layout] if axis in (1, -2) else -1
        return replace(layer, config={**options, "axis": moved})
    return layer
