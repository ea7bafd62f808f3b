"""Which tensors of two models of one network are the same: a float model and an integer one that a converter made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core.graph import Graph, Operator, Tensor

RENAMING = ("QUANTIZE", "DEQUANTIZE")
"""Operators whose result stands for the same real numbers as what they read."""

END, NAME, PLACE = "end", "name", "place"
"""How a pair was found."""


@final
@dataclass(frozen=True, kw_only=True)
class Match:
    """The same tensor in both, by index. by: END, NAME or PLACE."""

    a: int
    b: int
    by: str


@final
@dataclass(frozen=True, kw_only=True)
class Matching:
    """Pairs in the order of b, and the indices of what has no other side."""

    matches: tuple[Match, ...]
    left_a: tuple[int, ...]
    left_b: tuple[int, ...]


def matched(a: Graph, b: Graph) -> Matching:
    """The activations of a float graph a and an integer graph b that are the same tensor of a network.

    First the models' ends, seen through QUANTIZE and DEQUANTIZE; then tensors of one name and size; then tensors in the
    same place: results of operators of one kind and size whose inputs are the same, or that are as many in both.
    Renaming operators and integers that stand for no reals (shapes, indices) are left out.
    """
    search = _Search(_Side.of(a), _Side.of(b))
    search.ends()
    search.names()
    search.places()
    return Matching(
        matches=tuple(Match(a=one, b=other, by=by) for other, (one, by) in sorted(search.found.items())),
        left_a=tuple(index for index in search.a.candidates if index not in search.taken),
        left_b=tuple(index for index in search.b.candidates if index not in search.found),
    )


def last(graph: Graph) -> Operator | None:
    """The operator that gives a graph's output, seen through QUANTIZE and DEQUANTIZE; None where none does."""
    return writers(graph).get(seen(graph, graph.outputs[0]))


def writers(graph: Graph) -> dict[int, Operator]:
    """Tensor index -> the operator that computes it."""
    return {index: operator for operator in graph.operators for index in operator.outputs}


def seen(graph: Graph, index: int) -> int:
    """The tensor that another one is a copy of on another grid; itself where it is none."""
    return origin(writers(graph), index)


def origin(writers: Mapping[int, Operator], index: int) -> int:
    """As `seen`, of a graph of these writers."""
    while (writer := writers.get(index)) is not None and writer.name in RENAMING:
        index = writer.inputs[0]
    return index


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """A graph. writers: tensor index -> what computes it. candidates: tensors that stand for reals, in order."""

    graph: Graph
    writers: Mapping[int, Operator]
    candidates: tuple[int, ...]

    @classmethod
    def of(cls, graph: Graph) -> _Side:
        computed = (
            index
            for operator in graph.operators
            if operator.name not in RENAMING and _activations(graph, operator)
            for index in operator.outputs
        )
        own = dict.fromkeys([_entered(graph), *computed])
        stands = tuple(index for index in own if _stands_for_reals(graph.tensors[index]))
        return cls(graph=graph, writers=writers(graph), candidates=stands)

    def seen(self, index: int) -> int:
        """What a tensor is a copy of on another grid."""
        return origin(self.writers, index)

    def size(self, index: int) -> int:
        return math.prod(self.graph.tensors[index].shape)


def _entered(graph: Graph) -> int:
    """The model's input, or what one QUANTIZE makes of it for all that read it."""
    (index, *_) = graph.inputs
    readers = [operator for operator in graph.operators if index in operator.inputs]
    return readers[0].outputs[0] if len(readers) == 1 and readers[0].name in RENAMING else index


def _activations(graph: Graph, operator: Operator) -> list[int]:
    return [i for i in operator.inputs if i >= 0 and graph.tensors[i].data is None and not graph.tensors[i].variable]


def _stands_for_reals(tensor: Tensor) -> bool:
    return not tensor.variable and (tensor.dtype == np.float32 or tensor.integers is not None)


@final
class _Search:
    """found: index in b -> index in a, and how. taken: the indices in a."""

    def __init__(self, a: _Side, b: _Side) -> None:
        self.a, self.b = a, b
        self.found: dict[int, tuple[int, str]] = {}
        self.taken: set[int] = set()

    def ends(self) -> None:
        self._take(_entered(self.a.graph), _entered(self.b.graph), END)
        self._take(self.a.seen(self.a.graph.outputs[0]), self.b.seen(self.b.graph.outputs[0]), END)

    def names(self) -> None:
        named = {self.a.graph.tensors[index].name: index for index in self.a.candidates}
        for index in self.b.candidates:
            if (other := named.get(self.b.graph.tensors[index].name)) is not None:
                self._take(other, index, NAME)

    def places(self) -> None:
        """By inputs as far as it goes, then by number, and again, until nothing is found."""
        while True:
            before = len(self.found)
            self._by_inputs()
            self._by_number()
            if len(self.found) == before:
                return

    def _by_inputs(self) -> None:
        for operator in self.b.graph.operators:
            read = [self.found.get(self.b.seen(index)) for index in _activations(self.b.graph, operator)]
            inputs = [pair[0] for pair in read if pair is not None]
            if not inputs or len(inputs) < len(read) or all(index in self.found for index in operator.outputs):
                continue
            for other in self.a.graph.operators:
                own = [self.a.seen(index) for index in _activations(self.a.graph, other)]
                if other.name == operator.name and own == inputs and self._all(other, operator):
                    break

    def _all(self, a: Operator, b: Operator) -> bool:
        """Take the results of two operators in their order; whether any could be taken."""
        taken = [self._take(one, other, PLACE) for one, other in zip(a.outputs, b.outputs, strict=False)]
        return any(taken)

    def _by_number(self) -> None:
        kinds_a, kinds_b = dict(self._kinds(self.a, self.taken)), dict(self._kinds(self.b, self.found))
        for kind, own in kinds_b.items():
            others = kinds_a.get(kind, [])
            if len(own) == len(others):
                for one, other in zip(others, own, strict=True):
                    self._take(one, other, PLACE)

    def _kinds(
        self, side: _Side, known: Mapping[int, object] | set[int]
    ) -> Iterator[tuple[tuple[str, int], list[int]]]:
        """(operator's name, size of the result) -> the results of such operators that are not known."""
        kinds: dict[tuple[str, int], list[int]] = {}
        for index in side.candidates:
            if index not in known and (writer := side.writers.get(index)) is not None:
                kinds.setdefault((writer.name, side.size(index)), []).append(index)
        yield from kinds.items()

    def _take(self, one: int, other: int, by: str) -> bool:
        free = one not in self.taken and other not in self.found
        same = free and one in self.a.candidates and other in self.b.candidates
        if not same or self.a.size(one) != self.b.size(other):
            return False
        self.found[other] = (one, by)
        self.taken.add(one)
        return True
