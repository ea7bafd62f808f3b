"""A Keras model as a network's description and weights, which are plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from qcompare.core.ends import Ends
from qcompare.models.keras_file import IGNORED, KerasFileError, KerasLayer, KerasModel, read
from qcompare.models.keras_shapes import shapes

NAME = "keras"


@cache
def of_file(path: Path, content: str, trust: bool = False) -> KerasModel:
    """The model of a file, read once in a process. content: the digest of the file. trust: as `read` takes it.
    Raises KerasFileError."""
    found = read(path, trust=trust)
    try:
        shapes(found.layers)
    except KerasFileError as error:
        raise KerasFileError(f"{path}: {error}") from error
    return found


def described(layers: Sequence[KerasLayer], input_shape: Sequence[int]) -> dict[str, Any]:
    """Layers as plain data, without weights."""
    plain = [
        {"name": layer.name, "kind": layer.kind, "config": dict(layer.config), "inputs": list(layer.inputs)}
        for layer in layers
    ]
    return {"name": NAME, "layers": plain, "input_shape": list(input_shape)}


def weights(layers: Sequence[KerasLayer]) -> dict[str, np.ndarray]:
    """Their weights by `layer/number`, in the order of Keras."""
    return {f"{layer.name}/{number}": value for layer in layers for number, value in enumerate(layer.weights)}


def layers(model: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> list[KerasLayer]:
    """The layers of a description with their weights."""
    found = []
    for layer in model["layers"]:
        names = (f"{layer['name']}/{number}" for number in count())
        own = [values[name] for name in takewhile(values.__contains__, names)]
        found.append(
            KerasLayer(
                name=layer["name"],
                kind=layer["kind"],
                config=layer["config"],
                inputs=tuple(layer["inputs"]),
                weights=tuple(own),
            )
        )
    return found


def ends_in_softmax(model: Mapping[str, Any]) -> bool:
    """Whether a described model gives a softmax."""
    return (
        _last(model["layers"])["config"].get("activation") == "softmax" or _last(model["layers"])["kind"] == "Softmax"
    )


def with_end(model: Mapping[str, Any], *, softmax: bool) -> dict[str, Any]:
    """A described model with a softmax at its end, or without."""
    layers = [dict(layer) for layer in model["layers"]]
    if ends_in_softmax(model) == softmax:
        return dict(model)
    last = _last(layers)
    if softmax:
        added = {"name": f"{layers[-1]['name']}_softmax", "kind": "Softmax", "config": {"axis": -1}}
        layers.append({**added, "inputs": [layers[-1]["name"]]})
    elif last["kind"] == "Softmax":
        last |= {"kind": "Activation", "config": {"activation": "linear"}}
    else:
        last["config"] = {**last["config"], "activation": "linear"}
    return {**model, "layers": layers}


def _last(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The layer that gives the output, seen through those that hand on what they get."""
    by_name = {layer["name"]: layer for layer in layers}
    layer = layers[-1]
    while layer["kind"] in IGNORED:
        layer = by_name[layer["inputs"][0]]
    return layer


def ends(model: KerasModel) -> Ends:
    """What it takes and gives."""
    return Ends(shape=model.input_shape, outputs=_outputs(model))


def _outputs(model: KerasModel) -> int | None:
    """The width of its output, as far as its last layers tell; None where they do not."""
    by_name = {layer.name: layer for layer in model.layers}
    layer = by_name[model.output]
    while layer.kind in (*IGNORED, "Activation", "Softmax", "ReLU", "LeakyReLU", "ELU", "BatchNormalization"):
        layer = by_name[layer.inputs[0]]
    return int(layer.config["units"]) if layer.kind == "Dense" else None
