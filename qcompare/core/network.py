"""A trained network as plain data, whatever trained it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qcompare.core.archive import Files, arrays_packed, arrays_unpacked
from qcompare.core.function import Function


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """What a network computes and what it has learned.

    model: its description, such as {"name": "lstm", "units": [32], ...}.
    steps, features, outputs: its input is [samples, steps, features], its output [samples, outputs].
    weights: float32, by `layer/name`. ranges: role -> float32 [min, max]; none of a float network.
    simulation: how it was quantized in training, as the function that evaluates it takes it.
    evaluate: (network, x float32 [samples, steps, features]) -> outputs float32 [samples, outputs].
    """

    model: Mapping[str, Any]
    steps: int
    features: int
    outputs: int
    weights: Mapping[str, np.ndarray]
    ranges: Mapping[str, np.ndarray] = field(default_factory=dict)
    simulation: Mapping[str, Any] = field(default_factory=dict)
    evaluate: Function


def dump(network: Network) -> Files:
    """A network as files."""
    described = {
        "model": network.model,
        "shape": [network.steps, network.features, network.outputs],
        "simulation": network.simulation,
        "evaluate": [network.evaluate.module, network.evaluate.name],
    }
    return {
        "network.json": json.dumps(described).encode(),
        "weights.npz": arrays_packed(network.weights),
        "ranges.npz": arrays_packed(network.ranges),
    }


def load(files: Files) -> Network:
    """The network of `dump`."""
    described = json.loads(files["network.json"])
    steps, features, outputs = described["shape"]
    return Network(
        model=described["model"],
        steps=steps,
        features=features,
        outputs=outputs,
        weights=arrays_unpacked(files["weights.npz"]),
        ranges=arrays_unpacked(files["ranges.npz"]),
        simulation=described["simulation"],
        evaluate=Function(*described["evaluate"]),
    )
