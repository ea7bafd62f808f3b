"""The batches of a model that leaves them free, against what LiteRT makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.core.graph import Graph, Model, model_of
from qcompare.tflite.builder import Builder
from qcompare.tflite.free_batch import settled
from qcompare.tflite.schema import read, write


def dilated(*, free: bool) -> Graph:
    """x in blocks of three, negated twice there, and back; the negation of x as well. Every stored batch is 1."""
    builder = Builder()
    x, batches, negated, again, back, aside = (
        builder.activation(name, (1, size, 2), np.dtype(np.float32))
        for name, size in (("x", 6), ("batches", 2), ("negated", 2), ("again", 2), ("back", 6), ("aside", 6))
    )
    block = builder.constant("block", np.array([3], np.int32))
    none = builder.constant("none", np.zeros((1, 2), np.int32))
    builder.operator("SPACE_TO_BATCH_ND", [x, block, none], [batches], "SpaceToBatchNDOptions", {})
    builder.operator("NEG", [batches], [negated], "NegOptions", {})
    builder.operator("NEG", [negated], [again], "NegOptions", {})
    builder.operator("BATCH_TO_SPACE_ND", [again, block, none], [back], "BatchToSpaceNDOptions", {})
    builder.operator("NEG", [x], [aside], "NegOptions", {})
    graph = builder.graph([x], [back, aside])
    tensors = tuple(replace(tensor, free=(0,) if free and tensor.data is None else ()) for tensor in graph.tensors)
    return replace(graph, tensors=tensors)


def shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in model.main.tensors}


@pytest.mark.runtime
def test_the_batches_are_those_that_litert_allocates() -> None:
    content = write(model_of(dilated(free=True)))
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    allocated = {each["name"]: tuple(map(int, each["shape"])) for each in interpreter.get_tensor_details()}
    found = shapes(settled(read(content)))
    assert found == {name: allocated[name] for name in found}
    assert found["again"] == (3, 2, 2)
    assert found["back"] == found["aside"] == (1, 6, 2)


def test_a_fixed_batch_is_left_as_it_is_stored() -> None:
    model = read(write(model_of(dilated(free=False))))
    assert shapes(settled(model)) == shapes(model)


def test_what_is_free_reads_back() -> None:
    for free in (True, False):
        (found,) = {
            tensor.free_batch
            for tensor in read(write(model_of(dilated(free=free)))).main.tensors
            if tensor.data is None
        }
        assert found is free
