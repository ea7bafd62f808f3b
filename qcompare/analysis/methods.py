"""methods.csv: what the model of each route costs, and what it is worth."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qcompare.analysis.errors import figures
from qcompare.analysis.figures import Figures
from qcompare.analysis.result import Result
from qcompare.core.comparison import FLOAT_ROUTE, Side
from qcompare.core.engine import BY_DEFAULT, FLOAT, LABELS, MICRO, QAT, EngineId
from qcompare.core.table import Table
from qcompare.core.tap import OUTPUT
from qcompare.tflite.artifact import Built
from qcompare.tflite.weights import constants


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a model takes; without figures where there is no model.

    file_bytes, compressed_bytes: of the file, and of it after gzip at level 9.
    float32_bytes and so on: of all constants of a dtype, biases and shapes too, a shared buffer once.
    weights, weights_in_float32: elements of constant matrices of floats or int8, and how many of them are in float32.
    zero_weights: how many of them stand for zero. distinct_values: the most different numbers in one matrix.
    """

    file_bytes: int | None = None
    compressed_bytes: int | None = None
    float32_bytes: int | None = None
    float16_bytes: int | None = None
    int8_bytes: int | None = None
    int16_bytes: int | None = None
    int32_bytes: int | None = None
    int64_bytes: int | None = None
    weights: int | None = None
    weights_in_float32: int | None = None
    zero_weights: int | None = None
    distinct_values: int | None = None


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What the runtime that people get by default answers; a figure that the task does not have is None.

    accuracy, mae: against the labels of a classification, of a regression (mean absolute error).
    accuracy_of_float, mae_of_float: of the float network of the same seed.
    agreement_with_float: share of samples that are classified as by it. mae_to_float: of all outputs, against it.
    """

    accuracy: float | None
    accuracy_of_float: float | None
    agreement_with_float: float | None
    mae: float | None
    mae_of_float: float | None
    mae_to_float: float | None


@dataclass(frozen=True, kw_only=True)
class MethodsRow:
    """The model of one route in one seed.

    method: how it is quantized. trained: whether the network was trained for it.
    on_micro: whether TensorFlow Lite Micro runs it; None where that is not installed, and where there is no model.
    arena_bytes: what it says that its arena takes.
    """

    configuration: str
    seed: int
    route: str
    method: str
    trained: bool
    size: Size
    on_micro: bool | None
    arena_bytes: int | None
    worth: Worth


def rows(result: Result) -> Iterator[MethodsRow]:
    """A row for each route that gives a model, or was to give one."""
    routes = dict.fromkeys(pair.b.route for pair in result.comparisons if pair.b.engine.measured)
    for route in routes:
        artifact = result.artifacts.get(route)
        built = None if artifact is None else artifact.converted
        trace = result.traces.get(Side(route, MICRO))
        yield MethodsRow(
            configuration=result.configuration,
            seed=result.seed,
            route=route,
            method=result.method,
            trained=any(Side(route, QAT) in (pair.a, pair.b) for pair in result.comparisons),
            size=Size() if built is None else size(built),
            on_micro=None if built is None or trace is None else OUTPUT in trace.values,
            arena_bytes=None if trace is None else trace.arena_bytes,
            worth=_worth(result, route),
        )


def size(built: Built) -> Size:
    """What a model takes."""
    taken: Counter[str] = Counter()
    elements: Counter[bool] = Counter()
    zeros, distinct = 0, 0
    for constant in constants(built.content):
        taken[constant.dtype] += constant.bytes
        if constant.is_weight:
            elements[constant.in_float32] += constant.elements
            values = constant.values
            zeros += int(np.count_nonzero(values == 0))
            distinct = max(distinct, np.unique(values).size)
    return Size(
        file_bytes=len(built.content),
        compressed_bytes=len(gzip.compress(built.content, compresslevel=9, mtime=0)),
        float32_bytes=taken["float32"],
        float16_bytes=taken["float16"],
        int8_bytes=taken["int8"],
        int16_bytes=taken["int16"],
        int32_bytes=taken["int32"],
        int64_bytes=taken["int64"],
        weights=elements.total(),
        weights_in_float32=elements[True],
        zero_weights=zeros,
        distinct_values=distinct,
    )


def _worth(result: Result, route: str) -> Worth:
    model = Side(route, BY_DEFAULT)
    plain = _float_beside(result, model)
    found = _against(result, LABELS, model)
    to_float = Figures() if plain is None else _against(result, plain.engine, model)
    of_float = Figures() if plain is None else _against(result, LABELS, plain)
    return Worth(
        accuracy=found.top1_agreement,
        accuracy_of_float=of_float.top1_agreement,
        agreement_with_float=to_float.top1_agreement,
        mae=found.mean_abs_error,
        mae_of_float=of_float.mean_abs_error,
        mae_to_float=to_float.mean_abs_error,
    )


def _float_beside(result: Result, model: Side) -> Side | None:
    """The float network, or the user's converted one, that a model is compared with; None where there is none."""
    sides = [pair.a for pair in result.comparisons if pair.b == model and pair.a.route != model.route]
    return next((side for side in sides if side.engine == FLOAT or side.route == FLOAT_ROUTE), None)


def _against(result: Result, engine: EngineId, b: Side) -> Figures:
    """The figures of b's output against that of an engine; without any where the two are not compared."""
    pairs = (pair for pair in result.comparisons if pair.a.engine == engine and pair.b == b)
    return next((figures(result, pair, OUTPUT) for pair in pairs), Figures())


METHODS = Table(file="methods.csv", row=MethodsRow, rows=rows)
