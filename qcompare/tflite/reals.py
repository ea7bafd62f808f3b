"""The real numbers that a model's quantized constants were made of, from the float model of the same network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.tflite.artifact import Place
from qcompare.tflite.matching import matched, origin, writers

COMMUTATIVE = frozenset({"ADD", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"})
"""Operators of two inputs whose constant may be either of them."""

LOOP = "WHILE"
LOOP_GRAPHS = ("cond_subgraph_index", "body_subgraph_index")

NEIGHBOUR = 1
"""Integers that a constant may be away from its real numbers rounded: converters round in float32, and may take a tie's
other side."""

FLOAT32_STEPS = 2.0**-22
"""And a share of the integer, for the large ones of biases: products of two float32 scales."""

TELLING = 16
"""Elements of a constant that, all being neighbours of real numbers, tell where these stand in another graph."""


def real_constants(float_model: Model, model: Model) -> dict[Place, np.ndarray]:
    """The constants of a model that stand for real numbers -> the float model's, float32 of the same shape.

    Constants on a grid (weights, biases, operands), and float16 ones behind a DEQUANTIZE. Operators are matched by
    `matching.matched`, from the main graphs into those of loops that carry the same, and have their constants in the
    same places; a bias of zeros that the float operator does not have, or a state of zeros, is real zeros. Of what
    stands in a constant's places, that is taken of which each integer is a neighbour, else a constant of the float
    model that is the only one of which that is true, as where the operators are others. What is left are weights that
    were trained on, say: they have what stands in their places, if it is the same in all. Other constants are absent.
    """
    found: dict[Place, np.ndarray] = {}
    placed: dict[Place, list[np.ndarray]] = {}
    for one, other in _graphs(float_model, model):
        for index, real in _in_places(one.graph, other.graph):
            placed.setdefault((other.number, index), []).append(real)
    reals = [real for graph in float_model.graphs for real in _reals(graph)]
    for place, tensor in quantized(model):
        chosen = _chosen(tensor, placed.get(place, []), reals)
        if chosen is not None:
            found[place] = chosen
    return found


def _chosen(tensor: Tensor, placed: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> np.ndarray | None:
    """placed: what stands in the constant's places. others: all constants of the float model."""
    agreeing = next((real for real in placed if agrees(tensor, real)), None)
    if agreeing is not None:
        return agreeing
    if tensor.data is not None and tensor.data.size >= TELLING:
        elsewhere = [real for real in others if real.shape == tensor.shape and agrees(tensor, real)]
        if elsewhere and _same(elsewhere):
            return elsewhere[0]
    return placed[0] if placed and _same(placed) else None


def _same(arrays: Sequence[np.ndarray]) -> bool:
    return all(np.array_equal(array, arrays[0]) for array in arrays[1:])


def agrees(tensor: Tensor, real: np.ndarray) -> bool:
    """Whether a constant can be real numbers of its shape rounded: each integer is at most one, and a float32's error,
    from the nearest; a float16 is the nearest."""
    data, grid = tensor.data, tensor.integers
    if data is None or not np.isfinite(real).all():
        return False
    if grid is None:
        return bool(np.array_equal(data, real.astype(data.dtype)))
    nearest = grid.quantize(real.astype(np.float64), data.ndim).astype(np.float64)
    away = np.abs(nearest - data.astype(np.float64))
    return bool((away <= NEIGHBOUR + FLOAT32_STEPS * np.abs(nearest)).all())


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class _Numbered:
    number: int
    graph: Graph


def _graphs(a: Model, b: Model) -> Iterator[tuple[_Numbered, _Numbered]]:
    """Graphs that are the same: the main ones, and those of matched loops that carry tensors of the same shapes."""
    left, known = [(0, 0)], set[tuple[int, int]]()
    while left:
        pair = left.pop(0)
        if pair in known:
            continue
        known.add(pair)
        one, other = (_Numbered(number=n, graph=model.graphs[n]) for n, model in zip(pair, (a, b), strict=True))
        yield one, other
        for loop, same in _operators(one.graph, other.graph):
            if loop.name == LOOP:
                inner = [(loop.options[name], same.options[name]) for name in LOOP_GRAPHS]
                left += [(m, n) for m, n in inner if _carried(a.graphs[m]) == _carried(b.graphs[n])]


def _carried(graph: Graph) -> list[tuple[int, ...]]:
    return [graph.tensors[index].shape for index in graph.inputs]


def _operators(a: Graph, b: Graph) -> Iterator[tuple[Operator, Operator]]:
    """Operators of one kind that compute matched tensors, each pair once."""
    computes_a, computes_b = writers(a), writers(b)
    pairs = ((computes_a.get(match.a), computes_b.get(match.b)) for match in matched(a, b).matches)
    known = {(one.index, other.index): (one, other) for one, other in pairs if one and other and one.name == other.name}
    yield from known.values()


def _in_places(a: Graph, b: Graph) -> Iterator[tuple[int, np.ndarray]]:
    """Index of a quantized constant of b -> the real numbers, of its shape, in the same place of a; once a reader."""
    computes_a, computes_b = writers(a), writers(b)
    for one, other in _operators(a, b):
        own = [origin(computes_a, index) for index in one.inputs]
        for position, index in enumerate(origin(computes_b, index) for index in other.inputs):
            if index >= 0 and _is_quantized(b.tensors[index]):
                real = _at(a, one, own, position, b.tensors[index])
                if real is not None and real.shape == b.tensors[index].shape:
                    yield index, real


def _at(a: Graph, operator: Operator, inputs: Sequence[int], position: int, wanted: Tensor) -> np.ndarray | None:
    """What an operator of the float graph has in a place for a constant. inputs: its own, seen through copies."""
    index = inputs[position] if position < len(inputs) else -1
    if index < 0 or a.tensors[index].variable:
        return _zeros(wanted)
    if operator.name in COMMUTATIVE and a.tensors[index].data is None:
        index = inputs[1 - position]
    return _real(a.tensors[index])


def _zeros(tensor: Tensor) -> np.ndarray | None:
    """Real zeros for a constant that is all zero, a bias or a state; None for others."""
    zeros = np.zeros(tensor.shape, np.float32)
    grid, data = tensor.integers, tensor.data
    found = data is None or (data.any() if grid is None else grid.dequantize(data, data.ndim).any())
    return None if found else zeros


def quantized(model: Model) -> Iterator[tuple[Place, Tensor]]:
    """The constants of all graphs that stand for real numbers, and are integers or float16."""
    for number, graph in enumerate(model.graphs):
        yield from (((number, tensor.index), tensor) for tensor in graph.tensors if _is_quantized(tensor))


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.data is not None and (tensor.integers is not None or tensor.dtype == np.float16)


def _reals(graph: Graph) -> Iterator[np.ndarray]:
    yield from (real for real in map(_real, graph.tensors) if real is not None)


def _real(tensor: Tensor) -> np.ndarray | None:
    """A constant's floats, float32; None for what is none."""
    if tensor.data is None or tensor.dtype.kind != "f":
        return None
    return tensor.data.astype(np.float32)
