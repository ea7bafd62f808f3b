"""The rows of methods.csv, from models and outputs made by hand."""

from __future__ import annotations

import gzip
from dataclasses import astuple, replace

import numpy as np
import pytest

from qcompare.analysis.comparisons import TRUTH, comparisons
from qcompare.analysis.methods import METHODS, MethodsRow, Size, rows, size
from qcompare.analysis.result import Result, fallen
from qcompare.core.comparison import Side
from qcompare.core.engine import DEQUANTIZED, FLOAT, MICRO, EngineId, interpreter
from qcompare.core.finding import failure
from qcompare.core.graph import model_of
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from qcompare.routes.post_training import PostTraining
from qcompare.routes.unconverted import Unconverted
from qcompare.tflite import schema
from qcompare.tflite.artifact import Artifact, Built, not_built
from qcompare.tflite.builder import Builder
from tests.tflite.graphs import network

CLASSES = np.array([0, 1, 2, 1], np.int32)
FLOATS = np.array([[3, 0, 0], [0, 2, 0], [0, 1, 0], [0, 3, 1]], np.float32)
MODELS = np.array([[3, 0, 0], [2, 1, 0], [0, 1, 0], [0, 3, 1]], np.float32)
"""Three of four right, and one of those otherwise in the model: two of four."""

ENGINES = (FLOAT, interpreter("reference"), interpreter("xnnpack"), MICRO, DEQUANTIZED)
CONTENT = schema.write(model_of(network()))


def result(
    engines: tuple[EngineId, ...] = ENGINES,
    truth: np.ndarray = CLASSES,
    built: Built | None = None,
    micro: Trace | None = None,
) -> Result:
    pairs = comparisons((Unconverted(), PostTraining()), engines)
    traces = {
        TRUTH: Trace(engine=TRUTH.engine, values={OUTPUT: truth}),
        Side("float", FLOAT): Trace(engine=FLOAT, values={OUTPUT: FLOATS}),
        Side("ptq", interpreter("reference")): Trace(engine=interpreter("reference"), values={OUTPUT: FLOATS}),
        Side("ptq", interpreter("xnnpack")): Trace(engine=interpreter("xnnpack"), values={OUTPUT: MODELS}),
    }
    if MICRO in engines:
        traces[Side("ptq", MICRO)] = micro or Trace(engine=MICRO, values={OUTPUT: FLOATS}, arena_bytes=640)
    artifacts = (Artifact(route="float"), Artifact(route="ptq", built=built or Built(content=CONTENT)))
    return Result(
        configuration="dense-int8",
        seed=7,
        method="int8",
        classification=truth.dtype.kind == "i",
        comparisons=pairs,
        artifacts={artifact.route: artifact for artifact in artifacts},
        traces=traces,
    )


def only(source: Result) -> MethodsRow:
    (row,) = rows(source)
    return row


def test_a_row_is_a_model() -> None:
    row = only(result())
    assert (row.configuration, row.seed, row.route, row.method) == ("dense-int8", 7, "ptq", "int8")
    assert (row.on_micro, row.arena_bytes) == (True, 640)


def test_bytes_are_those_of_the_file_and_of_its_constants() -> None:
    build = Builder()
    kernel = np.zeros((40, 30), np.int8)
    kernel[:, 0] = np.arange(40) % 5 - 2
    build.constant("kernel", kernel)
    build.constant("in float", np.zeros((5, 6), np.float32))
    build.constant("half", np.zeros((5, 6), np.float16))
    build.constant("bias", np.zeros(30, np.int32))
    build.constant("bias of 16 bits", np.zeros(30, np.int64))
    build.constant("float bias", np.zeros(7, np.float32))
    content = schema.write(model_of(build.graph((), ())))
    found = size(Built(content=content))
    assert (found.file_bytes, found.compressed_bytes) == (len(content), len(gzip.compress(content, 9, mtime=0)))
    assert (found.float32_bytes, found.float16_bytes, found.int8_bytes) == (4 * (30 + 7), 60, 1200)
    assert (found.int16_bytes, found.int32_bytes, found.int64_bytes) == (0, 120, 240)
    assert (found.weights, found.weights_in_float32) == (1200 + 30 + 30, 30)
    assert (found.zero_weights, found.distinct_values) == (1200 - 32 + 30 + 30, 5)


def test_answers_are_the_default_interpreters_beside_the_float_networks() -> None:
    worth = only(result()).worth
    assert (worth.accuracy, worth.accuracy_of_float, worth.agreement_with_float) == (0.5, 0.75, 0.75)
    assert (worth.mae, worth.mae_of_float) == (None, None)
    assert worth.mae_to_float == pytest.approx((2 + 1) / 12)


def test_a_regression_has_errors_in_place_of_accuracies() -> None:
    truth = FLOATS + np.float32(0.5)
    worth = only(result(truth=truth)).worth
    assert (worth.accuracy, worth.accuracy_of_float, worth.agreement_with_float) == (None, None, None)
    assert worth.mae_of_float == 0.5
    assert worth.mae == pytest.approx((0.5 * 10 + 1.5 + 1.5) / 12)
    assert worth.mae_to_float == pytest.approx((2 + 1) / 12)


def test_without_micro_nothing_is_said_of_it_and_what_it_refuses_it_does_not_run() -> None:
    absent = only(result(tuple(engine for engine in ENGINES if engine != MICRO)))
    assert (absent.on_micro, absent.arena_bytes) == (None, None)
    refused = only(result(micro=Trace(engine=MICRO, findings=(failure("micro", "no kernel"),))))
    assert (refused.on_micro, refused.arena_bytes) == (False, None)


def test_a_route_without_a_model_is_a_row_without_figures() -> None:
    without = result(built=not_built("the converter crashed"), micro=Trace(engine=MICRO))
    kept = {side: trace for side, trace in without.traces.items() if side.engine != interpreter("xnnpack")}
    row = only(replace(without, traces=kept))
    assert row.size == Size()
    assert (row.on_micro, row.arena_bytes, row.worth.accuracy, row.worth.mae_to_float) == (None,) * 4
    pairs = comparisons((Unconverted(), PostTraining()), ENGINES)
    ended = only(fallen("dense-int8", 7, pairs, failure("trial", "crashed"), "int8"))
    assert (ended.method, ended.size, ended.on_micro) == ("int8", Size(), None)
    assert set(astuple(ended.worth)) == {None}


def test_the_frame_has_whole_numbers_and_reals() -> None:
    dtypes = METHODS.dtypes
    assert {name for name, dtype in dtypes.items() if dtype == "float64"} == {
        *("accuracy", "accuracy_of_float", "agreement_with_float", "mae", "mae_of_float", "mae_to_float"),
    }
    assert dtypes["on_micro"] == "boolean"
    assert METHODS.made(result()).loc[0, "file_bytes"] == len(CONTENT)
