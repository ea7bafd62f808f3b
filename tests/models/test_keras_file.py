"""Keras files of strangers: what is in them, told without running any of it; and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qcompare.core.ends import Ends
from qcompare.models import keras_description
from qcompare.models.keras_description import ends_in_softmax, with_end
from qcompare.models.keras_file import KerasFileError, layers_of, read


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config, "registered_name": None}


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    return layer("Dense", name=name, units=units, activation="linear", use_bias=True) | (
        {"config": {"name": name, "units": units, "activation": "linear", "use_bias": True} | config}
    )


INPUT = layer("InputLayer", name="given", batch_shape=[None, 3])
KERNEL, BIAS = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones(4, np.float32)


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [INPUT, *layers]}}


def functional(layers: list[dict[str, Any]], inputs: Any, outputs: Any) -> dict[str, Any]:
    config = {"name": "model", "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def calls(described: dict[str, Any], *names: str, times: int = 1) -> dict[str, Any]:
    node = {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} for name in names]}
    return described | {"name": described["config"]["name"], "inbound_nodes": [node] * times if names else []}


def saved(path: Path, config: dict[str, Any], weights: dict[str, Any]) -> Path:
    """A `.keras` file. weights: place -> array, or the shape of a data set that has no values."""
    stored = io.BytesIO()
    with h5py.File(stored, "w") as file:
        for place, value in weights.items():
            if isinstance(value, tuple):
                file.create_dataset(place, shape=value, dtype=np.float32)
            else:
                file[place] = value
    with zipfile.ZipFile(path, "w") as whole:
        whole.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        whole.writestr("config.json", json.dumps(config))
        whole.writestr("model.weights.h5", stored.getvalue())
    return path


WEIGHTS = {"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS}


def test_layers_weights_and_ends_are_told(tmp_path: Path) -> None:
    after = layer("Dropout", name="drop", rate=0.5), layer("Softmax", name="last")
    config = sequential(dense("hidden layer", 4), *after)
    model = read(saved(tmp_path / "model.keras", config, WEIGHTS))
    assert [(found.kind, found.inputs) for found in model.layers] == [
        ("InputLayer", ()),
        ("Dense", ("given",)),
        ("Dropout", ("hidden layer",)),
        ("Softmax", ("drop",)),
    ]
    np.testing.assert_array_equal(model.layers[1].weights[0], KERNEL)
    assert keras_description.ends(model) == Ends(shape=(3,), outputs=4)
    described = keras_description.described(model.layers, model.input_shape)
    values = keras_description.weights(model.layers)
    assert list(values) == ["hidden layer/0", "hidden layer/1"]
    again = keras_description.layers(json.loads(json.dumps(described)), values)
    assert [(found.name, len(found.weights)) for found in again] == [
        (found.name, len(found.weights)) for found in model.layers
    ]


def test_layers_of_a_functional_model_stand_after_those_that_they_read(tmp_path: Path) -> None:
    layers = [
        calls(layer("Add", name="sum"), "one", "other"),
        calls(dense("other", 4), "given"),
        calls(dense("one", 4), "given"),
        calls(INPUT),
    ]
    config = functional(layers, [["given", 0, 0]], [["sum", 0, 0]])
    # Keras numbers the layers of a class in the order of the file.
    weights = WEIGHTS | {"layers/dense_1/vars/0": 2 * KERNEL, "layers/dense_1/vars/1": BIAS}
    model = read(saved(tmp_path / "model.keras", config, weights))
    assert [found.name for found in model.layers][-1] == model.output == "sum"
    by_name = {found.name: found for found in model.layers}
    np.testing.assert_array_equal(by_name["other"].weights[0], KERNEL)
    np.testing.assert_array_equal(by_name["one"].weights[0], 2 * KERNEL)
    assert keras_description.ends(model).outputs is None


FREE = layer("InputLayer", name="free", batch_shape=[None, None, 3])
ONE = calls(dense("one", 4), "given")

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("lambda", sequential(layer("Lambda", name="twice")), {}, "layer 'twice' is a Lambda, whose code would run"),
    (
        "custom",
        sequential(dense("one", 4) | {"registered_name": "mine>Dense"}),
        WEIGHTS,
        "layer 'one' is a Dense, which is not taken",
    ),
    ("unknown", sequential(layer("Attention", name="look")), {}, "layer 'look' is a Attention, which is not taken"),
    (
        "function",
        sequential(dense("one", 4, activation={"class_name": "function", "config": "mine"})),
        WEIGHTS,
        "layer 'one': activation of its own is not taken",
    ),
    (
        "channels",
        sequential(layer("Flatten", name="f", data_format="channels_first")),
        {},
        "data_format=channels_first",
    ),
    ("wider", sequential(dense("one", 10**9)), WEIGHTS, r"layer 'one' is \(1000000000,\) wide and its weights \(4,\)"),
    ("bare", sequential(dense("one", 4)), {"layers/other/vars/0": BIAS}, "layer 'one' has no weights"),
    (
        "10 GB",
        sequential(dense("one", 50_000)),
        {"layers/dense/vars/0": (50_000, 50_000)},
        "holds 10.0 GB; at most 2.1 GB are read",
    ),
    (
        "two inputs",
        functional([calls(INPUT), ONE], [["given", 0, 0], ["more", 0, 0]], [["one", 0, 0]]),
        WEIGHTS,
        "the model has 2 inputs; one is taken",
    ),
    (
        "twice",
        functional([calls(INPUT), calls(dense("one", 4), "given", times=2)], [["given", 0, 0]], [["one", 0, 0]]),
        WEIGHTS,
        "layer 'one' is called 2 times; once is taken",
    ),
    (
        "circle",
        functional([calls(INPUT), calls(dense("one", 4), "one")], [["given", 0, 0]], [["one", 0, 0]]),
        WEIGHTS,
        "read each other in a circle",
    ),
    ("subclass", {"class_name": "MyModel", "config": {}}, {}, "the model is a MyModel"),
    (
        "free shape",
        {
            "class_name": "Sequential",
            "config": {"layers": [layer("InputLayer", name="g", batch_shape=[None, None, 3])]},
        },
        {"layers/x/vars/0": BIAS},
        r"its input has the shape \[None, None, 3\]",
    ),
    ("no layers", {"class_name": "Sequential", "config": {"layers": []}}, {}, "the model has no input shape"),
    ("damaged", {"class_name": "Sequential"}, {}, "a damaged Keras file: 'config'"),
]


@pytest.mark.parametrize(("name", "config", "weights", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_taken_is_refused_in_one_line(
    name: str, config: dict[str, Any], weights: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "model.keras", config, weights)
    with pytest.raises(KerasFileError, match=said) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        (
            layer("Lambda", name="twice", function={"class_name": "function", "config": "mine", "module": "builtins"}),
            "layer 'twice' is a Lambda of the function 'mine', which is not in the file",
        ),
        (dense("one", 4) | {"registered_name": "mine>Dense"}, "layer 'one' is a Dense, which is not taken"),
        (dense("one", 4, activation={"class_name": "function", "config": "mine"}), "activation of its own"),
    ],
)
def test_what_is_not_in_the_file_is_refused_of_one_that_is_trusted(
    trusted: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(KerasFileError, match=said) as caught:
        read(saved(tmp_path / "model.keras", sequential(trusted), {}), trust=True)
    assert "\n" not in str(caught.value)


def test_code_of_a_trusted_file_does_not_run_where_it_is_read(tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "no code at all", "defaults": None, "closure": None}}
    config = sequential(layer("Lambda", name="twice", function=code), dense("one", 4))
    found = read(saved(tmp_path / "model.keras", config, WEIGHTS), trust=True)
    assert [each.kind for each in found.layers] == ["InputLayer", "Lambda", "Dense"]


def test_what_is_no_keras_file_is_told(tmp_path: Path) -> None:
    whole = saved(tmp_path / "model.keras", sequential(dense("one", 4)), WEIGHTS).read_bytes()
    files = {
        "cut.keras": (whole[: len(whole) // 2], "a damaged Keras file: File is not a zip file"),
        "text.h5": (b"not a model at all", "neither a .keras file nor an .h5 file"),
        "empty.keras": (b"", "neither a .keras file nor an .h5 file"),
        "model.tflite": (b"\x1c\0\0\0TFL3", "a .tflite file; audit takes it"),
        "cut.h5": (b"\x89HDF\r\n\x1a\n and no more", "a damaged Keras file: "),
    }
    for name, (content, said) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KerasFileError, match=said):
            read(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
        other.writestr("data.txt", "a zip of something else")
    with pytest.raises(KerasFileError, match=r"a zip without config\.json: no \.keras file"):
        read(tmp_path / "other.keras")
    with h5py.File(tmp_path / "weights.h5", "w") as weights:
        weights["dense"] = KERNEL
    with pytest.raises(KerasFileError, match="weights without a model; save the whole model"):
        read(tmp_path / "weights.h5")
    (tmp_path / "folder").mkdir()
    with pytest.raises(KerasFileError, match=r"a folder, no SavedModel; save the model as a \.keras file"):
        read(tmp_path / "folder")
    with pytest.raises(KerasFileError, match=r"no such file; give a \.keras or \.h5 file"):
        read(tmp_path / "missing.keras")


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize(
    "ends",
    [
        (dense("last", 3),),
        (layer("Dense", name="last", units=3, activation="softmax", use_bias=True),),
        (dense("before", 3), layer("Softmax", name="last", axis=-1), layer("Dropout", name="drop", rate=0.5)),
    ],
)
def test_a_description_has_the_end_that_is_asked_for(ends: tuple[Any, ...], softmax: bool) -> None:
    stored = layers_of(sequential(*ends))
    model = {
        "layers": [
            {"name": each.name, "kind": each.kind, "config": each.config, "inputs": list(each.inputs)}
            for each in stored
        ]
    }
    found = with_end(model, softmax=softmax)
    assert ends_in_softmax(found) == softmax
    assert [each["name"] for each in found["layers"]][: len(stored)] == [each.name for each in stored]
    assert ends_in_softmax(model) == any("softmax" in str(end).lower() for end in ends)
