"""Constant folding: what of a graph follows from constants and shapes alone, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qcompare.core.graph import Graph, Operator, Tensor

Values = Mapping[int, np.ndarray]

OF_SHAPES = ("SHAPE",)
"""Operators whose result follows from the shape of their input, whatever the input holds."""

Evaluate = Callable[[Operator, Values, Values], Sequence[np.ndarray]]
"""(operator, its one activation [1, *shape], its constants [*shape]) -> one array [1, *shape] an output."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Folding:
    """A graph's operators, parted by whether they depend on constants and shapes alone.

    constants: tensor index -> value [*shape]: those of the graph and the results of operators on them.
    folded: the operators on constants and shapes alone; left: the others; both in the graph's order.
    failed: operator index -> why one of `folded` gave no results. What depends on these has none either.
    """

    constants: Values
    folded: tuple[Operator, ...]
    left: tuple[Operator, ...]
    failed: Mapping[int, Exception]


def fold(graph: Graph, evaluate: Evaluate, *, tolerated: tuple[type[Exception], ...] = ()) -> Folding:
    """Operators on constants and shapes alone computed in the graph's order.

    evaluate: computes one operator, of which one constant goes in as an activation of one sample; one of OF_SHAPES is
        given zeros.
    tolerated: what `evaluate` may raise to leave its results unknown; any other error is passed on.
    """
    constants = {tensor.index: tensor.data for tensor in graph.tensors if tensor.data is not None}
    fixed = set(constants)
    folded: list[Operator] = []
    left: list[Operator] = []
    failed: dict[int, Exception] = {}
    for operator in graph.operators:
        inputs = inputs_of(graph, operator)
        of_shape = operator.name in OF_SHAPES
        if not inputs or not (of_shape or fixed.issuperset(inputs)):
            left.append(operator)
            continue
        folded.append(operator)
        fixed.update(operator.outputs)
        if not (of_shape or constants.keys() >= set(inputs)):
            continue
        activation, *others = inputs
        value = _zeros(graph.tensors[activation]) if of_shape else constants[activation][None]
        try:
            results = evaluate(operator, {activation: value}, {index: constants[index] for index in others})
        except tolerated as error:
            failed[operator.index] = error
            continue
        constants.update((index, result[0]) for index, result in zip(operator.outputs, results, strict=True))
    return Folding(constants=constants, folded=tuple(folded), left=tuple(left), failed=failed)


def _zeros(tensor: Tensor) -> np.ndarray:
    return np.broadcast_to(np.zeros((), tensor.dtype), (1, *tensor.shape))


def inputs_of(graph: Graph, operator: Operator) -> tuple[int, ...]:
    """The operator's inputs, each once; those that carry numbers of the output's dtype before axes and shapes."""
    dtype = graph.tensors[operator.outputs[0]].dtype if operator.outputs else None
    present = dict.fromkeys(index for index in operator.inputs if index >= 0)
    return tuple(sorted(present, key=lambda index: graph.tensors[index].dtype != dtype))
