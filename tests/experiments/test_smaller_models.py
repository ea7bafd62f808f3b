"""The experiment smaller_models: its sweep at tiny size, and its analysis of what the sweep left."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from qcompare.report.experiment import IncompleteError
from tests import commands

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

FOLDER = commands.ROOT / "experiments" / "smaller_models"
TINY = ("seed=0", "train.epochs=1", "prune.epochs=1", "qat.epochs=1", "data.test_samples=1600", "workers=1")


def load():
    spec = importlib.util.spec_from_file_location("smaller_models_analyse", FOLDER / "analyse.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


analyse = load()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The outputs of the experiment at tiny size: pruned networks alone."""
    folder = tmp_path_factory.mktemp("smaller")
    done = commands.run("experiment=smaller_models", *TINY, "outputs=outputs", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "outputs"


@pytest.fixture(scope="module")
def outputs(swept, tmp_path_factory):
    """As run.sh leaves them: the same figures for every kind, but that clustered networks are right a tenth less."""
    folder = tmp_path_factory.mktemp("all")
    for source in swept.glob("*/methods.csv"):
        options = pd.read_csv(source.parent / "configurations.csv")
        for number, (kind, per_channel) in enumerate((k, c) for k in analyse.KINDS for c in (True, False)):
            place = folder / f"{source.parent.name}-{number}"
            place.mkdir()
            for name in ("methods.csv", "errors.csv"):
                shutil.copy(source.parent / name, place / name)
            options["prune.sparsity"] = 0.5 if kind == "pruned" else 0.0
            options["cluster.clusters"] = 16 if kind == "clustered" else 0
            options["quant.per_channel"] = per_channel
            options.to_csv(place / "configurations.csv", index=False)
            if kind == "clustered":
                methods = pd.read_csv(place / "methods.csv")
                methods["accuracy"] -= 0.1
                methods.to_csv(place / "methods.csv", index=False)
    return folder


def test_half_of_the_weights_are_zero_in_the_file(swept):
    rows = pd.concat(pd.read_csv(path) for path in swept.glob("*/methods.csv"))
    assert sorted(rows["route"]) == ["ptq", "ptq", "qat", "qat"]
    assert ((rows["zero_weights"] / rows["weights"]).between(0.495, 0.6)).all()


def test_the_analysis_tells_figures_and_differences(outputs):
    files = analyse.analysed(outputs)
    assert files["size.png"].startswith(b"\x89PNG")
    rows = analyse.results_of(analyse.rows_of(outputs))
    differs = rows[rows["metric"] == "accuracy_minus_whole"]
    means = differs.groupby("kind")["mean"].unique()
    assert means["pruned"].tolist() == [0.0]
    assert means["clustered"].tolist() == pytest.approx([-0.1])
    assert len(differs) == 2 * 2 * 2 * 2


def test_what_is_missing_is_named(outputs, tmp_path):
    with pytest.raises(IncompleteError, match="no folders of results"):
        analyse.analysed(tmp_path)
    shutil.copytree(next(iter(outputs.glob("dense*-0"))), tmp_path / "one")
    with pytest.raises(IncompleteError, match=r"dense, pruned, per_channel=True, ptq: not in all of the seeds \[0\]"):
        analyse.analysed(tmp_path)


def test_the_recorded_results_are_those_that_the_readme_tells():
    rows, text = pd.read_csv(FOLDER / "results.csv"), (Path(FOLDER) / "README.md").read_text()
    accuracy = rows[(rows["metric"] == "accuracy") & (rows["model"] == "dense")]
    for mean in accuracy["mean"]:
        assert f"{100 * mean:.2f}" in text
    sizes = rows[(rows["metric"] == "compressed_bytes") & rows["per_channel"]]
    for mean in sizes["mean"]:
        assert f"{mean:,.0f}" in text
    assert (rows["n"].dropna() <= 10).all()
