"""The experiment as a user runs it, at tiny size, and that its README has what was recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from qcompare.report.experiment import main
from tests import commands
from tests.commands import ROOT
from tests.experiments.recorded import analysis, table

NAME = "quantization_methods"
FOLDER = ROOT / "experiments" / NAME
TINY = ("seed=1", "train.epochs=1", "qat.epochs=1", "model.units=2", "data.test_samples=20", "workers=2")
METHODS = ["float32", "int8", "int8 QAT"]
KERNELS = [f"interpreter:{kernels}" for kernels in ("reference", "optimized", "xnnpack")]


analyse = analysis(NAME)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two methods of the experiment's sweep leave; int8 with another flag as a copy."""
    root = tmp_path_factory.mktemp("methods")
    done = commands.run("experiment=quantization_methods", "model=dense", "quant=float32,int8", *TINY, folder=root)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (root / "outputs").glob("dense-int8-*")
    other = shutil.copytree(folder, folder.with_name("other"))
    for path in other.glob("*.csv"):
        path.write_text(path.read_text().replace(folder.name, "other").replace(",DEFAULT,", ",OPTIMIZE_FOR_SIZE,"))
    assert main([str(root / "outputs"), str(root / "new")], analyse.analysed) == 0
    return root / "outputs"


@pytest.mark.slow
@pytest.mark.runtime
def test_every_method_has_its_row_and_its_times(outputs: Path) -> None:
    results, latency = (pd.read_csv(outputs.parent / "new" / name) for name in ("results.csv", "latency.csv"))
    assert results["method"].tolist() == METHODS
    assert results["model"].unique().tolist() == ["dense"]
    assert (results["weights_in_float32"] == [1, 0, 0]).all()
    pd.testing.assert_frame_equal(results, pd.read_csv(outputs / "techniques.csv"))
    assert list(zip(latency["method"], latency["engine"], strict=True)) == [
        (method, engine) for method in METHODS for engine in KERNELS
    ]
    assert set(latency.loc[latency["method"] == "float32", "mean"]) == {1}
    assert (outputs.parent / "new" / "methods.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.runtime
def test_models_are_compared_by_flag(outputs: Path) -> None:
    flags = pd.read_csv(outputs.parent / "new" / "flags.csv")
    assert flags["optimizations"].tolist() == ["DEFAULT", "OPTIMIZE_FOR_SIZE"]
    assert flags["method"].tolist() == ["int8", "int8"]
    assert flags["sha256"].nunique() == 1


@pytest.mark.slow
@pytest.mark.runtime
def test_what_is_missing_is_one_line(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == f"analyse.py: {tmp_path}: no folder of results there; run.sh makes them\n"
    for folder in outputs.glob("dense-*"):
        shutil.copytree(folder, tmp_path / folder.name)
    (folder,) = tmp_path.glob("dense-int8-*")
    (folder / "latency.csv").unlink()
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert "latency.csv is not in every folder" in capsys.readouterr().err
    text = (folder / "methods.csv").read_text()
    (folder / "methods.csv").write_text(text.replace(f"{folder.name},1,", f"{folder.name},2,"))
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert "no accuracy in some of the seeds [1, 2]" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


MINUS = "minus_float"


def signed(number: float) -> str:
    return f"{100 * number + 0:+.2f}".replace("-", "\N{MINUS SIGN}")


def test_the_results_of_the_readme_are_those_recorded() -> None:
    recorded = pd.read_csv(FOLDER / "results.csv")
    expected = []
    for row in recorded.to_dict("records"):
        plain = row["method"] == "float32"
        mean, low, high = (signed(row[name]) for name in (MINUS, f"{MINUS}_ci95_low", f"{MINUS}_ci95_high"))
        expected.append(
            [
                row["model"],
                row["method"],
                row["data_needed"],
                f"{row['file_bytes'] / 1024:.1f}",
                "" if plain else f"{100 * row['size_reduction']:.0f} %",
                f"{row['compressed_bytes'] / 1024:.1f}",
                f"{100 * row['mean']:.2f} [{100 * row['ci95_low']:.1f}, {100 * row['ci95_high']:.1f}]",
                "" if plain else f"{mean} [{low}, {high}]",
                f"{row['arena_bytes'] / 1024:.1f}" if row["on_micro"] else "no kernel",
            ]
        )
    assert table(NAME, "model | method | data") == expected
    assert set(recorded["n"]) == {5}
    assert (recorded[f"{MINUS}_ci95_low"] <= 0).all()
    assert (recorded[f"{MINUS}_ci95_high"] >= 0).all()


def test_the_times_of_the_readme_are_those_recorded() -> None:
    expected: dict[tuple[str, str], list[str]] = {}
    for row in pd.read_csv(FOLDER / "latency.csv").to_dict("records"):
        told = f"1 ({row['median_us']:.1f})" if row["method"] == "float32" else f"{row['median']:.2f}"
        expected.setdefault((row["model"], row["method"]), []).append(told)
    assert table(NAME, "model | method | reference") == [[*key, *ratios] for key, ratios in expected.items()]


def test_the_flags_of_the_readme_are_those_recorded() -> None:
    recorded = pd.read_csv(FOLDER / "flags.csv")
    assert recorded.groupby(["model", "method", "seed"])["sha256"].nunique().tolist() == [1] * 30
    first = [row for row in recorded.to_dict("records") if row["seed"] == 0]
    found = {(model, method): digests for model, method, *digests in table(NAME, "model | method | DEFAULT")}
    assert len(found) == 6
    names = ("DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY")
    for row in first:
        told = found[row["model"], row["method"]][names.index(row["optimizations"])]
        assert told == row["sha256"][:8]
