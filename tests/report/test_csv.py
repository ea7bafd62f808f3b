"""CSV files read back as they were written."""

import math

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.findings import FINDINGS, FindingsRow
from qcompare.analysis.statistics import SUMMARY
from qcompare.core.tap import Tap
from qcompare.report import csv
from tests.rows import errors_of, row, summary_of


def findings_of(*texts):
    described = {"configuration": "lstm-int8", "route": "", "severity": "remark", "where": ""}
    return FINDINGS.frame(FindingsRow(seed=seed, text=text, **described) for seed, text in enumerate(texts))


def test_a_csv_file_reads_back_exactly():
    awkward = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e-7, math.pi]
    frame = errors_of(
        row(i, rmse=value, mismatches=2**53 + 1, n=i, tap=Tap("recurrent_0/h", i if i % 2 else None))
        for i, value in enumerate(awkward)
    )
    back = csv.read(csv.written(frame), ERRORS.dtypes)
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert back["rmse"].tolist() == awkward
    assert math.copysign(1, back["rmse"][4]) == -1


@pytest.mark.parametrize(
    ("frame", "dtypes"),
    [
        (errors_of([]), ERRORS.dtypes),
        (errors_of([row(0), row(1, a="labels")]), ERRORS.dtypes),
        (summary_of([row(0, rmse=1 / 3), row(1, rmse=0.1)]), SUMMARY.dtypes),
        (findings_of(), FINDINGS.dtypes),
    ],
    ids=["no errors", "no figures", "summary", "no findings"],
)
def test_every_table_reads_back_as_it_was(frame, dtypes):
    pd.testing.assert_frame_equal(csv.read(csv.written(frame), dtypes), frame, check_exact=True)


def test_undefined_is_an_empty_cell_and_counts_have_no_point():
    content = csv.written(errors_of([row(0, n=3, max_lsb=2), row(1, a="labels", tap=Tap("recurrent_0/h", 12))]))
    assert b"\r" not in content
    lines = content.decode().splitlines()
    assert lines[1] == "lstm-int8,0,qat,qat,qat,interpreter:reference,output,,3,,,2" + "," * 12
    assert lines[2] == "lstm-int8,1,,labels,qat,interpreter:reference,recurrent_0/h,12" + "," * 16


def test_text_is_text_whatever_it_says():
    texts = [
        "so, it is",
        "NA",
        "",
        "nan",
        'a "quoted" one',
        "two\nlines",
        "a\rb",
        "a\r\nb",
        "\r",
        "0.10",
        "None",
        "naïve",
        " spaced ",
    ]
    frame = findings_of(*texts)
    content = csv.written(frame)
    assert content.decode().splitlines()[1] == 'lstm-int8,0,,remark,,"so, it is"'
    assert content.decode().splitlines()[2] == "lstm-int8,1,,remark,,NA"
    back = csv.read(content, FINDINGS.dtypes)
    assert back["text"].tolist() == texts
    pd.testing.assert_frame_equal(back, frame)


def test_float32_is_written_without_loss():
    scales = np.array([0.1, 1 / 255, 3e-39], np.float32)
    content = csv.written(pd.DataFrame({"scale": scales}))
    for dtype in ("float64", "float32"):
        back = csv.read(content, {"scale": dtype})["scale"].to_numpy()
        assert back.dtype == dtype
        assert np.array_equal(back, scales.astype(dtype))


def test_truth_may_be_empty():
    frame = pd.DataFrame({"exact": pd.array([True, None, False], dtype="boolean"), "n": [1, 2, 3]})
    content = csv.written(frame)
    assert content == b"exact,n\nTrue,1\n,2\nFalse,3\n"
    assert csv.read(content, {"exact": "boolean", "n": "Int64"})["exact"].tolist() == [True, pd.NA, False]


def test_the_same_frame_gives_the_same_bytes():
    frame = errors_of([row(seed, rmse=seed / 7) for seed in range(5)])
    assert csv.written(frame) == csv.written(frame.copy())


@pytest.mark.parametrize(
    "dtypes", [{"x": "Int64", "y": "str"}, {"z": "Int64", "y": "str", "x": "Int64"}, {"x": "Int64"}]
)
def test_other_columns_are_refused(dtypes):
    content = csv.written(pd.DataFrame({"x": [1], "y": ["a"], "z": [2]}))
    with pytest.raises(ValueError, match="columns"):
        csv.read(content, dtypes)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_the_rows_of_files_are_joined_as_the_file_of_all_rows(missing):
    parts = [[row(seed, b=b, rmse=seed / 7) for b in ("micro", "interpreter:xnnpack")] for seed in range(3)]
    parts[missing] = []
    joined = csv.joined([csv.written(errors_of(part)) for part in parts])
    assert joined == csv.written(errors_of([each for part in parts for each in part]))
    assert csv.joined([joined]) == joined
