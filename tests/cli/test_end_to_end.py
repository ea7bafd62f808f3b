"""Tiny runs through the real command line: what they write, that it is right, and that nothing stops them halfway."""

import json
import math
import shutil
import signal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.figures import FIGURES
from qcompare.analysis.listed import TABLES
from qcompare.analysis.parameters import PARAMETERS
from qcompare.analysis.statistics import METRICS, SUMMARY
from qcompare.config.options import read
from qcompare.core.plain import plain
from qcompare.data.load import load
from tests import commands
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
    dataset = load(plain(read(values).data))
    return dataset.x_test, dataset.y_test, dataset.classes


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_run_ends_well_and_says_what_it_wrote(runs, name):
    run = runs[name]
    assert (run.status, run.err) == (0, "")
    assert "Difference of the outputs: means over seeds, largest LSB" in run.out
    for folder in (run.folder / "outputs").iterdir():
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        for file in ("errors.csv", "summary.csv", "parameters.csv", "ptq_seeds.png", "qat_seeds.png", "labels.png"):
            assert f"outputs/{folder.name}/{file}" in run.out
    assert "MB in outputs/.store; delete that folder to compute anew" in run.out.replace("\n", " ")
    assert "WARNING" not in run.out
    assert "\x1b" not in run.out


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_run_leaves_its_results_and_nothing_else(runs, name):
    folder = runs[name].folder
    assert {path.name for path in folder.iterdir()} == {"mine.npz", "outputs"}
    stored = [path.suffix for path in (folder / "outputs" / ".store").rglob("*") if path.is_file()]
    assert set(stored) == {".zip", ".json", ".lock"}
    over = {path.name for path in (folder / "outputs").iterdir() if path.is_file()}
    together = {
        *("errors.csv", "summary.csv", "differences.csv", "methods.csv", "configurations.csv", "techniques.csv"),
        *("methods.png", "methods.pdf", "report.html"),
    }
    assert over == (together if name == "multirun" else set())
    for results in (path for path in (folder / "outputs").iterdir() if path.is_dir() and path.name != ".store"):
        assert not list(results.rglob(".*"))
        files = {path.name for path in results.iterdir() if path.is_file()}
        assert files == {
            *("config.yaml", "provenance.json", "configurations.csv", "times.csv"),
            *("errors.csv", "parameters.csv", "methods.csv", "findings.csv", "summary.csv", "differences.csv"),
            *("tensors.csv", "ladder.csv", "ladder_summary.csv", "report.html"),
            *(f"{plot}.{kind}" for plot in ("ptq_seeds", "qat_seeds", "labels", "ladder") for kind in ("png", "pdf")),
            *(["latency.csv"] if "latency=true" in ARGUMENTS[name] else []),
        }
        for seed in results.glob("seed=*"):
            assert {path.name for path in seed.iterdir()} == {
                *("trial.json", "errors.csv", "parameters.csv", "methods.csv", "findings.csv"),
                *("tensors.csv", "ladder.csv", "ladder.png"),
                *(["states.png"] if not results.name.startswith("dense") else []),
                *("float_weights.npz", "qat_weights.npz", "float_outputs.npz"),
                *(f"{route}{end}" for route in ("ptq", "qat") for end in (".tflite", "_outputs.npz")),
                *(f"{route}_{plot}.png" for route in ("ptq", "qat") for plot in ("histograms", "scatter")),
            }


def test_a_multirun_writes_every_combination(runs):
    run = runs["multirun"]
    names = sorted(path.name for path in (run.folder / "outputs").glob("[!.]*") if path.is_dir())
    assert [name.split("-")[0] for name in names] == ["dense", "simple_rnn"]
    for name in names:
        assert {path.name for path in (run.folder / "outputs" / name).glob("seed=*")} == {"seed=0", "seed=1"}
        assert yaml.safe_load((run.folder / "outputs" / name / "config.yaml").read_text())["seed"] == [0, 1]
    over = csv(run.folder / "outputs" / "errors.csv")
    assert set(over["configuration"]) == set(names)
    assert len(over) == sum(len(csv(run.folder / "outputs" / name / "errors.csv")) for name in names)


@every_folder
def test_every_route_and_pair_of_every_seed_is_a_row(runs, trained):
    folder = runs.results(trained)
    errors = csv(folder / "errors.csv")
    assert list(errors.columns) == list(ERRORS.dtypes)
    hand, learned = "manual:dequantized", "manual:learned"
    expected = {("", "labels", "float", "float"), ("float", "float", "qat", "qat"), ("qat", "qat", "qat", hand)}
    expected |= {("qat", "qat", "qat", learned), ("qat", learned, "qat", hand)}
    expected |= {("qat", learned, "qat", engine) for engine in MEASURED}
    expected |= {("qat", "qat", "ptq", engine) for engine in MEASURED}
    expected |= {("float", "float", "ptq", hand), ("", "labels", "qat", "qat")}
    for route in ("ptq", "qat"):
        expected |= {(route, a, route, b) for a, b in MANUAL}
        expected |= {(route, hand, route, engine) for engine in MEASURED}
        expected |= {("float", "float", route, engine) for engine in MEASURED}
        expected |= {("", "labels", route, engine) for engine in (*MEASURED, hand)}
    expected |= {("qat", "qat", "qat", engine) for engine in MEASURED}
    key = ["route_a", "engine_a", "route_b", "engine_b"]
    for seed in SEEDS[trained]:
        rows = errors[errors["seed"] == str(seed)]
        assert set(rows[key].itertuples(index=False, name=None)) == expected
        assert len(rows) == len(expected)
    assert len(errors) == len(SEEDS[trained]) * len(expected)
    assert set(errors["configuration"]) == {folder.name}
    assert (set(errors["tap"]), set(errors["step"])) == ({"output"}, {""})
    assert csv(folder / "findings.csv").empty


@every_folder
def test_the_manual_engine_equals_every_runtime(runs, trained):
    errors = csv(runs.results(trained) / "errors.csv")
    for a, b in MANUAL:
        rows = errors[(errors["engine_a"] == a) & (errors["engine_b"] == b)]
        assert len(rows) == 2 * len(SEEDS[trained])
        assert set(rows["mismatches"]) == {"0"}
        assert set(rows["max_lsb"]) == {"0"}
        assert set(rows["sqnr_db"]) == {""}


@every_folder
def test_what_was_learned_is_what_is_deployed(runs, trained):
    """Bit for bit, so that rows of either are those of the other; but for biases that training did not round."""
    parameters = csv(runs.results(trained) / "parameters.csv")
    assert set(parameters["exact"]) <= {"True", ""}
    errors = csv(runs.results(trained) / "errors.csv")
    own = errors[errors["route_a"] == "qat"].set_index(["engine_a", "engine_b"])
    if trained == "dense":  # tensorflow-model-optimization's
        assert set(own.loc[("qat", "manual:learned"), "mismatches"]) == {"0"}
        return
    assert set(own.loc[("manual:learned", "manual:dequantized"), "mismatches"]) == {"0"}
    learned, deployed = (own.loc[f"manual:{name}", list(FIGURES)] for name in ("learned", "dequantized"))
    for engine in MEASURED:
        assert learned.loc[[engine]].to_numpy().tolist() == deployed.loc[[engine]].to_numpy().tolist()


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
        whole = (on_grid(values) - zero_point) * scale
        furthest = max(abs(end - zero_point) for end in ends) * scale
        # Integers times a scale in float32, but for four roundings, are these integers.
        stands_for = values.dtype == dtype or np.abs(values - whole).max() <= furthest * 2.0**-22
        return whole if stands_for else values.astype(float)

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
        **beside_a(real(a), error),
        "sqnr_db": 10 * math.log10(signal / noise) if noise else "",
        "cosine_similarity": (real(a) * real(b)).sum() / math.sqrt(signal * (real(b) ** 2).sum()),
        "saturation_rate": np.isin(on_grid(b), ends).mean(),
        "top1_agreement": (real(a).argmax(1) == real(b).argmax(1)).mean() if classification else "",
        "non_finite": 0,
    }


def beside_a(a, error):
    relative = np.abs(error[a != 0] / a[a != 0])
    return {
        "max_relative_error": relative.max() if relative.size else "",
        "outside_tolerance": (np.abs(error) > 0.01).mean(),
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
        **beside_a(labels, error),
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
    outputs = {"labels": labels}
    for name in ("float", "qat", route):
        with np.load(folder / f"{name}_outputs.npz") as stored:
            outputs |= {engine: stored[engine] for engine in stored.files}
    errors = csv(folder.parent / "errors.csv")
    rows = errors[(errors["seed"] == str(seed)) & (errors["route_b"] == route)]
    for row in rows.to_dict("records"):
        a, b = outputs[row["engine_a"]], outputs[row["engine_b"]]
        make = against_labels if row["engine_a"] == "labels" else recomputed
        expected = dict.fromkeys(FIGURES, "") | make(a, b, grid, classes is not None)
        for name, value in expected.items():
            if value == "" or row[name] == "":
                assert row[name] == value, (row["engine_a"], row["engine_b"], name)
            else:
                assert float(row[name]) == pytest.approx(value, rel=1e-9, abs=1e-12), (row["engine_b"], name)


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


@every_folder
def test_the_folders_rows_are_those_of_its_seeds(runs, trained):
    folder = runs.results(trained)
    for name in (table.file for table in TABLES):
        parts = [(folder / f"seed={seed}" / name).read_bytes() for seed in SEEDS[trained]]
        header = parts[0].split(b"\n", 1)[0] + b"\n"
        assert (folder / name).read_bytes() == header + b"".join(part.removeprefix(header) for part in parts)


@every_folder
def test_the_summary_is_that_of_the_rows(runs, trained):
    folder = runs.results(trained)
    errors, summary = csv(folder / "errors.csv"), csv(folder / "summary.csv")
    assert list(summary.columns) == list(SUMMARY.dtypes)
    assert len(summary) == len(METRICS) * len(errors) / len(SEEDS[trained])
    key = ["configuration", "route_a", "engine_a", "route_b", "engine_b", "tap", "step"]
    by_key = dict(iter(errors.groupby(key)))
    for row in summary.to_dict("records"):
        same = by_key[tuple(row[name] for name in key)]
        values = np.array([float(value) for value in same[row["metric"]] if value != ""])
        assert int(row["n"]) == len(values)
        expected: dict[str, Any] = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
        for name, compute in expected.items():
            assert row[name] == "" if not len(values) else float(row[name]) == pytest.approx(compute(values))
        if len(values) > 1:
            assert float(row["std"]) == pytest.approx(values.std(ddof=1))
        else:
            assert row["std"] == ""


@every_folder
def test_parameters_are_named_and_numbered(runs, trained):
    parameters = csv(runs.results(trained) / "parameters.csv")
    assert list(parameters.columns) == list(PARAMETERS.dtypes)
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
        stated = json.loads((folder / f"seed={seed}" / "trial.json").read_text())
        assert provenance["trials"][str(seed)] == stated
        assert {"float training", "QAT", "conversion of ptq", "conversion of qat", "plots"} <= set(stated["stages"])


@every_folder
def test_times_stand_by_themselves(runs, trained):
    folder = runs.results(trained)
    times = pd.read_csv(folder / "times.csv")
    assert times["seconds"].min() >= 0
    assert times["peak_bytes"].min() > 1 << 20
    stages = json.loads((folder / "seed=0" / "trial.json").read_text())["stages"]
    assert set(times.loc[times["seed"] == 0, "stage"]) == set(stages)


def test_every_model_is_timed_under_every_kernel_set_of_litert(runs):
    """Whatever the times are: of the models of all seeds, none of them by TensorFlow Lite Micro."""
    latency = pd.read_csv(runs.results("lstm") / "latency.csv")
    found = list(latency[["seed", "route", "engine"]].itertuples(index=False, name=None))
    measured = [(route, f"interpreter:{kernels}") for route in ("ptq", "qat") for kernels in KERNELS]
    assert sorted(found) == sorted((seed, *each) for seed in (0, 1) for each in measured)
    assert (latency["quartile1_us"] > 0).all()
    assert (latency["quartile1_us"] <= latency["median_us"]).all()
    assert (latency["median_us"] <= latency["quartile3_us"]).all()
    out = runs["lstm"].out
    assert "Microseconds a sample, one thread: medians" in out
    assert (
        "outputs/" + (runs.results("lstm") / "latency.csv").relative_to(runs["lstm"].folder / "outputs").as_posix()
        in out
    )


@pytest.fixture(scope="session")
def killed(runs):
    """The run `lstm` in another folder, with one worker, killed after its first seed: what it left, and the same
    command completed."""

    def run(folder):
        results = folder / "outputs" / runs["lstm"].results().name

        def after_the_first_seed():
            return (results / "seed=0" / "trial.json").exists()

        stopped(*LSTM, "workers=1", "latency=true", folder=folder, when=after_the_first_seed, by=signal.SIGKILL)
        left = sorted(path.relative_to(results).as_posix() for path in results.rglob("*"))
        stamp = (results / "seed=0").stat().st_ino
        done = stopped(*LSTM, "workers=1", "latency=true", folder=folder, when=lambda: False, by=signal.SIGKILL)
        note = {"left": left, "kept": (results / "seed=0").stat().st_ino == stamp}
        return Run(folder, done.status, json.dumps([note, done.out]), done.err)

    done = runs.once("killed", run)
    note, out = json.loads(done.out)
    return note, Run(done.folder, done.status, out, done.err)


def test_a_killed_run_leaves_no_half_files(killed):
    note, _ = killed
    assert {"seed=0/errors.csv", "seed=0/trial.json"} <= set(note["left"])
    visible = {name.split("/")[0] for name in note["left"] if not name.startswith(".")}
    assert visible == {"seed=0"}


def test_the_same_command_then_completes_and_uses_what_is_stored(killed):
    note, run = killed
    assert (run.status, run.err) == (0, "")
    assert note["kept"]
    assert "1 of 2 seeds were stored already" in run.out


def test_afterwards_all_files_are_those_of_an_undisturbed_run(runs, killed):
    def files(folder):
        return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}

    one, other = files(runs["lstm"].folder / "outputs"), files(killed[1].folder / "outputs")
    assert set(one) == set(other)
    for name, path in one.items():
        # What computing and the models took, and how many workers there were.
        taken = path.name in ("times.csv", "latency.csv") or (".store" in name and path.suffix == ".json")
        if not taken and path.name != "config.yaml":
            assert path.read_bytes() == other[name].read_bytes(), name


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
        return any(tmp_path.glob("outputs/.store/float_training/*.lock"))

    run = stopped(*LSTM, "workers=2", folder=tmp_path, when=at_work, by=signal.SIGINT)
    assert run.status == 130
    assert run.err == "qcompare: interrupted; finished stages are kept, the same command goes on from there\n"
    assert not list(tmp_path.glob("outputs/[!.]*"))


DYING = """
import os, signal
from qcompare.export import convert

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGSEGV)

convert.ptq = die
"""
"""In place of a conversion, in every process of a run."""


def test_a_crash_of_the_converter_is_a_finding_and_the_other_route_goes_on(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'qcompare.export.post_training':\n"
        "            return None\n"
        "        sys.meta_path.remove(self)\n"
        f"        exec({DYING!r}, {{}})\n"
        "        return None\n"
        "sys.meta_path.insert(0, Broken())\n"
    )
    data_file(tmp_path / "mine.npz")
    asked = ["model=simple_rnn", *TINY, *FILE, "train.epochs=1", "seed=0", "workers=1"]
    run = commands.run(*asked, folder=tmp_path, path=[str(tmp_path / "broken")])
    assert run.returncode == 1, run.stderr
    (folder,) = (tmp_path / "outputs").glob("[!.]*")
    (finding,) = csv(folder / "findings.csv").to_dict("records")
    assert (finding["severity"], finding["route"], finding["where"]) == ("failure", "ptq", "conversion")
    assert finding["text"] == "crashed: killed by signal 11 (SIGSEGV)"
    errors = csv(folder / "errors.csv")
    ptq, qat = (errors[errors["route_b"] == route] for route in ("ptq", "qat"))
    assert set(ptq["n"]) == {""}
    assert len(ptq) > 10
    assert "" not in set(qat["n"])
    exact = qat[(qat["engine_a"] == "manual:reference") & (qat["engine_b"] == "interpreter:reference")]
    assert exact["mismatches"].tolist() == ["0"]
    assert not (folder / "seed=0" / "ptq.tflite").exists()
    assert (folder / "seed=0" / "qat.tflite").exists()
    summary = csv(folder / "summary.csv")
    assert set(summary[summary["route_b"] == "ptq"]["n"]) == {"0"}
    assert "crashed: killed by signal 11" in run.stdout


def test_report_makes_tables_and_plots_anew_without_tensorflow(runs, tmp_path):
    shutil.copytree(runs["lstm"].folder / "outputs", tmp_path / "outputs")
    shutil.copy(runs["lstm"].folder / "mine.npz", tmp_path)
    name = runs["lstm"].results().name
    folder = tmp_path / "outputs" / name
    whole = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for path in folder.glob("*.csv"):
        # By which report tells what data the run was made with, and what it does not measure anew.
        if path.name not in ("configurations.csv", "latency.csv"):
            path.unlink()
    for path in (*folder.rglob("*.png"), *folder.rglob("*.pdf")):
        path.unlink()
    shutil.rmtree(tmp_path / "outputs" / ".store" / "plots")
    shutil.rmtree(folder / "seed=1")
    shutil.copytree(runs["lstm"].results() / "seed=1", folder / "seed=1")
    gates = ("check.max_lsb=0", "check.pairs=manual-interpreter")
    run = commands.run("report", f"outputs/{name}", *gates, folder=tmp_path, python=["-X", "importtime"])
    assert run.returncode == 0, run.stderr
    assert "gates: all 6 hold in every seed" in run.stdout.splitlines()
    assert "tensorflow" not in {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    again = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    differing = {name for name in whole if whole[name] != again.get(name)}
    # The page alone tells of gates.
    assert differing - {"times.csv"} == {"report.html"}
    assert again["report.html"].count(b'<span class="passed">passed</span>: check.max_lsb=0') == 1
    assert commands.run("report", f"outputs/{name}", folder=tmp_path).returncode == 0
    assert (folder / "report.html").read_bytes() == whole["report.html"]


def test_plots_of_single_seeds_are_for_papers_too_where_asked(runs, tmp_path):
    shutil.copytree(runs["lstm"].folder / "outputs", tmp_path / "outputs")
    shutil.copy(runs["lstm"].folder / "mine.npz", tmp_path)
    name = runs["lstm"].results().name
    folder = tmp_path / "outputs" / name
    plots = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}
    run = commands.run("report", f"outputs/{name}", "pdf=true", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert {path.relative_to(folder) for path in folder.rglob("*.pdf")} == {path.with_suffix(".pdf") for path in plots}
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")} == plots
    assert yaml.safe_load((folder / "config.yaml").read_text())["pdf"] is True
    assert commands.run("report", f"outputs/{name}", "pdf=false", folder=tmp_path).returncode == 0
    assert not list(folder.glob("seed=*/*.pdf"))
    run = commands.run("report", f"outputs/{name}", "pdf=perhaps", folder=tmp_path)
    assert (run.returncode, run.stderr) == (2, "qcompare report: pdf=perhaps: must be true or false\n")


@pytest.mark.parametrize("gone", ["all that is made", "report.html"])
def test_report_of_a_multirun_leaves_it_as_the_command_did(gone, runs, tmp_path):
    shutil.copytree(runs["multirun"].folder / "outputs", tmp_path / "outputs")

    def files():
        there = (path for path in (tmp_path / "outputs").rglob("*") if path.is_file() and ".store" not in path.parts)
        return {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in there}

    whole = files()
    needed = ("config.yaml", "provenance.json", "trial.json", "configurations.csv")
    for name in whole:
        path = tmp_path / name
        if path.name == gone or (gone == "all that is made" and "seed=" not in name and path.name not in needed):
            path.unlink()
    (tmp_path / "outputs" / "configurations.csv").unlink()
    shutil.rmtree(tmp_path / "outputs" / ".store" / "report")
    shutil.rmtree(tmp_path / "outputs" / ".store" / "plot_of_methods")
    run = commands.run("report", "outputs", folder=tmp_path, python=["-X", "importtime"])
    assert run.returncode == 0, run.stderr
    assert "tensorflow" not in {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert files() == whole
    # The two have networks of their own and are of the same versions: nothing is put side by side.
    assert not (tmp_path / "outputs" / "side_by_side").exists()
    ends = (out[out.index("hardware as TensorFlow") :] for out in (run.stdout, runs["multirun"].out))
    assert len({end.replace("\n", "") for end in ends}) == 1


def test_report_of_a_multirun_names_the_version_that_one_configuration_alone_was_made_by(runs, tmp_path):
    shutil.copytree(runs["multirun"].folder / "outputs", tmp_path / "outputs")
    path = next((tmp_path / "outputs").glob("simple_rnn-*")) / "provenance.json"
    provenance = json.loads(path.read_bytes())
    provenance["packages"]["ai-edge-litert"] = "99.0"
    path.write_text(json.dumps(provenance))
    run = commands.run("report", "outputs", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "package: ai-edge-litert: " in run.stdout
    assert (tmp_path / "outputs" / "side_by_side" / "changes.csv").exists()


def test_report_of_a_multirun_whose_store_is_gone_is_one_line(runs, tmp_path):
    shutil.copytree(runs["multirun"].folder / "outputs", tmp_path / "outputs", ignore=lambda *_: [".store"])
    run = commands.run("report", "outputs", folder=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith("qcompare report: outputs/dense-int8-")
    assert line.endswith(" is no longer stored; run its command again")


def test_report_refuses_another_data_file(runs, tmp_path):
    folder = runs["lstm"].results()
    for content, says in ((None, "no such file from here"), (b"other", "is another file than the run was made with")):
        if content is not None:
            (tmp_path / "mine.npz").write_bytes(content)
        run = commands.run("report", str(folder), folder=tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
        expected = f"{folder}: data=file, mine.npz: {says}; put it back, or run the command again"
        assert run.stderr == f"qcompare report: {expected}\n"


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("nowhere", "nowhere: no config.yaml there; give the folder of a configuration"),
        ("mine.csv", "mine.csv: a file, not the folder of a finished run; give the folder of a configuration"),
        (".", ".: no config.yaml there"),
    ],
)
def test_report_of_no_run_is_one_line(folder, says, tmp_path):
    (tmp_path / "mine.csv").write_text("")
    run = commands.run("report", folder, folder=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(f"qcompare report: {says}")
    assert len(run.stderr.splitlines()) == 1
