"""What each rung changes adds up to the whole difference, everywhere; a planted fault shows at its rung and place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from qcompare.core.graph import Graph, Model
from qcompare.core.grid import Grid
from qcompare.core.ladder import Climb, Fed, Ladder
from qcompare.core.method import Method
from qcompare.core.rung import Rung
from qcompare.core.tap import OUTPUT, Tap
from qcompare.engines import ladder as module
from qcompare.engines.converted import inputs_of, output_grid
from qcompare.engines.ladder import Path, ladders
from qcompare.engines.readings import readings
from qcompare.manual import executor
from qcompare.manual import ladder as manual_ladder
from qcompare.manual.arithmetic import rule_of
from qcompare.manual.call import Call
from qcompare.manual.ops import lstm
from qcompare.manual.rule import Precision, Rounding, Rule
from qcompare.manual.rules import KERNEL_SETS
from qcompare.training.float_network import evaluate
from tests.export.test_methods import converted, network, samples
from tests.manual.test_ladder import SHAPE, built, inputs

pytestmark = pytest.mark.slow

NAMES = [name for name in SHAPE if not name.startswith("dynamic")]


def start(name: str) -> np.ndarray:
    """The float network's output."""
    return evaluate(network(*SHAPE[name]), inputs(built(name).model)).astype(np.float64)


def climbed(name: str, model: Model | None = None, kernels: tuple[str, ...] = KERNEL_SETS) -> tuple[Ladder, ...]:
    made = built(name)
    model = made.model if model is None else model
    path = Path(model=model, reals=made.reals)
    reads = readings(model, made.places)
    return ladders(path, reads, inputs(model), kernels, start=start(name), first="operators", classes=True)


@cache
def healthy(name: str) -> tuple[Ladder, ...]:
    return climbed(name)


def at(ladder: Ladder, tap: Tap, fed: Fed = Fed.OWN) -> Climb:
    (found,) = [climb for climb in ladder.climbs if climb.tap == tap and climb.fed is fed]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_rungs_add_up_to_the_whole(name: str) -> None:
    """In every kernel set, at every tap and time step, accumulated and local."""
    for ladder in healthy(name):
        for climb in ladder.climbs:
            whole = climb.whole
            scale = np.sqrt(max(whole.squares, 1e-30) * whole.n)
            assert sum(each.total for each in climb.rungs.values()) == pytest.approx(whole.total, abs=1e-9 * scale)
            squares = sum(each.squares + each.cross for each in climb.rungs.values())
            assert squares == pytest.approx(whole.squares, rel=1e-9, abs=1e-20)
            if climb.by_unit is not None:
                assert whole.squares == pytest.approx(climb.by_unit.sum(), rel=1e-9)
            assert (climb.by_unit is None) is (climb.tap.step is None)
            assert {each.n for each in climb.rungs.values()} == {whole.n}


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_is_from_the_float_network_to_the_kernel_set(name: str) -> None:
    model, x = built(name).model, inputs(built(name).model)
    grid = output_grid(model.main)
    assert grid is not None
    for ladder in healthy(name):
        device = grid.dequantize(executor.run(model, inputs_of(model.main, x), ladder.kernels).result)
        moved = device.reshape(len(x), -1) - start(name)
        whole = at(ladder, OUTPUT).whole
        assert whole.total == pytest.approx(moved.sum(), abs=1e-9)
        assert whole.squares == pytest.approx(np.square(moved).sum(), rel=1e-9)
        assert whole.n == moved.size
        assert whole.flips == np.count_nonzero(device.reshape(len(x), -1).argmax(axis=1) != start(name).argmax(axis=1))


@pytest.mark.parametrize("name", NAMES)
def test_from_the_float_network_to_the_graph_in_real_numbers_is_nothing(name: str) -> None:
    for ladder in healthy(name):
        first = at(ladder, OUTPUT).rungs["operators"]
        assert first.squares <= 1e-12 * at(ladder, OUTPUT).signal


def test_samples_may_be_computed_in_any_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = healthy("qat lstm fused")
    monkeypatch.setattr(module, "VALUES", 5000)
    for one, other in zip(whole, climbed("qat lstm fused"), strict=True):
        for a, b in zip(one.climbs, other.climbs, strict=True):
            assert (a.tap, a.fed, a.whole.n, a.whole.changed) == (b.tap, b.fed, b.whole.n, b.whole.changed)
            assert a.whole.squares == pytest.approx(b.whole.squares, rel=1e-12)


def test_of_a_large_model_the_taps_within_are_those_of_the_first_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "qat lstm fused"
    size = sum(reading.size for reading in readings(built(name).model, built(name).places))
    monkeypatch.setattr(module, "INSIDE", 10 * size)
    (whole, *_), (ladder,) = healthy(name), climbed(name, kernels=("reference",))
    assert at(ladder, OUTPUT).whole.changed == at(whole, OUTPUT).whole.changed
    assert at(ladder, OUTPUT).whole.squares == pytest.approx(at(whole, OUTPUT).whole.squares, rel=1e-12)
    assert at(ladder, OUTPUT).rungs["operators"].n == at(whole, OUTPUT).whole.n == 24 * 3
    assert at(ladder, Tap("recurrent_0/h", 2)).whole.n == 10 * 33
    assert at(ladder, OUTPUT, Fed.REFERENCE).whole.n == 10 * 3


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "qat lstm fused"
    monkeypatch.setattr(module, "VALUES", 5000)
    made = built(name)
    arguments = (
        Path(model=made.model, reals=made.reals),
        readings(made.model, made.places),
        inputs(made.model),
        ("micro",),
    )
    (one,), (other,) = ladders(*arguments), ladders(*arguments, threads=3)
    for a, b in zip(one.climbs, other.climbs, strict=True):
        assert (a.tap, a.fed, a.whole, a.rungs) == (b.tap, b.fed, b.whole, b.rungs)


def test_kernel_sets_that_share_a_fused_lstm_have_what_each_has_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "qat lstm fused"
    counted, own = list[Rule](), lstm.by_parts

    def computed(call: Call, rule: Rule, *others: Any) -> lstm.States:
        counted.append(rule)
        return own(call, rule, *others)

    monkeypatch.setattr(lstm, "by_parts", computed)
    together = climbed(name)
    shared = len(counted)
    for one in together:
        (other,) = climbed(name, kernels=(one.kernels,))
        for a, b in zip(one.climbs, other.climbs, strict=True):
            assert (a.tap, a.fed, a.whole, a.rungs) == (b.tap, b.fed, b.whole, b.rungs)
    # Three of the four have one kernel.
    assert shared == (len(counted) - shared) / 2


def test_every_time_step_of_a_fused_lstm_is_read() -> None:
    (ladder, *_) = healthy("qat lstm fused")
    taps = {climb.tap for climb in ladder.climbs}
    for role in ("recurrent_0/h", "recurrent_0/cell_state"):
        assert {Tap(role, step) for step in range(3)} <= taps
    for fed in Fed:
        (h,) = [c for c in ladder.climbs if (c.tap, c.fed) == (Tap("recurrent_0/h", 2), fed)]
        assert h.by_unit is not None
        assert h.by_unit.shape == (33,)


def test_local_errors_of_an_lstm_do_not_grow() -> None:
    """Each step starts from the float network's states; the accumulated error grows."""
    (ladder, *_) = healthy("ptq lstm fused")
    own, local = (
        [at(ladder, Tap("recurrent_0/cell_state", step), fed).whole.squares for step in range(3)]
        for fed in (Fed.OWN, Fed.REFERENCE)
    )
    assert own[2] > 1.2 * local[2]


def test_what_the_runtime_does_not_have_is_absent() -> None:
    """Of a loop only what comes out of it."""
    (ladder, *_) = healthy("qat lstm loop")
    assert not any("gate" in climb.tap.role for climb in ladder.climbs)


def test_a_rung_alone_and_last() -> None:
    (ladder, *_) = healthy("qat dense")
    climb = at(ladder, OUTPUT)
    assert set(ladder.alone) == set(ladder.last) == {"weights", "clipping", "rounding", "bias"}
    assert ladder.alone["weights"] == pytest.approx(np.sqrt(climb.rungs["weights"].squares / climb.whole.n))
    assert ladder.last["bias"] == pytest.approx(np.sqrt(climb.rungs["bias"].squares / climb.whole.n))
    assert ladder.last["rounding"] > 0


# Faults, each planted in one place of a healthy model. Its rung and its layer show it, and nothing before them does.


def with_tensor(model: Model, index: int, **changes: Any) -> Model:
    graph = model.main
    tensors = tuple(replace(t, **changes) if t.index == index else t for t in graph.tensors)
    return model.with_main(replace(graph, tensors=tensors))


def rescaled(grid: Grid | None, factor: float) -> Grid:
    assert grid is not None
    return replace(grid, scale=(grid.scale * np.float32(factor)).astype(np.float32))


def operator_at(graph: Graph, name: str, number: int) -> Any:
    return [operator for operator in graph.operators if operator.name == name][number]


def harmed_rungs(
    name: str, faulty: tuple[Ladder, ...], fed: Fed = Fed.REFERENCE
) -> dict[tuple[str, int | None], set[str]]:
    """(role, number of the operator) -> the rungs whose figures differ from the healthy model's, fed the reference."""
    found: dict[tuple[str, int | None], set[str]] = {}
    for one, other in zip(healthy(name), faulty, strict=True):
        for a, b in zip(one.climbs, other.climbs, strict=True):
            if a.fed is fed:
                moved = {rung for rung in a.rungs if a.rungs[rung] != b.rungs[rung]}
                if moved:
                    found.setdefault((a.tap.role, a.index), set()).update(moved)
    return found


def first_rung(rungs: set[str]) -> str:
    return next(rung.value for rung in Rung if rung.value in rungs)


def worst(ladder: Ladder) -> tuple[int | None, str]:
    """The operator and the rung with the most local noise against its signal."""
    found = {
        (climb.index, rung): each.squares / climb.signal
        for climb in ladder.climbs
        if climb.fed is Fed.REFERENCE and climb.index is not None and climb.signal
        for rung, each in climb.rungs.items()
    }
    return max(found, key=lambda key: found[key])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_weight_scale_off_by_one_percent(number: int) -> None:
    name = "qat dense"
    model = built(name).model
    operator = operator_at(model.main, "FULLY_CONNECTED", number)
    weights = model.main.tensors[operator.inputs[1]]
    faulty = climbed(name, with_tensor(model, weights.index, grid=rescaled(weights.grid, 1.01)))
    harmed = harmed_rungs(name, faulty)
    assert {index for _, index in harmed} == {operator.index}
    (rungs,) = harmed.values()
    assert first_rung(rungs) == "weights"
    for one, other in zip(healthy(name), faulty, strict=True):
        for old, new in zip(one.climbs, other.climbs, strict=True):
            if (old.index, old.fed) == (operator.index, Fed.REFERENCE):
                assert new.rungs["weights"].squares > 2 * old.rungs["weights"].squares


@pytest.mark.parametrize("name", ["qat dense", "qat simple_rnn unrolled"])
def test_an_activation_range_cut_by_half(name: str) -> None:
    model = built(name).model
    operator = operator_at(model.main, "FULLY_CONNECTED", 0)
    (output,) = operator.outputs
    tensor = model.main.tensors[output]
    faulty = climbed(name, with_tensor(model, output, grid=rescaled(tensor.grid, 0.5)), ("reference",))
    assert worst(faulty[0]) == (operator.index, "clipping")


def test_a_bias_rounded_wrongly() -> None:
    name = "qat dense"
    model = built(name).model
    operator = operator_at(model.main, "FULLY_CONNECTED", 1)
    bias = model.main.tensors[operator.inputs[2]]
    assert bias.data is not None
    faulty = climbed(name, with_tensor(model, bias.index, data=bias.data + 40))
    (found,) = harmed_rungs(name, faulty).items()
    assert found[0][1] == operator.index
    assert first_rung(found[1]) == "bias"


def test_another_kernel_sets_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one operator alone."""
    name = "qat dense"
    operator = operator_at(built(name).model.main, "FULLY_CONNECTED", 0)
    healthy(name)

    def other(call: Call, kernels: str) -> Rule:
        if call.operator.index == operator.index and kernels == "reference":
            return Rounding.DOUBLE.by(Precision.FLOAT64)
        return rule_of(call, kernels)

    monkeypatch.setattr(manual_ladder, "rule_of", other)
    monkeypatch.setattr(module, "signature", lambda model, kernels, rungs: (kernels, rungs))
    (found,) = harmed_rungs(name, climbed(name)).items()
    assert found[0][1] == operator.index
    assert found[1] == {"kernel_rounding"}


def test_a_wrong_table_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tanh in a fused LSTM's kernel, at arguments that occur."""
    name = "qat lstm fused"
    healthy(name)
    tables = lstm.gemmlowp_tables

    def wrong(cell_log2: int) -> Any:
        sigmoid, tanh, cell = tables(cell_log2)
        tanh = tanh.copy()
        tanh[400:800] = 0  # by the bits of the argument
        return sigmoid, tanh, cell

    monkeypatch.setattr(lstm, "gemmlowp_tables", wrong)
    harmed = harmed_rungs(name, climbed(name))
    assert {first_rung(rungs) for rungs in harmed.values()} == {"functions"}
    assert {role for role, _ in harmed} == {"recurrent_0/h", "recurrent_0/cell_state"}


def test_a_fault_in_one_gate_at_one_time_step(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "qat lstm fused"
    healthy(name)
    argument, calls = lstm.Cell.argument, {"calls": 0}
    step, gate = 1, 2

    def wrong(self: Any, number: int, from_x: np.ndarray, from_h: np.ndarray) -> np.ndarray:
        found = argument(self, number, from_x, from_h)
        at_step = (calls["calls"] // 4) % 3
        calls["calls"] += 1
        return found + np.int16(700) if (at_step, number) == (step, gate) else found

    monkeypatch.setattr(lstm.Cell, "argument", wrong)
    (one, *_), (other, *_) = healthy(name), climbed(name, kernels=("reference",))
    for fed in Fed:
        moved: Mapping[Tap, set[str]] = {
            a.tap: {rung for rung in a.rungs if a.rungs[rung] != b.rungs[rung]}
            for a, b in zip(one.climbs, other.climbs, strict=True)
            if a.fed is fed and a.rungs != b.rungs
        }
        steps = {tap.step for tap in moved if tap.role == "recurrent_0/cell_state"}
        assert steps == ({1, 2} if fed is Fed.OWN else {1})
        assert first_rung(moved[Tap("recurrent_0/cell_state", 1)]) == "lstm_gates"


def test_a_fused_lstm_that_computes_in_float32_has_a_ladder_without_its_cell() -> None:
    """Its weights are float16: only the integer kernels tell their cells."""
    made = converted("lstm", "fused", Method(name="float16"))
    found = readings(made.model, made.places)
    assert not any(reading.cell for reading in found)
    (ladder,) = ladders(Path(model=made.model, reals=made.reals), found, samples()[:3], ["reference"])
    assert {climb.op for climb in ladder.climbs} >= {"UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"}
