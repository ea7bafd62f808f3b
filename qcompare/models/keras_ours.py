"""Keras models that our own networks compute: what can be trained by aligned fake quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from qcompare.core.gru import gru_weights
from qcompare.core.layers import DIRECTIONS, dense_name, recurrent_name
from qcompare.models.keras_file import IGNORED, KerasLayer
from qcompare.models.keras_folded import folded

HIDDEN = ("relu", "tanh", "sigmoid", "linear")
LAST = ("linear", "softmax")
STANDARD: Mapping[str, Mapping[str, Any]] = {
    "LSTM": {"activation": "tanh", "recurrent_activation": "sigmoid", "go_backwards": False},
    "GRU": {"activation": "tanh", "recurrent_activation": "sigmoid", "go_backwards": False},
    "SimpleRNN": {"go_backwards": False},
}
"""Recurrent layers that we have, and options that have to be so."""

RECURRENT = ("Bidirectional", *STANDARD)
"""Layers that read time steps."""

NAMES = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}
"""As descriptions have them."""

ALONE: Mapping[str, str] = {"Activation": "", "ReLU": "relu", "Softmax": "softmax"}
"""Activations that stand as layers of their own; "" where an option names it."""


TAKEN = ("InputLayer", "Dense", "Flatten", *RECURRENT, *ALONE, *IGNORED)
"""Layers that may be of a network of ours."""


@final
class NotOursError(ValueError):
    """A layer that our networks do not have; the message names it."""

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(f"layer '{layer}' {reason}")


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Ours:
    """description: as `models.build.architecture` takes it. weights: float32 by `layer/name`."""

    description: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]


def ours(layers: Sequence[KerasLayer]) -> Ours:
    """The network of ours that computes what the layers do. Raises NotOursError."""
    layers = folded(layers)
    for layer in layers:
        if layer.kind not in TAKEN:
            raise NotOursError(layer.name, f"is a {layer.kind}, which is none of our operators")
    chain = _chain(layers)
    recurrent = [layer for layer in chain if layer.kind in RECURRENT]
    rest = chain[len(recurrent) :]
    if chain[: len(recurrent)] != recurrent:
        first = next(layer for layer, other in zip(chain, recurrent, strict=False) if layer is not other)
        raise NotOursError(first.name, f"is a {first.kind} before a recurrent layer")
    flat = bool(rest) and rest[0].kind == "Flatten"
    dense = rest[flat:]
    for layer in dense:
        if layer.kind != "Dense":
            raise NotOursError(layer.name, f"is a {layer.kind}, which is none of our operators")
    if not dense:
        raise NotOursError(chain[-1].name if chain else "input", "is the last; a Dense layer has to be")
    directions = [_directions(layer) for layer in recurrent]
    one_way = [layer for each in directions for layer in each]
    use_bias = _alike("use_bias", [*one_way, *dense])
    _check_standard(one_way)
    every = _every_step([forward for forward, *_ in directions], flat=flat)
    if not recurrent and not flat and layers[0].kind == "InputLayer" and len(_shape(layers[0])) > 1:
        raise NotOursError(dense[0].name, "reads every step by itself; put a Flatten before it")
    hidden, last = dense[:-1], dense[-1]
    if last.config["activation"] not in LAST:
        raise NotOursError(last.name, f"ends in {last.config['activation']}; linear and softmax are trained")
    for layer in hidden:
        if layer.config["activation"] not in HIDDEN:
            raise NotOursError(layer.name, f"has the activation {layer.config['activation']}; {', '.join(HIDDEN)} are")
    description: dict[str, Any] = {
        "dense_activations": [layer.config["activation"] for layer in hidden],
        "name": NAMES[one_way[0].kind] if recurrent else "dense",
        "use_bias": use_bias,
        "output_activation": last.config["activation"],
    }
    widths = [layer.config["units"] for layer in hidden]
    if recurrent:
        lowering = "fused" if one_way[0].kind == "LSTM" else "unrolled"
        units = [forward.config["units"] for forward, *_ in directions]
        description |= {"units": units, "head": widths, "lowering": lowering}
        description |= {"return_sequences": every, "activation": _activation(one_way)}
        description |= {"bidirectional": [len(each) > 1 for each in directions]}
        if one_way[0].kind == "GRU":
            description |= {"reset_after": _alike("reset_after", one_way)}
    else:
        description |= {"units": widths}
    return Ours(description=description, weights=_weights(directions, dense))


def _chain(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """The layers but input and those that do nothing, activations joined to the Dense layers before them."""
    found: list[KerasLayer] = []
    before = ""
    for layer in layers:
        if layer.kind != "InputLayer" and layer.inputs != (before,):
            raise NotOursError(layer.name, "is not in a row with the others")
        before = layer.name
        if layer.kind in ("InputLayer", *IGNORED):
            continue
        if layer.kind not in ALONE:
            found.append(layer)
            continue
        if not found or found[-1].kind != "Dense" or found[-1].config["activation"] != "linear":
            raise NotOursError(layer.name, f"is a {layer.kind} that follows no linear Dense layer")
        activation = ALONE[layer.kind] or layer.config["activation"]
        if layer.config.get("max_value") or layer.config.get("negative_slope") or layer.config.get("threshold"):
            raise NotOursError(layer.name, "is no plain relu")
        last = found.pop()
        found.append(
            KerasLayer(
                name=last.name,
                kind=last.kind,
                config={**last.config, "activation": activation},
                inputs=last.inputs,
                weights=last.weights,
            )
        )
    return found


def _shape(layer: KerasLayer) -> Sequence[int]:
    whole: Sequence[int] = layer.config.get("batch_shape") or layer.config["batch_input_shape"]
    return whole[1:]


def _alike(option: str, layers: Sequence[KerasLayer]) -> bool:
    first = bool(layers[0].config[option])
    for layer in layers:
        if bool(layer.config[option]) != first:
            raise NotOursError(layer.name, f"has {option}={not first}, others {first}")
    return first


def _activation(layers: Sequence[KerasLayer]) -> str:
    """The one activation of the recurrent layers."""
    first = str(layers[0].config["activation"])
    for layer in layers:
        if layer.config["activation"] not in HIDDEN:
            raise NotOursError(layer.name, f"has the activation {layer.config['activation']}; {', '.join(HIDDEN)} are")
        if layer.config["activation"] != first:
            raise NotOursError(layer.name, f"has the activation {layer.config['activation']}, others {first}")
    return first


def _directions(layer: KerasLayer) -> list[KerasLayer]:
    """A recurrent layer, or the two of a Bidirectional, the forward one first; options as if each read forward."""
    if layer.kind != "Bidirectional":
        return [layer]
    if layer.config["merge_mode"] != "concat":
        raise NotOursError(layer.name, f"has merge_mode={layer.config['merge_mode']}; concat is trained")
    one = layer.config["layer"]
    other = layer.config.get("backward_layer") or one
    config = dict(other["config"])
    if other is not one:
        config["go_backwards"] = not config.get("go_backwards", False)
    if config["units"] != one["config"]["units"]:
        raise NotOursError(layer.name, f"has {config['units']} units backward and {one['config']['units']} forward")
    half = len(layer.weights) // 2
    return [
        replace(layer, kind=one["class_name"], config=one["config"], weights=layer.weights[:half]),
        replace(layer, kind=other["class_name"], config=config, weights=layer.weights[half:]),
    ]


def _check_standard(recurrent: Sequence[KerasLayer]) -> None:
    """Raises NotOursError unless all are of one kind that we have."""
    for layer in recurrent:
        for option, value in STANDARD[layer.kind].items():
            if layer.config.get(option, value) != value:
                raise NotOursError(layer.name, f"has {option}={layer.config[option]}; {value} is trained")
        if layer.kind != recurrent[0].kind:
            raise NotOursError(layer.name, f"is a {layer.kind} after a {recurrent[0].kind}")


def _every_step(recurrent: Sequence[KerasLayer], *, flat: bool) -> bool:
    """Whether the head reads the outputs of all steps, flattened."""
    for layer in recurrent[:-1]:
        if not layer.config["return_sequences"]:
            raise NotOursError(layer.name, "gives its last output to another recurrent layer")
    if not recurrent:
        return False
    every = bool(recurrent[-1].config["return_sequences"])
    if every != flat:
        raise NotOursError(recurrent[-1].name, "gives every step; a Flatten has to follow" if every else "is flattened")
    return every


def _weights(recurrent: Sequence[Sequence[KerasLayer]], dense: Sequence[KerasLayer]) -> dict[str, np.ndarray]:
    """recurrent: the directions of each layer."""
    scopes = {dense_name(index): layer for index, layer in enumerate(dense)}
    for index, directions in enumerate(recurrent):
        name = recurrent_name(index)
        inner = [name] if len(directions) == 1 else [f"{name}/{scope}" for scope in DIRECTIONS]
        scopes |= dict(zip(inner, directions, strict=True))
    return {f"{scope}/{part}": value for scope, layer in scopes.items() for part, value in _named(layer).items()}


def _named(layer: KerasLayer) -> dict[str, np.ndarray]:
    """A layer's weights by the names that ours have."""
    if layer.kind == "GRU":
        return gru_weights(*layer.weights, reset_after=layer.config["reset_after"])
    names = ("kernel", "bias") if layer.kind == "Dense" else ("kernel", "recurrent_kernel", "bias")
    return dict(zip(names, layer.weights, strict=False))
