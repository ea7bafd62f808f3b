"""What the README shows is there, and what it tells a reader to type works."""

from __future__ import annotations

import re
import shlex
import struct
from pathlib import Path

import numpy as np
import pytest

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.figures import FIGURES
from qcompare.config.compose import compose
from qcompare.config.options import parse, read
from qcompare.core.engine import EngineId
from qcompare.export.written import written_model
from tests.commands import ROOT
from tests.training.random_networks import fused_network

README = (ROOT / "README.md").read_text()
MODEL = "outputs/lstm-int8/seed=0/qat.tflite"
LARGEST_PICTURE = 150_000


@pytest.mark.runtime
def test_the_lines_of_python_run_the_manual_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in block.splitlines() if line]) == 10
    network = fused_network(np.random.default_rng(4), steps=8, layers=1, features=8)
    path = tmp_path / MODEL
    path.parent.mkdir(parents=True)
    path.write_bytes(written_model(network.architecture, network.weights, network.ranges).model)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block, names)
    assert capfd.readouterr().out == "0\n"
    by_hand = names["by_hand"]
    assert {len(values) for values in by_hand.tensors.values()} == {100}  # type: ignore[attr-defined]


def links(document: Path) -> list[str]:
    """The files that a document links to."""
    return [found for found in re.findall(r"\]\(([^)#]+)\)", document.read_text()) if "://" not in found]


@pytest.mark.parametrize(
    "document",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/*.md")],
    ids=lambda path: path.name,
)
def test_what_is_linked_is_there(document: Path) -> None:
    for link in links(document):
        assert (document.parent / link).exists(), link


def test_the_picture_is_small_and_the_programs() -> None:
    (picture,) = re.findall(r"!\[.+?\]\((.+?)\)", README)
    content = (ROOT / picture).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > height > 500
    assert len(content) < LARGEST_PICTURE


def test_the_rows_of_errors_csv_have_its_columns_and_its_sense() -> None:
    lines = re.findall(r"^\| (route_a .*\n(?:\|.*\n)+)", README, re.MULTILINE)[0].splitlines()
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    columns = list(ERRORS.dtypes)
    assert [columns.index(name) for name in header] == sorted(columns.index(name) for name in header)
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        EngineId.parse(cells["engine_a"]), EngineId.parse(cells["engine_b"])
        figures = {name: float(cells[name]) for name in header if name in FIGURES and cells[name]}
        assert figures["n"] == (360 if cells["engine_a"] == "labels" else 3600)
        if "mismatches" in figures:
            assert figures["mismatches"] <= figures["n"]
            assert (figures["mismatches"] == 0) == (figures["max_lsb"] == 0) == ("sqnr_db" not in figures)


def commands() -> list[list[str]]:
    """The main job and the multiruns that the README names, as lists of options."""
    found = re.findall(r"python -m qcompare ((?:-m )?\w+[=.].*?)(?:`|$)", README, re.MULTILINE)
    return [shlex.split(command) for command in found]


def test_the_commands_of_the_readme_are_requests() -> None:
    assert ["model=lstm", "quant=int8", "seed=0..9"] in commands()
    for command in commands():
        options = [option for option in command if option != "-m"]
        for number in range(2 if "-m" in command else 1):
            read(compose([_chosen(option, number) for option in options]))


def _chosen(option: str, number: int) -> str:
    """One of the values that are swept."""
    name, _, values = option.partition("=")
    swept = values.split(",") if not values.startswith("[") else [values]
    return f"{name}={swept[min(number, len(swept) - 1)]}"


def test_the_options_of_the_readme_exist() -> None:
    block = README.partition("The ones to know:\n\n")[2].partition("\n\n")[0]
    options = re.findall(r"([a-z][\w.]*)=(\S+)", block)
    assert len(options) > 15
    for name, values in options:
        model = ["model=lstm"] if name.startswith("model.") or name == "quant.simulate" else []
        model = {"model.path": ["model=keras"], "model.reset_after": ["model=gru"]}.get(name, model)
        for value in values.split("|"):
            parse(compose([*model, *needed(name, value), f"{name}={value}"]))


def needed(name: str, value: str) -> list[str]:
    """What an option of the group `data` is not taken without."""
    paths = {
        "file": ["data.file=mine.npz"],
        "ucr": ["data.path=Mine"],
        "keras": ["model.path=mine.keras"],
        "given": ["model.path=int8.tflite", "model.float_path=float.tflite"],
    }
    return paths.get(value, []) if name in ("data", "model") else OF_DATA.get(name, [])


OF_DATA = {"data.file": ["data=file"], "data.path": ["data=ucr"], "data.train_samples": ["data=mnist"]}
"""Option -> the data that have it."""
