"""How many samples fit, and what a graph's tensors take."""

from __future__ import annotations

import math

import numpy as np

from qcompare.core.graph import Graph, Tensor

SAMPLES = 64
FEWEST_SAMPLES = 4
VALUES = 1 << 26
"""Without a number of samples there are SAMPLES, or fewer, so that no more activations than this are compared."""

CHUNK_BYTES = 64 << 20
"""What the activations of the samples that a runtime is asked for at once may take."""


def steps(graph: Graph, samples: int) -> int:
    """How often `audit` advances."""
    return -(-samples // chunk_of(graph)) * len(graph.operators)


def chunk_of(graph: Graph) -> int:
    """Samples that a runtime is asked for at once."""
    taken = sum(bytes_of(graph.tensors[index]) for index in {*graph.inputs, *computed_of(graph)})
    return max(1, CHUNK_BYTES // max(taken, 1))


def usual_samples(graph: Graph) -> int:
    """How many random samples there are when the user does not say."""
    values = sum(math.prod(graph.tensors[index].shape) for index in computed_of(graph))
    return max(FEWEST_SAMPLES, min(SAMPLES, VALUES // max(values, 1)))


def computed_of(graph: Graph) -> tuple[int, ...]:
    """The tensors that operators compute, strings and the like left out."""
    outputs = dict.fromkeys(index for operator in graph.operators for index in operator.outputs)
    return tuple(index for index in outputs if graph.tensors[index].dtype != np.dtype(object))


def bytes_of(tensor: Tensor) -> int:
    """What one sample of a tensor takes."""
    return math.prod(tensor.shape) * tensor.dtype.itemsize
