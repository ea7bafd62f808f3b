"""Tables fit a terminal and hide nothing."""

import io
import math
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from qcompare.analysis.differences import DIFFERENCES
from qcompare.analysis.latency import Typical
from qcompare.core.engine import interpreter
from qcompare.core.tap import Tap
from qcompare.report.alike import seeds
from qcompare.report.csv import texts, written
from qcompare.report.terminal import (
    MOST_LAYERS,
    labels_table,
    latency_table,
    line,
    show,
    summary_table,
    techniques_table,
    tensors_table,
)
from tests import rows as made
from tests.rows import row

FIGURES: dict[str, Any] = {"mismatch_rate": 0.123456, "max_lsb": 3, "sqnr_db": 41.26}


def summary_of(rows):
    """The rows of summary.csv as text."""
    return texts(written(made.summary_of(rows)))


def errors_of(rows):
    """The rows of errors.csv as text."""
    return texts(written(made.errors_of(rows)))


def differences_of(rows):
    """The rows of differences.csv as text."""
    return texts(written(DIFFERENCES.made(made.errors_of(rows))))


def right(rows, width=80):
    """The lines of the table of how right engines are, below its heading."""
    table = labels_table(summary_of(rows), errors_of(rows), narrow=width < 80)
    lines = shown(table, width).splitlines()
    return [line.split() for line in lines[next(at for at, line in enumerate(lines) if line.startswith("─")) + 1 :]]


def shown(table, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def told(rows, findings=(), width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    tables = {"errors": errors_of(rows), "summary": summary_of(rows), "differences": differences_of(rows)}
    show(console, "lstm-int8", **tables, findings=findings)
    return console.export_text()


def finding(severity="remark", seed="0", route="", where="", text="it is so"):
    return {"seed": seed, "route": route, "severity": severity, "where": where, "text": text}


def test_the_summary_shows_means_over_the_seeds():
    rows = [row(0, **FIGURES), row(1, **FIGURES | {"max_lsb": 6, "sqnr_db": None})]
    rows += [row(0, tap=Tap("recurrent_0/h", 1), max_lsb=99), row(0, a="labels", top1_agreement=0.5)]
    lines = shown(summary_table(summary_of(rows))).splitlines()
    assert lines[-1].split() == ["qat", "qat", "interpreter:reference", "2", "12.35", "%", "6", "41.3", "(1)"]
    assert not any("labels" in line or "99" in line for line in lines)


LAYER = {
    **{"tap": "model/dense/Relu;model/dense/BiasAdd", "op": "FULLY_CONNECTED", "n": "40"},
    **{"weights_max_lsb": "6.41", "local_max_lsb": "3", "local_sqnr_db": "26.51", "max_lsb": "9", "sqnr_db": ""},
}


@pytest.mark.parametrize("width", [60, 80])
def test_the_worst_layers_are_shown_and_the_rest_counted(width):
    unmatched = dict.fromkeys(LAYER, "") | {"tap": "alone"}
    text = shown(tensors_table([LAYER, *[LAYER | {"tap": "model/other"}] * MOST_LAYERS, unmatched]), width)
    assert "Layers, the worst first, 1 more in tensors.csv" in text
    assert text.count("other") == MOST_LAYERS - 1
    assert "alone" not in text.partition("SQNR\n")[2]
    line = next(line for line in text.splitlines() if "dense/Relu" in line)
    assert line.split()[-5:] == ["6.4", "3", "26.5", "9", "-"]


@pytest.mark.parametrize("width", [60, 80])
def test_a_runtime_on_another_route_is_told_apart(width):
    pair = ("micro", "micro")
    rows = [
        row(0, *pair, route="other", beside="ptq", **FIGURES),
        row(0, "qat", "micro", "other", beside="q", **FIGURES),
    ]
    lines = shown(summary_table(summary_of(rows), narrow=width == 60), width).split()
    assert lines.count("ptq") == 1
    assert lines.count("q") == 0


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0 %"), (1e-6, "<0.01 %"), (0.0001, "0.01 %"), (1.0, "100.00 %"), (None, "-")]
)
def test_a_rare_mismatch_is_never_shown_as_none(rate, text):
    table = summary_table(summary_of([row(0, max_lsb=1, mismatch_rate=rate)]))
    assert f" {text} " in shown(table)


def test_a_route_without_figures_shows_dashes():
    table = summary_table(summary_of([row(0, route="ptq"), row(0, **FIGURES)]))
    line = next(line for line in shown(table).splitlines() if line.startswith("ptq"))
    assert line.split() == ["ptq", "qat", "interpreter:reference", "0", "-", "-", "-"]


def test_the_rows_of_a_route_stand_together_under_its_name():
    pairs = [("qat", "micro"), ("ptq", "micro"), ("qat", "interpreter:xnnpack"), ("ptq", "interpreter:xnnpack")]
    rows = [row(0, route=route, b=b, **FIGURES) for route, b in pairs]
    lines = shown(summary_table(summary_of(rows))).splitlines()[-5:]
    assert [line.split()[:3] for line in lines if line.strip()] == [
        ["ptq", "qat", "micro"],
        ["qat", "interpreter:xnnpack", "1"],
        ["qat", "qat", "micro"],
        ["qat", "interpreter:xnnpack", "1"],
    ]


def test_the_longest_line_fits_80_columns_unbroken():
    rows = [row(seed, a="manual:dequantized", **FIGURES | {"mismatch_rate": 1.0, "max_lsb": 255}) for seed in range(9)]
    rows.append(row(9, a="manual:dequantized", mismatch_rate=1.0, max_lsb=255))
    lines = shown(summary_table(summary_of(rows))).splitlines()
    assert "manual:dequantized interpreter:reference" in lines[-1]
    assert lines[-1].endswith("41.3 (9)")


def test_of_few_seeds_each_is_shown():
    rows = [row(seed, a="labels", b="micro", top1_agreement=value) for seed, value in ((1, 0.9), (0, 0.95))]
    text = shown(labels_table(summary_of([*rows, row(0, **FIGURES)]), errors_of(rows)))
    assert "Accuracy" in text
    assert "95 %" not in text
    assert right(rows) == [["qat", "micro", "2", "0.9250", "0.9500", "0.9000"]]
    assert right([row(0, a="labels", b="micro", rmse=0.125)]) == [["qat", "micro", "1", "0.125", "0.125"]]
    assert right([*rows, row(0, a="labels", route="z")])[-1] == ["z", "interpreter:reference", "0", "-", "-"]


@pytest.mark.parametrize("width", [60, 80])
def test_of_ten_seeds_the_interval_is_shown(width):
    """Accuracies whose standard error is 0.001: by Student's t 0.94 -+ 2.262 * 0.001."""
    step = math.sqrt(90 / 82.5) * 0.001
    rows = [row(seed, a="labels", b="micro", top1_agreement=0.94 + step * (seed - 4.5)) for seed in range(10)]
    ends = [] if width == 60 else ["0.9353", "0.9447"]
    assert right(rows, width) == [["qat", "micro", "10", "0.9400", "[0.9377,", "0.9423]", *ends]]
    regression = [row(seed, a="labels", b="micro", rmse=1.0) for seed in range(10)]
    assert right(regression, width)[0][3:6] == ["1", "[1,", "1]"]
    assert right([*rows, row(0, a="labels", b="float", route="z")], width)[-1][:5] == ["z", "float", "0", "-", "-"]


@pytest.mark.parametrize("width", [60, 80])
def test_the_error_of_the_test_set_stands_below(width):
    """0.9 of 400 samples: 0.015; of 0.8: 0.02."""
    rows = [row(0, a="labels", b=b, n=400, top1_agreement=right) for b, right in (("micro", 0.9), ("float", 0.8))]
    text = shown(labels_table(summary_of(rows), errors_of(rows), narrow=width == 60), width)
    assert " ".join(text.split()).endswith("standard error of the test set, whatever the seeds: 0.0200")
    assert max(map(len, text.splitlines())) <= width


def methods(seeds):
    """The float network, PTQ and QAT in the runtime that people get: PTQ is 0.01 less right in each seed."""
    sides = (("float", "float", 0.0), ("ptq", "interpreter:xnnpack", -0.01), ("qat", "interpreter:xnnpack", 0.0))
    return [
        row(seed, "labels", engine, route, top1_agreement=0.9 + 0.001 * seed + less)
        for seed in range(seeds)
        for route, engine, less in sides
    ]


@pytest.mark.parametrize("width", [60, 80])
def test_routes_are_compared_in_the_same_seeds_where_there_are_ten(width):
    text = told(methods(10), width=width)
    assert "Accuracy in interpreter:xnnpack: b - a" in text
    lines = [line.split() for line in text.partition("p (Holm)")[2].splitlines()]
    if width == 60:
        lines = [
            [*first[:1], *second[:1], *first[1:4], *second[1:], *first[4:]]
            for first, second in pairwise(lines)
            if first
        ]
    (found,) = (line for line in lines if line[:2] == ["float", "ptq"])
    assert found[2:] == ["10", "-0.0100", "[-0.0100,", "-0.0100]", "0.0020", "0.0059"]
    (same,) = (line for line in lines if line[:2] == ["float", "qat"])
    assert same[2:] == ["10", "+0.0000", "[+0.0000,", "+0.0000]", "1.0000", "1.0000"]
    assert max(map(len, text.partition("TensorFlow")[0].splitlines())) <= width
    assert "b - a" not in told(methods(9), width=width)


def test_only_the_output_is_held_against_the_labels():
    rows = [row(0, a="labels", b="micro", tap=Tap("recurrent_0/h"), top1_agreement=0.1)]
    rows.append(row(0, a="labels", b="micro", top1_agreement=0.9))
    assert right(rows) == [["qat", "micro", "1", "0.9000", "0.9000"]]


def test_what_a_run_found_is_both_tables_and_every_finding():
    rows = [row(0, b="micro", **FIGURES), row(0, a="labels", b="micro", top1_agreement=0.9)]
    findings = [
        finding("failure", "3", "ptq", "micro", "no [bold]arena[/bold]"),
        finding("warning", "3", "ptq", "", "read with care"),
        finding(where="data"),
        finding(seed="12"),
    ]
    text = told(rows, findings)
    assert text.index("Difference of the outputs") < text.index("Accuracy against the labels")
    assert text.splitlines()[-4:] == [
        "failure: seed 3, route ptq, micro: no [bold]arena[/bold]",
        "warning: seed 3, route ptq: read with care",
        "remark: seed 0, data: it is so",
        "remark: seed 12: it is so",
    ]


@pytest.mark.parametrize(
    ("engine", "hinted"), [("micro", False), ("manual:micro", True), ("interpreter:xnnpack", True)]
)
def test_a_run_without_micro_says_how_to_add_it(engine, hinted):
    assert ("pip install tflite-micro" in told([row(0, b=engine, **FIGURES)])) == hinted


def test_a_run_without_rows_is_shown():
    assert "Difference of the outputs" in told([])


ENGINES = ["manual:dequantized", "interpreter:reference", "interpreter:optimized", "interpreter:xnnpack", "micro"]
LONGEST: dict[str, Any] = {"mismatch_rate": 1.0, "max_lsb": 65535, "sqnr_db": -100.26}


def words(text):
    return set(text.replace("─", " ").split())


def figure(metric: str, seed: int) -> dict[str, Any]:
    return {metric: 1.2345e-05 * (1 + seed)}


@pytest.mark.parametrize("count", [2, 10])
@pytest.mark.parametrize("width", [60, 70, 80, 120])
@pytest.mark.parametrize("metric", ["top1_agreement", "rmse"])
def test_no_word_is_broken(width, metric, count):
    rows = [
        row(seed, a=a, b=b, route=route, **LONGEST)
        for a in ENGINES
        for b in ENGINES
        for route in ("ptq", "float")
        for seed in range(2)
    ]
    rows += [row(seed, a="labels", b=b, **figure(metric, seed)) for b in ENGINES for seed in range(count)]
    rows.append(row(7, a=ENGINES[0], b=ENGINES[1], max_lsb=1))
    text = told(rows, width=width)
    assert max(map(len, text.splitlines())) <= width
    narrow = width < 80
    named = {part for name in ENGINES for part in (name.replace(":", ": ").split() if narrow else [name])}
    assert named | {"unequal", "SQNR", "seeds", "route", "Difference", "65535", "-100.3"} <= words(text)
    assert all(
        any(word in known for known in [*ENGINES, *ALLOWED]) or word[-1] in "0123456789%)-,]" for word in words(text)
    ), words(text)


ALLOWED = [
    *(
        "lstm-int8",
        "Difference",
        "of",
        "the",
        "outputs:",
        "means",
        "over",
        "seeds,",
        "largest",
        "LSB",
        "route",
        "a",
        "b",
    ),
    *(
        "seeds",
        "unequal",
        "max",
        "SQNR",
        "dB",
        "Accuracy",
        "RMSE",
        "against",
        "labels",
        "engine",
        "mean",
        "each",
        "seed",
        "min",
    ),
    "interval",
    *("ptq", "float", "qat"),
]


def test_a_line_a_pair_at_80_columns_and_two_at_60():
    rows = [row(0, a="manual:dequantized", **FIGURES)]
    assert "manual:dequantized interpreter:reference" in told(rows, width=80)
    lines = [line.split() for line in told(rows, width=60).splitlines()]
    first = lines.index(["qat", "manual:dequantized", "1", "12.35", "%", "3", "41.3"])
    assert lines[first + 1] == ["interpreter:reference"]


def test_the_largest_lsb_of_all_seeds_is_shown():
    rows = [row(seed, **FIGURES | {"max_lsb": largest}) for seed, largest in enumerate((0, 0, 7))]
    assert shown(summary_table(summary_of(rows))).splitlines()[-1].split()[-2] == "7"


def test_the_configuration_stands_above_its_tables():
    lines = told([row(0, **FIGURES)]).splitlines()
    assert lines[:2] == ["", "lstm-int8"]
    assert "Difference of the outputs" in lines[2]


def test_what_seeds_have_in_common_is_told_once():
    findings = [finding("warning", str(seed), "", "data", "x is far") for seed in range(10)]
    findings += [finding("failure", str(seed), "qat", "micro", "arena") for seed in (1, 4)]
    lines = told([row(0, b="micro", **FIGURES)], findings).splitlines()
    assert lines[-2:] == ["warning: seeds 0..9, data: x is far", "failure: seeds 1, 4, route qat, micro: arena"]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([7], "seed 7"),
        ([0, 1], "seeds 0..1"),
        ([3, 4, 5], "seeds 3..5"),
        ([5, 4], "seeds 5, 4"),
        ([0, 2], "seeds 0, 2"),
        (list(range(0, 20, 2)), "seeds 0, 2, 4, 6, 8, 10, 12, 14 and 2 more"),
    ],
)
def test_seeds_in_words(numbers, text):
    assert seeds(numbers) == text


def test_a_line_is_broken_by_a_terminal_alone():
    text = "word " * 30
    for terminal, count in ((True, 3), (False, 1)):
        shown = io.StringIO()
        line(Console(width=60, file=shown, force_terminal=terminal), text.strip())
        assert len(shown.getvalue().splitlines()) == count


def technique(method="int8", model="lstm", **cells):
    """A row of techniques.csv as text."""
    row = {
        "model": model,
        "method": method,
        "data_needed": "none",
        "hardware": "CPU, GPU",
        "on_micro": "",
        "file_bytes": "10240.0",
        "size_reduction": "",
        "weights_in_float32": "0.0",
        "metric": "accuracy",
        "mean": "0.91234",
        "ci95_low": "0.9",
        "ci95_high": "0.92",
    }
    return row | cells


def test_methods_have_the_columns_that_people_know():
    lines = shown(techniques_table([technique(size_reduction="0.749", on_micro="True")])).splitlines()
    assert lines[-3].split() == [
        "int8", "none", "10.0", "75", "%", "91.23", "[90.0,", "92.0]", "CPU,", "GPU,", "Micro"
    ]  # fmt: skip
    headings = " ".join(lines[:3])
    assert all(name in headings for name in ("method", "data needed", "KiB", "smaller", "accuracy (%)", "hardware"))


def test_what_was_left_in_float_is_marked_and_float32_is_not():
    rows = [
        technique("float32", weights_in_float32="1.0"),
        technique("dynamic", weights_in_float32="1.0"),
        technique("dynamic, optimizations=DEFAULT", weights_in_float32="0.137"),
    ]
    text = " ".join(shown(techniques_table(rows), width=200).split())
    assert "float32 none" in text
    assert "dynamic (all in float) none" in text
    assert "dynamic, optimizations=DEFAULT (14 % in float) none" in text


def test_models_are_told_apart_where_there_are_several():
    rows = [technique(model=model) for model in ("dense", "lstm, units=[4]")]
    lines = [line.strip() for line in shown(techniques_table(rows)).splitlines()]
    assert {"dense", "lstm, units=[4]"} <= set(lines)
    assert "dense" not in shown(techniques_table(rows[:1]))


def test_one_seed_has_no_interval_and_a_failed_method_dashes():
    rows = [technique(ci95_low="", ci95_high=""), technique(mean="", ci95_low="", ci95_high="", file_bytes="")]
    lines = shown(techniques_table(rows)).splitlines()[-4:-2]
    assert lines[0].split() == ["int8", "none", "10.0", "-", "91.23", "CPU,", "GPU"]
    assert lines[1].split() == ["int8", "none", "-", "-", "-", "CPU,", "GPU"]


def test_the_error_of_a_regression_is_as_it_is():
    row = technique(metric="mae", mean="0.012345", ci95_low="0.01", ci95_high="0.0145")
    text = shown(techniques_table([row]))
    assert "0.0123 [0.01, 0.0145]" in text
    assert "MAE" in text


@pytest.mark.parametrize("width", [60, 80])
def test_the_table_of_methods_fits(width):
    rows = [
        technique(
            "int8 QAT, optimizations=OPTIMIZE_FOR_LATENCY",
            data_needed="labelled training data",
            hardware="CPU, GPU (Android), EdgeTPU, Hexagon",
            on_micro="True",
            size_reduction="0.75",
        )
    ]
    assert max(map(len, shown(techniques_table(rows), width).splitlines())) <= width
    text = "".join(shown(techniques_table(rows), width).split())
    assert "91.23[90.0,92.0]" in text


def test_times_stand_in_a_line_a_model():
    models = [
        Typical(configuration="lstm-int8", route=route, microseconds={interpreter("xnnpack"): 12.34})
        for route in ("ptq", "qat")
    ]
    models.append(Typical(configuration="dense-int8", route="ptq", microseconds={interpreter("reference"): 0.55}))
    lines = shown(latency_table(models)).splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["lstm-int8", "ptq", "12.3", "-"],
        ["qat", "12.3", "-"],
        ["dense-int8", "ptq", "-", "0.6"],
    ]
