"""What the experiment's analysis makes of outputs with planted figures."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from qcompare.analysis.errors import ERRORS, ErrorsRow
from qcompare.analysis.figures import Figures
from qcompare.core.key import RowKey
from qcompare.report import csv
from qcompare.report.experiment import main

SCRIPT = Path(__file__).parents[2] / "experiments" / "qat_for_the_fused_lstm" / "analyse.py"
SEEDS = (0, 1, 2)
SHAPES = [("digits", 8), ("digits", 32), ("digit_pixels", 8), ("digit_pixels", 48)]
KERNELS = ("interpreter:reference", "interpreter:xnnpack", "micro")
CONFIGS = {
    "fake_quant": ("fused", "fake_quant", 60, 15),
    "exact": ("fused", "exact", 60, 15),
    "unrolled": ("unrolled", "fake_quant", 60, 15),
    "long": ("fused", "fake_quant", 75, 1),
}
GAIN = {"fake_quant": 0.02, "exact": 0.03, "unrolled": -0.01, "long": -0.3}
"""What QAT adds to the accuracy of PTQ, times seed + 1."""


def load():
    spec = importlib.util.spec_from_file_location("qat_for_the_fused_lstm_analyse", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


analyse = load()


def ptq_accuracy(units, name, seed):
    return 0.6 + units / 1000 + 0.001 * seed + (0.05 if name == "long" else 0)


def row(name, side_a, side_b, seed, **figures):
    (route_a, engine_a), (route_b, engine_b) = side_a, side_b
    key = RowKey(
        configuration=name,
        seed=seed,
        route_a=route_a,
        engine_a=engine_a,
        route_b=route_b,
        engine_b=engine_b,
        tap="output",
        step=None,
    )
    return ErrorsRow(key=key, figures=Figures(**{"n": 360, "non_finite": 0} | figures))


def rows_of(units, name, seed):
    ptq = ptq_accuracy(units, name, seed)
    labels, plain = ("", "labels"), ("float", "float")
    rows = [row(name, labels, plain, seed, top1_agreement=ptq + 0.01)]
    for route, accuracy in (("ptq", ptq), ("qat", ptq + GAIN[name] * (seed + 1))):
        for kernels in KERNELS:
            own = accuracy - (0.002 if kernels == "micro" else 0)
            rows.append(row(name, labels, (route, kernels), seed, top1_agreement=own))
            rows.append(row(name, plain, (route, kernels), seed, top1_agreement=0.99, sqnr_db=30.0 + seed))
            if route == "qat":
                rows.append(row(name, ("qat", "qat"), (route, kernels), seed, mismatch_rate=0.25, max_lsb=seed))
    return rows


def folder_of(outputs, data, units, name):
    """A name that says nothing."""
    return outputs / f"{100 * SHAPES.index((data, units)) + 10 * list(CONFIGS).index(name)}"


def write(outputs, data, units, name, seeds=SEEDS, folder=None):
    folder = folder or folder_of(outputs, data, units, name)
    folder.mkdir(parents=True, exist_ok=True)
    lowering, simulate, epochs, qat_epochs = CONFIGS[name]
    config = {
        "model": {"name": "lstm", "units": [units], "head": [], "lowering": lowering},
        "quant": {"name": "int8", "simulate": simulate, "kernels": "reference"},
        "data": {"name": data, "test_samples": 360},
        "train": {"epochs": epochs, "batch_size": 32},
        "qat": {"scheme": "aligned", "epochs": qat_epochs},
        "seed": list(seeds),
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rows = [found for seed in seeds for found in rows_of(units, name, seed)]
    (folder / "errors.csv").write_bytes(csv.written(ERRORS.frame(rows)))


def plant(outputs, seeds=SEEDS):
    for data, units in SHAPES:
        for name in CONFIGS:
            write(outputs, data, units, name, seeds)
    return outputs


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """results.csv, differences.csv and the folder of both."""
    folder = tmp_path_factory.mktemp("analysed")
    assert main([str(plant(folder / "outputs")), str(folder / "new")], analyse.analysed) == 0
    return pd.read_csv(folder / "new/results.csv"), pd.read_csv(folder / "new/differences.csv"), folder / "new"


def only(frame, **values):
    """The one row with these values."""
    for column, value in values.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def refused(outputs, folder, capsys):
    """The one line that is said of incomplete outputs."""
    assert main([str(outputs), str(folder)], analyse.analysed) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert not folder.exists()
    return err


@pytest.mark.parametrize(
    ("method", "kernels", "planted"),
    [
        ("float", "float", 0.618),
        ("PTQ fused", "interpreter:xnnpack", 0.608),
        ("PTQ fused", "micro", 0.606),
        ("float trained as long", "float", 0.668),
        ("PTQ of float trained as long", "interpreter:reference", 0.658),
        ("QAT unrolled", "interpreter:reference", 0.58),
        ("QAT fused fake quant", "interpreter:reference", 0.628),
        ("QAT fused exact", "interpreter:reference", 0.638),
    ],
)
def test_each_method_has_its_own_accuracy(analysed, method, kernels, planted):
    found = only(analysed[0], data="digits", units=8, method=method, kernels=kernels, metric="accuracy")
    assert found["n"] == 3
    assert found["min"] == pytest.approx(planted)
    assert found["ci95_low"] < found["mean"] < found["ci95_high"]


def test_all_shapes_methods_kernels_and_metrics_have_a_row(analysed):
    results, differences, _ = analysed
    # Two float networks have the accuracy; two by PTQ three metrics and three by QAT five, on three kernel sets.
    assert len(results) == 4 * (2 + 3 * (2 * 3 + 3 * 5))
    assert not results.duplicated(["data", "units", "method", "kernels", "metric"]).any()
    assert not differences.duplicated(["data", "units", "method", "minus", "kernels", "metric"]).any()
    assert set(results["n"]) == set(differences["n"]) == {3}


def test_the_other_metrics_are_those_that_were_planted(analysed):
    found = {
        metric: only(
            analysed[0], data="digit_pixels", units=48, method="QAT fused exact", kernels="micro", metric=metric
        )
        for metric in ("agreement_with_float", "sqnr_db", "qat_max_lsb", "qat_equal_integers")
    }
    assert {metric: row["mean"] for metric, row in found.items()} == pytest.approx(
        {"agreement_with_float": 0.99, "sqnr_db": 31.0, "qat_max_lsb": 1.0, "qat_equal_integers": 0.75}
    )


@pytest.mark.parametrize(
    ("method", "minus", "planted"),
    [
        ("QAT fused exact", "PTQ fused", [0.03, 0.06, 0.09]),
        ("QAT fused exact", "QAT fused fake quant", [0.01, 0.02, 0.03]),
        ("QAT unrolled", "PTQ fused", [-0.01, -0.02, -0.03]),
        ("QAT fused fake quant", "PTQ of float trained as long", [-0.03, -0.01, 0.01]),
        ("PTQ of float trained as long", "PTQ fused", [0.05, 0.05, 0.05]),
    ],
)
def test_differences_are_paired_by_seed(analysed, method, minus, planted):
    for kernels in KERNELS:
        found = only(
            analysed[1], data="digits", units=32, method=method, minus=minus, kernels=kernels, metric="accuracy"
        )
        mean, step = planted[1], abs(planted[1] - planted[0])
        assert found["mean"] == pytest.approx(mean)
        # Student's t for 2 degrees of freedom; three values a step apart have the step as standard deviation.
        assert found["ci95_high"] - found["mean"] == pytest.approx(4.302653 * step / 3**0.5, abs=1e-7)


def test_a_float_network_is_compared_on_every_kernel_set(analysed):
    means = [
        only(
            analysed[1], data="digits", units=8, method="float", minus="PTQ fused", kernels=kernels, metric="accuracy"
        )["mean"]
        for kernels in KERNELS
    ]
    assert means == pytest.approx([0.01, 0.01, 0.012])


def test_the_figure_is_written(analysed):
    assert (analysed[2] / "accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_a_missing_seed_is_named(tmp_path, capsys):
    outputs = plant(tmp_path / "outputs")
    write(outputs, "digit_pixels", 8, "exact", seeds=(0, 2))
    said = refused(outputs, tmp_path / "new", capsys)
    assert "data=digit_pixels model.units=8 model.lowering=fused quant.simulate=exact" in said
    assert said.endswith("in seed 1\n")


def test_a_seed_without_figures_is_named(tmp_path, capsys):
    outputs = plant(tmp_path / "outputs")
    rows = [found for seed in SEEDS for found in rows_of(8, "unrolled", seed)]
    fallen = [
        replace(found, figures=Figures())
        if (found.key.seed, found.key.route_b, found.key.engine_b) == (2, "qat", "micro")
        else found
        for found in rows
    ]
    folder = folder_of(outputs, "digits", 8, "unrolled")
    (folder / "errors.csv").write_bytes(csv.written(ERRORS.frame(fallen)))
    said = refused(outputs, tmp_path / "new", capsys)
    assert "data=digits model.units=8 model.lowering=unrolled" in said
    assert said.endswith("no figures of micro in seed 2\n")


def test_a_missing_configuration_is_named(tmp_path, capsys):
    outputs = plant(tmp_path / "outputs")
    (folder_of(outputs, "digits", 32, "long") / "config.yaml").unlink()
    said = refused(outputs, tmp_path / "new", capsys)
    assert "data=digits model.units=32" in said
    assert "train.epochs=75" in said
    assert said.count("no folder has this configuration") == 1


def test_a_configuration_that_two_folders_have_is_named(tmp_path, capsys):
    outputs = plant(tmp_path / "outputs")
    write(outputs, "digits", 8, "exact", folder=outputs / "again")
    assert "more than one folder has this configuration: 10 and again" in refused(outputs, tmp_path / "new", capsys)


@pytest.mark.parametrize(("name", "content"), [("config.yaml", "{"), ("errors.csv", "a,b\n1,2\n")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, capsys, name, content):
    outputs = plant(tmp_path / "outputs")
    broken = folder_of(outputs, "digits", 8, "exact") / name
    broken.write_text(content)
    assert str(broken) in refused(outputs, tmp_path / "new", capsys)


def test_outputs_that_do_not_exist_are_all_missing(tmp_path, capsys):
    assert "no folder" in refused(tmp_path / "nowhere", tmp_path / "new", capsys)


def test_one_seed_has_no_intervals_and_a_figure(tmp_path):
    outputs = plant(tmp_path / "outputs", seeds=[4])
    assert main([str(outputs), str(tmp_path / "new")], analyse.analysed) == 0
    results = pd.read_csv(tmp_path / "new/results.csv")
    assert results["ci95_low"].isna().all()
    assert results["mean"].notna().all()
    assert (tmp_path / "new/accuracy.png").exists()
