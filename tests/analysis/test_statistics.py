"""Statistics over seeds against hand-worked values."""

import math

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.figures import errors_frame
from qcompare.analysis.statistics import METRICS, SUMMARY_COLUMNS, paired_difference, spread, summarise


def row(seed, b="micro", route="qat", **figures):
    keys = {"model": "lstm", "quant": "int8", "lowering": "fused", "route": route, "a": "qat", "scope": "output"}
    return keys | {"seed": seed, "b": b} | figures


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
    # t(0.975, 2) = 4.302652729911275, from tables.
    reach = 4.302652729911275 * math.sqrt(7) / math.sqrt(3)
    assert found.ci95_low == pytest.approx(3 - reach, rel=1e-9)
    assert found.ci95_high == pytest.approx(3 + reach, rel=1e-9)


def test_undefined_values_are_left_out_not_zero():
    assert spread([np.nan, 4.0, np.nan, 6.0]) == spread([4.0, 6.0])
    assert spread([np.nan, 4.0, 6.0]).n == 2


def test_one_value_has_no_deviation_and_no_interval():
    found = spread([5.0])
    assert (found.n, found.mean, found.median, found.min, found.max) == (1, 5.0, 5.0, 5.0, 5.0)
    assert (found.std, found.ci95_low, found.ci95_high) == (None, None, None)
    assert spread([]).mean is None


def test_the_interval_holds_the_mean_in_95_of_100_draws():
    random = np.random.default_rng(11)
    draws = [spread(random.normal(2.0, 3.0, 6)) for _ in range(2000)]
    covered = np.mean([draw.ci95_low <= 2.0 <= draw.ci95_high for draw in draws])
    # Three standard deviations of a binomial of 2000 draws at 0.95.
    assert abs(covered - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_one_row_for_each_comparison_and_metric():
    summary = summarise(errors_frame([row(0, mismatches=2, n=9), row(1, mismatches=4, n=9), row(0, b="xnnpack")]))
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    assert len(summary) == 2 * len(METRICS)
    found = pick(summary, "mismatches", b="micro")
    assert (found["n"], found["mean"], found["min"], found["max"]) == (2, 3.0, 2.0, 4.0)
    assert "n" not in set(summary["metric"])


def test_a_comparison_without_figures_stays_with_n_zero():
    summary = summarise(errors_frame([row(0, note="the converter crashed"), row(1, max_lsb=3)]))
    assert pick(summary, "max_lsb")["n"] == 1
    assert pick(summary, "rmse")["n"] == 0
    assert pick(summary, "rmse")[["mean", "std", "median", "min", "max", "ci95_low", "ci95_high"]].isna().all()


def test_the_order_of_the_seeds_does_not_matter():
    rows = [row(seed, b=b, rmse=0.1 * seed + shift) for seed in range(7) for b, shift in (("z", 0.3), ("micro", 0.7))]
    blocks = [rows[2 * seed : 2 * seed + 2] for seed in (4, 0, 6, 2, 1, 5, 3)]
    shuffled = [item for block in blocks for item in block]
    expected = summarise(errors_frame(rows))
    pd.testing.assert_frame_equal(summarise(errors_frame(shuffled)), expected, check_exact=True)
    assert expected["b"].drop_duplicates().tolist() == ["z", "micro"]


def test_no_rows_give_an_empty_summary():
    summary = summarise(errors_frame([]))
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    assert summary.empty


def test_differences_are_paired_by_seed():
    qat = {0: 0.9, 1: 0.5, 2: 0.7, 5: 0.1}
    ptq = {2: 0.4, 0: 0.5, 1: 0.3, 3: 0.2}
    rows = [row(seed, route="qat", top1_agreement=value) for seed, value in qat.items()]
    rows += [row(seed, route="ptq", top1_agreement=value) for seed, value in ptq.items()]
    rows += [row(5, route="ptq", note="no figures")]
    found = paired_difference(errors_frame(rows), "top1_agreement", by="route", first="ptq", second="qat")
    assert found.n == 3
    assert found.mean == pytest.approx((0.4 + 0.2 + 0.3) / 3)
    assert found.std == pytest.approx(0.1)
    assert found.ci95_low < found.mean < found.ci95_high


def test_unpaired_rows_are_refused():
    frame = errors_frame([row(0, rmse=1.0), row(0, b="xnnpack", rmse=2.0), row(0, route="ptq", rmse=1.0)])
    with pytest.raises(ValueError, match="more than one row"):
        paired_difference(frame, "rmse", by="route", first="ptq", second="qat")
    with pytest.raises(ValueError, match="no row has route=float"):
        paired_difference(frame, "rmse", by="route", first="float", second="ptq")
