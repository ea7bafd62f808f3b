"""Methods against each other: which are, paired by seed, and in which family."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.differences import (
    BETWEEN,
    DIFFERENCES,
    FEWEST_FOR_P,
    MOST_COMPARISONS,
    Configurations,
    Figure,
    Method,
    configurations,
    families,
)
from qcompare.analysis.intervals import mean
from qcompare.analysis.significance import holm, sign_flip
from qcompare.core.comparison import Side
from qcompare.core.engine import LABELS, EngineId
from qcompare.core.tap import Tap
from qcompare.report import csv
from tests.rows import CONFIGURATION, errors_of, row

ENGINES = ("interpreter:xnnpack", "micro")
SEEDS = 10
FIGURES = [("labels", "top1_agreement"), ("float", "top1_agreement"), ("float", "mismatch_rate")]


def drawn(name: str) -> np.ndarray:
    """Of a method, ten accuracies that are its own."""
    return 0.9 + 0.01 * np.random.default_rng(list(name.encode())).integers(-3, 4, size=SEEDS)


def errors(seeds=range(SEEDS), **others: Any) -> pd.DataFrame:
    """Of a classification: the float network, the QAT network, and both routes in two engines."""
    rows = []
    for seed in seeds:
        rows.append(row(seed, "labels", "float", "float", top1_agreement=drawn("float")[seed]))
        for route in ("ptq", "qat"):
            if route == "qat":
                rows.append(row(seed, "labels", "qat", "qat", top1_agreement=drawn("qat")[seed]))
            for engine in ENGINES:
                rows.append(row(seed, "labels", engine, route, top1_agreement=drawn(f"{route} {engine}")[seed]))
                figures = {"mismatch_rate": drawn(f"{engine} {route}")[seed], "top1_agreement": 1.0} | others
                rows.append(row(seed, "float", engine, route, beside="float", **figures))
    return errors_of(rows)


def of(frame: pd.DataFrame, family: str) -> pd.DataFrame:
    found = frame[frame["family"] == f"{CONFIGURATION}, {family}"]
    assert len(found)
    return found


def pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    sides = [frame[f"route_{side}"] + " " + frame[f"engine_{side}"] for side in "ab"]
    return list(zip(*sides, strict=True))


def test_each_method_meets_each_other_once_in_a_small_family() -> None:
    found = DIFFERENCES.made(errors())
    right = " top1_agreement to labels"
    assert pairs(of(found, f"trained networks:{right}")) == [("float float", "qat qat")]
    assert pairs(of(found, f"engines of ptq:{right}")) == [("ptq interpreter:xnnpack", "ptq micro")]
    of_qat = ["qat qat", *(f"qat {engine}" for engine in ENGINES)]
    assert pairs(of(found, f"engines of qat:{right}")) == list(combinations(of_qat, 2))
    for engine in ENGINES:
        sides = ["float float", f"ptq {engine}", f"qat {engine}"]
        assert pairs(of(found, f"routes of {engine}:{right}")) == list(combinations(sides, 2))
        assert pairs(of(found, f"routes of {engine}: mismatch_rate to float")) == [tuple(sides[1:])]
    assert set(found["metric"]) == {"top1_agreement", "mismatch_rate"}
    assert set(found["configuration"]) == set(found["configuration_a"]) == {CONFIGURATION}
    assert set(found["tap"]) == {"output"}
    assert found.groupby("family").size().max() <= MOST_COMPARISONS


def test_a_difference_is_b_minus_a_in_the_same_seed_with_its_interval_and_p() -> None:
    found = of(DIFFERENCES.made(errors()), "routes of micro: top1_agreement to labels")
    values = [drawn(name) for name in ("float", "ptq micro", "qat micro")]
    expected = np.array([b - a for a, b in combinations(values, 2)]).T
    estimate = mean(expected)
    for column, numbers in (
        *(("mean", estimate.value), ("ci95_low", estimate.low), ("ci95_high", estimate.high)),
        *(("p", sign_flip(expected)), ("p_holm", holm(sign_flip(expected)))),
        *(("mean_a", [a.mean() for a, _ in combinations(values, 2)]), ("median", np.median(expected, axis=0))),
    ):
        np.testing.assert_allclose(found[column], numbers, rtol=1e-9, atol=1e-12)
    assert (found["n"] == SEEDS).all()


def test_with_fewer_than_ten_seeds_there_is_no_p() -> None:
    for seeds, there in ((SEEDS, True), (SEEDS - 1, False)):
        found = DIFFERENCES.made(errors(range(seeds)))
        assert (found["n"] == seeds).all()
        for column in ("p", "p_holm"):
            assert (found[column].notna() == there).all()
        assert found["ci95_low"].notna().all()
    assert FEWEST_FOR_P == SEEDS


def test_a_seed_that_one_of_two_lacks_is_in_neither_mean() -> None:
    frame = errors()
    lacking = (frame["seed"] == 3) & (frame["route_b"] == "ptq") & (frame["engine_b"] == "micro")
    frame.loc[lacking, "top1_agreement"] = np.nan
    found = of(DIFFERENCES.made(frame), "routes of micro: top1_agreement to labels")
    assert found["n"].tolist() == [9, 10, 9]
    kept = np.delete(np.arange(SEEDS), 3)
    assert found["mean_a"].iloc[0] == pytest.approx(drawn("float")[kept].mean(), rel=1e-12)
    assert found["p"].notna().tolist() == [False, True, False]
    assert found["p_holm"].iloc[1] == found["p"].iloc[1]


def test_a_method_without_figures_and_inner_taps_are_left_out() -> None:
    frame = errors()
    frame.loc[(frame["route_b"] == "qat") & (frame["engine_b"] == "micro"), ["top1_agreement", "mismatch_rate"]] = pd.NA
    inner = errors_of([row(seed, "float", "micro", "ptq", Tap("recurrent_0/h", 1), rmse=1.0) for seed in range(SEEDS)])
    found = DIFFERENCES.made(pd.concat([frame, inner]))
    assert "qat micro" not in {side for pair in pairs(found) for side in pair}
    assert "rmse" not in set(found["metric"])
    assert DIFFERENCES.made(errors_of([row(0), row(1)])).empty
    assert DIFFERENCES.made(errors_of([])).empty


def test_the_order_of_the_seeds_changes_no_row() -> None:
    frame = errors()
    shuffled = pd.concat([frame[frame["seed"] == seed] for seed in (4, 9, 0, 2, 1, 8, 3, 7, 6, 5)])
    assert csv.written(DIFFERENCES.made(shuffled)) == csv.written(DIFFERENCES.made(frame))


def test_a_regression_is_compared_by_its_errors() -> None:
    frame = errors_of(
        row(seed, "labels", engine, "ptq", rmse=1.0 + seed + shift, mean_abs_error=1.0)
        for seed in range(3)
        for shift, engine in enumerate(ENGINES)
    )
    found = DIFFERENCES.made(frame)
    assert found["metric"].tolist() == ["rmse", "mean_abs_error"]
    assert found["mean"].tolist() == [1.0, 0.0]
    assert found["ci95_low"].tolist() == found["ci95_high"].tolist() == [1.0, 0.0]


def test_too_many_pairs_are_a_family_for_each_first_method() -> None:
    methods = [Method("c", "ptq", EngineId.parse(f"interpreter:k{number}")) for number in range(8)]
    values = {method: np.zeros(3) for method in methods}
    figure = Figure(reference=Side("", LABELS), metric="rmse", values=values)
    (seven,) = families("engines", figure, methods[:7])
    assert (seven.name, len(seven.pairs)) == ("engines: rmse to labels", 21)
    eight = list(families("engines", figure, methods))
    assert [len(family.pairs) for family in eight] == [7, 6, 5, 4, 3, 2, 1]
    assert eight[0].name == "engines against c ptq interpreter:k0: rmse to labels"
    assert {pair for family in eight for pair in family.pairs} == set(combinations(methods, 2))
    assert list(families("engines", figure, methods[:1])) == []


OPTIONS = {"model.name": "lstm", "model.units": [4], "quant.name": "int8", "qat.epochs": 5, "data.name": "digits"}


def several(**options: dict[str, Any]) -> Configurations:
    """Configurations that differ from OPTIONS in these."""
    frames = [errors().assign(configuration=name) for name in options]
    return Configurations(errors=pd.concat(frames), options={name: OPTIONS | own for name, own in options.items()})


def test_methods_of_a_model_meet_in_one_runtime_and_its_float_network_once() -> None:
    found = BETWEEN.made(several(one={}, other={"quant.name": "int16x8"}))
    labels, *to_float = (f"{metric} to {what}" for what, metric in FIGURES)
    assert list(dict.fromkeys(found["family"])) == [f"methods of lstm: {what}" for what in (labels, *to_float)]
    right = found[found["reference"] == "labels"]
    converted = [(name, f"{route} {ENGINES[0]}") for name in ("one", "other") for route in ("ptq", "qat")]
    sides = zip(right["configuration_a"], right["configuration"], pairs(right), strict=True)
    assert [((a, first), (b, second)) for a, b, (first, second) in sides] == list(
        combinations([("one", "float float"), *converted], 2)
    )


def test_models_meet_by_method_where_they_have_the_same_data() -> None:
    units = {"model.units": [8]}
    found = BETWEEN.made(several(small=OPTIONS, large=units))
    right = found[found["reference"] == "labels"]
    methods = ("float", "int8 ptq", "int8 qat")
    assert right["family"].tolist() == [f"models by {how}: top1_agreement to labels" for how in methods]
    assert set(right["configuration_a"]) == {"small"}
    assert set(right["configuration"]) == {"large"}
    other = {"data.name": "sequence_sum"}
    found = BETWEEN.made(several(one={}, two=units, three=other, four=other | units))
    own = found.loc[(found["route_b"] == "ptq") & (found["reference"] == "labels"), "family"]
    by = [f"models by int8 ptq on data.name={name}" for name in ("digits", "sequence_sum")]
    assert [name.partition(":")[0] for name in own if name.startswith("models")] == by


def test_the_text_of_errors_csv_is_read_back() -> None:
    source = several(one={}, other={"model.units": [8]})
    again = configurations(csv.written(source.errors).decode(), source.options)
    assert csv.written(BETWEEN.made(again)) == csv.written(BETWEEN.made(source))
