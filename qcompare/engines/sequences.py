"""Sequences of different lengths, and models that leave their length free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qcompare.core.graph import Graph
from qcompare.engines.converted import held

Inputs = np.ndarray | Sequence[np.ndarray]
"""float32 [samples, steps, features]; for a model that leaves its length free, as many sequences [steps, features]."""

Outputs = Mapping[str, np.ndarray]
"""Every output of a model for one sequence, by its name, [*sample_shape(its shape)]."""


def integers(graph: Graph, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Sequences, each float32 [steps, features], as the model's input holds them."""
    (given,) = graph.inputs
    return [held(graph.tensors[given], sequence[np.newaxis])[0] for sequence in sequences]


def stacked(results: Sequence[Outputs]) -> np.ndarray:
    """The one output of a model of one, [sequences, ...]."""
    return np.stack([output for (output,) in (result.values() for result in results)])
