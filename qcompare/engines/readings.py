"""What of a model's main graph is read: its activations, and the cells within its fused LSTMs, by their taps."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core import lstm as layout
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.tap import OUTPUT, Tap
from qcompare.manual.ladder import Found

MOVING = frozenset(
    {"CONCATENATION", "EXPAND_DIMS", "GATHER", "PACK", "RESHAPE", "REVERSE_V2", "SLICE", "SPLIT", "SPLIT_V"}
    | {"SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"}
)
"""Operators whose results are numbers of their inputs: no taps of their own."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A tensor of the main graph, or the cell of a fused LSTM, and the taps that it holds, one or one a time step.

    index: of the tensor; of the operator for a cell. writer: what computes it.
    """

    index: int
    taps: tuple[Tap, ...]
    tensor: Tensor
    writer: Operator | None
    cell: bool = False

    @property
    def size(self) -> int:
        """Its elements in one sample."""
        return math.prod(self.tensor.shape) * (len(self.taps) if self.cell else 1)

    def of(self, found: Found) -> np.ndarray:
        """Its values [samples, size]."""
        values = found.cells[self.index] if self.cell else found.tensors[self.index]
        return values.reshape(len(values), -1)


def readings(model: Model, places: Mapping[tuple[int, int], Tap]) -> tuple[Reading, ...]:
    """What of a model's main graph is read: its input, and the result of every operator that computes numbers.

    places: the taps of tensors that have a role in the network; others go by their names, and so do copies of such a
    tensor on another grid.
    """
    graph = model.main
    roles = {index: tap for (number, index), tap in places.items() if number == 0}
    first = {roles[index]: index for index in graph.inputs if index in roles}
    for operator in graph.operators:
        for index in operator.outputs:
            if index in roles:
                first.setdefault(roles[index], index)
    return tuple(_readings(graph, {index: tap for index, tap in roles.items() if first.get(tap, index) == index}))


def _readings(graph: Graph, roles: Mapping[int, Tap]) -> Iterator[Reading]:
    def tap(index: int) -> Tap:
        return OUTPUT if index == graph.outputs[0] else roles.get(index, Tap(graph.tensors[index].name))

    (given, *_) = graph.inputs
    yield Reading(index=given, taps=(tap(given),), tensor=graph.tensors[given], writer=None)
    for operator in graph.operators:
        if operator.name in MOVING and not set(operator.outputs).intersection(graph.outputs):
            continue
        for index in operator.outputs:
            tensor = graph.tensors[index]
            if tensor.dtype.kind != "f" and tensor.integers is None:
                continue
            own = tap(index)
            if operator.name != layout.OPERATOR:
                yield Reading(index=index, taps=(own,), tensor=tensor, writer=operator)
                continue
            cell = operator.inputs[layout.CELL]
            steps = tensor.shape[0 if operator.options.get("time_major", False) else 1]
            of_cell = roles.get(cell, Tap(graph.tensors[cell].name))
            # One that computes in float32 keeps its cell to itself.
            if graph.tensors[cell].integers is not None:
                yield Reading(
                    index=operator.index,
                    taps=_steps(of_cell, steps),
                    tensor=graph.tensors[cell],
                    writer=operator,
                    cell=True,
                )
            yield Reading(index=index, taps=_steps(own, steps), tensor=tensor, writer=operator)


def _steps(tap: Tap, steps: int) -> tuple[Tap, ...]:
    return tuple(Tap(tap.role, step) for step in range(steps))


def on_grids(reads: Collection[Reading], found: Found) -> Found:
    """Values on the integer model's grids, in real numbers."""

    def rounded(reading: Reading, values: np.ndarray) -> np.ndarray:
        grid = reading.tensor.integers
        return values if grid is None else grid.dequantize(grid.quantize(values))

    tensors = {r.index: rounded(r, found.tensors[r.index]) for r in reads if not r.cell}
    cells = {r.index: rounded(r, found.cells[r.index]) for r in reads if r.cell}
    return Found(tensors=tensors, cells=cells)
