"""The plot of methods: where its dots stand, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.techniques import TECHNIQUES
from qcompare.report import csv
from qcompare.report.methods import APART, against_size, draw, samples_of, side_by_side
from qcompare.report.page import Dots, Lines, Page, Panel, Polygons, Words
from qcompare.report.scales import FEWEST_SAMPLES
from qcompare.report.seed_rows import LINK
from tests.rows import CONFIGURATION, errors_of, row

METHODS = {"float32": 40960, "float16": 20480, "dynamic": 40960, "int8": 10240}


def methods(metric: str = "accuracy", seeds: int = 3) -> list[dict[str, str]]:
    return [
        {
            "configuration": name,
            "route": "ptq",
            "seed": str(seed),
            "accuracy": f"{0.9 + 0.01 * seed}" if metric == "accuracy" else "",
            "mae": "" if metric == "accuracy" else f"{0.2 + 0.1 * seed}",
        }
        for name in METHODS
        for seed in range(seeds)
    ]


def techniques(metric: str = "accuracy", **others: Any) -> pd.DataFrame:
    rows = [
        {
            **dict.fromkeys(TECHNIQUES.dtypes),
            "configuration": name,
            "route": "ptq",
            "model": "lstm",
            "method": name,
            "file_bytes": size,
            "weights_in_float32": 1.0 if name in ("float32", "dynamic") else 0.0,
            "metric": metric,
            "n": 3,
            "mean": 0.91,
            "ci95_low": 0.89,
            "ci95_high": 0.93,
        }
        | others
        for name, size in METHODS.items()
    ]
    return pd.DataFrame(rows).astype(TECHNIQUES.dtypes)


def panel(page: Page) -> Panel:
    (only,) = page.panels
    return only


def seed_dots(drawn: Panel) -> list[Dots]:
    """Those of the seeds, within the panel, by where they stand."""
    dots = [mark for mark in drawn.marks if isinstance(mark, Dots) and mark.x[0] < drawn.x.high]
    return sorted(dots, key=lambda each: float(each.x[0]))


def names(drawn: Panel) -> list[str]:
    return [mark.text for mark in drawn.marks if isinstance(mark, Words)]


def test_every_seed_is_a_dot_at_the_size_of_its_model() -> None:
    drawn = panel(against_size(methods(), techniques(), {}))
    dots = seed_dots(drawn)
    for each in dots:
        assert each.y.tolist() == pytest.approx([90, 91, 92])
    int8, float16, first, second = (float(each.x[0]) for each in dots)
    assert (int8, float16) == pytest.approx((10, 20))
    inches = drawn.width / (drawn.x.high - drawn.x.low)
    assert second - first == pytest.approx(APART / inches)
    assert (first + second) / 2 == pytest.approx(40)
    assert all(0 < x < drawn.x.high for x in (int8, second))


def test_names_stand_beside_the_panel_from_the_smallest_on_with_what_is_left_in_float() -> None:
    drawn = panel(against_size(methods(), techniques(), {}))
    assert names(drawn) == [
        "int8: 10.0 KiB",
        "float16: 20.0 KiB",
        "float32: 40.0 KiB",
        "dynamic (all in float): 40.0 KiB",
    ]
    places = [(mark.x, mark.y) for mark in drawn.marks if isinstance(mark, Words)]
    assert all(x > drawn.x.high for x, _ in places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    keys = [mark for mark in drawn.marks if isinstance(mark, Dots) and mark.x[0] > drawn.x.high]
    looks = {each.look for each in keys}
    assert len(looks) == 4
    assert [key.look for key in keys][:2] == [each.look for each in seed_dots(drawn)][:2]


def test_bands_are_the_intervals_and_one_seed_has_none() -> None:
    drawn = panel(against_size(methods(), techniques(), {}))
    bands = [mark for mark in drawn.marks if isinstance(mark, Polygons)]
    assert len(bands) == 4
    assert {(round(band.corners[0, :, 1].min(), 6), round(band.corners[0, :, 1].max(), 6)) for band in bands} == {
        (89, 93)
    }
    alone = panel(against_size(methods(seeds=1), techniques(ci95_low=np.nan, ci95_high=np.nan), {}))
    assert not [mark for mark in alone.marks if isinstance(mark, Polygons)]
    assert [each.y.tolist() for each in seed_dots(alone)] == [[90]] * 4


def test_the_error_of_a_regression_is_in_real_units() -> None:
    page = against_size(methods("mae"), techniques("mae", mean=0.3, ci95_low=0.1, ci95_high=0.5), {})
    drawn = panel(page)
    assert drawn.y.label == "MAE (real units)"
    assert page.title.startswith("Mean absolute error against")
    assert seed_dots(drawn)[0].y.tolist() == pytest.approx([0.2, 0.3, 0.4])


def test_each_model_has_its_panel_and_one_without_figures_says_so() -> None:
    found = techniques()
    failed = found["configuration"] == "int8"
    found["model"] = np.where(failed, "lmu", "lstm")
    found["file_bytes"] = found["file_bytes"].mask(failed)
    page = against_size(methods(), found, {})
    assert {drawn.title for drawn in page.panels} == {"lstm", "lmu"}
    (bare,) = (drawn for drawn in page.panels if drawn.title == "lmu")
    assert names(bare) == ["no figures in any seed: findings.csv says why"]
    assert max(drawn.bottom + drawn.height for drawn in page.panels) < page.height


def test_lines_join_a_seed_in_the_order_of_the_sizes() -> None:
    drawn = panel(against_size(methods(), techniques(), {}))
    (lines,) = [mark.points for mark in drawn.marks if isinstance(mark, Lines) and mark.colour == LINK]
    assert len(lines) == 3 * 3
    assert lines[..., 1] == pytest.approx(np.array([[90 + seed] * 2 for seed in range(3)] * 3))
    assert (lines[:, 0, 0] < lines[:, 1, 0]).all()


def test_one_sample_is_no_cliff_and_its_size_is_told() -> None:
    page = against_size(methods(seeds=1), techniques(), dict.fromkeys(METHODS, 50))
    drawn = panel(page)
    assert drawn.y.high - drawn.y.low >= 100 * FEWEST_SAMPLES / 50
    assert max(drawn.y.ticks) <= 100
    assert "one sample is 2 points" in " ".join(words.text for words in page.words)


def test_the_same_rows_give_the_same_bytes() -> None:
    text = "configuration,route,seed,accuracy,mae\n" + "".join(
        f"{each['configuration']},{each['route']},{each['seed']},{each['accuracy']},{each['mae']}\n"
        for each in methods()
    )
    errors = csv.written(errors_of([row(0, "labels", "micro", n=360), row(1, "labels", "micro", n=360)])).decode()
    files = draw("data digits, seeds 0..2", text, errors, techniques())
    assert files == draw("data digits, seeds 0..2", text, errors, techniques())
    assert files["methods.png"].startswith(b"\x89PNG")
    assert files["methods.pdf"].startswith(b"%PDF")


def test_samples_are_those_that_engines_answered() -> None:
    rows = [row(0, "labels", "micro", n=360), row(1, "labels", "micro"), row(0, "qat", "micro", n=3600)]
    assert samples_of(csv.texts(csv.written(errors_of(rows)))) == {CONFIGURATION: 360}


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], []),
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 1.0], [1 - APART / 2, 1 + APART / 2]),
        ([1.0, 1.0, 1.0 + APART], [1 + APART * (n - 2 / 3) for n in range(3)]),
        ([1.0, 1.0, 1.5 * APART + 1.0], [1 - APART / 2, 1 + APART / 2, 1 + 1.5 * APART]),
    ],
)
def test_files_of_one_size_stand_side_by_side(places: list[float], expected: list[float]) -> None:
    assert side_by_side(places) == pytest.approx(expected)
