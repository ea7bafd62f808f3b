"""The experiment at its smallest, and the rules of its parameters against TensorFlow's own."""

import importlib.util
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from qcompare.config.compose import compose
from qcompare.config.options import parse
from qcompare.report.experiment import main
from tests import commands
from tests.commands import ROOT

SCRIPT = ROOT / "experiments" / "qat_vs_tflite" / "analyse.py"
PARTS = ("qat_vs_tflite", "qat_vs_tflite_depth", "qat_vs_tflite_lmu")


def load():
    spec = importlib.util.spec_from_file_location("qat_vs_tflite_analyse", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


analyse = load()

TINY = ("seed=0", "workers=1", "outputs=outputs", "train.epochs=1", "qat.epochs=1", "data.test_samples=40")
ONE = ("qat.scheme=tfmot", "qat.ranges=all_values", "model.use_bias=true", "quant.per_channel=true")


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """The folder of a run of one configuration, and what the analysis wrote."""
    folder = tmp_path_factory.mktemp("experiment")
    run = commands.run("experiment=qat_vs_tflite", *TINY, *ONE, folder=folder)
    assert run.returncode == 0, run.stderr
    assert main([str(folder / "outputs"), str(folder / "new")], analyse.analysed) == 0
    return folder, pd.read_csv(folder / "new/results.csv"), pd.read_csv(folder / "new/parameters.csv")


@pytest.mark.slow
@pytest.mark.runtime
def test_the_integers_by_hand_are_the_runtimes(analysed):
    _, results, _ = analysed
    exact = results[results["pair"].isin(analyse.EXACT) & (results["statistic"] == "unequal integers (%)")]
    assert set(exact["kernels"]) == {"reference", "optimized", "xnnpack", "micro"}
    assert len(exact) == 8
    assert (exact["max"] == 0).all()


@pytest.mark.slow
@pytest.mark.runtime
def test_every_comparison_and_statistic_has_a_row(analysed):
    _, results, _ = analysed
    assert set(results["pair"]) == set(analyse.PAIRS.values())
    assert set(results["statistic"]) == set(analyse.STATISTICS)
    names = [pair for (_, _, _, b), pair in analyse.PAIRS.items() for _ in range(4 if b == "runtime" else 1)]
    told = [2 if pair in analyse.EXACT else len(analyse.STATISTICS) for pair in names]
    assert len(results) == sum(told)
    assert (results["n"] == 1).all()


@pytest.mark.slow
@pytest.mark.runtime
def test_fake_quantization_by_hand_is_qat_and_real_zero_points_are_not(analysed):
    _, _, parameters = analysed
    found = parameters.set_index("parameters")
    # Of 400 outputs one may be another: float32 adds up in NumPy's order, or in TensorFlow's.
    assert found.loc["QAT's, nudged, in float32", "unequal_qat_percent_mean"] <= 0.25
    assert found.loc["QAT's, as they are", "zero_point_lsb_max"] > 0
    assert (found["zero_point_lsb_max"] <= 1).all()
    assert (found["scale_ulp_max"] <= 1).all()
    assert found.loc["TFLite's", ["scale_ulp_max", "zero_point_lsb_max"]].tolist() == [0, 0]
    assert found.loc["TFLite's, biases too", "unequal_reference_percent_mean"] == 0


@pytest.mark.slow
@pytest.mark.runtime
def test_a_planted_difference_is_told(analysed, tmp_path, capsys):
    folder, _, _ = analysed
    (own,) = (path for path in (folder / "outputs").glob("dense*") if path.is_dir())
    planted = tmp_path / "outputs" / own.name
    planted.mkdir(parents=True)
    (planted / "configurations.csv").write_bytes((own / "configurations.csv").read_bytes())
    errors = pd.read_csv(own / "errors.csv")
    by_hand = (errors["engine_a"] == "manual:micro") & (errors["route_b"] == "qat")
    errors.loc[by_hand, "mismatches"] = 1
    errors.to_csv(planted / "errors.csv", index=False)
    assert main([str(tmp_path / "outputs"), str(tmp_path / "new")], analyse.analysed) == 2
    said = f"{own.name}, seed 0: by hand in the kernels' integers vs TFLite, micro: 1 unequal integers"
    assert capsys.readouterr().err == f"analyse.py: {said}, where there must be none\n"


def test_without_results_there_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "new")], analyse.analysed) == 2
    assert capsys.readouterr().err == f"analyse.py: {tmp_path}: no folder of results there; run.sh makes them\n"


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_configuration_of_twelve_seeds(part):
    config = parse(compose([f"experiment={part}"]))
    assert config.seed == tuple(range(12))
    assert config.model.name == ("lmu" if part.endswith("lmu") else "dense")
    assert part in (SCRIPT.parent / "run.sh").read_text()


@pytest.mark.parametrize("seed", range(20))
def test_fake_quantization_by_hand_is_tensorflow_s(seed):
    random = np.random.default_rng(seed)
    low, high = np.float32(-random.exponential()), np.float32(random.exponential())
    real = random.normal(size=5000).astype(np.float32)
    largest = np.abs(real).max()
    for ends, smallest in (((low, high), 0), ((-largest, largest), 1)):
        theirs = tf.quantization.fake_quant_with_min_max_args(real, *map(float, ends), narrow_range=smallest == 1)
        steps = (analyse.fake_quantized(real, *ends, smallest=smallest) - theirs.numpy()) * 255 / (ends[1] - ends[0])
        # The same integers; TensorFlow may multiply and add in one rounding.
        assert np.abs(steps).max() < 1e-4


def test_the_rules_on_a_range_that_can_be_told_by_head():
    low, high = np.float32(-1.0), np.float32(0.5)
    step = 1.5 / 255
    own = analyse.as_it_is(low, high)
    assert (own.scale, own.zero_point) == (step, pytest.approx(42))
    low = np.float32(-1.0 - 0.4 * step)
    high = np.float32(0.5 - 0.4 * step)
    assert analyse.as_it_is(low, high).zero_point == pytest.approx(42.4, abs=1e-4)
    assert analyse.adjusted(low, high).zero_point == analyse.nudged(low, high).zero_point == 42
    # On its own grid the lower end is an integer, and zero is not.
    ends = analyse.rounded(np.array([float(low), 0.0]), analyse.as_it_is(low, high))
    assert ends[0] == pytest.approx(float(low))
    assert abs(ends[1]) == pytest.approx(0.4 * step, rel=1e-3)
    assert analyse.rounded(np.array([0.0]), analyse.nudged(low, high)) == [0]


NETWORKS: dict[str, dict[str, Any]] = {
    "tfmot": {"model": "dense", "depth": 4, "scheme": "tfmot", "use_bias": True},
    "tfmot, no biases": {"model": "dense", "depth": 4, "scheme": "tfmot", "use_bias": False},
    "aligned": {"model": "dense", "depth": 4, "scheme": "aligned", "use_bias": True},
    "aligned, no biases": {"model": "dense", "depth": 4, "scheme": "aligned", "use_bias": False},
    "LMU": {"model": "lmu"},
}
DEPTHS = (1, 2, 4, 8, 12, 16, 20)
DEEP = (
    ("QAT vs TFLite", "reference"),
    ("QAT vs TFLite", "micro"),
    ("by hand with TFLite's parameters vs TFLite", "reference"),
    ("by hand with TFLite's parameters vs TFLite", "micro"),
    ("QAT vs by hand with QAT's parameters", ""),
)


def chosen(frame, **values):
    for column, value in values.items():
        frame = frame[frame[column] == value]
    return frame


def percent(value):
    return "0" if value == 0 else f"{value:.3g}" if value >= 0.001 else "<0.001"


def rows_of_tables(results, parameters):
    """The lines of the README's tables."""
    usual = chosen(results, ranges="moving_average", per_channel=True)
    unequal = chosen(usual, statistic="unequal integers (%)")
    for pair in analyse.PAIRS.values():
        of_pair = chosen(unequal, pair=pair)
        if pair in analyse.EXACT:
            yield [
                pair,
                "all four",
                *(percent(chosen(of_pair, **network)["max"].max()) for network in NETWORKS.values()),
            ]
            continue
        for kernels in ("", "reference", "xnnpack", "optimized", "micro"):
            own = chosen(of_pair, kernels=kernels)
            if len(own) and (kernels in ("", "reference", "micro") or "PTQ" not in pair):
                means = [chosen(own, **network)["mean"].item() for network in NETWORKS.values()]
                yield [pair, kernels, *map(percent, means)]
    statistics = [name for name in analyse.STATISTICS if name not in analyse.INTEGERS]
    for pair in analyse.PAIRS.values():
        if pair not in analyse.EXACT:
            kernels = "reference" if pair.endswith("TFLite") or "PTQ" in pair else ""
            own = chosen(usual, pair=pair, kernels=kernels, **NETWORKS["tfmot"]).set_index("statistic")["mean"]
            yield [pair, *(percent(own[name]) for name in statistics)]
    for row in chosen(parameters, ranges="moving_average").to_dict("records"):
        yield [
            row["parameters"],
            "yes" if row["use_bias"] else "no",
            f"{row['other_scales']} of {row['tensors']}, {row['scale_ulp_max']} ULP",
            f"{row['other_zero_points']} of {row['tensors']}, {row['zero_point_lsb_max']:.2g} LSB",
            percent(row["unequal_qat_percent_mean"]),
            percent(row["unequal_reference_percent_mean"]),
        ]
    tfmot = chosen(unequal, model="dense", scheme="tfmot")
    for pair, kernels in DEEP:
        for bias in (True, False):
            own = chosen(tfmot, pair=pair, kernels=kernels, use_bias=bias).set_index("depth")["mean"]
            yield [pair, kernels, "yes" if bias else "no", *(percent(own[depth]) for depth in DEPTHS)]


def recorded(name):
    return pd.read_csv(SCRIPT.parent / name).fillna({"kernels": ""} if name == "results.csv" else {})


def test_the_tables_are_what_was_recorded():
    text = (SCRIPT.parent / "README.md").read_text()
    for cells in rows_of_tables(recorded("results.csv"), recorded("parameters.csv")):
        assert f"| {' | '.join(cells)} |".replace("|  |", "| |") in text


def test_by_hand_no_integer_was_another_at_any_depth_in_any_seed():
    results = recorded("results.csv")
    exact = results[results["pair"].isin(analyse.EXACT)]
    assert (exact["n"] == 12).all()
    assert (exact["max"] == 0).all()
    dense = exact[exact["model"] == "dense"]
    asked = {(depth, bias) for depth in range(1, 21) for bias in (True, False)}
    for pair in analyse.EXACT:
        for kernels in ("reference", "optimized", "xnnpack", "micro"):
            own = chosen(dense, pair=pair, kernels=kernels)
            assert set(zip(own["depth"], own["use_bias"], strict=True)) == asked
            assert set(own["per_channel"]) == {True, False}
    assert set(exact[exact["model"] == "lmu"]["per_channel"]) == {True, False}
