"""A float model and its integer model, read and brought together; refused in one line when they are no pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.digest import file_digest
from qcompare.core.finding import Finding, remark, warning
from qcompare.core.function import Function
from qcompare.core.graph import Graph, Model
from qcompare.data.inputs import random_inputs
from qcompare.models import keras_description
from qcompare.models.keras_file import KerasFileError
from qcompare.tflite import file
from qcompare.tflite.artifact import Place
from qcompare.tflite.free_batch import settled
from qcompare.tflite.matching import RENAMING, matched
from qcompare.tflite.pair import check_alike, ends_in_softmax, float_ends, integer_ends, read, read_float, told_of_ends
from qcompare.tflite.reals import quantized, real_constants

FROM_KERAS = Function("qcompare.export.keras", "of_file")
"""By name: it needs TensorFlow, which a pair of `.tflite` does not."""

SHOWN = 3
"""Names in a finding."""


class PairError(ValueError):
    """The request cannot be met; the message is one line."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """floats, content: the models' files. real, model: their graphs, as LiteRT settles them. reals: what the integer
    model's constants were quantized from. findings: what has no counterpart."""

    floats: bytes
    content: bytes
    real: Model
    model: Model
    reals: Mapping[Place, np.ndarray]
    findings: tuple[Finding, ...]


def load(float_path: Path, path: Path, child: Child) -> Pair:
    """Both models of files. float_path: a `.tflite`, a Keras file or a SavedModel. Raises PairError."""
    try:
        ends, given = integer_ends(path), read(str(path), "")
    except file.ModelFileError as error:
        raise PairError(str(error)) from error
    findings, wanted = list[Finding](), ends_in_softmax(given.model.main)
    try:
        if _is_tflite(float_path):
            check_alike(float_path, float_ends(float_path), path, ends)
            findings += told_of_ends(ends_in_softmax(file.load(float_path)[1].main), wanted)
            floats = read_float(str(float_path), "", given)
        else:
            digest = "" if float_path.is_dir() or not float_path.exists() else file_digest(float_path)
            found = keras_description.of_file(float_path, digest)
            check_alike(float_path, keras_description.ends(found), path, ends)
            findings += told_of_ends(
                keras_description.ends_in_softmax(keras_description.described(found.layers, found.input_shape)), wanted
            )
            floats = child.call(FROM_KERAS, str(float_path), digest, given)
    except (file.ModelFileError, KerasFileError) as error:
        raise PairError(str(error)) from error
    except (ChildCrashedError, ChildFailedError) as error:
        raise PairError(f"{float_path}: TensorFlow does not convert it: {error}") from error
    if not floats.content:
        raise PairError(f"{float_path}: not converted: {floats.findings[0].text}")
    real, model = settled(floats.model), settled(given.model)
    reals = real_constants(real, model)
    return Pair(
        floats=floats.content,
        content=given.content,
        real=real,
        model=model,
        reals=reals,
        findings=(*findings, *unmatched(real, model, reals)),
    )


def _is_tflite(path: Path) -> bool:
    """Whether a file is none of those that Keras writes; also where there is none."""
    if path.is_dir():
        return False
    try:
        with path.open("rb") as opened:
            start = opened.read(8)
    except OSError:
        return path.suffix not in (".keras", ".h5")
    return not start.startswith((b"PK", b"\x89HDF"))


def unmatched(real: Model, model: Model, reals: Mapping[Place, np.ndarray]) -> tuple[Finding, ...]:
    """What of two models has no counterpart: constants, whose error is then the operators', and activations."""
    found = []
    missing = [tensor.name for place, tensor in quantized(model) if place not in reals]
    if missing:
        text = f"constants without a counterpart in the float model: {_names(missing)}; their error is the operators'"
        found.append(warning("weights", text))
    loops = [any(operator.name == "WHILE" for operator in each.main.operators) for each in (real, model)]
    matching = matched(real.main, model.main)
    if loops[0] != loops[1]:
        which = ("float", "integer") if loops[0] else ("integer", "float")
        text = (
            f"the {which[0]} model runs its time steps in a loop and the {which[1]} one has operators for each: "
            f"{len(matching.left_b)} tensors of the integer model and {len(matching.left_a)} of the float one have no "
            "counterpart; the integer model's layers are compared with themselves in real numbers, with the float "
            "model's constants"
        )
        found.append(warning("tensors", text))
    elif matching.left_b:
        names = [model.main.tensors[index].name for index in matching.left_b]
        found.append(remark("tensors", f"without a counterpart in the float model: {_names(names)}"))
    return tuple(found)


def _names(names: list[str]) -> str:
    shown = ", ".join(name.partition(";")[0] for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def drawn(model: Model, samples: int, seed: int) -> np.ndarray:
    """Random inputs, float32 [samples, *shape]: uniform over the grid of the integer model's input, also where a
    QUANTIZE makes it of floats; standard normal where it has none."""
    graph = model.main
    entered = _on_grid(graph)
    values = random_inputs(_of_input(graph, entered), samples, seed)[entered]
    grid = graph.tensors[entered].integers
    reals = values if grid is None else grid.dequantize(values)
    return reals.reshape(samples, *graph.tensors[graph.inputs[0]].shape).astype(np.float32)


def _on_grid(graph: Graph) -> int:
    (index, *_) = graph.inputs
    readers = [operator for operator in graph.operators if index in operator.inputs]
    return readers[0].outputs[0] if len(readers) == 1 and readers[0].name in RENAMING else index


def _of_input(graph: Graph, index: int) -> Graph:
    return replace(graph, inputs=(index,))
