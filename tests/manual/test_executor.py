"""The executor: samples, chunks, what it keeps, what it refuses."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.arithmetic import ARITHMETICS, OPS
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import run, run_operator
from qcompare.manual.rules import KERNEL_SETS, REAL, TABLE
from tests.audit.one_op import Builder, random_inputs
from tests.manual.one_op_models import add_large, fully_connected, lstm, tanh


def chain(width: int = 8, layers: int = 3) -> Graph:
    """FULLY_CONNECTED and TANH in turns, int8."""
    rng, build = np.random.default_rng(0), Builder()
    at = build.activation((1, width), np.int8, 0.02, 3)
    for _ in range(layers):
        w = build.constant(rng.integers(-127, 128, (width, width)).astype(np.int8), 0.01)
        y, z = build.activation((1, width), np.int8, 0.05, -4), build.activation((1, width), np.int8, 1 / 128)
        build.built.operator("FULLY_CONNECTED", (at, w, -1), (y,), options={"fused_activation_function": "NONE"})
        build.built.operator("TANH", (y,), (z,))
        at = z
    return build.built.graph(build.built.open_inputs(), (at,))


def inputs_of(graph: Graph, samples: int = 40) -> dict[int, np.ndarray]:
    return random_inputs(np.random.default_rng(1), graph, samples)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_results_do_not_depend_on_the_chunk(arithmetic: str) -> None:
    graph = chain()
    x = inputs_of(graph)
    whole = run(model_of(graph), x, arithmetic, keep="all", chunk=1000)
    for chunk in (1, 7, 40):
        parts = run(model_of(graph), x, arithmetic, keep="all", chunk=chunk)
        assert all(np.array_equal(parts.tensors[name], whole.tensors[name]) for name in whole.tensors)


def test_what_stands_instead_is_read_and_what_was_computed_is_kept() -> None:
    graph = chain(layers=2)
    x = inputs_of(graph)
    free = run(model_of(graph), x, "reference", keep="all")
    at = graph.operators[1].outputs[0]
    other = -free.tensors[graph.tensors[at].name]
    found = run(model_of(graph), x, "reference", keep="all", instead={at: other}, chunk=7)
    after = run_operator(model_of(graph), graph.operators[2], {at: other}, "reference").result
    assert np.array_equal(found.tensors[graph.tensors[at].name], free.tensors[graph.tensors[at].name])
    assert np.array_equal(found.tensors[graph.tensors[graph.operators[2].outputs[0]].name], after)


def test_a_sample_does_not_depend_on_the_others() -> None:
    graph = lstm(np.random.default_rng(3), np.int8)
    x = inputs_of(graph, 5)
    together = run(model_of(graph), x, "reference").result
    for sample in range(5):
        alone = run(
            model_of(graph), {index: array[sample : sample + 1] for index, array in x.items()}, "reference"
        ).result
        assert np.array_equal(alone[0], together[sample])


def test_the_trace_drops_a_leading_dimension_of_one() -> None:
    graph = chain()
    trace = run(model_of(graph), inputs_of(graph), "optimized", keep="all")
    assert {array.shape for array in trace.tensors.values()} == {(40, 8)}
    assert trace.result.dtype == np.int8


def test_inputs_come_with_or_without_the_leading_one() -> None:
    graph = chain()
    x = inputs_of(graph)
    assert np.array_equal(
        run(model_of(graph), x, "reference").result,
        run(model_of(graph), {i: a[:, 0] for i, a in x.items()}, "reference").result,
    )


def test_only_what_is_asked_for_is_kept() -> None:
    graph = chain()
    x = inputs_of(graph)
    names = [tensor.name for tensor in graph.tensors if tensor.data is None]
    assert list(run(model_of(graph), x, "reference").tensors) == [names[-1]]
    assert set(run(model_of(graph), x, "reference", keep="all").tensors) == set(names)
    some = run(model_of(graph), x, "reference", keep=names[1:3])
    assert set(some.tensors) == set(names[1:3])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_samples() -> None:
    graph = chain(64, 6)
    x = inputs_of(graph, 60_000)
    run(model_of(graph), {index: array[:100] for index, array in x.items()}, "optimized")
    tracemalloc.start()
    run(model_of(graph), x, "optimized", chunk=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The result and a chunk's arrays; every activation of all samples would take twelve times the input.
    assert peak < 2 * x[graph.inputs[0]].nbytes


def test_one_operator_gives_what_the_graph_gives() -> None:
    graph = chain()
    trace = run(model_of(graph), inputs_of(graph), "xnnpack", keep="all")
    for operator in graph.operators:
        source, target = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
        alone = run_operator(model_of(graph), operator, {source.index: trace.tensors[source.name]}, "xnnpack")
        assert np.array_equal(alone.result, trace.tensors[target.name])


def test_a_rule_by_name_takes_the_place_of_the_arithmetics() -> None:
    graph = chain(layers=1)
    x = inputs_of(graph)
    operator = graph.operators[0]
    given = {operator.inputs[0]: x[graph.inputs[0]]}
    micro = run_operator(model_of(graph), operator, given, "micro").result
    assert np.array_equal(run_operator(model_of(graph), operator, given, "reference", rule="DOUBLE").result, micro)


def test_constants_are_folded_once_and_kept_for_every_sample() -> None:
    build = Builder()
    x = build.activation((1, 4), np.float32)
    half = build.constant(np.array([1, 2, 3, 4], np.float16))
    full, y = build.activation((4,), np.float32), build.activation((1, 4), np.float32)
    build.built.operator("DEQUANTIZE", (half,), (full,))
    build.built.operator("ADD", (x, full), (y,))
    graph = build.built.graph((x,), (y,))
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    trace = run(model_of(graph), {x: values}, "reference", keep="all")
    assert np.array_equal(trace.result, values + np.array([1, 2, 3, 4]))
    assert trace.tensors["t2"].tolist() == [[1, 2, 3, 4]] * 3


@pytest.mark.parametrize("change", ["dtype", "shape", "missing", "samples", "arithmetic", "keep"])
def test_inputs_that_do_not_fit_are_refused(change: str) -> None:
    graph = add_large(np.random.default_rng(8), np.int8)
    x = inputs_of(graph, 3)
    assert len(x) == 2
    keep: Any = "outputs"
    first, arithmetic = next(iter(x)), "reference"
    if change == "dtype":
        x[first] = x[first].astype(np.int16)
    elif change == "shape":
        x[first] = x[first].reshape(3, -1, 1, 1, 1, 1)
    elif change == "missing":
        del x[first]
    elif change == "samples":
        x[first] = x[first][:2]
    elif change == "arithmetic":
        arithmetic = "approximate"
    else:
        keep = ["no such tensor"]
    with pytest.raises((ValueError, KeyError)):
        run(model_of(graph), x, arithmetic, keep=keep)


def altered(graph: Graph, **changes: Any) -> Graph:
    return replace(graph, operators=(replace(graph.operators[0], **changes),))


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_what_is_not_covered_is_named(arithmetic: str) -> None:
    rng = np.random.default_rng(0)
    cases = [
        (altered(tanh(rng, np.int8), name="SEGMENT_SUM"), "SEGMENT_SUM"),
        (altered(fully_connected(rng, np.int8), options={"fused_activation_function": "TANH"}), "activation TANH"),
        (altered(fully_connected(rng, np.int8), options={"weights_format": "SHUFFLED4x16INT8"}), "shuffled"),
        (altered(lstm(rng, np.int8), inputs=(*lstm(rng, np.int8).operators[0].inputs[:9], 1)), "peephole"),
    ]
    for graph, named in cases:
        with pytest.raises(NotCoveredError, match=named) as caught:
            run(model_of(graph), inputs_of(graph, 2), arithmetic)
        assert caught.value.operator is graph.operators[0]


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_an_uncovered_dtype_is_named(kernel_set: str) -> None:
    build = Builder()
    x, y = (build.activation((1, 3), np.uint8, 0.1, 128) for _ in range(2))
    graph = build.graph("TANH", (x,), (y,))
    with pytest.raises(NotCoveredError, match="uint8"):
        run(model_of(graph), inputs_of(graph, 2), kernel_set)


def test_data_movement_that_changes_the_scale_is_refused() -> None:
    build = Builder()
    x, shape = build.activation((1, 4), np.int8, 0.1, 0), build.constant(np.array([1, 2, 2], np.int32))
    y = build.activation((1, 2, 2), np.int8, 0.2, 0)
    graph = build.graph("RESHAPE", (x, shape), (y,), "ReshapeOptions", {})
    with pytest.raises(NotCoveredError, match="scale"):
        run(model_of(graph), inputs_of(graph, 2), "reference")
    assert np.array_equal(
        run(model_of(graph), {x: np.array([[[10, 20, -30, 6]]], np.int8)}, "dequantized").result.ravel(),
        [5, 10, -15, 3],
    )


def test_every_rule_of_the_table_exists() -> None:
    for row in TABLE:
        for kernel_set in KERNEL_SETS:
            rule = row.rule(kernel_set)
            floats = set(row.variant.dtypes) == {np.dtype(np.float32)}
            known = {REAL} if floats else set(OPS[row.op].rules)
            assert rule is None or rule in known, (row, kernel_set)
    assert len({(row.op, row.variant) for row in TABLE}) == len(TABLE)


def test_every_rule_is_followed_by_some_kernel_set() -> None:
    for name, op in OPS.items():
        followed = {row.rule(kernel_set) for row in TABLE if row.op == name for kernel_set in KERNEL_SETS}
        assert set(op.rules) <= followed, name


def test_every_rule_of_an_operator_has_a_name_of_its_own() -> None:
    for name, op in OPS.items():
        assert len(op.by_name) == len(op.rules), name
