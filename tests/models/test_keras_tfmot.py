"""Which Keras layers tensorflow-model-optimization takes, against its own registry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.models.keras_file import IGNORED, LAYERS, KerasLayer
from qcompare.models.keras_tfmot import TAKEN, NotTakenError, prepared


def layer(kind: str, *inputs: str, name: str = "layer", **config: Any) -> KerasLayer:
    return KerasLayer(name=name, kind=kind, config=config, inputs=inputs)


START = layer("InputLayer", name="x", batch_shape=[None, 5])


@pytest.mark.slow
def test_the_layers_are_those_of_its_registry() -> None:
    import tensorflow_model_optimization as tfmot
    import tf_keras

    registry = tfmot.quantization.keras.default_8bit.Default8BitQuantizeRegistry()
    theirs = {kind for kind in LAYERS if registry._is_supported_layer(getattr(tf_keras.layers, kind))}
    # What is left out or folded before it is asked.
    assert set(TAKEN) == theirs - set(IGNORED) | {"InputLayer"}


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (layer("GRU", "x"), "layer 'layer', a GRU"),
        (layer("ELU", "x"), "layer 'layer', a ELU"),
        (replace(layer("BatchNormalization", "x"), weights=(np.ones(5),) * 4), "layer 'layer', a BatchNormalization"),
        (layer("Dense", "x", units=4, activation="elu"), "layer 'layer', whose activation is elu"),
        (layer("Activation", "x", activation="softplus"), "layer 'layer', whose activation is softplus"),
        (layer("ReLU", "x", max_value=None, negative_slope=0.1), "layer 'layer', which has a slope or a threshold"),
        (layer("Add", "x", "x", "x"), "layer 'layer', which adds 3 inputs"),
    ],
)
def test_a_layer_that_is_not_taken_is_named(refused: KerasLayer, said: str) -> None:
    with pytest.raises(NotTakenError, match=f"^tensorflow-model-optimization does not take {said}$"):
        prepared([START, refused])


def test_what_is_taken_is_handed_back() -> None:
    layers = [
        START,
        layer("Dense", "x", name="dense", units=4, activation="relu"),
        layer("Flatten", "dense", name="flat"),
    ]
    assert prepared(layers) == layers


def test_what_is_concatenated_keeps_its_range() -> None:
    """tensorflow-model-optimization takes that of a layer that a Concatenate reads directly."""
    both = layer("Concatenate", "sum", "x", name="both", axis=-1)
    found = {each.name: each for each in prepared([START, layer("Add", "x", "x", name="sum"), both])}
    assert found["both"].inputs == ("sum_apart", "x_apart")
    for name in ("sum", "x"):
        apart = found[f"{name}_apart"]
        assert (apart.kind, apart.inputs, apart.config) == ("Reshape", (name,), {"target_shape": [5]})
