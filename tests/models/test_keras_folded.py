"""Layers folded for training: what they compute stays, and what cannot be folded is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qcompare.models.keras_file import KerasLayer
from qcompare.models.keras_folded import folded
from qcompare.models.keras_twin import twin

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(8)
IMAGE, VECTOR, SEQUENCE = (7, 6, 3), (5,), (4, 3)


def layer(
    kind: str, *inputs: str, name: str = "", weights: Sequence[tuple[int, ...]] = (), **config: Any
) -> KerasLayer:
    values = tuple(RNG.normal(0, 0.7, shape).astype(np.float32) for shape in weights)
    return KerasLayer(name=name or kind.lower(), kind=kind, config=config, inputs=inputs, weights=values)


def source(shape: tuple[int, ...]) -> KerasLayer:
    return layer("InputLayer", name="x", batch_shape=[None, *shape])


def normalization(read: str, channels: int, axis: Any = -1, **config: Any) -> KerasLayer:
    options: dict[str, Any] = {"axis": axis, "epsilon": 0.01, "scale": True, "center": True} | config
    found = layer("BatchNormalization", read, name="norm", weights=[(channels,)] * 4, **options)
    parts = dict(zip(("gamma", "beta", "mean", "variance"), found.weights, strict=True))
    parts["variance"] = np.abs(parts["variance"]) + np.float32(0.1)
    kept = [part for part in parts if options.get({"gamma": "scale", "beta": "center"}.get(part, ""), True)]
    return KerasLayer(
        name="norm", kind="BatchNormalization", config=options, inputs=(read,), weights=tuple(parts[k] for k in kept)
    )


def convolution(kind: str, read: str, channels: int, filters: int, *, use_bias: bool = True, **config: Any) -> Any:
    options: dict[str, Any] = {"activation": "linear", "padding": "same", "strides": [1, 1], "dilation_rate": [1, 1]}
    options |= {"kernel_size": [3, 3], "use_bias": use_bias, **config}
    if kind == "DepthwiseConv2D":
        options |= {"depth_multiplier": filters // channels}
        shapes = [(3, 3, channels, filters // channels)]
    elif kind == "SeparableConv2D":
        options |= {"depth_multiplier": 2, "filters": filters}
        shapes = [(3, 3, channels, 2), (1, 1, 2 * channels, filters)]
    else:
        options |= {"filters": filters}
        shapes = [(3, 3, channels, filters)]
    return layer(kind, read, weights=[*shapes, *([(filters,)] if use_bias else [])], **options)


def dense(read: str, inputs: int, units: int, name: str = "dense", **config: Any) -> KerasLayer:
    options: dict[str, Any] = {"units": units, "activation": "linear", "use_bias": True} | config
    shapes = [(inputs, units), *([(units,)] if options["use_bias"] else [])]
    return layer("Dense", read, name=name, weights=shapes, **options)


CASES: dict[str, tuple[tuple[int, ...], list[KerasLayer], list[str]]] = {
    "convolution, normalization, relu": (
        IMAGE,
        [
            convolution("Conv2D", "x", 3, 4),
            normalization("conv2d", 4, [3]),
            layer("Dropout", "norm", rate=0.5),
            layer("ReLU", "dropout", max_value=None, negative_slope=0.0, threshold=0.0),
        ],
        ["InputLayer", "Conv2D"],
    ),
    "depthwise without biases": (
        IMAGE,
        [convolution("DepthwiseConv2D", "x", 3, 6, use_bias=False), normalization("depthwiseconv2d", 6, scale=False)],
        ["InputLayer", "DepthwiseConv2D"],
    ),
    "separable": (
        IMAGE,
        [convolution("SeparableConv2D", "x", 3, 4), normalization("separableconv2d", 4, 3, center=False)],
        ["InputLayer", "DepthwiseConv2D", "Conv2D"],
    ),
    "after a relu, pixel by pixel": (
        IMAGE,
        [convolution("Conv2D", "x", 3, 4, activation="relu"), normalization("conv2d", 4)],
        ["InputLayer", "Conv2D", "DepthwiseConv2D"],
    ),
    "dense before": (
        VECTOR,
        [
            dense("x", 5, 4, use_bias=False),
            normalization("dense", 4, [1]),
            layer("Activation", "norm", activation="relu"),
        ],
        ["InputLayer", "Dense"],
    ),
    "dense behind": (
        VECTOR,
        [normalization("x", 5), layer("Dropout", "norm", rate=0.5), dense("dropout", 5, 4, use_bias=False)],
        ["InputLayer", "Dense"],
    ),
    "a bounded relu stays": (
        VECTOR,
        [dense("x", 5, 4), layer("ReLU", "dense", max_value=0.5)],
        ["InputLayer", "Dense", "ReLU"],
    ),
    "read by two": (
        VECTOR,
        [
            dense("x", 5, 5),
            normalization("dense", 5),
            layer("ReLU", "dense", max_value=None),
            layer("Add", "norm", "relu"),
        ],
        ["InputLayer", "Dense", "BatchNormalization", "ReLU", "Add"],
    ),
    "another axis": (
        SEQUENCE,
        [dense("x", 3, 4), normalization("dense", 4, 1)],
        ["InputLayer", "Dense", "BatchNormalization"],
    ),
    "a linear activation at the end of a branch": (
        VECTOR,
        [
            dense("x", 5, 4, "one"),
            dense("x", 5, 4, "other"),
            layer("Add", "one", "other"),
            layer("Activation", "add", activation="linear"),
        ],
        ["InputLayer", "Dense", "Dense", "Add"],
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_folded_layers_compute_the_same(name: str) -> None:
    shape, behind, kinds = CASES[name]
    layers = [source(shape), *behind]
    found = folded(layers)
    assert [each.kind for each in found] == kinds
    x = RNG.normal(size=(16, *shape)).astype(np.float32)
    before, after = (twin(each, shape)(x, training=False).numpy() for each in (layers, found))
    assert np.abs(after - before).max() <= 2e-6 * np.abs(before).max()
    assert np.ptp(before) > 0
