"""What a route gives: the converted model, what training learned, and where each tap stands in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qcompare.core.archive import Files, arrays_packed, arrays_unpacked
from qcompare.core.finding import Finding, failure
from qcompare.core.graph import Model
from qcompare.core.grid import Grid
from qcompare.core.network import Network
from qcompare.core.stored import findings_of, grid_arrays, grid_of, plain_findings, plain_tap, tap_of
from qcompare.core.tap import Tap
from qcompare.tflite import schema

Place = tuple[int, int]
"""The number of a graph, and the index of a tensor in it."""

MAIN = 0
"""The number of the graph that runs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A converted model.

    content: the `.tflite`; empty when there is none, and findings say why.
    places: the tensors that have a role in the network. learned: the grids that training decided, by tap without step.
    reals: constants that stand for real numbers -> what they were quantized from, float32 of the same shape; those of
        which it is known (`tflite.reals`).
    """

    content: bytes = b""
    places: Mapping[Place, Tap] = field(default_factory=dict)
    learned: Mapping[Tap, Grid] = field(default_factory=dict)
    reals: Mapping[Place, np.ndarray] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @cached_property
    def model(self) -> Model:
        """The graphs of the content."""
        return schema.read(self.content)


@dataclass(frozen=True, kw_only=True, eq=False)
class Artifact:
    """What came of a route. network: its trainable twin, if it has one. built: its model, if it converts."""

    route: str
    network: Network | None = None
    built: Built | None = None

    @property
    def converted(self) -> Built | None:
        """The model, if there is one that can be run."""
        return self.built if self.built is not None and self.built.content else None

    @property
    def failed(self) -> bool:
        """Whether it was to have a model and has none; its own findings say why."""
        return self.built is not None and not self.built.content


def artifact(route: str, network: Network | None = None, built: Built | None = None) -> Artifact:
    """The parts of a route put together."""
    return Artifact(route=route, network=network, built=built)


def not_built(text: str) -> Built:
    """What stands for a model that the converter did not give."""
    return Built(findings=(failure("conversion", text),))


def dump(built: Built) -> Files:
    """A converted model as files."""
    taps = list(built.learned)
    arrays: dict[str, np.ndarray] = {}
    for number, tap in enumerate(taps):
        arrays |= grid_arrays(str(number), built.learned[tap])
    described = {
        "places": [[*place, *plain_tap(tap)] for place, tap in built.places.items()],
        "reals": [list(place) for place in built.reals],
        "learned": [plain_tap(tap) for tap in taps],
        "findings": plain_findings(built.findings),
    }
    return {
        "model.tflite": built.content,
        "model.json": json.dumps(described).encode(),
        "learned.npz": arrays_packed(arrays),
        "reals.npz": arrays_packed({str(number): real for number, real in enumerate(built.reals.values())}),
    }


def load(files: Files) -> Built:
    """The converted model of `dump`."""
    described, arrays = json.loads(files["model.json"]), arrays_unpacked(files["learned.npz"])
    reals = arrays_unpacked(files["reals.npz"])
    return Built(
        content=files["model.tflite"],
        places={(graph, index): tap_of(tap) for graph, index, *tap in described["places"]},
        learned={tap_of(tap): grid_of(str(number), arrays) for number, tap in enumerate(described["learned"])},
        reals={(graph, index): reals[str(number)] for number, (graph, index) in enumerate(described["reals"])},
        findings=findings_of(described["findings"]),
    )
