"""Every rung of the ladder is one named rule, the first is the float network, the last is the kernel set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks import converted
from qcompare.core import lstm
from qcompare.core.graph import Model, Tensor
from qcompare.core.method import Method
from qcompare.core.rung import FUSED, IN_REALS, Rung
from qcompare.engines.converted import inputs_of
from qcompare.export import trained
from qcompare.manual import executor
from qcompare.manual.arithmetic import OPS, Arithmetic, compute_real, compute_rule, rule_of
from qcompare.manual.call import Call, Requantized
from qcompare.manual.ladder import EXACT, FUNCTIONS, HYBRID, Climbed, biases, in_reals, rungs_of
from qcompare.manual.ops.lstm import KERNELS
from qcompare.manual.rounding import round_half_away
from qcompare.manual.rule import Requantization
from qcompare.manual.rules import KERNEL_SETS
from qcompare.tflite.artifact import Built
from qcompare.training.float_network import evaluate
from tests.export.test_methods import SHAPES, network, samples
from tests.export.test_methods import converted as quantized
from tests.export.test_reals import learned

pytestmark = pytest.mark.slow

INT8 = Method(name="int8", input="int8", output="int8", full_integer=True)
INT16X8 = Method(name="int16x8", input="int16", output="int16", full_integer=True)

UNROLLED = [shape for shape in SHAPES if shape[1] in ("", "unrolled")]


def written(shape: tuple[str, str]) -> Built:
    """As route `qat` has it."""
    write = trained.looped if shape[1] == "loop" else trained.written
    return write(learned(*shape, "int8", use_bias=True), samples()[:4], "int8", "int8")


def made(shape: tuple[str, str], method: Method) -> Built:
    """As route `ptq` has it."""
    return quantized(*shape, method)


def random(build: Callable[..., Any], quantization: str, *arguments: int) -> Built:
    """Without the real numbers of its constants."""
    model, shape = build(1, *arguments)
    return Built(content=converted.convert(model, shape, quantization, 1))


DYNAMIC = Method(name="dynamic")
KINDS: list[tuple[str, tuple[str, str], Callable[..., Built]]] = [
    *(("ptq", shape, partial(made, method=INT8)) for shape in SHAPES),
    *(("ptq int16x8", shape, partial(made, method=INT16X8)) for shape in UNROLLED),
    *(("qat", shape, written) for shape in SHAPES),
    *(("dynamic", shape, partial(made, method=DYNAMIC)) for shape in (SHAPES[0], ("lstm", "fused"))),
]
SHAPE = {" ".join(filter(None, (how, *shape))): shape for how, shape, _ in KINDS}
MODELS: dict[str, Callable[[], Built]] = {
    **{" ".join(filter(None, (how, *shape))): partial(make, shape) for how, shape, make in KINDS},
    "two layers": partial(random, converted.unrolled_lstm, "int16x8", 3, 2),
}
NAMES = list(MODELS)
IN_INTEGERS = [name for name in NAMES if not name.startswith("dynamic")]


@cache
def built(name: str) -> Built:
    return MODELS[name]()


def inputs(model: Model) -> np.ndarray:
    """float32 [samples, ...], some of them beyond the range of the input's integers."""
    shape = model.main.tensors[model.main.inputs[0]].shape
    if shape[1:] == samples().shape[1:]:
        x = samples()[:24].copy()
        x[:4] *= 3
        return x
    return np.random.default_rng(0).normal(size=(24, *shape[1:])).astype(np.float32)


def activations(model: Model) -> list[int]:
    """The results of operators that stand for numbers."""
    tensors = model.main.tensors
    return [
        index
        for operator in model.main.operators
        for index in operator.outputs
        if tensors[index].integers is not None or tensors[index].dtype.kind == "f"
    ]


def climbed(name: str, kernels: str, rungs: tuple[Rung, ...]) -> dict[int, np.ndarray]:
    model = built(name).model
    made = Climbed(model=model, reals=built(name).reals, kernels=kernels, rungs=frozenset(rungs))
    return dict(made.values(inputs(model), activations(model)).tensors)


def by(name: str, arithmetic: str | Arithmetic) -> dict[int, np.ndarray]:
    """All activations in real numbers, by the executor alone."""
    model = built(name).model
    tensors = model.main.tensors
    kept = activations(model)
    names = [tensors[index].name for index in kept]
    x = inputs_of(model.main, inputs(model))
    found = executor.run(model, x, arithmetic, keep=names).tensors
    values = {index: found[tensors[index].name].reshape(len(inputs(model)), -1) for index in kept}
    return {i: v if (grid := tensors[i].integers) is None else grid.dequantize(v) for i, v in values.items()}


def assert_same(a: dict[int, np.ndarray], b: dict[int, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for index, values in a.items():
        np.testing.assert_array_equal(values, b[index], err_msg=str(index))


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("name", IN_INTEGERS)
def test_the_last_rung_is_the_kernel_set(name: str, kernels: str) -> None:
    assert_same(climbed(name, kernels, tuple(Rung)), by(name, kernels))


@pytest.mark.parametrize("kernels", ["reference", "optimized"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_INTEGERS])
def test_the_last_rung_of_a_hybrid_model_is_the_kernel_set(name: str, kernels: str) -> None:
    assert_same(climbed(name, kernels, tuple(Rung)), by(name, kernels))


@pytest.mark.parametrize("name", [name for name in IN_INTEGERS if "fused" not in name])
def test_with_all_of_real_numbers_it_is_the_dequantized_arithmetic(name: str) -> None:
    """A fused LSTM rounds h and the cell at each step, which that does not."""
    found = climbed(name, "reference", IN_REALS)
    for index, values in by(name, "dequantized").items():
        np.testing.assert_allclose(found[index], values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SHAPE)
def test_with_nothing_applied_it_is_the_float_network(name: str) -> None:
    own = network(*SHAPE[name])
    model = built(name).model
    expected = evaluate(own, inputs(model))
    found = climbed(name, "reference", ())[model.main.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def kinds(name: str) -> dict[Rung, dict[tuple[int, int], np.ndarray]]:
    """The real numbers of constants by the rung that takes them away."""
    model = built(name).model
    found: dict[Rung, dict[tuple[int, int], np.ndarray]] = {Rung.WEIGHTS: {}, Rung.BIAS: {}}
    for place, value in built(name).reals.items():
        found[Rung.BIAS if place[1] in biases(model.graphs[place[0]]) else Rung.WEIGHTS][place] = value
    return found


def by_hand(name: str, rungs: frozenset[Rung]) -> dict[int, np.ndarray]:
    """Rungs of real numbers spelled out: constants put into the graph, activations held behind each operator."""
    own = built(name).model
    left = [reals for rung, reals in kinds(name).items() if rung not in rungs]
    model = in_reals(own, {place: value for reals in left for place, value in reals.items()})
    clip, rounds = Rung.CLIPPING in rungs, Rung.ROUNDING in rungs

    def held(value: np.ndarray, tensor: Tensor) -> np.ndarray:
        grid = tensor.grid
        if grid is None or value.dtype.kind != "f":
            return value
        ends = grid.dequantize(np.array([grid.smallest, grid.largest]))
        held = round_half_away(value / np.float64(grid.lsb)) * np.float64(grid.lsb) if rounds else value
        return np.clip(held, *ends) if clip else held

    def arithmetic(call: Call) -> tuple[np.ndarray, ...]:
        results = zip(compute_real(call), call.outputs, strict=True)
        return tuple(held(value, tensor) for value, tensor in results)

    given, x = own.main.tensors[own.main.inputs[0]], inputs(own)
    grid = given.integers
    assert grid is not None
    entered = grid.dequantize(grid.quantize(x)) if clip and rounds else held(x.astype(float), given)
    kept = activations(own)
    names = [own.main.tensors[index].name for index in kept]
    found = executor.run(model, {given.index: entered.reshape(len(x), *given.shape)}, arithmetic, keep=names).tensors
    return {index: found[each].reshape(len(x), -1) for index, each in zip(kept, names, strict=True)}


SUBSETS = [frozenset(chosen) for size in range(5) for chosen in combinations(IN_REALS, size)]


@pytest.mark.parametrize("name", [name for name in IN_INTEGERS if "fused" not in name])
def test_any_of_the_rungs_of_real_numbers(name: str) -> None:
    """So each can be swapped alone, in either direction, whatever the others are."""
    for rungs in SUBSETS:
        assert_same(climbed(name, "reference", tuple(rungs)), by_hand(name, rungs))


def spared(name: str, rungs: frozenset[Rung], *places: tuple[Rung, int]) -> dict[int, np.ndarray]:
    """All activations with some rungs applied, but not at these places."""
    one = built(name)
    climb = Climbed(model=one.model, reals=one.reals, kernels="reference", rungs=rungs, spared=frozenset(places))
    return dict(climb.values(inputs(one.model), activations(one.model)).tensors)


@pytest.mark.parametrize("name", ["qat lstm unrolled", "qat lstm fused", "ptq dense"])
def test_a_rung_that_spares_every_place_is_not_applied(name: str) -> None:
    model, whole = built(name).model, frozenset(IN_REALS)
    every = range(len(model.main.tensors))
    for rung in IN_REALS:
        assert_same(
            spared(name, whole, *((rung, index) for index in every)), climbed(name, "reference", tuple(whole - {rung}))
        )


@pytest.mark.parametrize("rung", IN_REALS)
def test_what_is_spared_at_one_place_is_applied_at_all_others(rung: Rung) -> None:
    """The first layer of a dense network changes, and nothing in front of it."""
    name = "ptq dense"
    graph, whole = built(name).model.main, frozenset(IN_REALS)
    first = next(each for each in graph.operators if each.name == "FULLY_CONNECTED")
    places = {Rung.WEIGHTS: first.inputs[1], Rung.BIAS: first.inputs[2]}
    found = spared(name, whole, (rung, places.get(rung, first.outputs[0])))
    applied = climbed(name, "reference", IN_REALS)
    assert all(np.array_equal(found[i], applied[i]) for i in first.inputs if i in applied)
    if rung is not Rung.CLIPPING:
        assert not np.array_equal(found[first.outputs[0]], applied[first.outputs[0]])
    assert_same(spared(name, whole, (rung, -1)), applied)


def test_an_operator_spared_among_integers_is_in_reals_rounded_once() -> None:
    name, every = "qat lstm unrolled", frozenset(Rung)
    operators = range(len(built(name).model.main.operators))
    found = spared(name, every, *((Rung.ACCUMULATION, index) for index in operators))
    assert_same(found, climbed(name, "reference", IN_REALS))


@pytest.mark.parametrize("swapped", [Rung.WEIGHTS, Rung.BIAS])
def test_constants_are_all_that_weights_and_biases_change_in_a_fused_lstm(swapped: Rung) -> None:
    name = "qat lstm fused"
    model = built(name).model
    (other,) = {Rung.WEIGHTS, Rung.BIAS} - {swapped}
    rungs = frozenset(IN_REALS) - {swapped}
    without = Climbed(model=model, reals=kinds(name)[other], kernels="reference", rungs=rungs)
    assert_same(dict(without.values(inputs(model), activations(model)).tensors), climbed(name, "reference", IN_REALS))


def followed(call: Call, kernels: str, rungs: frozenset[Rung]) -> tuple[np.ndarray, ...]:
    """One operator by the rules that the rungs of integers say, spelled out."""
    rule = rule_of(call, kernels)
    name = call.operator.name
    if (Rung.FUNCTIONS if name in FUNCTIONS and rule not in HYBRID else Rung.KERNEL_ROUNDING) in rungs:
        return compute_rule(call, rule)
    whole = OPS[name].rules.get(rule)
    if isinstance(whole, Requantized):
        assert isinstance(rule, Requantization)
        once = replace(rule, blocks=None, once=True)
        return tuple(whole.compute(call, once if Rung.MULTIPLIER in rungs else EXACT))
    return compute_real(call)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("name", [name for name in IN_INTEGERS if "fused" not in name])
def test_one_rule_swapped_gives_the_neighbour(name: str, kernels: str) -> None:
    """Of integers, in either direction: added to the rungs below it, or taken from those up to it."""
    rungs = rungs_of(built(name).model)
    first = rungs.index(Rung.ACCUMULATION) + 1
    for number in range(first, len(rungs)):
        lower, rule, upper = rungs[:number], rungs[number], rungs[: number + 1]
        for swapped, neighbour in ((frozenset(lower) | {rule}, upper), (frozenset(upper) - {rule}, lower)):
            spelled_out = by(name, partial(followed, kernels=kernels, rungs=swapped))
            assert_same(spelled_out, climbed(name, kernels, neighbour))


@pytest.mark.parametrize("kernels", ["reference", "micro"])
def test_each_part_of_a_fused_lstm_changes_something_alone(kernels: str) -> None:
    """Of the parts that have numbers of their own; and nothing else does within it."""
    name = "qat lstm fused"
    rungs = rungs_of(built(name).model)
    (operator,) = [each for each in built(name).model.main.operators if each.name == lstm.OPERATOR]
    (h,) = operator.outputs
    values = [climbed(name, kernels, rungs[: number + 1])[h] for number in range(len(rungs))]
    moved = {rungs[n + 1] for n, (a, b) in enumerate(pairwise(values)) if not np.array_equal(a, b)}
    assert {Rung.LSTM_GATES, Rung.FUNCTIONS} <= moved
    assert moved <= {Rung.CLIPPING, Rung.ROUNDING, Rung.BIAS, Rung.FUNCTIONS, *FUSED}
    assert set(KERNELS) == {rule for rule in OPS[lstm.OPERATOR].rules if rule not in HYBRID}


def test_rungs_of_integers_stand_on_those_of_real_numbers() -> None:
    with pytest.raises(ValueError, match="rungs of integers stand on"):
        Climbed(model=built(NAMES[0]).model, reals={}, kernels="micro", rungs=frozenset({Rung.MULTIPLIER}))


def test_a_model_has_the_rungs_that_it_needs() -> None:
    assert rungs_of(built("ptq dense").model) == (*IN_REALS, Rung.ACCUMULATION, Rung.MULTIPLIER, Rung.KERNEL_ROUNDING)
    assert set(FUSED) < set(rungs_of(built("qat lstm fused").model))
    assert Rung.CLIPPING not in rungs_of(built("dynamic dense").model)
