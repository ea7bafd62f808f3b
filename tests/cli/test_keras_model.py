"""A Keras file of a user's through the main job."""

import numpy as np
import pandas as pd
import pytest

from qcompare.cli.compare import checked
from qcompare.config.compose import compose
from tests import commands
from tests.models.test_keras_file import saved

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

STEPS, FEATURES, UNITS, CLASSES = 4, 3, 5, 3


def layer(kind, **config):
    return {"class_name": kind, "config": config, "registered_name": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where model.keras, an LSTM and a softmax, and mine.npz are."""
    path, rng = tmp_path_factory.mktemp("keras"), np.random.default_rng(5)
    layers = [
        layer("InputLayer", name="x", batch_shape=[None, STEPS, FEATURES]),
        layer("LSTM", name="lstm", units=UNITS, activation="tanh", use_bias=True, return_sequences=False),
        layer("Dense", name="dense", units=CLASSES, activation="softmax", use_bias=True),
    ]
    shapes = {
        "layers/lstm/cell/vars/0": (FEATURES, 4 * UNITS),
        "layers/lstm/cell/vars/1": (UNITS, 4 * UNITS),
        "layers/lstm/cell/vars/2": (4 * UNITS,),
        "layers/dense/vars/0": (UNITS, CLASSES),
        "layers/dense/vars/1": (CLASSES,),
    }
    weights = {name: rng.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    saved(path / "model.keras", {"class_name": "Sequential", "config": {"layers": layers}}, weights)
    x = rng.normal(size=(60, STEPS, FEATURES)).astype(np.float32)
    # A class of the model's that no sample has is none of the labels'.
    y = (x.sum(axis=(1, 2)) > 0).astype(int) * 2
    np.savez(path / "mine.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    return path


@pytest.fixture(scope="module")
def run(folder):
    options = ["model=keras", "model.path=model.keras", "data=file", "data.file=mine.npz", "qat.epochs=1", "seed=0"]
    return commands.run(*options, folder=folder)


def test_every_engine_has_rows_and_manual_is_equal(run, folder):
    assert run.returncode == 0, run.stdout + run.stderr
    (results,) = folder.glob("outputs/keras-int8-model-*")
    rows = pd.read_csv(results / "errors.csv")
    for route in ("ptq", "qat"):
        own = rows[(rows["route_a"] == route) & (rows["route_b"] == route)]
        for kernels, runtime in (("reference", "interpreter:reference"), ("xnnpack", "interpreter:xnnpack")):
            found = own[(own["engine_a"] == f"manual:{kernels}") & (own["engine_b"] == runtime)]
            assert found[["n", "mismatches"]].to_numpy().tolist() == [[20 * CLASSES, 0]]
    sides = {"route_b": "qat", "engine_a": "qat", "engine_b": "interpreter:reference"}
    trained = rows.query(" and ".join(f"{name} == '{value}'" for name, value in sides.items()))
    assert trained["max_lsb"].tolist() in ([0], [1])
    assert pd.read_csv(results / "configurations.csv")["model.path"].tolist() == ["model.keras"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Where cnn.keras, two convolutions with a normalization behind a relu, and mine.npz are."""
    path, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(5)
    options = {"kernel_size": [3, 3], "padding": "valid", "strides": [1, 1], "use_bias": True}
    layers = [
        layer("InputLayer", name="x", batch_shape=[None, 6, 6, 1]),
        layer("Conv2D", name="first", filters=4, activation="relu", **options),
        layer("BatchNormalization", name="norm", axis=-1, epsilon=0.001, scale=True, center=True),
        layer("Conv2D", name="second", filters=3, activation="linear", **options),
        layer("Flatten", name="flat"),
        layer("Dense", name="dense", units=CLASSES, activation="softmax", use_bias=True),
    ]
    shapes = {
        "layers/conv2d/vars/0": (3, 3, 1, 4),
        "layers/conv2d/vars/1": (4,),
        **{f"layers/batch_normalization/vars/{number}": (4,) for number in range(4)},
        "layers/conv2d_1/vars/0": (3, 3, 4, 3),
        "layers/conv2d_1/vars/1": (3,),
        "layers/dense/vars/0": (12, CLASSES),
        "layers/dense/vars/1": (CLASSES,),
    }
    weights = {name: np.abs(rng.normal(0, 0.5, shape)).astype(np.float32) + 0.1 for name, shape in shapes.items()}
    weights["layers/dense/vars/0"] -= np.float32(0.5)
    saved(path / "cnn.keras", {"class_name": "Sequential", "config": {"layers": layers}}, weights)
    x = rng.uniform(size=(60, 6, 6, 1)).astype(np.float32)
    y = rng.integers(CLASSES, size=60)
    np.savez(path / "mine.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    return path


def test_convolutions_are_trained_by_tensorflow_model_optimization(pictures):
    options = ["model=keras", "model.path=cnn.keras", "data=file", "data.file=mine.npz", "qat.epochs=1", "seed=0"]
    done = commands.run(*options, folder=pictures)
    assert done.returncode == 0, done.stdout + done.stderr
    (results,) = pictures.glob("outputs/keras-int8-cnn-*")
    rows = pd.read_csv(results / "errors.csv").query("route_a == 'qat' and route_b == 'qat'")
    sides = rows[rows["engine_b"] == "interpreter:xnnpack"].set_index("engine_a")
    assert sides.loc[["manual:xnnpack"], ["n", "mismatches"]].to_numpy().tolist() == [[20 * CLASSES, 0]]
    assert sides.loc[["qat", "manual:learned"], "max_lsb"].max() <= 2
    assert pd.read_csv(results / "parameters.csv")["exact"].dropna().all()
    findings = pd.read_csv(results / "findings.csv")
    assert findings[["severity", "where", "text"]].to_numpy().tolist() == [
        [
            "remark",
            "QAT",
            "by tensorflow-model-optimization: layer 'first' is a Conv2D, which is none of our operators",
        ]
    ]


def test_a_lambda_is_refused_and_names_the_option_that_runs_it(folder):
    code = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}
    layers = [
        layer("InputLayer", name="x", batch_shape=[None, STEPS, FEATURES]),
        layer("Lambda", name="twice", function=code),
    ]
    saved(folder / "lambda.keras", {"class_name": "Sequential", "config": {"layers": layers}}, {"layers/x/vars/0": [1]})
    done = commands.run("model=keras", "model.path=lambda.keras", "data=file", "data.file=mine.npz", folder=folder)
    assert done.returncode == 2
    assert done.stderr == (
        "qcompare: model.path=lambda.keras: layer 'twice' is a Lambda, whose code would run; model.trust=true lets it "
        "(model=keras), or write it with layers of Keras\n"
    )


def test_data_that_do_not_fit_are_refused_in_one_line(folder):
    x, y = np.zeros((4, 5, 3)), [0, 1, 0, 1]
    np.savez(folder / "wrong.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    done = commands.run("model=keras", "model.path=model.keras", "data=file", "data.file=wrong.npz", folder=folder)
    assert done.returncode == 2
    assert done.stderr == (
        "qcompare: data.file=wrong.npz: x_train has shape (4, 5, 3); the model takes [samples, 4, 3]\n"
    )


@pytest.mark.parametrize(("quant", "seeds"), [("int8", (0, 1, 2)), ("float16", (0,))])
def test_a_model_that_nothing_trains_on_has_one_seed(folder, monkeypatch, quant, seeds):
    monkeypatch.chdir(folder)
    options = ["model=keras", "model.path=model.keras", "data=file", "data.file=mine.npz"]
    assert checked(compose([*options, f"quant={quant}", "seed=0..2"])).seed == seeds
