"""docs/results.md names every file that a run leaves and every column, with its unit, and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from qcompare.analysis.differences import BETWEEN, DIFFERENCES
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.latency import LATENCY
from qcompare.analysis.listed import TABLES
from qcompare.analysis.side_by_side import CHANGED_FIGURES, CHANGES
from qcompare.analysis.statistics import SUMMARY, Spread
from qcompare.analysis.techniques import TECHNIQUES
from qcompare.analysis.tensors import TENSORS
from qcompare.audit.rows import COLUMNS
from qcompare.config.options import GROUPS, HOW_MUCH, SECTIONS, Check, Config
from qcompare.core.key import PairKey, RowKey
from qcompare.core.table import Table
from qcompare.pipeline.results import TIMES
from tests.commands import ROOT
from tests.runs import Runs

CHAPTERS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", (ROOT / "docs" / "results.md").read_text(), re.MULTILINE))
"""Heading -> the text below it."""

LINE = re.compile(r"^\| `(?P<name>[^`|]+)` \| (?P<unit>[^|]*)\| (?P<meaning>[^|]+) \|$", re.MULTILINE)
UNITS = {
    *("", "LSB", "real unit", "real unit squared", "real unit an LSB", "float32 steps", "dB", "that of the figure"),
    *("elements", "samples", "seeds", "epochs", "time steps", "s", "us", "bytes"),
}


def documented(section: str) -> list[str]:
    """The columns of a section, in their order."""
    return [found["name"] for found in LINE.finditer(CHAPTERS[section])]


KEY = documented("The key of a row")


def options() -> set[str]:
    """The columns of configurations.csv for every choice there is, as `pipeline.results.configurations` names them."""
    chosen = {
        f"{group}.{item.name}"
        for group, choices in GROUPS.items()
        for kind in choices.values()
        for item in fields(kind)
    }
    deciding = {name: kind for name, kind in SECTIONS.items() if name not in HOW_MUCH}
    sections = {f"{name}.{item.name}" for name, kind in deciding.items() for item in fields(kind)}
    assert {item.name for item in fields(Config) if not item.metadata} == {*GROUPS, *SECTIONS}
    return {"configuration", "data_content", "model_content"} | chosen | sections


ALL: tuple[Table[Any, Any], ...] = (*TABLES, TENSORS)

WITH_KEY = {table.file: [*KEY] for table in ALL if "engine_a" in table.dtypes}


@pytest.mark.parametrize("table", [*ALL, TIMES, LATENCY, TECHNIQUES, CHANGES], ids=lambda table: table.file)
def test_every_column_of_a_table_is_defined(table) -> None:
    assert WITH_KEY.get(table.file, []) + documented(table.file) == list(table.dtypes)


@pytest.mark.parametrize("table", [SUMMARY, DIFFERENCES, BETWEEN, CHANGED_FIGURES], ids=lambda table: table.file)
def test_every_column_of_a_table_over_the_seeds_is_defined(table) -> None:
    assert [name for name in KEY if name != "seed"] + documented(table.file) == list(table.dtypes)


def test_every_column_of_the_summary_of_ladders_is_defined() -> None:
    key = [name for name in KEY if name != "seed"]
    of_spread = [item.name for item in fields(Spread)]
    assert key + documented(LADDER_SUMMARY.file) + of_spread == list(LADDER_SUMMARY.dtypes)
    assert set(of_spread) <= set(documented(SUMMARY.file))


def test_the_key_is_the_codes() -> None:
    assert [item.name for item in fields(RowKey)] == KEY
    assert {item.name for item in fields(PairKey)} == set(KEY) - {"seed"}


def test_every_column_of_the_audit_is_defined() -> None:
    assert documented("audit.csv") == list(COLUMNS)


def test_every_option_that_is_a_column_is_defined() -> None:
    assert set(documented("configurations.csv")) == options()


def test_every_gate_is_told_of() -> None:
    assert set(documented("Gates")) == {f"check.{item.name}" for item in fields(Check)}


@pytest.mark.parametrize("section", [name for name in CHAPTERS if "| column |" in CHAPTERS[name]])
def test_every_column_has_a_unit_and_a_meaning(section: str) -> None:
    lines = [line for line in CHAPTERS[section].splitlines() if line.startswith("| `")]
    assert lines
    assert [found["name"] for line in lines if (found := LINE.match(line))] == documented(section)
    assert {found["unit"].strip() for found in LINE.finditer(CHAPTERS[section])} <= UNITS
    assert len(documented(section)) == len(lines) == len(set(documented(section)))


FILES = {
    name
    for line in CHAPTERS["Other files"].splitlines()
    if line[:1] == "|"
    for name in re.findall("`(.+?)`", line.split("|")[1])
} | (set(CHAPTERS) & {name for name in CHAPTERS if name.endswith(".csv")})
"""The files that are told of; `audit.csv` and those of `report DIR1 DIR2` are other commands', and neither the store
nor `techniques.csv` is of one configuration."""


def test_every_file_of_a_run_is_told_of(runs: Runs) -> None:
    folder = runs.results("lstm")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    general = {re.sub(r"seed=\d+/", "seed=<n>/", name) for name in names}
    general = {re.sub(r"\b(float|ptq|qat)(?=[._])", "<route>", name) for name in general}
    assert general == FILES - {"audit.csv", CHANGES.file, CHANGED_FIGURES.file, "../.store/", "techniques.csv"}
