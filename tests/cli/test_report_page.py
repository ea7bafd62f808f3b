"""The report of a real run: every figure of its words stands in a CSV file, and a browser shows it without an error."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from qcompare.analysis.differences import DIFFERENCES
from qcompare.analysis.ladder import LADDER
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.methods import METHODS
from qcompare.analysis.statements import statements
from qcompare.analysis.statistics import SUMMARY
from qcompare.analysis.tensors import TENSORS
from qcompare.core.engine import BY_DEFAULT
from qcompare.core.statement import Figure
from qcompare.core.table import Table
from qcompare.report.answers import answers
from qcompare.report.csv import read
from tests import browser

pytestmark = pytest.mark.slow

CONFIGURATIONS = ("dense", "simple_rnn", "lstm", "lmu")


def said(folder: Path):
    tables: dict[str, Table[Any, Any]] = {
        "summary": SUMMARY,
        "differences": DIFFERENCES,
        "ladder": LADDER,
        "rungs": LADDER_SUMMARY,
        "tensors": TENSORS,
        "methods": METHODS,
    }
    frames = {name: read((folder / table.file).read_bytes(), table.dtypes) for name, table in tables.items()}
    return statements(device=BY_DEFAULT, **frames)


def figures(of) -> Iterator[Figure]:
    if isinstance(of, Figure):
        yield of
    elif isinstance(of, tuple):
        for each in of:
            yield from figures(each)
    elif is_dataclass(of):
        for item in fields(of):
            yield from figures(getattr(of, item.name))


@pytest.mark.parametrize("trained", CONFIGURATIONS)
def test_every_figure_of_the_words_stands_in_a_csv_file(trained, runs):
    folder = runs.results(trained)
    found = list(figures(said(folder)))
    assert {each.file for each in found} == {
        "summary.csv", "differences.csv", "ladder.csv", "ladder_summary.csv", "methods.csv",
    }  # fmt: skip
    files = {name: list(csv.DictReader((folder / name).open())) for name in {each.file for each in found}}
    for each in found:
        rows = [row for row in files[each.file] if all(row[column] == text for column, text in each.row)]
        assert len(rows) == 1, each
        cell = rows[0][each.column]
        assert float(cell) == each.value if cell else not each.defined


NUMBER = re.compile(r"(?<![\w.:])[+-]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


def forms(value: float) -> set[str]:
    """How a figure may stand in a sentence."""
    share, rest = 100 * value, 100 * (1 - value)
    found = {f"{value:,.0f}", f"{value:.1f}", f"{value:+.3g}", f"{value:.3g}", f"{value:.2g}", f"{share:+.2f}"}
    found |= {f"{share:.2g}", f"{share:.0f}", f"{rest:.2f}"}
    return found | ({f"{3 / value:,.0f}"} if value else {"+0.00", "-0.00"})


@pytest.mark.parametrize("trained", CONFIGURATIONS)
def test_every_number_of_a_sentence_is_a_figure(trained, runs):
    told = said(runs.results(trained))
    known = {form for each in figures(told) if each.defined for form in forms(each.value)}
    known |= {"99.99", "0.01", "95", "16"}
    for each in answers(told):
        words = re.sub(r"\S*_\d+\S*", "", each.text)
        assert {number.rstrip(",") for number in NUMBER.findall(words)} <= known, each.text


@pytest.mark.parametrize("run", ["lstm", "multirun"])
def test_the_terminal_ends_with_the_words_of_the_report(run, runs):
    out = runs[run].out
    for trained in {"lstm": ("lstm",), "multirun": ("dense", "simple_rnn")}[run]:
        for each in answers(said(runs.results(trained))):
            assert each.text in out
    assert out.rstrip().endswith("bytes.")


def page_of(run):
    return run.folder / "outputs" / "report.html"


@browser.needed
def test_a_browser_shows_the_report_without_an_error(runs, tmp_path):
    page = page_of(runs["multirun"])
    assert page.stat().st_size < 5_000_000
    shot = tmp_path / "shot.png"
    log, window = ("enable-logging=stderr", "log-level=0"), ("window-size=400,800", f"screenshot={shot}")
    done = browser.run(page, tmp_path / "browser", *log, *window)
    assert "CONSOLE" not in done.stderr
    assert shot.stat().st_size > 10_000
    dumped = browser.run(page, tmp_path / "browser", "dump-dom")
    assert "what was found" in dumped.stdout
