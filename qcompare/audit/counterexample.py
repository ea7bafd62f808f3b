"""The smallest input for which a runtime and a rule differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qcompare.audit.specimens import Inputs, Specimen, by_rule, unequal
from qcompare.core.graph import Graph
from qcompare.core.tensor_values import TensorValues

Run = Callable[[Graph, Inputs], TensorValues]
"""A kernel set. It may raise ChildCrashedError and ChildFailedError."""


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """One value that the closest rule does not reproduce, with as little input as shows it.

    inputs: what is left of each input, as [flat index, integer]; all else is at its zero point (0 for floats).
    quantization: tensor -> [scale, zero point], per tensor ones alone.
    runtime: the kernel set's value at the flat index `element` of `output`; rules: what each rule gives.
    """

    output: str
    element: int
    runtime: float
    rules: dict[str, float]
    inputs: dict[str, list[list[float]]]
    quantization: dict[str, list[float]]


def counterexample(specimen: Specimen, rule: str, rules: Sequence[str], run: Run) -> Counterexample | None:
    """The first value that a rule gets wrong, its inputs taken to their zero points as far as it stays wrong.

    rules: those of which the values are told.
    """
    graph = specimen.graph
    sample = _first_wrong(specimen, rule, run)
    if sample is None:
        return None
    whole = {index: array[sample] for index, array in specimen.inputs.items()}
    inputs = _shrunk(graph, whole, lambda several: _wrong(graph, several, rule, run))
    one = {index: array[None] for index, array in inputs.items()}
    seen = run(graph, one).tensors
    computed = {name: by_rule(graph, one, name) for name in rules}
    output = next(name for name in seen if unequal(seen[name], computed[rule][name]).any())
    element = int(np.flatnonzero(unequal(seen[output], computed[rule][output]))[0])
    return Counterexample(
        output=output,
        element=element,
        runtime=seen[output].reshape(-1)[element].item(),
        rules={name: values[output].reshape(-1)[element].item() for name, values in computed.items()},
        inputs={graph.tensors[index].name: _left(graph, index, array) for index, array in inputs.items()},
        quantization={
            tensor.name: [float(tensor.scale), tensor.zero_point]
            for tensor in graph.tensors
            if tensor.grid is not None and not tensor.grid.per_channel
        },
    )


def _first_wrong(specimen: Specimen, rule: str, run: Run) -> int | None:
    """The sample of the first value that a rule gets wrong."""
    seen = run(specimen.graph, specimen.inputs).tensors
    for name, values in seen.items():
        wrong = unequal(values, specimen.by_rule[rule][name])
        if wrong.any():
            return int(np.argwhere(wrong)[0][0])
    return None


def _left(graph: Graph, index: int, array: np.ndarray) -> list[list[float]]:
    """What of an input is not at its zero point, as [flat index, value]."""
    return [[int(i), array.reshape(-1)[i].item()] for i in np.flatnonzero(array != _rest(graph, index))]


def _wrong(graph: Graph, inputs: Inputs, rule: str, run: Run) -> np.ndarray:
    """Which samples a rule gets wrong."""
    seen = run(graph, inputs).tensors
    computed = by_rule(graph, inputs, rule)
    each = [unequal(seen[name], computed[name]).reshape(len(seen[name]), -1).any(axis=1) for name in seen]
    return np.any(each, axis=0)


def _shrunk(
    graph: Graph, sample: Mapping[int, np.ndarray], wrong: Callable[[Inputs], np.ndarray]
) -> Mapping[int, np.ndarray]:
    """A sample [*shape] an input with as many values at their zero points as leave it wrong: many at once, then one."""
    sizes = {index: array.size for index, array in sample.items()}
    places = [(index, i) for index, size in sizes.items() for i in range(size)]
    width = len(places)
    while width >= 1:
        tried = [_without(graph, sample, places[start : start + width]) for start in range(0, len(places), width)]
        stacked = {index: np.stack([one[index] for one in tried]) for index in sample}
        for position in np.flatnonzero(wrong(stacked)):
            merged = _without(graph, sample, places[position * width : (position + 1) * width])
            if wrong({index: array[None] for index, array in merged.items()})[0]:
                sample = merged
        width //= 2
    return sample


def _without(
    graph: Graph, sample: Mapping[int, np.ndarray], places: Sequence[tuple[int, int]]
) -> dict[int, np.ndarray]:
    changed = {index: array.copy() for index, array in sample.items()}
    for index, i in places:
        changed[index].reshape(-1)[i] = _rest(graph, index)
    return changed


def _rest(graph: Graph, index: int) -> int:
    return 0 if graph.tensors[index].grid is None else graph.tensors[index].zero_point
