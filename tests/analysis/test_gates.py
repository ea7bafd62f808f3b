"""Gates hold or fail as the rows of errors.csv say; one whose figure is undefined never passes."""

from typing import Any

import pytest

from qcompare.analysis.gates import GATES, judge, outcome_told, outcomes, told
from qcompare.config.options import NO_CHECK
from qcompare.core.comparison import PAIRS
from qcompare.core.tap import Tap
from qcompare.report.csv import texts, written
from tests.rows import errors_of, row

B = "interpreter:reference"


def judged(rows, pairs=("qat-interpreter",), **bounds):
    """The verdicts on rows made by hand."""
    return list(judge(texts(written(errors_of(rows))), bounds, pairs))


def lines(rows, pairs=("qat-interpreter",), **bounds):
    """What is told of the gates that fail."""
    return [told(verdict) for verdict in judged(rows, pairs, **bounds) if not verdict.held]


def pair(seed: int = 0, **figures: Any):
    return row(seed, **{"non_finite": 0, "max_abs_error": 0.5, **figures})


def right(seed: int, accuracy: float | None, b: str = B, route: str = "qat"):
    return row(seed, a="labels", b=b, route=route, top1_agreement=accuracy, non_finite=0)


def accuracies(float_network: float | None, device: float | None, seed: int = 0):
    return [pair(seed), right(seed, float_network, "float", "float"), right(seed, device)]


HELD: list[tuple[str, float, list[Any]]] = [
    ("max_lsb", 1, [pair(max_lsb=1)]),
    ("mismatch_rate", 0.01, [pair(mismatch_rate=0.01)]),
    ("accuracy_drop", 0.01, accuracies(0.97, 0.96)),
    ("accuracy_drop", 0, accuracies(0.96, 0.97)),
    ("sqnr_db", 40, [pair(sqnr_db=40)]),
    ("sqnr_db", 400, [pair(max_abs_error=0)]),
    ("tolerance", 0.5, [pair()]),
]
"""Gate, bound, rows."""

FAILED: list[tuple[str, float, list[Any], str]] = [
    ("max_lsb", 1, [pair(max_lsb=2)], "2 LSB, above 1"),
    ("mismatch_rate", 0.01, [pair(mismatch_rate=0.02)], "0.02, above 0.01"),
    ("accuracy_drop", 0.01, accuracies(0.97, 0.95), "0.02, above 0.01"),
    ("sqnr_db", 40, [pair(sqnr_db=39.5)], "39.5 dB, below 40"),
    ("tolerance", 0.4, [pair()], "0.5, above 0.4"),
]

UNDEFINED: list[tuple[str, list[Any]]] = [
    *((gate, [row(0)]) for gate in GATES),
    *((gate, [pair(non_finite=3, **{gate: 0})]) for gate in ("max_lsb", "mismatch_rate")),
    ("tolerance", [pair(non_finite=1)]),
    ("sqnr_db", [pair()]),
    ("sqnr_db", [pair(max_abs_error=0, non_finite=1)]),
    ("accuracy_drop", accuracies(None, 0.9)),
    ("accuracy_drop", accuracies(0.9, None)),
    ("accuracy_drop", [pair()]),
]


def test_every_option_is_a_gate() -> None:
    assert set(vars(NO_CHECK)) == {"pairs", *GATES}
    assert {gate for gate, *_ in HELD} == {gate for gate, *_ in FAILED} == {gate for gate, _ in UNDEFINED} == {*GATES}


@pytest.mark.parametrize(("gate", "bound", "rows"), HELD)
def test_a_gate_that_holds(gate, bound, rows) -> None:
    (verdict,) = judged(rows, **{gate: bound})
    assert verdict.held
    assert (verdict.seeds, verdict.failing, verdict.worst) == (1, (), 0)


@pytest.mark.parametrize(("gate", "bound", "rows", "says"), FAILED)
def test_a_gate_that_fails_names_option_pair_route_figure_bound_and_seed(gate, bound, rows, says) -> None:
    a = "" if gate == "accuracy_drop" else "qat to "
    place = f"qat-interpreter, {a}interpreter:reference on route qat"
    assert lines(rows, **{gate: bound}) == [f"check.{gate}={bound:g}: {place}: {says}, in seed 0"]


@pytest.mark.parametrize(("gate", "rows"), UNDEFINED)
def test_an_undefined_figure_fails(gate, rows) -> None:
    (line,) = lines(rows, **{gate: -1000 if gate == "sqnr_db" else 1})
    assert line.endswith("interpreter:reference on route qat: undefined, does not hold, in seed 0")


def test_a_pair_that_is_not_there_fails() -> None:
    rows = [pair(max_lsb=0)]
    assert lines(rows, ["qat-interpreter", "qat-micro"], max_lsb=9) == [
        "check.max_lsb=9: qat-micro: undefined, no such pair here; there are qat-interpreter"
    ]
    assert lines([], max_lsb=9) == ["check.max_lsb=9: qat-interpreter: undefined, no such pair here; there is none"]


def test_every_seed_has_to_hold_and_the_worst_is_named() -> None:
    found = [0, 3, 7, 2]
    (line,) = lines([pair(seed, max_lsb=value) for seed, value in enumerate(found)], max_lsb=2)
    assert line.endswith(": 7 LSB, above 2, in seed 2; 2 of 4 seeds fail")
    (line,) = lines([pair(seed, sqnr_db=value + 30) for seed, value in enumerate(found)], sqnr_db=33)
    assert line.endswith(": 30 dB, below 33, in seed 0; 2 of 4 seeds fail")
    (line,) = lines([pair(0, max_lsb=9), pair(1)], max_lsb=2)
    assert line.endswith(": undefined, does not hold, in seed 1; 2 of 2 seeds fail")


def outcomes_of(rows, pairs=("qat-interpreter",), **bounds):
    return [(each.state.value, outcome_told(each)) for each in outcomes(judged(rows, pairs, **bounds))]


def test_a_line_for_each_gate_has_the_worst_figure_of_all_pairs_whatever_came_of_it() -> None:
    rows = [
        pair(seed, b=b, max_lsb=lsb, sqnr_db=50 - lsb)
        for b, of in ((B, (1, 3)), ("micro", (2, 1)))
        for seed, lsb in enumerate(of)
    ]
    pairs = ["qat-interpreter", "qat-micro"]
    place = f"qat to {B} on route qat, in seed 1"
    assert outcomes_of(rows, pairs, max_lsb=3, sqnr_db=47.5) == [
        ("passed", f"check.max_lsb=3, at most 3 LSB: the worst of 2 seeds is 3 LSB, {place}; all 2 pairs hold."),
        ("failed", f"check.sqnr_db=47.5, at least 47.5 dB: the worst of 2 seeds is 47 dB, {place}; 1 of 2 pairs hold."),
    ]
    (line,) = outcomes_of([pair(0, max_abs_error=0)], sqnr_db=47.5)
    assert line == (
        "passed",
        f"check.sqnr_db=47.5, at least 47.5 dB: the worst is inf dB, qat to {B} on route qat, in seed 0.",
    )
    assert outcomes_of(rows) == []


def test_an_undefined_figure_is_told_where_no_other_fails() -> None:
    rows = [pair(0, max_lsb=2), pair(1)]
    told = f"check.max_lsb=3, at most 3 LSB: qat to {B} on route qat has no figure in seed 1"
    assert outcomes_of(rows, max_lsb=3) == [("undefined", f"{told}.")]
    told = "check.max_lsb=3, at most 3 LSB: qat-micro: no such pair here; there are qat-interpreter; 1 of 2 pairs hold."
    assert outcomes_of(rows[:1], ["qat-interpreter", "qat-micro"], max_lsb=3) == [("undefined", told)]
    ((state, told),) = outcomes_of(rows[:1], ["qat-interpreter", "qat-micro"], max_lsb=1)
    assert state == "failed"
    assert told.endswith(f"the worst is 2 LSB, qat to {B} on route qat, in seed 0; 0 of 2 pairs hold.")


def test_each_pair_of_sides_is_judged_by_itself_and_only_its_output() -> None:
    rows = [pair(b=b, max_lsb=lsb) for b, lsb in ((B, 0), ("interpreter:xnnpack", 2), ("micro", 9))]
    rows += [pair(a="qat", beside="qat", route="ptq", max_lsb=9), pair(tap=Tap("recurrent_0/h", 1), max_lsb=9)]
    verdicts = judged(rows, max_lsb=1)
    assert [(str(each.b and each.b.engine), each.held) for each in verdicts] == [
        (B, True),
        ("interpreter:xnnpack", False),
    ]


def test_an_accuracy_is_judged_once_whatever_it_is_compared_with() -> None:
    rows = [*accuracies(0.9, 0.8), pair(a="manual:reference"), pair(a="float", beside="float")]
    pairs = ["qat-interpreter", "manual-interpreter", "float-interpreter"]
    assert [verdict.pair for verdict in judged(rows, pairs, accuracy_drop=0, max_lsb=1)] == [pairs[0], *pairs]


def test_a_float_file_stands_for_the_float_network() -> None:
    rows = [
        pair(a=B, beside="float", route="given", max_lsb=1),
        right(0, 0.9, B, "float"),
        right(0, 0.7, B, "given"),
    ]
    dropped, apart = lines(rows, ["float-interpreter"], accuracy_drop=0.1, max_lsb=0)
    assert dropped.endswith(": 0.2, above 0.1, in seed 0")
    # Whatever the pair, and the float file itself is held to nothing.
    rows += [row(0, "manual:reference", B, route, non_finite=0, max_lsb=0) for route in ("float", "given")]
    assert [str(each.b and each.b.route) for each in judged(rows, ["manual-interpreter"], max_lsb=0)] == ["given"]
    assert lines(rows, ["manual-interpreter"], accuracy_drop=0.1)[0].endswith(": 0.2, above 0.1, in seed 0")
    assert f"{B} of route float to {B} on route given: 1 LSB" in apart


SIDES = {
    "qat-interpreter": ("qat", "interpreter:xnnpack", "qat", None),
    "qat-micro": ("qat", "micro", "qat", None),
    "float-interpreter": ("float", "interpreter:xnnpack", "ptq", "float"),
    "manual-interpreter": ("manual:xnnpack", "interpreter:xnnpack", "ptq", None),
    "manual-micro": ("manual:micro", "micro", "ptq", None),
    "dequantized-device": ("manual:dequantized", "device@toy", "ptq", None),
    "learned-interpreter": ("manual:learned", "interpreter:xnnpack", "qat", None),
    "float-qat": ("float", "qat", "qat", "float"),
}


@pytest.mark.parametrize("name", SIDES)
def test_a_pair_has_one_name(name) -> None:
    a, b, route, beside = SIDES[name]
    key = row(0, a, b, route, beside=beside)
    found = judged([key], list(PAIRS), max_lsb=1)
    assert [verdict.pair for verdict in found if verdict.a is not None] == [name]
