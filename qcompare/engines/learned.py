"""The converted model's network, computed with the parameters that training learned in place of the model's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from qcompare.core.engine import DEQUANTIZED, LEARNED, EngineId
from qcompare.core.finding import Finding, failure
from qcompare.core.graph import Graph, Model, Tensor
from qcompare.core.grid import Grid
from qcompare.core.tap import Tap
from qcompare.core.trace import Trace
from qcompare.engines.manual import computed
from qcompare.engines.sequences import Inputs
from qcompare.tflite.artifact import Artifact
from qcompare.training.integers import integer_weight, laid_out

MOVEMENT = ("CONCATENATION", "PACK", "RESHAPE", "SPLIT", "STRIDED_SLICE", "UNPACK")
"""Operators whose results lie on the grid of what they are given."""


@final
@dataclass(frozen=True, kw_only=True)
class LearnedEngine:
    """Each operator in real numbers, its result rounded to the grid that training learned for it."""

    id: EngineId = LEARNED
    isolated: bool = False

    def available(self) -> bool:
        return True

    def refuses(self, artifact: Artifact) -> Finding | None:
        """What has no model, or learned nothing, is refused."""
        if artifact.converted is None:
            return failure(str(self.id), "the route has no model")
        return None if artifact.converted.learned else failure(str(self.id), "the route has learned no grids")

    def run(self, artifact: Artifact, x: Inputs, taps: Collection[Tap]) -> Trace:
        """The output's integers [samples, outputs] on its learned grid, or why an operator is not covered."""
        if artifact.converted is None:
            return Trace(engine=self.id)
        return computed(self.id, learned_model(artifact), x, taps, arithmetic=DEQUANTIZED.kernels)


def learned_model(artifact: Artifact) -> Model:
    """The artifact's model with what training learned in place of what stands in the file.

    A tensor with a role has that role's learned grid. A weight whose grid that is already keeps its integers, another
    one is rounded from what was trained. A constant with a role that training learned no grid of, a bias of
    tensorflow-model-optimization, is not rounded. What has no role, or one whose grid the kernel prescribes, stays.
    """
    built = artifact.converted
    assert built is not None
    weights = {} if artifact.network is None else artifact.network.weights
    graphs = []
    for number, graph in enumerate(built.model.graphs):
        roles = {index: tap.role for (of, index), tap in built.places.items() if of == number}
        learned = tuple(
            _learned(tensor, roles[tensor.index], built.learned, weights) if tensor.index in roles else tensor
            for tensor in graph.tensors
        )
        graphs.append(_moved(replace(graph, tensors=learned), roles))
    return Model(graphs=tuple(graphs))


def _learned(tensor: Tensor, role: str, learned: Mapping[Tap, Grid], weights: Mapping[str, np.ndarray]) -> Tensor:
    grid, trained = learned.get(Tap(role)), weights.get(role)
    if tensor.data is None or trained is None:
        return tensor if grid is None else replace(tensor, grid=grid)
    if grid is None:
        return _unrounded(tensor, trained)
    if tensor.grid is not None and tensor.grid.same(grid):
        return tensor
    scale, _ = grid.channels(len(tensor.shape))
    return replace(tensor, grid=grid, data=integer_weight(laid_out(trained, tensor.shape), scale))


def _unrounded(tensor: Tensor, values: np.ndarray) -> Tensor:
    """float32 values on a grid of which each is a whole number of steps, unless it is below 2^-29 of the largest."""
    _, exponent = np.frexp(np.abs(values).max())
    grid = Grid.single(np.ldexp(1.0, int(exponent) - 53), 0, np.int64)
    return replace(tensor, dtype=grid.dtype, grid=grid, data=grid.quantize(values.astype(np.float64)))


def _moved(graph: Graph, roles: Collection[int]) -> Graph:
    """The graph in which what is only moved keeps its grid."""
    tensors = list(graph.tensors)
    for operator in graph.operators:
        if operator.name in MOVEMENT:
            given = next(
                tensors[index]
                for index in operator.inputs
                if tensors[index].dtype == tensors[operator.outputs[0]].dtype
            )
            for index in operator.outputs:
                if index not in roles:
                    tensors[index] = replace(tensors[index], grid=given.grid)
    return replace(graph, tensors=tuple(tensors))
