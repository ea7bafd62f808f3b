"""Tiny runs through the real command line: what they write, that it is right, and that nothing stops them halfway."""

import json
import math
import os
import signal

import numpy as np
import pandas as pd
import pytest
import yaml
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.analysis.figures import ERRORS_COLUMNS, FIGURES
from qcompare.analysis.parameters import PARAMETERS_DTYPES
from qcompare.analysis.statistics import METRICS, SUMMARY_COLUMNS
from qcompare.config.compose import request
from qcompare.config.options import read
from qcompare.data.load import load
from qcompare.pipeline import store, sweep
from qcompare.routes import export
from tests.runs import ARGUMENTS, FILE, LSTM, RESULTS, TINY, Run, data_file, stopped

KERNELS = ("reference", "optimized", "xnnpack")
MEASURED = (*(f"interpreter:{kernels}" for kernels in KERNELS), "micro")
MANUAL = [(f"manual:{kernels}", f"interpreter:{kernels}") for kernels in KERNELS] + [("manual:micro", "micro")]
SEEDS = {trained: [0, 1] if trained in ("dense", "simple_rnn", "lstm") else [0] for trained in RESULTS}
TRIALS = [(trained, seed) for trained in RESULTS for seed in SEEDS[trained]]

every_folder = pytest.mark.parametrize("trained", RESULTS)
every_trial = pytest.mark.parametrize(("trained", "seed"), TRIALS, ids=lambda value: str(value))


def csv(path):
    """Every cell as it stands in the file, "" for an empty one."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def folder_of(runs, trained, seed):
    return runs.results(trained) / f"seed={seed}"


def held_back(folder):
    """(x, y, number of classes or None) of the test set that a folder of results was made with."""
    values = yaml.safe_load((folder / "config.yaml").read_text())
    if values["data"]["name"] == "file":
        with np.load(folder.parents[1] / values["data"]["file"]) as stored:
            return stored["x_test"].astype(np.float32), stored["y_test"], 2
    values["model"]["theta"] = values["model"].get("theta") or "auto"
    if values["model"]["name"] != "lmu":
        del values["model"]["theta"]
    dataset = load(read(values).data)
    return dataset.x_test, dataset.y_test, dataset.classes


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_run_ends_well_and_says_what_it_wrote(runs, name):
    run = runs[name]
    assert (run.status, run.err) == (0, "")
    assert "Difference of the outputs, mean over the seeds" in run.out
    for folder in (run.folder / "outputs").iterdir():
        for file in ("errors.csv", "summary.csv", "parameters.csv", "ptq_seeds.png", "qat_seeds.png", "labels.png"):
            assert f"outputs/{folder.name}/{file}" in run.out
    assert "WARNING" not in run.out
    assert "\x1b" not in run.out


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_run_leaves_its_results_and_nothing_else(runs, name):
    folder = runs[name].folder
    assert {path.name for path in folder.iterdir()} == {"mine.npz", "outputs"}
    assert not list(folder.rglob(".*"))
    for results in (folder / "outputs").iterdir():
        files = {path.name for path in results.iterdir() if path.is_file()}
        assert files == {
            *("config.yaml", "provenance.json", "errors.csv", "parameters.csv", "summary.csv"),
            *("ptq_seeds.png", "qat_seeds.png", "labels.png"),
        }
        for seed in results.glob("seed=*"):
            assert {path.name for path in seed.iterdir()} == {
                *("trial.json", "errors.csv", "parameters.csv", "float_weights.npz", "qat_weights.npz"),
                *(f"{route}{end}" for route in ("ptq", "qat") for end in (".tflite", "_outputs.npz")),
                *(f"{route}_{plot}.png" for route in ("ptq", "qat") for plot in ("histograms", "scatter")),
            }


def test_a_multirun_writes_every_combination(runs):
    run = runs["multirun"]
    names = sorted(path.name for path in (run.folder / "outputs").iterdir())
    assert [name.split("-")[0] for name in names] == ["dense", "simple_rnn"]
    for name in names:
        assert {path.name for path in (run.folder / "outputs" / name).glob("seed=*")} == {"seed=0", "seed=1"}
        assert yaml.safe_load((run.folder / "outputs" / name / "config.yaml").read_text())["seed"] == [0, 1]


@every_folder
def test_every_route_and_pair_of_every_seed_is_a_row(runs, trained):
    errors = csv(runs.results(trained) / "errors.csv")
    assert tuple(errors.columns) == ERRORS_COLUMNS
    plain = "manual:dequantized"
    both = {*MANUAL, *((plain, engine) for engine in MEASURED), *(("float", engine) for engine in MEASURED)}
    labels = {("labels", engine) for engine in ("float", *MEASURED, plain)}
    qat = {("float", "qat"), ("qat", plain), ("labels", "qat"), *(("qat", engine) for engine in MEASURED)}
    expected = {"ptq": both | labels | {("float", plain)}, "qat": both | labels | qat}
    for seed in SEEDS[trained]:
        for route, pairs in expected.items():
            rows = errors[(errors["seed"] == str(seed)) & (errors["route"] == route)]
            assert set(zip(rows["a"], rows["b"], strict=True)) == pairs
            assert len(rows) == len(pairs)
    assert len(errors) == len(SEEDS[trained]) * sum(map(len, expected.values()))
    model = trained.split()[-1]
    lowering = {"dense": "", "lstm": "fused", "loop lstm": "loop"}.get(trained, "unrolled" if model != "dense" else "")
    assert set(errors["model"]) == {model}
    assert set(errors["quant"]) == {"int16x8" if trained.startswith("16-bit") else "int8"}
    assert set(errors["lowering"]) == {lowering}
    assert set(errors["scope"]) == {"output"}
    assert set(errors["note"]) == {""}


@every_folder
def test_the_manual_engine_equals_every_runtime(runs, trained):
    errors = csv(runs.results(trained) / "errors.csv")
    for a, b in MANUAL:
        rows = errors[(errors["a"] == a) & (errors["b"] == b)]
        assert len(rows) == 2 * len(SEEDS[trained])
        assert set(rows["mismatches"]) == {"0"}
        assert set(rows["max_lsb"]) == {"0"}
        assert set(rows["sqnr_db"]) == {""}


def recomputed(a, b, grid, classification):
    """The figures of a row from two outputs, in plain words. grid: (scale, zero point, dtype) of the model's output."""
    scale, zero_point, dtype = grid
    ends = np.iinfo(dtype).min, np.iinfo(dtype).max

    def on_grid(values):
        if values.dtype == dtype:
            return values.astype(int)
        steps = (values / np.float32(scale)).astype(np.float64)
        return np.clip(np.sign(steps) * np.floor(np.abs(steps) + 0.5) + zero_point, *ends).astype(int)

    def real(values):
        return (values.astype(np.float64) - zero_point) * scale if values.dtype == dtype else values.astype(float)

    apart, error = np.abs(on_grid(a) - on_grid(b)), real(b) - real(a)
    signal, noise = (real(a) ** 2).sum(), (error**2).sum()
    return {
        "n": a.size,
        "mismatches": (apart != 0).sum(),
        "mismatch_rate": (apart != 0).mean(),
        "max_lsb": apart.max(),
        "mean_lsb": apart.mean(),
        "max_abs_error": np.abs(error).max(),
        "mean_abs_error": np.abs(error).mean(),
        "mean_error": error.mean(),
        "rmse": math.sqrt((error**2).mean()),
        "sqnr_db": 10 * math.log10(signal / noise) if noise else "",
        "cosine_similarity": (real(a) * real(b)).sum() / math.sqrt(signal * (real(b) ** 2).sum()),
        "saturation_rate": np.isin(on_grid(b), ends).mean(),
        "top1_agreement": (real(a).argmax(1) == real(b).argmax(1)).mean() if classification else "",
        "non_finite": 0,
    }


def against_labels(labels, b, grid, classification):
    scale, zero_point, dtype = grid
    if classification:
        return {"n": len(labels), "top1_agreement": (b.argmax(1) == labels).mean(), "non_finite": 0}
    error = ((b.astype(np.float64) - zero_point) * scale if b.dtype == dtype else b.astype(float)) - labels
    return {
        "n": b.size,
        "max_abs_error": np.abs(error).max(),
        "mean_abs_error": np.abs(error).mean(),
        "mean_error": error.mean(),
        "rmse": math.sqrt((error**2).mean()),
        "non_finite": 0,
    }


@every_trial
@pytest.mark.parametrize("route", ["ptq", "qat"])
def test_figures_are_those_of_the_stored_outputs(runs, trained, seed, route):
    folder = folder_of(runs, trained, seed)
    _, labels, classes = held_back(folder.parent)
    interpreter = Interpreter(model_path=str(folder / f"{route}.tflite"))
    (end,) = interpreter.get_output_details()
    grid = (*end["quantization"], end["dtype"])
    with np.load(folder / f"{route}_outputs.npz") as stored:
        outputs = {name: stored[name] for name in stored.files}
    errors = csv(folder.parent / "errors.csv")
    rows = errors[(errors["seed"] == str(seed)) & (errors["route"] == route)]
    for row in rows.to_dict("records"):
        a, b = labels if row["a"] == "labels" else outputs[row["a"]], outputs[row["b"]]
        make = against_labels if row["a"] == "labels" else recomputed
        expected = dict.fromkeys(FIGURES, "") | make(a, b, grid, classes is not None)
        for name, value in expected.items():
            if value == "" or row[name] == "":
                assert row[name] == value, (row["a"], row["b"], name)
            else:
                assert float(row[name]) == pytest.approx(value, rel=1e-9, abs=1e-12), (row["a"], row["b"], name)


@every_trial
@pytest.mark.parametrize("route", ["ptq", "qat"])
def test_outputs_are_those_of_the_stored_model(runs, trained, seed, route):
    folder = folder_of(runs, trained, seed)
    x, _, _ = held_back(folder.parent)
    interpreter = Interpreter(
        model_path=str(folder / f"{route}.tflite"), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (entry,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero_point), dtype = entry["quantization"], entry["dtype"]
    ends = np.iinfo(dtype).min, np.iinfo(dtype).max
    found = []
    for sample in x:
        steps = (sample / np.float32(scale)).astype(np.float64)
        q = np.clip(np.sign(steps) * np.floor(np.abs(steps) + 0.5) + zero_point, *ends).astype(dtype)
        interpreter.reset_all_variables()
        interpreter.set_tensor(entry["index"], q.reshape(entry["shape"]))
        interpreter.invoke()
        found.append(interpreter.get_tensor(end["index"])[0])
    with np.load(folder / f"{route}_outputs.npz") as stored:
        np.testing.assert_array_equal(stored["interpreter:reference"], found)
        assert {stored[name].dtype for name in MEASURED} == {np.dtype(dtype)}
        assert stored["float"].dtype == np.float32


@every_folder
def test_the_folders_rows_are_those_of_its_seeds(runs, trained):
    folder = runs.results(trained)
    for name in ("errors.csv", "parameters.csv"):
        parts = [(folder / f"seed={seed}" / name).read_bytes() for seed in SEEDS[trained]]
        header = parts[0].split(b"\n", 1)[0] + b"\n"
        assert (folder / name).read_bytes() == header + b"".join(part.removeprefix(header) for part in parts)


@every_folder
def test_the_summary_is_that_of_the_rows(runs, trained):
    folder = runs.results(trained)
    errors, summary = csv(folder / "errors.csv"), csv(folder / "summary.csv")
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    assert len(summary) == len(METRICS) * len(errors) / len(SEEDS[trained])
    for row in summary.to_dict("records"):
        same = errors[(errors["route"] == row["route"]) & (errors["a"] == row["a"]) & (errors["b"] == row["b"])]
        values = np.array([float(value) for value in same[row["metric"]] if value != ""])
        assert int(row["n"]) == len(values)
        expected = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
        for name, compute in expected.items():
            assert row[name] == "" if not len(values) else float(row[name]) == pytest.approx(compute(values))
        if len(values) > 1:
            assert float(row["std"]) == pytest.approx(values.std(ddof=1))
        else:
            assert row["std"] == ""


@every_folder
def test_parameters_are_named_and_numbered(runs, trained):
    parameters = csv(runs.results(trained) / "parameters.csv")
    assert tuple(parameters.columns) == tuple(PARAMETERS_DTYPES)
    assert set(parameters["route"]) == {"qat"}
    assert set(parameters["seed"]) == {str(seed) for seed in SEEDS[trained]}
    assert not parameters.duplicated(["seed", "tensor", "channel"]).any()


@every_folder
def test_provenance_says_what_the_results_depend_on(runs, trained):
    folder = runs.results(trained)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert {"python", "platform", "cpu", "cpu_features", "packages", "qcompare_source", "trials"} <= set(provenance)
    assert {"tensorflow", "ai-edge-litert", "numpy"} <= {name.replace("_", "-") for name in provenance["packages"]}
    for seed in SEEDS[trained]:
        trial = provenance["trials"][str(seed)]
        assert trial == store.record_of(folder / f"seed={seed}")
        assert trial["threads"] == 1
        assert trial["runtimes"] == list(MEASURED)
        assert min(trial["seconds"].values()) >= 0


@pytest.fixture(scope="session")
def killed(runs):
    """The run `lstm` in another folder, in line, killed after its first seed: (what it left, the same completed)."""

    def run(folder):
        results = folder / "outputs" / request_of(folder).folder.name

        def in_the_second_seed():
            return any(results.glob(".seed=1.*.partial/"))

        stopped(*LSTM, "workers=1", folder=folder, when=in_the_second_seed, by=signal.SIGKILL)
        left = sorted(path.relative_to(results).as_posix() for path in results.rglob("*"))
        stamp = (results / "seed=0").stat().st_ino
        done = stopped(*LSTM, "workers=1", folder=folder, when=lambda: False, by=signal.SIGKILL)
        note = {"left": left, "kept": (results / "seed=0").stat().st_ino == stamp}
        return Run(folder, done.status, json.dumps([note, done.out]), done.err)

    done = runs.once("killed", run)
    note, out = json.loads(done.out)
    return note, Run(done.folder, done.status, out, done.err)


def request_of(folder):
    """The request that LSTM makes in a folder."""
    data_file(folder / "mine.npz")
    here = os.getcwd()
    os.chdir(folder)
    try:
        return request(LSTM)
    finally:
        os.chdir(here)


def test_a_killed_run_leaves_no_half_files(killed):
    note, _ = killed
    assert "seed=0/errors.csv" in note["left"]
    assert "seed=0/trial.json" in note["left"]
    visible = {name.split("/")[0] for name in note["left"] if not name.startswith(".")}
    assert visible == {"seed=0"}


def test_the_same_command_then_completes_and_uses_what_is_stored(killed):
    note, run = killed
    assert (run.status, run.err) == (0, "")
    assert note["kept"]
    assert "1 of 2 seeds were stored already" in run.out
    assert not list(run.folder.rglob(".*"))


@pytest.mark.parametrize(
    "name", ["errors.csv", "summary.csv", "parameters.csv", "seed=0/errors.csv", "seed=1/errors.csv"]
)
def test_workers_folders_and_interruptions_change_no_byte(runs, killed, name):
    one, other = runs["lstm"].results(), killed[1].results()
    assert one.name == other.name
    assert one != other
    assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "name",
    ["float_weights.npz", "qat_weights.npz", "ptq_outputs.npz", "qat_outputs.npz", "qat.tflite", "qat_histograms.png"],
)
def test_training_is_the_same_in_every_process(runs, killed, name, seed):
    one, other = (folder / f"seed={seed}" / name for folder in (runs["lstm"].results(), killed[1].results()))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("trained", ["dense", "simple_rnn", "lstm"])
def test_seeds_differ_in_their_weights_alone(runs, trained):
    stored = [np.load(folder_of(runs, trained, seed) / "float_weights.npz") for seed in (0, 1)]
    assert stored[0].files == stored[1].files
    kernels = [name for name in stored[0].files if name.endswith("kernel")]
    assert kernels
    for name in kernels:
        assert not np.array_equal(stored[0][name], stored[1][name])
    entry = [Interpreter(model_path=str(folder_of(runs, trained, seed) / "ptq.tflite")) for seed in (0, 1)]
    assert len({each.get_input_details()[0]["quantization"] for each in entry}) == 1


def test_an_interrupt_in_the_terminal_ends_at_once_and_leaves_no_half_files(tmp_path):
    def at_work():
        return len(list(tmp_path.glob("outputs/*/.seed=*.partial/"))) == 2

    run = stopped(*LSTM, "workers=2", folder=tmp_path, when=at_work, by=signal.SIGINT)
    assert run.status == 130
    assert run.err == "qcompare: interrupted; finished seeds are kept, the same command goes on from there\n"
    assert not list(tmp_path.glob("outputs/*/[!.]*"))


def die(*_, **__):
    """In place of a conversion."""
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.usefixtures("capfd")
def test_a_crash_of_the_converter_is_rows_with_a_note_and_the_other_route_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "ptq", die)
    data_file(tmp_path / "mine.npz")
    asked = request(["model=simple_rnn", *TINY, *FILE, "train.epochs=1", "seed=0", "workers=1"])
    with open(os.devnull, "w") as nowhere:
        from rich.console import Console

        assert sweep.run(asked, Console(file=nowhere)) == 1
    errors = csv(asked.folder / "errors.csv")
    ptq, qat = (errors[errors["route"] == route] for route in ("ptq", "qat"))
    assert set(ptq["note"]) == {"converter crashed: killed by signal 11 (SIGSEGV)"}
    assert set(ptq["n"]) == {""}
    assert len(ptq) > 10
    assert set(qat["note"]) == {""}
    assert "" not in set(qat["n"])
    exact = qat[(qat["a"] == "manual:reference") & (qat["b"] == "interpreter:reference")]
    assert exact["mismatches"].tolist() == ["0"]
    assert not (asked.folder / "seed=0" / "ptq.tflite").exists()
    assert (asked.folder / "seed=0" / "qat.tflite").exists()
    summary = csv(asked.folder / "summary.csv")
    assert set(summary[summary["route"] == "ptq"]["n"]) == {"0"}
