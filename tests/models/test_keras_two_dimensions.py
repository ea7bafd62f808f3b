"""One-dimensional layers as two-dimensional ones: what they compute stays, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qcompare.models.keras_file import KerasLayer
from qcompare.models.keras_folded import folded
from qcompare.models.keras_tfmot import TAKEN
from qcompare.models.keras_twin import twin
from qcompare.models.keras_two_dimensions import in_two_dimensions

RNG = np.random.default_rng(8)
STEPS, CHANNELS = 14, 6


def layer(
    kind: str, *inputs: str, name: str = "", weights: Sequence[tuple[int, ...]] = (), **config: Any
) -> KerasLayer:
    values = tuple(np.abs(RNG.normal(0, 0.7, shape)).astype(np.float32) + np.float32(0.1) for shape in weights)
    return KerasLayer(name=name or kind.lower(), kind=kind, config=config, inputs=inputs, weights=values)


START = layer("InputLayer", name="x", batch_shape=[None, STEPS, CHANNELS])


def convolution(read: str, filters: int = 4, channels: int = CHANNELS, name: str = "conv", **config: Any) -> KerasLayer:
    options: dict[str, Any] = {
        "kernel_size": [3],
        "strides": [1],
        "dilation_rate": [1],
        "padding": "valid",
        "groups": 1,
    }
    options |= {"filters": filters, "activation": "linear", "use_bias": True, **config}
    kernel = (*options["kernel_size"], channels // options["groups"], filters)
    return layer("Conv1D", read, name=name, weights=[kernel, *([(filters,)] if options["use_bias"] else [])], **options)


def pooling(kind: str, read: str, size: int = 2, strides: Any = None, padding: str = "valid") -> KerasLayer:
    return layer(kind, read, pool_size=[size], strides=strides, padding=padding)


def normalization(read: str, channels: int, axis: Any = -1) -> KerasLayer:
    return layer("BatchNormalization", read, name="norm", weights=[(channels,)] * 4, axis=axis, epsilon=0.01)


CONVOLVED = ["InputLayer", "Reshape", "Conv2D", "Reshape"]
POOLED = ["InputLayer", "Reshape", "MaxPooling2D", "Reshape"]

CASES: dict[str, tuple[list[KerasLayer], list[str]]] = {
    "same, dilated": ([convolution("x", padding="same", dilation_rate=[3])], CONVOLVED),
    "same, strides": ([convolution("x", padding="same", strides=[2], activation="relu")], CONVOLVED),
    "valid, strides": ([convolution("x", kernel_size=[5], strides=[3], use_bias=False)], CONVOLVED),
    "groups": ([convolution("x", groups=2)], CONVOLVED),
    "causal": (
        [convolution("x", padding="causal", dilation_rate=[2])],
        ["InputLayer", "ZeroPadding1D", "Reshape", "Conv2D", "Reshape"],
    ),
    "causal, strides": (
        [convolution("x", padding="causal", strides=[2])],
        ["InputLayer", "ZeroPadding1D", "Reshape", "Conv2D", "Reshape"],
    ),
    "maximum": ([pooling("MaxPooling1D", "x", 3)], POOLED),
    "maximum, same": ([pooling("MaxPooling1D", "x", 3, [1], "same")], POOLED),
    "average, same": (
        [pooling("AveragePooling1D", "x", 3, [2], "same")],
        ["InputLayer", "Reshape", "AveragePooling2D", "Reshape"],
    ),
    "a row and a column": (
        [convolution("x"), pooling("MaxPooling1D", "conv"), layer("Flatten", "maxpooling1d")],
        ["InputLayer", "Reshape", "Conv2D", "Reshape", "MaxPooling2D", "Reshape", "Flatten"],
    ),
    "one reshape for two readers": (
        [
            convolution("x", padding="same"),
            convolution("x", 4, name="other", padding="same"),
            layer("Add", "conv", "other"),
        ],
        ["InputLayer", "Reshape", "Conv2D", "Conv2D", "Add", "Reshape"],
    ),
    "concatenated channels": (
        [
            convolution("x", padding="same"),
            convolution("x", 3, name="other", padding="same"),
            layer("Concatenate", "conv", "other", axis=-1),
        ],
        ["InputLayer", "Reshape", "Conv2D", "Conv2D", "Concatenate", "Reshape"],
    ),
    "concatenated steps": (
        [
            convolution("x"),
            convolution("x", 4, name="other", strides=[2]),
            layer("Concatenate", "conv", "other", axis=1),
        ],
        ["InputLayer", "Reshape", "Conv2D", "Conv2D", "Concatenate", "Reshape"],
    ),
    "concatenated pooled steps": (
        [
            pooling("MaxPooling1D", "x"),
            pooling("AveragePooling1D", "x", 3),
            layer("Concatenate", "maxpooling1d", "averagepooling1d", axis=-2),
        ],
        ["InputLayer", "Reshape", "MaxPooling2D", "AveragePooling2D", "Concatenate", "Reshape"],
    ),
    "one of its own shape": (
        [convolution("x", CHANNELS, padding="same"), layer("Add", "conv", "x")],
        [*CONVOLVED, "Add"],
    ),
    "a bounded relu": (
        [convolution("x"), layer("ReLU", "conv", max_value=0.5)],
        ["InputLayer", "Reshape", "Conv2D", "ReLU", "Reshape"],
    ),
    "normalization behind an activation": (
        [convolution("x", activation="relu"), normalization("conv", 4, [2])],
        ["InputLayer", "Reshape", "Conv2D", "DepthwiseConv2D", "Reshape"],
    ),
    "normalization of the input": (
        [normalization("x", CHANNELS), convolution("norm")],
        ["InputLayer", "Reshape", "DepthwiseConv2D", "Conv2D", "Reshape"],
    ),
    "channels that a permutation gives": (
        [layer("Permute", "x", dims=[2, 1]), pooling("MaxPooling1D", "permute")],
        ["InputLayer", "Permute", "Reshape", "MaxPooling2D", "Reshape"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_they_compute_the_same(name: str) -> None:
    behind, kinds = CASES[name]
    layers = [START, *behind]
    found = folded(in_two_dimensions(layers))
    assert [each.kind for each in found] == kinds
    assert set(kinds) <= set(TAKEN)
    x = RNG.normal(size=(16, STEPS, CHANNELS)).astype(np.float32)
    before, after = (twin(each, (STEPS, CHANNELS))(x, training=False).numpy() for each in (layers, found))
    assert after.shape == before.shape
    tolerance = 2e-6 if any(each.kind == "BatchNormalization" for each in layers) else 0
    assert np.abs(after - before).max() <= tolerance * np.abs(before).max()
    assert np.ptp(before) > 0


@pytest.mark.slow
def test_a_normalization_of_steps_stays() -> None:
    layers = [START, convolution("x", activation="relu"), normalization("conv", STEPS - 2, 1)]
    found = folded(in_two_dimensions(layers))
    assert [each.kind for each in found] == ["InputLayer", "Reshape", "Conv2D", "BatchNormalization", "Reshape"]
    x = RNG.normal(size=(16, STEPS, CHANNELS)).astype(np.float32)
    before, after = (twin(each, (STEPS, CHANNELS))(x, training=False).numpy() for each in (layers, found))
    np.testing.assert_array_equal(after, before)


def test_layers_without_one_dimension_are_handed_back() -> None:
    layers = [START, layer("Flatten", "x"), layer("Dense", "flatten", units=3, weights=[(84, 3), (3,)])]
    assert in_two_dimensions(layers) == layers
