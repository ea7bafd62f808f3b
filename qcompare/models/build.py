"""The architecture that a description asks for."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from qcompare.core.layers import HEAD_ACTIVATION
from qcompare.models.bidirectional import Bidirectional
from qcompare.models.gru import GRUCell
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, OneWay
from qcompare.models.simple_rnn import SimpleRNNCell


def architecture(model: Mapping[str, Any], *, steps: int, features: int, outputs: int) -> Architecture:
    """The architecture for inputs [samples, steps, features].

    model: the options of the group `model` as plain values, such as {"name": "lstm", "units": [32], ...}.
        bidirectional: whether each recurrent layer reads both ways; without it none does.
    """
    layers = [
        Bidirectional(forward=layer, backward=layer) if both else layer
        for layer, both in zip_longest(cells(model, steps), model.get("bidirectional", ()))
    ]
    hidden = model["head"] if layers else model["units"]
    return Architecture(
        cells=tuple(layers),
        dense_units=(*hidden, outputs),
        activation=_dense_activation(model, recurrent=bool(layers)),
        steps=steps,
        features=features,
        return_sequences=bool(model.get("return_sequences", False)),
        use_bias=model["use_bias"],
        output_activation=model.get("output_activation", "linear"),
    )


def _dense_activation(model: Mapping[str, Any], *, recurrent: bool) -> str | tuple[str, ...]:
    if "dense_activations" in model:
        return tuple(model["dense_activations"])
    return HEAD_ACTIVATION if recurrent else model["activation"]


def cells(model: Mapping[str, Any], steps: int) -> list[OneWay]:
    """The recurrent layers of a model, first to last; one direction of each."""
    match model["name"]:
        case "simple_rnn":
            return [
                SimpleRNNCell(units=units, activation=model["activation"], use_bias=model["use_bias"])
                for units in model["units"]
            ]
        case "lstm":
            kind = FusedLSTM if model["lowering"] == "fused" else LSTMCell
            return [kind(units=units, use_bias=model["use_bias"]) for units in model["units"]]
        case "gru":
            reset_after = model["reset_after"]
            return [
                GRUCell(units=units, reset_after=reset_after, use_bias=model["use_bias"]) for units in model["units"]
            ]
        case "lmu":
            theta = float(steps) if model["theta"] == "auto" else model["theta"]
            return [
                LMUCell(
                    units=units,
                    order=model["order"],
                    theta=theta,
                    activation=model["activation"],
                    use_bias=model["use_bias"],
                )
                for units in model["units"]
            ]
        case _:
            return []
