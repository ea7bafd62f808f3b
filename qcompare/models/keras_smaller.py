"""Which weights of a Keras model are pruned and clustered: those of tensorflow-model-optimization's registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qcompare.models.keras_file import RECURRENT, KerasLayer

MATRICES: Mapping[str, tuple[int, ...]] = {
    "Dense": (0,),
    "Conv1D": (0,),
    "Conv2D": (0,),
    "SeparableConv2D": (1,),
    **dict.fromkeys(RECURRENT, (0, 1)),
}
"""Layer -> which of its weights, in the order of Keras."""

DEPTHWISE = ("DepthwiseConv2D", "SeparableConv2D")
"""Layers with a kernel that tensorflow-model-optimization neither prunes nor clusters: it costs too much accuracy."""


def matrices(layers: Sequence[KerasLayer]) -> list[str]:
    """The weights `layer/number` that are made smaller."""
    return [f"{layer.name}/{number}" for layer in layers for number in _numbers(layer)]


def _numbers(layer: KerasLayer) -> tuple[int, ...]:
    """tensorflow-model-optimization's wrapper for pruning refuses a Bidirectional; its algorithm takes the matrices of
    both directions."""
    if layer.kind != "Bidirectional":
        return MATRICES.get(layer.kind, ())
    backward = len(layer.weights) // 2
    return (0, 1, backward, backward + 1)


def left_whole(layers: Sequence[KerasLayer]) -> list[str]:
    """Names of the layers of whose weights a kernel stays as it is."""
    return [layer.name for layer in layers if layer.kind in DEPTHWISE]
