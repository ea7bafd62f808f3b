"""The experiment as a user runs it, at tiny size: one seed, one epoch; and what must be true at any size."""

import importlib.util
import sys

import pandas as pd
import pytest

from qcompare.report.experiment import main
from tests import commands
from tests.commands import ROOT

FOLDER = ROOT / "experiments" / "lstm_dynamic_length"
TINY = ("seed=1", "train.epochs=2", "qat.epochs=1", "model.units=4", "data.test_samples=14", "workers=1")


def load():
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location("lstm_dynamic_length_analyse", FOLDER / "analyse.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


analyse = load()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of outputs of the experiment's sweep, and in `new` what is analysed of it."""
    root = tmp_path_factory.mktemp("lengths")
    done = commands.run("experiment=lstm_dynamic_length", "data.calibration_samples=12", *TINY, folder=root)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analyse, "SIZED", ("int8",))
        patch.setattr(analyse, "BATCHES", {"as the text has it": 1})
        assert main([str(root / "outputs"), str(root / "new")], analyse.analysed) == 0
    return root


@pytest.fixture(scope="module")
def tables(run):
    return {path.stem: pd.read_csv(path, keep_default_na=False) for path in (run / "new").glob("*.csv")}


pytestmark = [pytest.mark.slow, pytest.mark.runtime]


def test_every_table_and_the_plot_are_written(run, tables):
    assert set(tables) == {"by_length", "by_step", "integers", "mistakes", "conversions"}
    assert (run / "new" / "plot.png").stat().st_size > 10_000


def test_no_integer_is_unequal_at_any_length(tables):
    found = tables["integers"]
    assert set(found["kernels"]) == {"reference", "optimized", "xnnpack", "micro"}
    assert set(found["steps"]) == {"3", "10", "50", "ragged"}
    assert (found["integers"] > 0).all()
    assert (found["unequal"] == 0).all()


def test_without_biases_zeros_in_front_change_nothing_in_float(tables):
    found = tables["by_length"]
    accuracy = found[(found["metric"] == "accuracy") & ~found["use_bias"]].set_index(["model", "steps"])["mean"]
    assert accuracy["float"].to_dict() == accuracy["float, zeros in front"].to_dict()


def test_what_is_wrong_by_itself_is_told(tables):
    found = tables["mistakes"].set_index("mistake")
    refused = found[found["outcome"] != "runs"]
    assert set(refused.index) == {"input left in float", "not allocated after resizing", "not resized"}
    assert set(refused["mean"]) == {""}
    right = found.loc["none"]
    assert set(right[right["metric"].isin(["accuracy_lost", "max_lsb"])]["mean"]) == {"0.0"}
    unreset = found.loc["state not reset"]
    assert (unreset[unreset["metric"] == "unequal_rate"]["mean"].astype(float) > 0).all()


def test_every_conversion_runs_at_every_length(tables):
    found = tables["conversions"]
    assert (found["outcome"] == "runs").all()
    assert set(found["conversion"]) == {"8 steps", "any length", "any length, two outputs", "as the text has it"}


def test_the_rows_of_the_route_stand_beside_those_of_ptq(run):
    errors = pd.read_csv(run / "outputs" / "errors.csv")
    across = errors[(errors["route_a"] == "ptq") & (errors["route_b"] == "ptq_free_length")]
    assert set(across["engine_b"]) == {"interpreter:reference", "interpreter:optimized", "interpreter:xnnpack", "micro"}
    assert (across["engine_a"] == across["engine_b"]).all()
    own = errors[
        (errors["route_b"] == "ptq_free_length") & (errors["engine_a"] == "manual:" + errors["engine_b"].str[12:])
    ]
    assert len(own) == 6
    assert (own["mismatches"] == 0).all()


def test_what_is_missing_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == (f"analyse.py: {tmp_path}: no folder has model.use_bias=true; run.sh makes it\n")
    assert not (tmp_path / "new").exists()
