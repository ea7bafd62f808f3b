"""CSV files read back as they were written; tables fit a terminal and hide nothing."""

import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from qcompare.analysis.figures import ERRORS_DTYPES, errors_frame
from qcompare.analysis.statistics import summarise
from qcompare.core.files import write_whole
from qcompare.report.tables import labels_table, read_csv, summary_table, write_csv


def row(seed, a="qat", b="interpreter:reference", route="qat", scope="output", **figures):
    keys = {"model": "lstm", "quant": "int8", "lowering": "unrolled", "route": route, "a": a, "b": b, "scope": scope}
    return keys | {"seed": seed} | figures


def shown(table, width=80):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_a_csv_file_reads_back_exactly(tmp_path):
    awkward = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e-7, math.pi]
    frame = errors_frame([row(i, rmse=value, mismatches=2**53 + 1, n=i) for i, value in enumerate(awkward)])
    path = tmp_path / "made" / "errors.csv"
    write_csv(frame, path)
    back = read_csv(path, ERRORS_DTYPES)
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert back["rmse"].tolist() == awkward
    assert math.copysign(1, back["rmse"][4]) == -1


def test_undefined_is_an_empty_cell_and_counts_have_no_point(tmp_path):
    frame = errors_frame([row(0, n=3, max_lsb=2, note="so, it is"), row(1, note="NA")])
    write_csv(frame, tmp_path / "errors.csv")
    content = (tmp_path / "errors.csv").read_bytes()
    assert b"\r" not in content
    lines = content.decode().splitlines()
    keys = "lstm,int8,unrolled,qat,{},qat,interpreter:reference,output,"
    assert lines[1] == keys.format(0) + '3,,,2,,,,,,,,,,,"so, it is"'
    assert lines[2] == keys.format(1) + ",,,,,,,,,,,,,,NA"
    assert read_csv(tmp_path / "errors.csv", ERRORS_DTYPES)["note"].tolist() == ["so, it is", "NA"]


def test_float32_is_written_without_loss(tmp_path):
    scales = np.array([0.1, 1 / 255, 3e-39], np.float32)
    write_csv(pd.DataFrame({"scale": scales}), tmp_path / "parameters.csv")
    back = read_csv(tmp_path / "parameters.csv", {"scale": "float64"})["scale"].to_numpy()
    assert np.array_equal(back, scales.astype(np.float64))


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    frame = errors_frame([row(seed, rmse=seed / 7) for seed in range(5)])
    write_csv(frame, tmp_path / "a.csv")
    write_csv(frame.copy(), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_other_columns_are_refused(tmp_path):
    write_csv(pd.DataFrame({"x": [1]}), tmp_path / "x.csv")
    with pytest.raises(ValueError, match="columns"):
        read_csv(tmp_path / "x.csv", {"x": "Int64", "y": "str"})


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"before")

    def fail(self, content):
        with open(self, "wb") as file:
            file.write(content[:2])
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


FIGURES = {"mismatch_rate": 0.123456, "max_lsb": 3, "sqnr_db": 41.26}


def test_the_summary_shows_means_over_the_seeds():
    rows = [row(0, **FIGURES), row(1, **FIGURES | {"max_lsb": 6, "sqnr_db": None})]
    rows += [row(0, scope="step:1", max_lsb=99), row(0, a="labels", top1_agreement=0.5)]
    lines = shown(summary_table(summarise(errors_frame(rows)))).splitlines()
    assert lines[-1].split() == ["qat", "qat", "interpreter:reference", "2", "12.35", "%", "4.5", "41.3", "(1)"]
    assert not any("labels" in line or "99" in line for line in lines)


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0 %"), (1e-6, "<0.01 %"), (0.0001, "0.01 %"), (1.0, "100.00 %"), (None, "-")]
)
def test_a_rare_mismatch_is_never_shown_as_none(rate, text):
    table = summary_table(summarise(errors_frame([row(0, max_lsb=1, mismatch_rate=rate)])))
    assert f" {text} " in shown(table)


def test_a_route_without_figures_shows_dashes():
    table = summary_table(summarise(errors_frame([row(0, route="ptq", note="crashed"), row(0, **FIGURES)])))
    line = next(line for line in shown(table).splitlines() if line.startswith("ptq"))
    assert line.split() == ["ptq", "qat", "interpreter:reference", "0", "-", "-", "-"]


def test_the_longest_line_fits_80_columns_unbroken():
    rows = [row(seed, a="manual:dequantized", **FIGURES | {"mismatch_rate": 1.0, "max_lsb": 255}) for seed in range(9)]
    rows.append(row(9, a="manual:dequantized", mismatch_rate=1.0, max_lsb=255))
    lines = shown(summary_table(summarise(errors_frame(rows)))).splitlines()
    assert "manual:dequantized interpreter:reference" in lines[-1]
    assert lines[-1].endswith("41.3 (9)")


def test_accuracy_and_regression_against_the_labels():
    rows = [row(seed, a="labels", b="micro", top1_agreement=value) for seed, value in enumerate((0.9, 0.95))]
    text = shown(labels_table(summarise(errors_frame([*rows, row(0, **FIGURES)]))))
    assert "Accuracy" in text
    assert text.splitlines()[-1].split() == ["qat", "micro", "2", "0.9250", "0.0354", "0.9000", "0.9500"]
    text = shown(labels_table(summarise(errors_frame([row(0, a="labels", b="micro", rmse=0.125)]))))
    assert "RMSE" in text
    assert text.splitlines()[-1].split() == ["qat", "micro", "1", "0.125", "-", "0.125", "0.125"]
