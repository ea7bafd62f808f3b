"""The ends of an all-integer model in other dtypes: QUANTIZE and DEQUANTIZE around it, as the converter puts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.grid import Grid
from qcompare.tflite import schema

MIDDLE = 128
"""What uint8 integers are above int8 ones that stand for the same real numbers."""


def ended(content: bytes, first: str, last: str) -> bytes:
    """A model with its input in the dtype `first` and its output in `last`; as it is where it has them."""
    model = schema.read(content)
    found = with_ends(model, np.dtype(first), np.dtype(last))
    return content if found.main is model.main else schema.write(found)


def with_ends(model: Model, first: np.dtype, last: np.dtype) -> Model:
    """The model with its one input in the dtype `first` and its one output in the dtype `last`.

    Tensors keep their indices; those of the ends come after them. An end that has its dtype already stays.
    """
    graph = model.main
    before, after = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    if before.dtype != first:
        end = _end(graph, before, first, "input")
        graph = _with(graph, end, [_between("QUANTIZE", end, before), *graph.operators])
        graph = replace(graph, inputs=(end.index,))
    if after.dtype != last:
        end = _end(graph, after, last, "output")
        name = "DEQUANTIZE" if last.kind == "f" else "QUANTIZE"
        graph = _with(graph, end, [*graph.operators, _between(name, after, end)])
        graph = replace(graph, outputs=(end.index,))
    return model.with_main(graph)


def _end(graph: Graph, inner: Tensor, dtype: np.dtype, name: str) -> Tensor:
    grid = None if dtype.kind == "f" else Grid.single(inner.scale, inner.zero_point + MIDDLE, dtype)
    return Tensor(index=len(graph.tensors), name=name, shape=inner.shape, dtype=dtype, grid=grid)


def _between(name: str, before: Tensor, after: Tensor) -> Operator:
    options_type = "DequantizeOptions" if name == "DEQUANTIZE" else "QuantizeOptions"
    # 2 is the least version of DEQUANTIZE that reads int8, 3 the one that reads int16.
    version = 3 if before.dtype == np.int16 else 2
    return Operator(
        index=0, name=name, inputs=(before.index,), outputs=(after.index,), options_type=options_type, version=version
    )


def _with(graph: Graph, tensor: Tensor, operators: Sequence[Operator]) -> Graph:
    numbered = tuple(replace(operator, index=index) for index, operator in enumerate(operators))
    return replace(graph, tensors=(*graph.tensors, tensor), operators=numbered)
