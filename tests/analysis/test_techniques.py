"""The rows of techniques.csv, of models made up."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from qcompare.analysis.methods import METHODS, MethodsRow, Size, Worth
from qcompare.analysis.statistics import spread
from qcompare.analysis.techniques import KNOWN, TECHNIQUES, Models, TechniquesRow, models
from qcompare.config.options import GROUPS, IntegerQuant
from qcompare.core import method
from qcompare.report import csv

SIZES = {"float32": 4000, "float16": 2200, "dynamic": 1500, "int8": 1000, "int16x8": 1200}
ACCURACIES = {"float32": 0.9, "float16": 0.9, "dynamic": 0.89, "int8": 0.88, "int16x8": 0.9}


def row(
    name: str,
    seed: int,
    *,
    route: str = "ptq",
    configuration: str = "",
    in_float: int = 0,
    on_micro: bool | None = True,
    **worth: float | None,
) -> MethodsRow:
    trained = route == "qat"
    values: dict[str, float | None] = {
        "accuracy": ACCURACIES[name] + 0.01 * seed,
        "accuracy_of_float": 0.9 + 0.005 * seed,
        "agreement_with_float": 1.0,
        "mae": None,
        "mae_of_float": None,
        "mae_to_float": 0.1,
    }
    size = SIZES[name] + 10 * seed
    return MethodsRow(
        configuration=configuration or name,
        seed=seed,
        route=route,
        method=name,
        trained=trained,
        size=Size(file_bytes=size, compressed_bytes=size // 2, weights=100, weights_in_float32=in_float),
        on_micro=on_micro,
        arena_bytes=500 if on_micro else None,
        worth=Worth(**(values | worth)),
    )


def options(name: str, **others: Any) -> dict[str, Any]:
    return {"model.name": "lstm", "quant.name": name, "data.name": "digits"} | {
        key.replace("_", ".", 1): value for key, value in others.items()
    }


def made(found: list[MethodsRow], given: dict[str, dict[str, Any]] | None = None) -> list[TechniquesRow]:
    known = given or {each.configuration: options(each.method) for each in found}
    return list(TECHNIQUES.rows(Models(methods=METHODS.frame(found), options=known)))


def of_all() -> list[MethodsRow]:
    found = [row(name, seed, in_float=100 if name == "float32" else 0) for name in SIZES for seed in (0, 1, 2)]
    return [*found, *(row("int8", seed, route="qat") for seed in (0, 1, 2))]


def test_methods_stand_in_their_order_by_name() -> None:
    found = made(of_all()[::-1])
    assert [each.method for each in found] == ["float32", "float16", "dynamic", "int8", "int8 QAT", "int16x8"]
    assert {each.model for each in found} == {"lstm"}
    assert [each.route for each in found] == ["ptq", "ptq", "ptq", "ptq", "qat", "ptq"]


def test_what_people_ask_of_a_technique_is_the_guides() -> None:
    told = {each.method: (each.technique, each.data_needed, each.hardware) for each in made(of_all())}
    assert told["float16"] == ("post-training float16", "none", "CPU, GPU")
    assert told["dynamic"] == ("post-training dynamic range", "none", "CPU, GPU (Android)")
    assert told["int8"] == ("post-training integer", "unlabelled samples", "CPU, GPU (Android), EdgeTPU, Hexagon")
    assert told["int8 QAT"] == (
        "quantization-aware training", "labelled training data", "CPU, GPU (Android), EdgeTPU, Hexagon"
    )  # fmt: skip


def test_every_method_that_can_be_asked_for_is_a_technique() -> None:
    assert set(GROUPS["quant"]) == set(method.METHODS)
    trained = {name for name, kind in GROUPS["quant"].items() if kind in IntegerQuant.__args__}
    assert set(KNOWN) == {(name, False) for name in method.METHODS} | {(name, True) for name in trained}


def test_reductions_are_against_float32_of_the_same_model_in_the_same_seed() -> None:
    found = {each.method: each for each in made(of_all())}
    assert found["float32"].size_reduction == found["float32"].compressed_reduction == 0
    expected = sum(1 - (1000 + 10 * seed) / (4000 + 10 * seed) for seed in range(3)) / 3
    assert found["int8"].size_reduction == found["int8 QAT"].size_reduction == pytest.approx(expected)
    assert found["int8"].file_bytes == 1010
    without = made([each for each in of_all() if each.method != "float32"])
    assert {each.size_reduction for each in without} == {None}
    assert {each.compressed_reduction for each in without} == {None}


def test_another_model_is_no_measure_of_a_size() -> None:
    rows = [
        row("float32", 0, configuration="small", in_float=100),
        row("int8", 0, configuration="large"),
    ]
    given = {"small": options("float32", model_units=[4]), "large": options("int8", model_units=[8])}
    small, large = made(rows, given)
    assert (small.model, large.model) == ("lstm, units=4", "lstm, units=8")
    assert (small.size_reduction, large.size_reduction) == (0, None)


def test_the_seed_is_the_unit_of_means_intervals_and_differences() -> None:
    found = {each.method: each for each in made(of_all())}["int8"]
    values = spread([0.88, 0.89, 0.90])
    assert (found.metric, found.n) == ("accuracy", 3)
    assert (found.mean, found.ci95_low, found.ci95_high) == pytest.approx(
        (values.mean, values.ci95_low, values.ci95_high)
    )
    change = spread([-0.02, -0.015, -0.01])
    assert (found.minus_float, found.minus_float_ci95_low, found.minus_float_ci95_high) == pytest.approx(
        (change.mean, change.ci95_low, change.ci95_high)
    )
    (one,) = made([row("int8", 0)])
    assert (one.n, one.ci95_low, one.minus_float_ci95_high) == (1, None, None)
    assert one.minus_float == pytest.approx(-0.02)


def test_a_regression_is_measured_by_its_error() -> None:
    rows = [
        row("int8", seed, mae=0.25 + 0.25 * seed, mae_of_float=0.25, accuracy=None, accuracy_of_float=None)
        for seed in (0, 1)
    ]
    (found,) = made(rows)
    assert (found.metric, found.mean, found.minus_float) == ("mae", 0.375, 0.125)


def test_what_leaves_weights_in_float_is_no_model_for_what_takes_integers_alone() -> None:
    (found,) = made([row("int8", 0, in_float=25)])
    assert (found.weights_in_float32, found.hardware) == (0.25, "CPU, GPU (Android)")
    (all_of_it,) = made([row("dynamic", 0, in_float=100)])
    assert (all_of_it.technique, all_of_it.hardware) == ("post-training dynamic range", "CPU, GPU")


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [((True, True), True), ((True, False), False), ((None, None), None), ((None, True), True)],
)
def test_micro_ran_a_method_when_it_ran_all_models(seeds: tuple[bool | None, ...], expected: bool | None) -> None:
    (found,) = made([row("int8", seed, on_micro=ran) for seed, ran in enumerate(seeds)])
    assert found.on_micro is expected


def test_routes_that_are_alike_are_named() -> None:
    rows = [row("int8", 0), row("int8", 0, route="ptq_free_length"), row("int8", 0, route="qat")]
    assert [each.method for each in made(rows)] == ["int8 (ptq)", "int8 (ptq_free_length)", "int8 QAT"]


def test_options_that_differ_are_named() -> None:
    rows = [row("int8", 0, configuration=name) for name in ("a", "b")]
    given = {
        "a": options("int8", quant_optimizations="DEFAULT"),
        "b": options("int8", quant_optimizations="OPTIMIZE_FOR_SIZE"),
    }
    assert [each.method for each in made(rows, given)] == [
        "int8, optimizations=DEFAULT",
        "int8, optimizations=OPTIMIZE_FOR_SIZE",
    ]


def test_a_method_without_figures_is_a_row_without_them() -> None:
    bare = row("int8", 0, accuracy=None, accuracy_of_float=None, mae_to_float=None)
    empty = MethodsRow(
        configuration="int8", seed=1, route="ptq", method="int8", trained=False,
        size=Size(), on_micro=None, arena_bytes=None, worth=bare.worth,
    )  # fmt: skip
    (found,) = made([empty])
    assert (found.technique, found.metric, found.n) == ("post-training integer", "accuracy", 0)
    assert (found.file_bytes, found.mean, found.on_micro, found.weights_in_float32) == (None,) * 4
    frame = TECHNIQUES.frame([found])
    assert csv.read(csv.written(frame), TECHNIQUES.dtypes)["mean"].isna().all()


def test_the_file_of_methods_is_what_is_compared() -> None:
    frame = METHODS.frame(of_all())
    read = models(csv.written(frame).decode(), {})
    pd.testing.assert_frame_equal(read.methods, frame)
