"""The experiment as a user runs it, at tiny size: one seed, one epoch, a made-up problem."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from qcompare.report.experiment import main
from tests import commands
from tests.commands import ROOT

SCRIPT = ROOT / "experiments" / "japanese_vowels" / "analyse.py"
NETWORKS = {
    ("dense", ""),
    ("simple_rnn", "loop"),
    ("simple_rnn", "unrolled"),
    ("lstm", "fused"),
    ("lmu", "loop"),
    ("lmu", "unrolled"),
}
INT8 = {(route, kernels) for route in ("ptq", "qat") for kernels in ("reference", "xnnpack", "micro")}
TINY = ("seed=1", "train.epochs=1", "qat.epochs=1", "model.units=2", "workers=1")


def load():
    spec = importlib.util.spec_from_file_location("japanese_vowels_analyse", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


analyse = load()


def problem(root):
    """A folder of the archive: 12 and 6 sequences of 2 or 3 steps of two dimensions, of which the mean is the class."""
    generator = np.random.default_rng(4)
    folder = root / "JapaneseVowels"
    folder.mkdir()
    for part, count in (("TRAIN", 12), ("TEST", 6)):
        lines = [
            "@problemName JapaneseVowels",
            "@univariate false",
            "@equalLength false",
            "@classLabel true a b",
            "@data",
        ]
        for index in range(count):
            x = generator.normal(1 - 2 * (index % 2), 0.3, (2, 3 - index % 3 // 2))
            lines.append(":".join([*(",".join(f"{value:.3f}" for value in row) for row in x), "ab"[index % 2]]))
        (folder / f"JapaneseVowels_{part}.ts").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of outputs of the experiment's sweep, with the loops that run.sh adds as copies of what is unrolled;
    and the analysis of them, in `new`."""
    root = tmp_path_factory.mktemp("vowels")
    done = commands.run("experiment=japanese_vowels", f"data.path={problem(root)}", *TINY, folder=root)
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = root / "outputs"
    for folder in [*outputs.glob("simple_rnn-*"), *outputs.glob("lmu-*")]:
        other = outputs / f"{folder.name}-loop"
        other.mkdir()
        for name in ("configurations.csv", "errors.csv"):
            text = (folder / name).read_text().replace(folder.name, other.name).replace(",unrolled,", ",loop,")
            (other / name).write_text(text)
    assert main([str(outputs), str(root / "new")], analyse.analysed) == 0
    return root


@pytest.fixture(scope="module")
def results(run):
    return pd.read_csv(run / "new" / "results.csv", keep_default_na=False, na_values={"mean": "", "ci95_low": ""})


@pytest.mark.slow
@pytest.mark.runtime
def test_every_network_route_and_kernel_set_has_an_accuracy(results):
    accuracies = results[results["metric"] == "accuracy"]
    found = list(zip(*(accuracies[name] for name in ("model", "lowering", "route", "kernels")), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == {(*network, *side) for network in NETWORKS for side in {("float", "float")} | INT8}
    assert set(accuracies["n"]) == {1}
    assert accuracies["mean"].between(0, 1).all()
    assert accuracies["ci95_low"].isna().all()


@pytest.mark.slow
@pytest.mark.runtime
def test_the_accuracies_are_those_of_the_folders(run, results):
    for folder in (run / "outputs").glob("l*-int8-*"):
        options = pd.read_csv(folder / "configurations.csv").iloc[0]
        rows = pd.read_csv(folder / "errors.csv")
        labels = rows[rows["engine_a"] == "labels"].set_index(["route_b", "engine_b"])["top1_agreement"]
        own = results[(results["model"] == options["model.name"]) & (results["lowering"] == options["model.lowering"])]
        values = own.set_index(["metric", "route", "kernels"])["mean"]
        plain = labels["float", "float"]
        assert values["accuracy", "float", "float"] == plain
        assert values["accuracy", "qat", "xnnpack"] == labels["qat", "interpreter:xnnpack"]
        assert values["minus_float", "ptq", "micro"] == pytest.approx(labels["ptq", "micro"] - plain)


@pytest.mark.slow
@pytest.mark.runtime
def test_the_figure_is_written(run):
    assert (run / "new" / "accuracy.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.runtime
def test_what_is_missing_is_one_line(run, tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == f"analyse.py: {tmp_path}: no folder of results there; run.sh makes them\n"
    for folder in (run / "outputs").glob("*-int8-*"):
        if not folder.name.startswith("dense"):
            (tmp_path / folder.name).symlink_to(folder)
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == f"analyse.py: {tmp_path}: 0 folders of dense, where one is needed\n"
    assert not (tmp_path / "new").exists()


def cell(recorded, network, side, metric="accuracy"):
    """Mean and interval as the tables have them, in percent."""
    (row,) = analyse.of(recorded[recorded["metric"] == metric], network, side).to_dict("records")
    if row["n"] == 0:
        return ""
    sign = "+" if metric == "minus_float" else ""
    low, high = (f"{100 * row[name]:{sign}.1f}" for name in ("ci95_low", "ci95_high"))
    return f"{100 * row['mean']:{sign}.1f} [{low}, {high}]".replace("-", "\N{MINUS SIGN}")


def test_the_tables_are_what_was_recorded():
    recorded = pd.read_csv(SCRIPT.parent / "results.csv").fillna({"lowering": ""})
    whole = (SCRIPT.parent / "README.md").read_text()
    short = (ROOT / "README.md").read_text()
    ptq, qat = ("ptq", "xnnpack"), ("qat", "xnnpack")
    for network, name in analyse.NETWORKS.items():
        accuracies = [cell(recorded, network, side) for side in (("float", "float"), ptq, qat)]
        differences = [cell(recorded, network, side, "minus_float") for side in (ptq, qat)]
        assert " ".join(f"| {name} | {' | '.join([*accuracies, *differences])} |".split()) in " ".join(whole.split())
        if network[1] != "unrolled":
            assert f"| {name} | {' | '.join(accuracies)} |" in short
    lstm = recorded[(recorded["model"] == "lstm") & (recorded["metric"] == "accuracy")]
    means = lstm.set_index(["route", "kernels"])["mean"]
    assert means["float", "float"] > 0.94
    assert (means - means["float", "float"]).abs().max() < 0.02
