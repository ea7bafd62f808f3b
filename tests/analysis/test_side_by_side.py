"""Two runs side by side: figures are paired by seed, what is equal is no row, and what changed is named."""

from typing import Any

import numpy as np
import pytest

from qcompare.analysis.side_by_side import CHANGED_FIGURES, CHANGES, Beside, Run
from qcompare.analysis.statistics import METRICS, spread
from qcompare.report.csv import texts, written
from tests.finished import PAIRS, rows
from tests.rows import errors_of, row


def run(made: Any, name: str = "a", **parts: Any) -> Run:
    errors = texts(written(errors_of(made)))
    return Run(
        **{
            "name": name,
            "configuration": name,
            "made_with": {},
            "computed": {},
            "findings": [],
            "errors": errors,
            **parts,
        }
    )


def figures(a, b):
    """Metric and engine of a -> the row."""
    beside = Beside(a=run(a), b=run(b, "b"))
    return {(each.metric, each.key.engine_a): each for each in CHANGED_FIGURES.rows([beside])}


def changes(a, b):
    return [
        (each.kind, each.name, each.value_a, each.value_b, each.differing)
        for each in CHANGES.rows([Beside(a=run(rows(), **a), b=run(rows(), "b", **b))])
    ]


def test_equal_runs_have_no_row() -> None:
    assert not figures(rows(), rows())
    assert not changes({}, {})


def test_differences_are_those_of_the_same_seed_with_the_intervals_of_the_summary() -> None:
    values = np.array([[1, 5, 2, 9], [3, 5, 3, 7]])
    made = [
        [row(seed, mismatch_rate=value / 10, max_lsb=int(value)) for seed, value in zip(seeds, of[seeds], strict=True)]
        for of, seeds in zip(values, ([0, 1, 2, 3], [3, 1, 0, 2]), strict=True)
    ]
    found = figures(*made)
    assert {metric for metric, _ in found} == {"mismatch_rate", "max_lsb"}
    lsb = found["max_lsb", "qat"]
    assert lsb.spread == spread((values[1] - values[0]).astype(float))
    assert (lsb.seeds, lsb.differing, lsb.mean_a, lsb.mean_b) == (4, 3, 4.25, 4.5)
    assert (lsb.run_a, lsb.run_b, lsb.configuration_a, lsb.key.configuration) == ("a", "b", "a", "b")
    assert lsb.key.step is None
    rate = found["mismatch_rate", "qat"].spread
    assert rate == spread(values[1] / 10 - values[0] / 10, (-1.0, 1.0))


def test_only_seeds_and_comparisons_that_both_have_are_compared() -> None:
    more = [row(7, "manual:micro", "micro", max_lsb=9)]
    beside = Beside(a=run(rows(seeds=(0, 1, 2))), b=run([*rows(seeds=(2, 1, 9), max_lsb=2), *more]))
    assert beside.seeds == (1, 2)
    assert len(beside.pairs) == len(PAIRS)
    assert {each.seeds for each in CHANGED_FIGURES.rows([beside])} == {2}
    # A seed in which one comparison alone is missing.
    beside = Beside(a=run(rows()), b=run([*rows(seeds=(0, 1), max_lsb=2), *rows(seeds=(2,), max_lsb=2)[1:]]))
    assert [each.seeds for each in CHANGED_FIGURES.rows([beside])] == [2, 3, 3]


def test_a_figure_that_only_one_has_differs_and_has_no_difference() -> None:
    found = figures(rows(sqnr_db=None), rows())["sqnr_db", "qat"]
    assert (found.differing, found.mean_a, found.mean_b, found.spread.n, found.spread.mean) == (3, None, 40, 0, None)
    some = [*rows(seeds=(0, 1)), *rows(seeds=(2,), sqnr_db=None)]
    found = figures(some, rows(sqnr_db=50.0))["sqnr_db", "qat"]
    assert (found.differing, found.mean_a, found.mean_b, found.spread.n) == (3, 40, 50, 2)


def test_figures_of_another_version_are_compared_as_far_as_both_have_them() -> None:
    older = run(rows())
    older = run([], errors=[{name: cell for name, cell in each.items() if name != "max_lsb"} for each in older.errors])
    beside = Beside(a=older, b=run(rows(max_lsb=9, mismatch_rate=0.2)))
    assert set(beside.metrics) == set(METRICS) - {"max_lsb"}
    assert {each.metric for each in CHANGED_FIGURES.rows([beside])} == {"mismatch_rate"}


def test_no_seed_in_common_is_nothing() -> None:
    beside = Beside(a=run(rows(seeds=(0,))), b=run(rows(seeds=(1,), max_lsb=5)))
    assert (beside.seeds, beside.pairs, list(CHANGED_FIGURES.rows([beside]))) == ((), (), [])


def test_what_a_run_was_made_with_is_named_where_it_differs() -> None:
    a = {("package", "numpy"): "2.0", ("option", "model.units"): "[8]", ("machine", "avx2"): "yes"}
    b = {("option", "model.units"): "[16]", ("package", "numpy"): "2.0", ("package", "new"): "1"}
    assert changes({"made_with": a}, {"made_with": b}) == [
        ("option", "model.units", "[8]", "[16]", None),
        ("package", "new", "", "1", None),
        ("machine", "avx2", "yes", "", None),
    ]


def test_what_was_computed_otherwise_is_named_in_the_order_of_computing() -> None:
    same = {("model", "qat"): {0: "x", 1: "y", 2: "z"}}
    a = {**same, ("outputs", "micro on qat"): {0: "1", 1: "2"}, ("weights", "qat"): {0: "w"}}
    b = {**same, ("outputs", "micro on qat"): {0: "1", 1: "3", 2: "4"}, ("weights", "qat"): {0: "v"}}
    assert changes({"computed": a}, {"computed": b}) == [
        ("weights", "qat", "", "", 1),
        ("outputs", "micro on qat", "", "", 2),
    ]


@pytest.mark.parametrize(("seeds", "says"), [((0, 1), None), ((1,), "1"), ((), "")])
def test_findings_are_told_with_the_seeds_that_have_them(seeds, says) -> None:
    def told(own):
        text = {"severity": "failure", "route": "ptq", "where": "conversion", "text": "it is so"}
        return {"findings": [text | {"seed": str(seed)} for seed in own]}

    expected = [] if says is None else [("finding", "failure: route ptq: conversion: it is so", "0 1", says, None)]
    assert changes(told((0, 1, 5)), told(seeds)) == expected
