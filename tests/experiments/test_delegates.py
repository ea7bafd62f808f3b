"""The experiment as a user runs it, at tiny size; what a delegate takes; and that the README has what was recorded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qcompare.audit.one_op import cases
from qcompare.core.archive import arrays_packed
from qcompare.core.graph import model_of
from qcompare.report.experiment import main
from qcompare.tflite.schema import write
from tests import commands
from tests.audit.models import dense_tanh_mul
from tests.commands import ROOT
from tests.experiments.recorded import analysis, table

FOLDER = ROOT / "experiments" / "delegates"
TINY = ("seed=1", "train.epochs=1", "qat.epochs=1", "model.units=2", "data.test_samples=20", "workers=1")


analyse = analysis("delegates")


def listed(*operators: tuple[str, list[int], list[int]]) -> list[dict[str, Any]]:
    """What LiteRT lists: name, inputs and outputs of each."""
    return [{"op_name": name, "inputs": inputs, "outputs": outputs} for name, inputs, outputs in operators]


CHAIN = listed(("A", [0, 1], [2]), ("B", [2], [3]), ("C", [2], [4]), ("D", [3, 4, 5], [6]), ("E", [2], [7]))
"""From 0 to 6 by two ways; E leads nowhere."""


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [([], [6], {0, 1, 2, 3}), ([0], [6], {0, 1, 2, 3}), ([2, 5], [6], {1, 2, 3}), ([3, 4], [6], {3}), ([], [5], set())],
)
def test_a_delegate_took_what_leads_from_its_inputs_to_its_outputs(
    inputs: list[int], outputs: list[int], expected: set[int]
) -> None:
    assert analyse.leading(CHAIN, inputs, outputs) == expected


@pytest.mark.runtime
def test_xnnpack_takes_int8_and_leaves_a_fused_lstm() -> None:
    found = analyse.delegated(write(model_of(dense_tanh_mul())))
    assert found == {"operators": 3, "taken": 3, "delegates": 1, "left": ""}
    case = next(case for case in cases() if case.op == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    found = analyse.delegated(write(model_of(case.draw(np.random.default_rng(0)))))
    assert found == {"operators": 1, "taken": 0, "delegates": 0, "left": "1 UNIDIRECTIONAL_SEQUENCE_LSTM"}


@pytest.mark.parametrize(
    ("values", "unequal", "lsb", "share"),
    [
        (np.array([[1, 2], [3, -4]], np.int8), 1, 3, None),
        (np.array([[1, 2], [3, -4]], np.float32), 1, None, 0.75),
    ],
)
def test_outputs_differ_in_lsb_or_as_a_share_of_the_largest(
    values: np.ndarray, unequal: int, lsb: int | None, share: float | None, tmp_path: Path
) -> None:
    other = values.copy()
    other[0, 1] += 3
    path = tmp_path / "outputs.npz"
    path.write_bytes(arrays_packed({"interpreter:optimized": values, "interpreter:xnnpack": other}))
    assert analyse.differing(path) == {
        "elements": 4,
        "unequal": unequal,
        "max_lsb": lsb,
        "max_difference": share,
    }


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one configuration of the experiment's sweep leaves, and the analysis of it beside it in `new`."""
    root = tmp_path_factory.mktemp("delegates")
    done = commands.run("experiment=delegates", "model=dense", "quant=int8", *TINY, folder=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert main([str(root / "outputs"), str(root / "new")], analyse.analysed) == 0
    return root / "outputs"


@pytest.mark.slow
@pytest.mark.runtime
def test_every_model_has_its_row(outputs: Path) -> None:
    results = pd.read_csv(outputs.parent / "new" / "results.csv")
    assert list(results) == list(analyse.COLUMNS)
    assert results[["model", "method", "route"]].to_numpy().tolist() == [
        ["dense", "int8", "ptq"],
        ["dense", "int8", "qat"],
    ]
    assert (results[["operators", "taken", "delegates"]] == [3, 3, 1]).all(axis=None)
    assert set(results["elements"]) == {200}
    (folder,) = outputs.glob("dense-*")
    errors = pd.read_csv(folder / "latency.csv").set_index(["route", "engine"])["median_us"]
    for row in results.to_dict("records"):
        assert row["us_with"] == errors[row["route"], "interpreter:xnnpack"]
        assert row["ratio"] == pytest.approx(row["us_with"] / errors[row["route"], "interpreter:optimized"])
    assert (outputs.parent / "new" / "times.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.runtime
def test_what_is_missing_is_one_line(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == f"analyse.py: {tmp_path}: no folder of results there; run.sh makes them\n"
    (folder,) = outputs.glob("dense-*")
    copied = shutil.copytree(folder, tmp_path / folder.name)
    (copied / "latency.csv").unlink()
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == f"analyse.py: {copied}: no latency.csv; run.sh makes it\n"
    assert not (tmp_path / "new").exists()


def test_the_table_of_the_readme_is_what_was_recorded() -> None:
    recorded = pd.read_csv(FOLDER / "results.csv").to_dict("records")
    assert table("delegates", "model | method") == [cells(row) for row in recorded]


def cells(row: dict[Any, Any]) -> list[str]:
    """A recorded row as the README has it."""
    integers = not np.isnan(row["max_lsb"])
    share = 100 * row["unequal"] / row["elements"]
    return [
        row["model"],
        row["method"] + (" QAT" if row["route"] == "qat" else ""),
        f"{row['taken']} of {row['operators']}",
        f"{share:.2f} %" if integers else "",
        f"{row['max_lsb']:.0f} LSB" if integers else f"{row['max_difference']:.0e}",
        f"{row['us_without']:.1f}",
        f"{row['us_with']:.1f}",
        f"{row['ratio']:.2f} [{row['ratio_min']:.2f}, {row['ratio_max']:.2f}]",
    ]
