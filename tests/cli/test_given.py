"""A user's pair of models as TensorFlow's converter makes them: every tensor that both have, the harmed layer first."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.tensors import compared, rows
from qcompare.cli.main import main
from qcompare.core.graph import Model
from qcompare.engines.tensors import tensor_pairs
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from tests import commands
from tests.models.test_keras_file import saved

pytestmark = [pytest.mark.slow, pytest.mark.runtime, pytest.mark.usefixtures("logging_left_alone")]

SHARED = {"mlp": 6, "cnn": 10, "ds_cnn": 9, "lstm": 4, "lstm_bidirectional": 8, "gru_unrolled": 117}
"""Model -> the tensors that its float and its int8 file share: all of them."""

SAMPLES = 24


@pytest.fixture
def files(runs):
    return runs.everyday_models("tf_keras")


def contents(files, name):
    return tuple((files / f"{name}-{scheme}.tflite").read_bytes() for scheme in ("float", "int8"))


def samples(content):
    graph = schema.read(content).main
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    return np.random.default_rng(9).normal(size=(SAMPLES, *shape)).astype(np.float32)


def rows_of(a, b):
    pairs = tensor_pairs(Built(content=a), Built(content=b), samples(a))
    assert pairs.left_a == pairs.left_b == ()
    return list(rows(compared("given-int8", 0, "float", "given", pairs)))


def weights_of(model: Model) -> dict[int, list[int]]:
    """The first int8 weight of each layer that has one -> the operators that read it, in every time step."""
    found: dict[int, list[int]] = {}
    for operator in model.main.operators:
        own = [i for i in operator.inputs if i >= 0 and model.main.tensors[i].data is not None]
        weights = [i for i in own if model.main.tensors[i].dtype == np.int8 and model.main.tensors[i].data.ndim > 1]
        for index in weights[:1]:
            found.setdefault(index, []).append(operator.index)
    return found


def harmed(model: Model, index: int) -> bytes:
    """The file with 5 % more of one weight."""
    tensor = model.main.tensors[index]
    assert tensor.data is not None
    more = replace(tensor, data=np.clip(np.rint(tensor.data * 1.05), -127, 127).astype(np.int8))
    tensors = tuple(more if each.index == index else each for each in model.main.tensors)
    return schema.write(model.with_main(replace(model.main, tensors=tensors)))


@pytest.mark.parametrize("name", SHARED)
def test_the_output_and_every_shared_tensor_have_figures(files, name):
    found = rows_of(*contents(files, name))
    assert len(found) == SHARED[name]
    assert [row.key.tap for row in found].count("output") == 1
    assert all(row.accumulated.n and row.accumulated.non_finite == 0 for row in found)
    assert all(row.local.weights_max_lsb is None or row.local.weights_max_lsb <= 0.501 for row in found)
    # All that these models hand on is in integers.
    assert all(row.local.local_max_lsb is not None for row in found)


@pytest.mark.parametrize("name", SHARED)
def test_a_harmed_layer_comes_first(files, name):
    a, b = contents(files, name)
    model = schema.read(b)
    weights = weights_of(model)
    assert len(weights) >= 2
    for index, operators in weights.items():
        first = rows_of(a, harmed(model, index))[: len(operators)]
        assert {row.index for row in first} == set(operators)
        assert all(row.local.weights_max_lsb > 5 for row in first)


def test_ends_in_other_integers_are_seen_through(files):
    a, b = ((files / f"mlp-{scheme}.tflite").read_bytes() for scheme in ("float", "uint8"))
    found = {row.key.tap: row for row in rows_of(a, b)}
    assert len(found) == SHARED["mlp"]
    assert found["output"].op == "SOFTMAX"
    assert [row.tensor_a for row in found.values() if row.op == "QUANTIZE"] == [schema.read(a).main.tensors[0].name]


def test_a_loop_and_an_unrolled_model_share_their_ends(files):
    a, b = ((files / f"{name}.tflite").read_bytes() for name in ("gru-float", "gru_unrolled-int8"))
    pairs = tensor_pairs(Built(content=a), Built(content=b), samples(a))
    assert {pair.matched_by for pair in pairs.pairs} == {"end", "place"}
    assert len(pairs.left_b) > 100
    assert "output" in {str(pair.tap) for pair in pairs.pairs}


def data_file(path, shape):
    x = np.random.default_rng(2).normal(size=(40, *shape)).astype(np.float32)
    y = np.arange(40) % 4
    np.savez(path, x_train=x[:8], y_train=y[:8], x_test=x[8:], y_test=y[8:])


GIVEN = ("model=given", "model.path=int8.tflite", "data=file", "data.file=mine.npz")


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    """Where int8.tflite, an MLP whose second layer is harmed, its float.tflite and float.keras, and mine.npz are."""
    here = tmp_path_factory.mktemp("given")
    a, b = contents(runs.everyday_models("tf_keras"), "mlp")
    model = schema.read(b)
    (here / "float.tflite").write_bytes(a)
    (here / "int8.tflite").write_bytes(harmed(model, list(weights_of(model))[1]))
    dense = [operator for operator in schema.read(a).main.operators if operator.name == "FULLY_CONNECTED"]
    constants = [[schema.read(a).main.tensors[i].data for i in operator.inputs[1:]] for operator in dense]
    layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 24]}}]
    weights: dict[str, np.ndarray] = {}
    for number, (activation, (kernel, bias)) in enumerate(zip(("relu", "tanh", "softmax"), constants, strict=True)):
        config = {"name": f"d{number}", "units": len(bias), "activation": activation, "use_bias": True}
        layers.append({"class_name": "Dense", "config": config, "registered_name": None})
        prefix = f"layers/dense{f'_{number}' if number else ''}/vars"
        weights |= {f"{prefix}/0": kernel.T, f"{prefix}/1": bias}
    saved(here / "float.keras", {"class_name": "Sequential", "config": {"layers": layers}}, weights)
    data_file(here / "mine.npz", (24,))
    return here


@pytest.fixture(scope="module", params=["float.tflite", "float.keras"])
def run(request, folder):
    """A run of the command, and the folder of its results."""
    outputs = f"outputs={request.param}.results"
    done = commands.run(*GIVEN, f"model.float_path={request.param}", outputs, folder=folder)
    (results,) = (folder / f"{request.param}.results").glob("[!.]*")
    return done, results


def test_the_command_shows_and_writes_the_harmed_layer_first(run):
    done, results = run
    assert done.returncode == 0, done.stdout + done.stderr
    assert results.name.startswith("given-int8-int8-data=file-")
    found = pd.read_csv(results / "tensors.csv")
    assert found["op"].tolist()[0] == "FULLY_CONNECTED"
    assert found["index"].tolist()[0] == 1
    assert found["weights_max_lsb"].tolist()[0] > 5 > 0.51 > found["weights_max_lsb"].tolist()[1]
    assert set(found["tap"]) >= {"output"}
    assert (found["seed"] == 0).all()
    layers = done.stdout.partition("Layers, the worst first")[2].splitlines()
    assert next(line for line in layers if "FULLY_CONNECTED" in line).split()[0] == "dense_1/MatMul"


def test_the_outputs_are_compared_in_every_runtime(run):
    _, results = run
    rows = pd.read_csv(results / "errors.csv")
    own = rows[(rows["route_a"] == "given") & (rows["route_b"] == "given")]
    understood = own[own["engine_a"].str.replace("manual", "interpreter") == own["engine_b"]]
    assert set(understood["engine_b"]) == {
        f"interpreter:{kernels}" for kernels in ("reference", "optimized", "xnnpack")
    }
    assert (understood["mismatches"] == 0).all()
    sides = (rows["route_a"] == "float") & (rows["route_b"] == "given")
    beside = rows[sides & (rows["engine_b"] == "interpreter:xnnpack")]
    assert beside["sqnr_db"].between(10, 40).all()
    assert len(beside) == 1
    methods = pd.read_csv(results / "methods.csv").set_index("route").loc["given"]
    assert methods["method"] == "given"
    assert methods[["accuracy", "accuracy_of_float", "agreement_with_float"]].notna().all()


def test_results_are_made_anew_from_what_is_stored(run, folder):
    _, results = run
    before = (results / "tensors.csv").read_bytes()
    done = commands.run("report", str(results), folder=folder)
    assert done.returncode == 0, done.stderr
    assert (results / "tensors.csv").read_bytes() == before


def test_files_that_cannot_be_used_are_one_line_and_nothing_runs(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    (tmp_path / "text.tflite").write_text("no model\n")
    (tmp_path / "cut.tflite").write_bytes((folder / "int8.tflite").read_bytes()[:3000])
    (tmp_path / "cut.keras").write_bytes((folder / "float.keras").read_bytes()[:3000])
    right = {"model.path": "int8.tflite", "model.float_path": "float.tflite"}
    asked = [(option, name) for option in right for name in ("text.tflite", "cut.tflite", "", "nowhere.tflite")]
    for option, name in [*asked, ("model.float_path", "cut.keras")]:
        values = {**right, option: str(tmp_path / name)}
        options = [f"{key}={value}" for key, value in values.items()]
        assert main(["model=given", *options, "data=file", "data.file=mine.npz", f"outputs={tmp_path}/no"]) == 2
        said = capfd.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"qcompare: {option}={tmp_path / name}: ")
        assert said.err.count("\n") == 1
    assert not (tmp_path / "no").exists()


def test_data_of_another_shape_are_refused(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    options = ["model=given", "model.path=int8.tflite", "model.float_path=float.tflite", "data=digits"]
    assert main([*options, "outputs=digits"]) == 2
    assert (
        "qcompare: data=digits: x_train has shape (1437, 8, 8); the model takes [samples, 24]" in capfd.readouterr().err
    )


def test_targets_of_another_width_are_refused(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    x, y = np.zeros((6, 24), np.float32), np.zeros((6, 3), np.float32)
    np.savez(folder / "wide.npz", x_train=x, y_train=y + 0.5, x_test=x, y_test=y + 0.5)
    options = ["model=given", "model.path=int8.tflite", "model.float_path=float.tflite", "data=file"]
    assert main([*options, "data.file=wide.npz", "outputs=wide"]) == 2
    assert "data=file: the targets ask for 3 outputs; the model gives 4" in capfd.readouterr().err
