"""Statistics over seeds against hand-worked values."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.figures import FIGURES
from qcompare.analysis.intervals import SHARES, interquartile_mean, mean, median
from qcompare.analysis.statistics import METRICS, RANGES, SUMMARY, paired_difference, spread
from qcompare.core.key import PairKey
from qcompare.core.tap import OUTPUT, Tap
from tests.rows import CONFIGURATION, errors_of, row, summary_of


def pick(summary, metric, **keys):
    chosen = summary[summary["metric"] == metric]
    for column, value in keys.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_spread_of_three():
    found = spread([1.0, 2.0, 6.0])
    assert (found.n, found.mean, found.median, found.min, found.max) == (3, 3.0, 2.0, 1.0, 6.0)
    assert found.std == pytest.approx(math.sqrt(7), rel=1e-15)
    interval = mean([1.0, 2.0, 6.0])
    assert (found.ci95_low, found.ci95_high) == (interval.low, interval.high)
    # t(0.975, 2) = 4.302652729911275, from tables.
    even = spread([1.0, 3.0, 5.0])
    assert even.ci95_high - 3 == pytest.approx(4.302652729911275 * 2 / math.sqrt(3), rel=1e-9)


def test_undefined_values_are_left_out_not_zero():
    assert spread([np.nan, 4.0, np.nan, 6.0]) == spread([4.0, 6.0])
    assert spread([np.nan, 4.0, 6.0]).n == 2


def test_one_value_has_no_deviation_and_no_interval():
    found = spread([5.0])
    assert (found.n, found.mean, found.median, found.min, found.max) == (1, 5.0, 5.0, 5.0, 5.0)
    assert (found.std, found.ci95_low, found.ci95_high) == (None, None, None)
    assert spread([]).mean is None


def test_one_row_for_each_comparison_and_metric():
    rows = [row(0, b="micro", mismatches=2, n=9), row(1, b="micro", mismatches=4, n=9), row(0, b="interpreter:xnnpack")]
    summary = summary_of(rows)
    assert len(summary) == 2 * len(METRICS)
    found = pick(summary, "mismatches", engine_b="micro")
    assert (found["n"], found["mean"], found["min"], found["max"]) == (2, 3.0, 2.0, 4.0)
    assert "n" not in set(summary["metric"])


def test_the_columns_are_those_of_a_pair_the_metric_and_its_spread():
    key = [field.name for field in fields(PairKey)]
    assert key == ["configuration", "route_a", "engine_a", "route_b", "engine_b", "tap", "step"]
    spread_columns = ["n", "mean", "std", "median", "min", "max", "ci95_low", "ci95_high"]
    middle = ["median_ci95_low", "median_ci95_high", "iqm", "iqm_ci95_low", "iqm_ci95_high"]
    errors = ["seeds_error", "test_set_error", "bound_of_seeds", "bound_of_elements"]
    assert list(SUMMARY.dtypes) == [*key, "metric", *spread_columns, *middle, *errors]
    summary = summary_of([row(3, a="labels", b="micro", rmse=1.0)])
    assert {name: str(dtype) for name, dtype in summary.dtypes.items()} == SUMMARY.dtypes
    assert summary["metric"].tolist() == list(METRICS)
    first = summary.iloc[0]
    assert first[key[:-1]].tolist() == [CONFIGURATION, "", "labels", "qat", "micro", "output"]
    assert summary["step"].isna().all()


@pytest.mark.parametrize(
    "other",
    [
        {"a": "float"},
        {"b": "interpreter:xnnpack"},
        {"route": "ptq"},
        {"tap": Tap("recurrent_0/h", 4)},
        {"tap": Tap("recurrent_0/h", 5)},
        {"tap": Tap("recurrent_0/h")},
    ],
    ids=str,
)
def test_pairs_that_differ_anywhere_but_in_the_seed_are_not_put_together(other):
    one = {"a": "qat", "b": "micro", "route": "qat", "tap": Tap("recurrent_0/h", 3)}
    rows = [row(seed, **keys, rmse=value) for seed in range(2) for keys, value in ((one, 1.0), (one | other, 3.0))]
    summary = summary_of(rows)
    found = summary[summary["metric"] == "rmse"]
    assert found["n"].tolist() == [2, 2]
    assert found["mean"].tolist() == [1.0, 3.0]
    taps = [one["tap"], (one | other)["tap"]]
    assert found["tap"].tolist() == [tap.role for tap in taps]
    assert [None if pd.isna(step) else step for step in found["step"]] == [tap.step for tap in taps]


def test_a_comparison_without_figures_stays_with_n_zero():
    summary = summary_of([row(0), row(1, max_lsb=3)])
    assert pick(summary, "max_lsb")["n"] == 1
    assert pick(summary, "rmse")["n"] == 0
    assert pick(summary, "rmse")[["mean", "std", "median", "min", "max", "ci95_low", "ci95_high"]].isna().all()
    assert (summary_of([row(0), row(1)])["n"] == 0).all()


def test_the_order_of_the_seeds_does_not_matter():
    engines = (("micro", 0.3), ("interpreter:reference", 0.7))
    rows = [row(seed, b=b, rmse=0.1 * seed + shift) for seed in range(7) for b, shift in engines]
    blocks = [rows[2 * seed : 2 * seed + 2] for seed in (4, 0, 6, 2, 1, 5, 3)]
    shuffled = [item for block in blocks for item in block]
    expected = summary_of(rows)
    pd.testing.assert_frame_equal(summary_of(shuffled), expected, check_exact=True)
    assert expected["engine_b"].drop_duplicates().tolist() == ["micro", "interpreter:reference"]


def test_pairs_stand_in_the_order_in_which_the_lowest_seed_has_them():
    order = [("micro", OUTPUT), ("interpreter:reference", Tap("recurrent_0/h", 1)), ("float", Tap("recurrent_0/h", 0))]
    rows = [row(1, b=b, tap=tap) for b, tap in reversed(order)] + [row(0, b=b, tap=tap) for b, tap in order]
    assert summary_of(rows)["engine_b"].drop_duplicates().tolist() == [b for b, _ in order]


def test_no_rows_give_an_empty_summary():
    summary = summary_of([])
    assert list(summary.columns) == list(SUMMARY.dtypes)
    assert summary.empty


def test_differences_are_paired_by_seed():
    qat = {0: 0.9, 1: 0.5, 2: 0.7, 5: 0.1}
    ptq = {2: 0.4, 0: 0.5, 1: 0.3, 3: 0.2}
    rows = [row(seed, route="qat", top1_agreement=value) for seed, value in qat.items()]
    rows += [row(seed, route="ptq", top1_agreement=value) for seed, value in ptq.items()]
    rows += [row(5, route="ptq")]
    found = paired_difference(errors_of(rows), "top1_agreement", by="route_b", first="ptq", second="qat")
    assert found.n == 3
    assert found.mean == pytest.approx((0.4 + 0.2 + 0.3) / 3)
    assert found.std == pytest.approx(0.1)
    assert found.ci95_low < found.mean < found.ci95_high


def test_unpaired_rows_are_refused():
    frame = errors_of([row(0, rmse=1.0), row(0, b="interpreter:xnnpack", rmse=2.0), row(0, route="ptq", rmse=1.0)])
    with pytest.raises(ValueError, match="more than one row"):
        paired_difference(frame, "rmse", by="route_b", first="ptq", second="qat")
    with pytest.raises(ValueError, match="no row has route_b=float"):
        paired_difference(frame, "rmse", by="route_b", first="float", second="ptq")


def test_every_column_is_that_statistic_of_its_own_figures():
    """Ten seeds of two comparisons, of figures that skip a seed: each as its values alone give it."""
    random = np.random.default_rng(2)
    names = ["mean_lsb", "mismatch_rate", "rmse", "mean_error", "sqnr_db", "top1_agreement"]
    drawn = {b: random.beta(1, 5, size=(10, len(names))) for b in ("micro", "float")}
    drawn["micro"][3, 4] = np.nan
    figures: list[tuple[int, str, dict[str, Any]]] = [
        (seed, b, dict(zip(names, drawn[b][seed], strict=True))) for seed in range(10) for b in drawn
    ]
    rows = [row(seed, b=b, n=100, **own) for seed, b, own in figures]
    summary = summary_of(rows)
    for b, values in drawn.items():
        for name, own in zip(names, values.T, strict=True):
            found, own = pick(summary, name, engine_b=b), own[~np.isnan(own)]
            of_mean, of_middle, of_median = (
                estimate(own, within=RANGES[name]) for estimate in (mean, interquartile_mean, median)
            )
            expected = [of_mean.low, of_mean.high, of_median.low, of_median.high]
            expected += [of_middle.value, of_middle.low, of_middle.high, own.std(ddof=1) / math.sqrt(len(own))]
            columns = ["ci95_low", "ci95_high", "median_ci95_low", "median_ci95_high"]
            columns += ["iqm", "iqm_ci95_low", "iqm_ci95_high", "seeds_error"]
            np.testing.assert_allclose(found[columns].astype(float), expected, rtol=1e-12)
            assert found["n"] == len(own)
            assert found["ci95_low"] >= RANGES[name][0]
    assert pick(summary, "rmse", engine_b="micro")[["test_set_error", "bound_of_seeds"]].isna().all()


def test_the_error_of_the_test_set_stands_beside_that_of_the_seeds():
    """0.9 of 400 samples: sqrt(0.9 * 0.1 / 400) = 0.015; three seeds a hundredth apart: 0.01 / sqrt(3)."""
    rows = [row(seed, a="labels", n=400, top1_agreement=0.89 + seed / 100) for seed in range(3)]
    rows += [row(seed, b="micro", n=4000, top1_agreement=0.89 + seed / 100) for seed in range(3)]
    summary = summary_of(rows)
    found = pick(summary, "top1_agreement", engine_a="labels")
    assert found["test_set_error"] == pytest.approx(0.015, rel=1e-12)
    assert found["seeds_error"] == pytest.approx(0.01 / math.sqrt(3), rel=1e-12)
    # Of the samples in which two engines agree the test set has an error too; how many samples that are is not known.
    assert pd.isna(pick(summary, "top1_agreement", engine_a="qat")["test_set_error"])


def test_where_nothing_was_seen_there_are_bounds_and_no_interval():
    """No integer of 10 seeds of 3600 unequal: at most 3 of 10 seeds, and 3 of 36,000 integers; all answers the same: of
    samples it is not known how many they are, but against the labels."""
    never: dict[str, Any] = {
        "n": 3600,
        "mismatch_rate": 0.0,
        "saturation_rate": 0.25,
        "top1_agreement": 1.0,
    }
    rows = [row(seed, **never) for seed in range(10)]
    rows += [row(seed, a="labels", n=360, top1_agreement=1.0) for seed in range(10)]
    rows += [row(seed, b="micro", n=3600, mismatch_rate=(seed == 3) / 3600) for seed in range(10)]
    summary = summary_of(rows)
    bounds, interval = ["bound_of_seeds", "bound_of_elements"], ["ci95_low", "ci95_high"]
    reference = {"engine_a": "qat", "engine_b": "interpreter:reference"}
    found = pick(summary, "mismatch_rate", **reference)
    np.testing.assert_allclose(found[bounds].astype(float), [0.3, 3 / 36_000])
    assert found[interval].isna().all()
    agree = pick(summary, "top1_agreement", **reference)
    assert (agree["bound_of_seeds"], pd.isna(agree["bound_of_elements"])) == (0.3, True)
    right = pick(summary, "top1_agreement", engine_a="labels")
    np.testing.assert_allclose(right[bounds].astype(float), [0.3, 3 / 3600])
    assert pd.isna(right["test_set_error"])
    assert pick(summary, "saturation_rate", **reference)[interval].tolist() == [0.25, 0.25]
    one = pick(summary, "mismatch_rate", engine_b="micro")
    assert one[bounds].isna().all()
    assert one["ci95_low"] == 0


def test_every_figure_has_its_range():
    assert [*RANGES] == [figure for figure in FIGURES if figure != "n"]
    assert {name for name, within in RANGES.items() if within == SHARES} == {
        *("mismatch_rate", "outside_tolerance", "saturation_rate", "top1_agreement")
    }
