"""WHILE: time steps run through by a loop, equal to every kernel set in every integer; and what is refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.core.graph import Graph, Model, model_of
from qcompare.data.inputs import random_inputs
from qcompare.engines.runtimes import RUNTIMES
from qcompare.manual.arithmetic import ARITHMETICS
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import rule_for, run, run_operator
from qcompare.manual.rules import KERNEL_SETS
from qcompare.tflite.schema import read, write
from tests.audit.one_op import Builder, run_runtime
from tests.loops import counter, recurrent, shift_register
from tests.manual.one_op_models import lstm

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

SAMPLES = 256


def in_subgraph(model: Model, number: int, change: Callable[[Graph], Graph]) -> Model:
    """The model with one of its graphs changed."""
    changed = list(model.graphs)
    changed[number] = change(changed[number])
    return Model(graphs=tuple(changed))


def with_tensor(graph: Graph, index: int, **changes: Any) -> Graph:
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], **changes)
    return replace(graph, tensors=tuple(tensors))


def with_operator(graph: Graph, index: int, **changes: Any) -> Graph:
    operators = list(graph.operators)
    operators[index] = replace(operators[index], **changes)
    return replace(graph, operators=tuple(operators))


def unequal(model: Model, inputs: dict[int, np.ndarray], kernels: str) -> int:
    """Outputs that differ between the manual engine and the runtime."""
    found = RUNTIMES[kernels].run(write(model), inputs, keep=model.main.outputs)
    by_hand = run(model, inputs, kernels)
    return sum(int(np.count_nonzero(by_hand.tensors[name] != values)) for name, values in found.tensors.items())


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("steps", [1, 5, 28])
def test_every_integer_is_the_runtimes(steps: int, kernels: str) -> None:
    for seed, classes in ((0, 0), (1, 0), (2, 10)):
        model = read(write(recurrent(seed, steps, classes)))
        inputs = random_inputs(model.main, SAMPLES, seed)
        assert unequal(model, inputs, kernels) == 0
        assert len(np.unique(run(model, inputs, kernels).result)) > 100


def test_the_kernel_sets_differ_within_a_loop() -> None:
    model = recurrent(1, 28)
    inputs = random_inputs(model.main, SAMPLES, 1)
    results = {kernels: run(model, inputs, kernels).result for kernels in KERNEL_SETS}
    pairs = [(a, b) for a in KERNEL_SETS for b in KERNEL_SETS if a < b]
    assert all((results[a] != results[b]).any() for a, b in pairs)


def test_real_numbers_within_a_loop() -> None:
    model = recurrent(0, 5)
    inputs = random_inputs(model.main, SAMPLES, 0)
    difference = run(model, inputs, "dequantized").result.astype(int) - run(model, inputs, "reference").result
    assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_counter_of_any_shape(shape: tuple[int, ...], kernels: str) -> None:
    model = counter(shape)
    inputs = {0: np.full((7, *shape), -3, np.int32), 1: np.arange(7, dtype=np.int32)[:, None]}
    assert unequal(model, inputs, kernels) == 0


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_a_loop_on_constants_alone(kernels: str) -> None:
    whole = counter()
    model = whole.with_main(replace(with_tensor(whole.main, 0, data=np.array(-5, np.int32)), inputs=(1,)))
    inputs = {1: np.arange(7, dtype=np.int32)[:, None]}
    assert unequal(model, inputs, kernels) == 0


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_a_variable_that_the_body_only_reads(kernels: str) -> None:
    model = in_subgraph(recurrent(0, 3), 2, with_bias_in_a_variable)
    inputs = random_inputs(model.main, 20, 0)
    assert unequal(model, inputs, kernels) == 0
    assert (run(model, inputs, kernels).result != run(recurrent(0, 3), inputs, kernels).result).any()


def with_bias_in_a_variable(body: Graph) -> Graph:
    """The product of h gives way to a variable, which is its zero point."""
    add = next(operator for operator in body.operators if operator.name == "ADD")
    alone = replace(body.tensors[add.inputs[1]], index=len(body.tensors), name="kept", variable=True)
    body = replace(body, tensors=(*body.tensors, alone))
    return with_operator(body, add.index, inputs=(add.inputs[0], alone.index))


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_results_do_not_depend_on_the_chunk(arithmetic: str) -> None:
    model = recurrent(0, 5, 10)
    inputs = random_inputs(model.main, 40, 0)
    whole = run(model, inputs, arithmetic, keep="all")
    assert set(whole.tensors) == {model.main.tensors[i].name for i in (0, 3, 4, 5, model.main.outputs[0])}
    for chunk in (1, 7):
        parts = run(model, inputs, arithmetic, keep="all", chunk=chunk)
        assert all(np.array_equal(parts.tensors[name], whole.tensors[name]) for name in whole.tensors)


def test_memory_does_not_grow_with_the_steps() -> None:
    def peak(steps: int) -> int:
        model = recurrent(0, steps)
        inputs = random_inputs(model.main, 2000, 0)
        run(model, inputs, "optimized")
        tracemalloc.start()
        run(model, inputs, "optimized")
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken

    assert peak(40) < 1.5 * peak(4)


def test_a_loop_alone_and_its_rule() -> None:
    model = recurrent(0, 5, 10)
    inputs = random_inputs(model.main, 40, 0)
    loop = model.main.operators[0]
    whole = run(model, inputs, "optimized", keep="all")
    alone = run_operator(model, loop, inputs, "optimized")
    assert [rule_for(model, loop, kernels).name for kernels in KERNEL_SETS] == ["LOOP"] * 4
    assert all(np.array_equal(values, whole.tensors[name]) for name, values in alone.tensors.items())


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_samples_that_take_different_numbers_of_steps_are_refused(arithmetic: str) -> None:
    model = counter()
    second = np.zeros((2, 1), np.int32)
    run(model, {0: np.array([2, 2], np.int32), 1: second}, arithmetic)
    with pytest.raises(NotCoveredError, match="WHILE: a condition that is true for some samples and false for others"):
        run(model, {0: np.array([2, 3], np.int32), 1: second}, arithmetic)


def renamed(name: str) -> Callable[[Model], Model]:
    return lambda model: in_subgraph(model, 2, lambda body: with_operator(body, 4, name=name))


def stateful(model: Model) -> Model:
    inner = lstm(np.random.default_rng(0), np.int8)
    return Model(graphs=(*model.graphs[:2], inner))


def carrying(index: int, **changes: Any) -> Callable[[Model], Model]:
    return lambda model: in_subgraph(model, 2, lambda body: with_tensor(body, index, **changes))


def naming(**options: int) -> Callable[[Model], Model]:
    return lambda model: model.with_main(
        with_operator(model.main, 0, options={**model.main.operators[0].options, **options})
    )


OTHER_SCALE = recurrent().main.tensors[0].grid


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (renamed("SEGMENT_SUM"), "WHILE: operator 4 SEGMENT_SUM of subgraph 2: this operator is not covered"),
        (stateful, "WHILE: operator 0 UNIDIRECTIONAL_SEQUENCE_LSTM that keeps its state in a loop is not covered"),
        (carrying(2, shape=(1, 3)), r"carries 't2', int8\[1, 19\], as 't2', int8\[1, 3\], is not covered"),
        (carrying(2, grid=OTHER_SCALE), "a change of scale or zero point from 't2' to 't2' is not covered"),
        (naming(body_subgraph_index=7), "the subgraph 7 as its body_subgraph_index is not covered"),
        (naming(body_subgraph_index=0), "the subgraph 0 as its body_subgraph_index is not covered"),
        (naming(cond_subgraph_index=2), "a condition that is no single truth value is not covered"),
        (
            lambda model: in_subgraph(model, 2, lambda body: replace(body, outputs=body.outputs[:2])),
            "a loop over 3 tensors with 2 of them is not covered",
        ),
    ],
)
def test_what_is_refused_is_named(change: Callable[[Model], Model], reason: str) -> None:
    model = change(recurrent())
    with pytest.raises(NotCoveredError, match=reason) as caught:
        run(model, random_inputs(model.main, 2, 0), "reference")
    assert caught.value.operator is model.main.operators[0]


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_an_input_that_is_handed_on_in_a_later_place(steps: int, kernels: str) -> None:
    copied, bare = (shift_register(steps, copied) for copied in (True, False))
    inputs = random_inputs(bare.main, 40, 0)
    assert unequal(copied, inputs, kernels) == 0
    if kernels == "micro":
        assert unequal(bare, inputs, kernels) == 0
        return
    for refused in (lambda: run(bare, inputs, kernels), lambda: rule_for(bare, bare.main.operators[0], kernels)):
        with pytest.raises(NotCoveredError, match=f"WHILE: input-handed-on-in-a-later-place under {kernels} kernels"):
            refused()
    # The runtime overwrites what is handed on: both results are the sum.
    found = RUNTIMES[kernels].run(write(bare), inputs, keep=bare.main.outputs)
    first, second = found.tensors.values()
    assert np.array_equal(first, second)


INTEGERS = np.array([0, 1, -1, 7, -2000000000, 2000000000, 2**31 - 1, -(2**31)], np.int32)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ADD", {"fused_activation_function": "NONE", "pot_scale_int16": False}),
        ("SUB", {"fused_activation_function": "NONE", "pot_scale_int16": False}),
        ("MUL", {"fused_activation_function": "NONE"}),
        ("LESS", {}),
    ],
)
@pytest.mark.parametrize("broadcast", [False, True])
def test_whole_numbers_are_plain_integers(name: str, options: dict[str, Any], broadcast: bool, kernels: str) -> None:
    build = Builder()
    wide = (1, 1) if broadcast else (1, 37)
    a, b = build.activation((1, 37), np.int32), build.activation(wide, np.int32)
    y = build.activation((1, 37), np.bool_ if name == "LESS" else np.int32)
    graph = build.graph(name, (a, b), (y,), f"{name.capitalize()}Options", options)
    rng = np.random.default_rng(0)
    inputs = {a: rng.choice(INTEGERS, (30, 1, 37)), b: rng.choice(INTEGERS, (30, *wide))}
    expected = run_runtime(graph, inputs, kernels)[y]
    for arithmetic in (kernels, "dequantized"):
        assert np.array_equal(run(model_of(graph), inputs, arithmetic).result, expected[:, 0])


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_whole_numbers_with_an_activation_are_refused(name: str) -> None:
    build = Builder()
    a, b, y = (build.activation((1, 3), np.int32) for _ in range(3))
    graph = build.graph(name, (a, b), (y,), f"{name.capitalize()}Options", {"fused_activation_function": "RELU"})
    with pytest.raises(NotCoveredError, match="the fused activation RELU"):
        run(model_of(graph), random_inputs(graph, 2, 0), "reference")


@pytest.mark.parametrize(
    ("dtype", "kernels"), [("int8", each) for each in KERNEL_SETS] + [("int16", each) for each in KERNEL_SETS[:3]]
)
@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("same", [True, False])
def test_a_time_step_at_a_computed_index(shape: tuple[int, ...], dtype: str, kernels: str, same: bool) -> None:
    build = Builder()
    x, i = build.activation((1, 6, 4), dtype, 0.1), build.activation(shape, np.int32)
    y = build.activation((1, *shape, 4), dtype, 0.1)
    graph = build.graph("GATHER", (x, i), (y,), "GatherOptions", {"axis": 1, "batch_dims": 0}, version=2)
    indices = np.full(12, 3) if same else np.arange(12) % 6
    inputs = {**random_inputs(graph, 12, 0), i: indices.astype(np.int32).reshape(12, *shape)}
    expected = run_runtime(graph, inputs, kernels)[y]
    for arithmetic in (kernels, "dequantized"):
        assert np.array_equal(run(model_of(graph), inputs, arithmetic).result.reshape(expected.shape), expected)
