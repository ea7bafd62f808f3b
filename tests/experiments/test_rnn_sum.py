"""The experiment as a user runs it, at tiny size: one seed, one epoch, two methods, the others as copies of them."""

import importlib.util
import shutil
import sys

import pandas as pd
import pytest
import yaml

from qcompare.report.experiment import main
from tests import commands
from tests.commands import ROOT

FOLDER = ROOT / "experiments" / "rnn_sum"
TINY = ("seed=1", "train.epochs=1", "qat.epochs=1", "model.units=4", "data.steps=3", "data.samples=60", "workers=1")
TRIED = ("Flex", "batch 1", "batch 1, int8")
"""Ways that are tried here."""

pytestmark = [pytest.mark.slow, pytest.mark.runtime]


def load():
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location("rnn_sum_analyse", FOLDER / "analyse.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


analyse = load()


def copied(outputs):
    """Every folder that run.sh makes, of those of float32 and int8."""
    made = {yaml.safe_load(path.read_text())["quant"]["name"]: path.parent for path in outputs.glob("*/config.yaml")}
    wanted = [(method, lowering, "all_values") for method, lowering in analyse.CONFIGURATIONS]
    wanted += [(method, "unrolled", "moving_average") for method in analyse.TRAINED]
    for number, (method, lowering, ranges) in enumerate(wanted):
        folder = outputs / str(number)
        shutil.copytree(made["int8" if method in analyse.TRAINED else "float32"], folder)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["quant"]["name"], config["model"]["lowering"], config["qat"]["ranges"] = method, lowering, ranges
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for folder in made.values():
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """What is analysed of the sweep."""
    root = tmp_path_factory.mktemp("sums")
    sized = ("data.test_samples=12", "data.calibration_samples=12")
    done = commands.run("experiment=rnn_sum", "quant=float32,int8", *sized, *TINY, folder=root)
    assert done.returncode == 0, done.stdout + done.stderr
    copied(root / "outputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analyse, "WAYS", [way for way in analyse.WAYS if way.name in TRIED])
        assert main([str(root / "outputs"), str(root / "new")], analyse.analysed) == 0
    assert (root / "new" / "plot.png").stat().st_size > 10_000
    return {path.stem: pd.read_csv(path, keep_default_na=False) for path in (root / "new").glob("*.csv")}


def test_the_texts_way_runs_nowhere_and_int8_of_the_loop_takes_its_process_down(tables):
    found = tables["conversions"].set_index("way")
    assert found.loc["batch 1", "outcome"] == "runs"
    assert float(found.loc["batch 1", "rmse"]) > 0
    assert found.loc["Flex", "outcome"].startswith("converts, does not run: RuntimeError: Select TensorFlow op(s)")
    assert "FlexTensorListReserve" in found.loc["Flex", "operators"]
    assert found.loc["batch 1, int8", "outcome"] == "takes the process down: killed by signal 11 (SIGSEGV)"
    assert found.loc["batch 1, int8", "bytes"] == ""


def test_each_configuration_has_its_rows(tables):
    results = tables["results"]
    assert len(results[["method", "lowering"]].drop_duplicates()) == len(analyse.CONFIGURATIONS) == 9
    assert set(results["route"]) == {"float", "ptq", "qat", "qat, moving average"}
    integers = results[(results["metric"] == "mismatch_rate") & results["method"].isin(analyse.TRAINED)]
    assert set(integers["engine"]) == {"interpreter:reference", "interpreter:optimized", "interpreter:xnnpack", "micro"}
    assert set(integers["mean"].astype(float)) == {0.0}
    errors = results[(results["metric"] == "rmse") & (results["engine"] == analyse.BY_DEFAULT)]
    assert (errors["mean"].astype(float) > 0).all()


def test_what_is_missing_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == (
        f"analyse.py: {tmp_path}: no folder of quant=float32 model.lowering=unrolled qat.ranges=all_values; "
        "run.sh makes it\n"
    )
