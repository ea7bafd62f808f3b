"""The shapes of what the layers of a Keras model give, told without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qcompare.models.keras_file import RECURRENT, KerasFileError, KerasLayer

Shape = tuple[int, ...]
"""Of a sample."""


def shapes(layers: Sequence[KerasLayer]) -> dict[str, Shape]:
    """The shape of each layer's output, for layers in an order in which each comes after those that it reads; but for a
    Lambda and all behind it, of which nothing is told.

    Raises KerasFileError for a layer that its input does not fit.
    """
    found: dict[str, Shape] = {}
    for layer in layers:
        if layer.kind == "Lambda" or any(name not in found for name in layer.inputs):
            continue
        read = [found[name] for name in layer.inputs]
        try:
            found[layer.name] = _shape(layer, read)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            shown = " and ".join(map(str, read))
            text = f"layer '{layer.name}' ({layer.kind}) does not go with what it reads: {shown}"
            raise KerasFileError(text) from error
    return found


def sizes(value: Any) -> Shape:
    """An option that is one number or several, such as a kernel's size."""
    return (value,) if isinstance(value, int) else tuple(value)


def _shape(layer: KerasLayer, read: Sequence[Shape]) -> Shape:
    kind, options = layer.kind, layer.config
    if kind == "InputLayer":
        return tuple((options.get("batch_shape") or options["batch_input_shape"])[1:])
    if kind == "Concatenate":
        return _joined(read, options["axis"])
    if len(read) > 1:
        return np.broadcast_shapes(*read)
    (given,) = read
    match kind:
        case "Reshape":
            return _reshaped(options["target_shape"], math.prod(given))
        case "Permute":
            return tuple(given[place - 1] for place in options["dims"])
        case "Flatten":
            return (math.prod(given),)
        case "Dense":
            return (*given[:-1], options["units"])
        case "Conv1D" | "Conv2D" | "SeparableConv2D":
            return (*_windows(given, options, "kernel_size"), options["filters"])
        case "DepthwiseConv2D":
            return (*_windows(given, options, "kernel_size"), given[-1] * options.get("depth_multiplier", 1))
        case "ZeroPadding1D" | "ZeroPadding2D":
            return (*_padded(given[:-1], options["padding"]), given[-1])
        case "Bidirectional":
            units = _recurrent(given, options["layer"]["config"])
            return (*units[:-1], units[-1] * (2 if options["merge_mode"] == "concat" else 1))
        case _ if kind in RECURRENT:
            return _recurrent(given, options)
        case _ if kind.startswith("Global"):
            return (*(1 for _ in given[:-1] if options.get("keepdims")), given[-1])
        case _ if "Pooling" in kind:
            return (*_windows(given, options, "pool_size"), given[-1])
    return given


def _joined(read: Sequence[Shape], axis: int) -> Shape:
    # The axis counts that of the samples.
    place = axis if axis < 0 else axis - 1
    found = list(read[0])
    found[place] = sum(shape[place] for shape in read)
    return tuple(found)


def _reshaped(target: Sequence[int], elements: int) -> Shape:
    known = math.prod(size for size in target if size != -1)
    return tuple(elements // known if size == -1 else size for size in target)


def _windows(given: Shape, options: Mapping[str, Any], window: str) -> Shape:
    """How many windows there are along each axis before that of the channels; axes before those are kept."""
    extents = sizes(options[window])
    strides = sizes(options.get("strides") or extents)
    dilations = sizes(options.get("dilation_rate", [1] * len(extents)))
    inside = options.get("padding", "valid") == "valid"
    first = -1 - len(extents)
    counts = (
        math.ceil((size - (extent - 1) * dilation if inside else size) / stride)
        for size, extent, stride, dilation in zip(given[first:-1], extents, strides, dilations, strict=True)
    )
    return (*given[:first], *counts)


def _padded(given: Shape, padding: Any) -> Shape:
    """With zeros before and behind along each axis: one number, one for each axis, or two."""
    if isinstance(padding, int):
        return tuple(size + 2 * padding for size in given)
    pairs = [padding] if len(given) == 1 else padding
    return tuple(
        size + (2 * pair if isinstance(pair, int) else sum(sizes(pair)))
        for size, pair in zip(given, pairs, strict=True)
    )


def _recurrent(given: Shape, options: Mapping[str, Any]) -> Shape:
    return (given[0], options["units"]) if options.get("return_sequences") else (options["units"],)
