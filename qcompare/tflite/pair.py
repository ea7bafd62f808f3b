"""A user's integer model and the float one that it came from: looked into, and brought to the same end."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from qcompare.core.ends import Ends
from qcompare.core.finding import Finding, remark
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from qcompare.tflite.file import ModelFileError, load
from qcompare.tflite.free_batch import settled
from qcompare.tflite.free_length import is_free
from qcompare.tflite.matching import last, seen, writers
from qcompare.tflite.reals import real_constants

SOFTMAX = "SOFTMAX"


def integer_ends(path: Path) -> Ends:
    """What a user's integer model takes and gives. Raises ModelFileError."""
    model = _loaded(path, "the .tflite file of the integer model")
    tensors = model.main.tensors
    if not any(tensor.integers is not None and tensor.data is None for tensor in tensors):
        raise ModelFileError(
            f"{path}: computes in floats alone; give the integer model here, and the float one as the float model"
        )
    return _ends(path, model)


def float_ends(path: Path) -> Ends:
    """What a user's float model takes and gives. Raises ModelFileError."""
    model = _loaded(path, "the .tflite file of the float model, or a Keras file")
    for tensor in model.main.tensors:
        if tensor.integers is not None and tensor.data is None:
            raise ModelFileError(f"{path}: its tensor '{tensor.name}' is {tensor.dtype.name}; give the float model")
    return _ends(path, model)


def _loaded(path: Path, right: str) -> Model:
    try:
        return load(path)[1]
    except ModelFileError as error:
        raise ModelFileError(f"{error}; give {right}") from error


def _ends(path: Path, model: Model) -> Ends:
    graph = model.main
    for side, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1:
            raise ModelFileError(f"{path}: the model has {len(indices)} {side}s; one is taken")
    first, final = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    for tensor in (first, final):
        if tensor.dtype != np.float32 and tensor.integers is None:
            raise ModelFileError(
                f"{path}: '{tensor.name}' is {tensor.dtype.name}; float32 or integers of reals are taken"
            )
    if is_free(model):
        raise ModelFileError(f"{path}: leaves the length of a sequence open; give a model of a fixed length")
    if len(first.shape) < 2 or first.shape[0] != 1:
        raise ModelFileError(f"{path}: its input has the shape {list(first.shape)}; one sample is taken: [1, ...]")
    return Ends(shape=first.shape[1:], outputs=math.prod(final.shape))


def check_alike(path: Path, own: Ends, other_path: Path, other: Ends) -> None:
    """Raises ModelFileError unless two models take and give as much, as far as that is known."""
    takes, gives = (math.prod(own.shape), math.prod(other.shape)), (own.outputs, other.outputs)
    for what, (one, two) in (("takes", takes), ("gives", gives)):
        if None not in (one, two) and one != two:
            raise ModelFileError(f"{path}: {what} {one} numbers a sample, {other_path} {two}; give a pair of one model")


def read(path: str, content: str) -> Built:
    """A user's model as it is. content: its digest, which decides the stage's key. Raises ModelFileError."""
    return Built(content=load(Path(path))[0])


def read_float(path: str, content: str, given: Built) -> Built:
    """The float model with the end of the integer one: with a softmax or without. Raises ModelFileError."""
    found, model = load(Path(path))
    wanted = ends_in_softmax(given.model.main)
    if ends_in_softmax(model.main) == wanted:
        return Built(content=found)
    changed = with_softmax(model.main) if wanted else without_softmax(model.main)
    return Built(content=schema.write(replace(model.with_main(changed), signature={})))


def with_reals(given: Built, float_model: Built) -> Built:
    """The integer model with the float model's numbers of its constants; as it is where the latter was not built."""
    if not float_model.content:
        return given
    return replace(given, reals=real_constants(settled(float_model.model), settled(given.model)))


def told_of_ends(own: bool, wanted: bool) -> tuple[Finding, ...]:
    """That the float model's end is changed to that of the integer one, if it is. own, wanted: whether each ends in a
    softmax."""
    if own == wanted:
        return ()
    put = "a softmax is put behind the float model: the integer model ends in one"
    left = "the float model's softmax is left out: the integer model gives logits"
    return (remark("end of the models", put if wanted else left),)


def ends_in_softmax(graph: Graph) -> bool:
    """Whether a softmax gives the output, seen through QUANTIZE and DEQUANTIZE."""
    operator = last(graph)
    return operator is not None and operator.name == SOFTMAX


def without_softmax(graph: Graph) -> Graph:
    """The graph with the input of its last softmax as its output."""
    operator = writers(graph)[seen(graph, graph.outputs[0])]
    # What came after it is still computed, as far as nothing depends on it, and read by nobody: it is left out.
    left = [each for each in graph.operators if each.index < operator.index]
    return replace(graph, operators=tuple(left), outputs=(operator.inputs[0],))


def with_softmax(graph: Graph) -> Graph:
    """The graph with a softmax over its float output."""
    before = graph.tensors[graph.outputs[0]]
    after = Tensor(index=len(graph.tensors), name=f"{before.name}/Softmax", shape=before.shape, dtype=before.dtype)
    operator = Operator(
        index=len(graph.operators),
        name=SOFTMAX,
        inputs=(before.index,),
        outputs=(after.index,),
        options={"beta": 1.0},
        options_type="SoftmaxOptions",
    )
    return replace(
        graph, tensors=(*graph.tensors, after), operators=(*graph.operators, operator), outputs=(after.index,)
    )
