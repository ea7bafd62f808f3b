"""Keras models that our own networks compute: what can be trained by aligned fake quantization."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from qcompare.core.gru import gru_weights
from qcompare.core.layers import dense_name, recurrent_name
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

NAMES = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}
"""As descriptions have them."""

ALONE: Mapping[str, str] = {"Activation": "", "ReLU": "relu", "Softmax": "softmax"}
"""Activations that stand as layers of their own; "" where an option names it."""


TAKEN = ("InputLayer", "Dense", "Flatten", *STANDARD, *ALONE, *IGNORED)
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
    recurrent = [layer for layer in chain if layer.kind in STANDARD]
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
    use_bias = _alike("use_bias", [*recurrent, *dense])
    every = _every_step(recurrent, flat=flat)
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
        "name": NAMES[recurrent[0].kind] if recurrent else "dense",
        "use_bias": use_bias,
        "output_activation": last.config["activation"],
    }
    widths = [layer.config["units"] for layer in hidden]
    if recurrent:
        lowering = "fused" if recurrent[0].kind == "LSTM" else "unrolled"
        description |= {"units": [layer.config["units"] for layer in recurrent], "head": widths, "lowering": lowering}
        description |= {"return_sequences": every, "activation": _activation(recurrent)}
        if recurrent[0].kind == "GRU":
            description |= {"reset_after": _alike("reset_after", recurrent)}
    else:
        description |= {"units": widths}
    return Ours(description=description, weights=_weights(recurrent, dense))


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


def _every_step(recurrent: Sequence[KerasLayer], *, flat: bool) -> bool:
    """Whether the head reads the outputs of all steps, flattened."""
    for layer in recurrent:
        for option, value in STANDARD[layer.kind].items():
            if layer.config.get(option, value) != value:
                raise NotOursError(layer.name, f"has {option}={layer.config[option]}; {value} is trained")
        if layer.kind != recurrent[0].kind:
            raise NotOursError(layer.name, f"is a {layer.kind} after a {recurrent[0].kind}")
    for layer in recurrent[:-1]:
        if not layer.config["return_sequences"]:
            raise NotOursError(layer.name, "gives its last output to another recurrent layer")
    if not recurrent:
        return False
    every = bool(recurrent[-1].config["return_sequences"])
    if every != flat:
        raise NotOursError(recurrent[-1].name, "gives every step; a Flatten has to follow" if every else "is flattened")
    return every


def _weights(recurrent: Sequence[KerasLayer], dense: Sequence[KerasLayer]) -> dict[str, np.ndarray]:
    stacks: tuple[tuple[Callable[[int], str], Sequence[KerasLayer]], ...] = (
        (recurrent_name, recurrent),
        (dense_name, dense),
    )
    return {
        f"{name(index)}/{part}": value
        for name, layers in stacks
        for index, layer in enumerate(layers)
        for part, value in _named(layer).items()
    }


def _named(layer: KerasLayer) -> dict[str, np.ndarray]:
    """A layer's weights by the names that ours have."""
    if layer.kind == "GRU":
        return gru_weights(*layer.weights, reset_after=layer.config["reset_after"])
    names = ("kernel", "bias") if layer.kind == "Dense" else ("kernel", "recurrent_kernel", "bias")
    return dict(zip(names, layer.weights, strict=False))
