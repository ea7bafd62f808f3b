"""What differs between two runs fits a terminal of 60 columns and hides nothing."""

import io

import pytest
from rich.console import Console

from qcompare.analysis.side_by_side import CHANGED_FIGURES, Beside
from qcompare.report import csv, side_by_side
from tests.analysis.test_side_by_side import run
from tests.finished import rows
from tests.rows import row

COUNTS = {"seeds": 3, "comparisons": 3, "figures": 45, "computed": 7, "only_a": 0, "only_b": 0}


def figures_of(a, b):
    beside = Beside(a=run(a), b=run(b))
    return csv.texts(csv.written(CHANGED_FIGURES.made([beside])))


def change(kind, name, a="1", b="2", **counts):
    return {"kind": kind, "name": name, "value_a": a, "value_b": b, "seeds": "", "differing": "", **counts}


def shown(changes=(), figures=(), width=80, **counts):
    console = Console(width=width, record=True, file=io.StringIO())
    side_by_side.show(console, ("old/lstm-int8", "new/lstm-int8"), COUNTS | counts, changes, figures)
    return console.export_text().splitlines()


def test_equal_runs_are_said_to_be_equal():
    assert shown()[1:] == [
        "a: old/lstm-int8",
        "b: new/lstm-int8",
        "made with and by the same",
        "computed: 0 of 7 weights, models and outputs differ",
        "figures: 0 of 45 differ, of 3 comparisons in 3 seeds",
    ]


def test_changes_are_a_line_each_packages_that_compute_first_and_many_are_counted():
    packages = [change("package", f"p{number}") for number in range(9)]
    lines = shown(
        [
            change("qcompare", "source", "a" * 64, "0123456789ab" + "c" * 52),
            *packages,
            change("package", "ai-edge-litert", "2.1.0", ""),
            change("outputs", "micro on qat", "", "", seeds="3", differing="2"),
            change("finding", "remark: it is so", "0 1", ""),
        ],
        only_b=4,
    )
    assert lines[3:5] == ["qcompare: source: aaaaaaaaaaaa -> 0123456789ab", "package: ai-edge-litert: 2.1.0 -> -"]
    assert lines[11:] == [
        "package: p6: 1 -> 2",
        "package: 2 more in changes.csv",
        "outputs: micro on qat: differ in 2 of 3 seeds",
        "finding: remark: it is so (seeds of a: 0 1; of b: none)",
        "only b has 4 comparisons",
        "computed: 1 of 7 weights, models and outputs differ",
        "figures: 0 of 45 differ, of 3 comparisons in 3 seeds",
    ]


@pytest.mark.parametrize("width", [60, 80])
def test_the_table_fits(width):
    pairs = (("manual:dequantized", "interpreter:reference"), ("labels", "interpreter:reference"))
    a, b = (
        [
            row(
                seed, *pair, mismatch_rate=share + seed / 1e3, max_lsb=lsb + seed, top1_agreement=share, sqnr_db=lsb / 7
            )
            for seed in range(3)
            for pair in pairs
        ]
        for share, lsb in ((0.123456, 3), (0.987654, 255))
    )
    lines = shown(figures=figures_of(a, b), width=width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    start = next(number for number, line in enumerate(lines) if line.startswith("───"))
    # What is right comes first; its other side, the labels, is not named.
    assert lines[start + 1].split()[:2] == ["qat", "unequal"]
    right = next(line for line in lines if "right %" in line)
    assert right.split()[-4 if width == 60 else -8 :][:2] in (["12.3", "98.8"], ["12.35", "98.77"])
    assert "labels" not in text
    assert ("3 of 3" in text) == (width == 80)


def test_an_undefined_difference_is_a_dash():
    line = next(line for line in shown(figures=figures_of(rows(sqnr_db=None), rows())) if "SQNR" in line)
    assert line.split()[-7:] == ["-", "40", "-", "-", "3", "of", "3"]


def test_comparisons_beyond_those_shown_are_counted():
    pairs = [(f"device@{number}", "interpreter:xnnpack") for number in range(side_by_side.MOST_PAIRS + 3)]
    a, b = ([row(0, *pair, max_lsb=lsb) for pair in pairs] for lsb in (0, 1))
    lines = shown(figures=figures_of(a, b))
    assert any("3 more comparisons in changed_figures.csv" in line for line in lines)
    assert sum("max LSB" in line for line in lines) == side_by_side.MOST_PAIRS
