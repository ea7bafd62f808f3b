"""Shapes told without TensorFlow are those that tf-keras gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcompare.models import keras_description
from qcompare.models.keras_file import KerasFileError, KerasLayer
from qcompare.models.keras_shapes import shapes
from qcompare.models.keras_twin import twin
from tests.models.test_keras_file import layer as stored
from tests.models.test_keras_file import saved, sequential

SEQUENCE, PICTURE = (13, 6), (11, 9, 4)


def layer(kind: str, *inputs: str, name: str = "layer", **config: Any) -> KerasLayer:
    return KerasLayer(name=name, kind=kind, config=config, inputs=inputs)


def start(shape: tuple[int, ...]) -> KerasLayer:
    return layer("InputLayer", name="x", batch_shape=[None, *shape])


def recurrent(kind: str = "GRU", units: int = 3, **config: Any) -> dict[str, Any]:
    options = {"units": units, "return_sequences": True, "activation": "tanh", "reset_after": True, **config}
    return {"class_name": kind, "config": options}


CASES: list[tuple[tuple[int, ...], str, dict[str, Any]]] = [
    *(
        (SEQUENCE, "Conv1D", {"filters": 5, "kernel_size": [3], "strides": [s], "dilation_rate": [d], "padding": p})
        for p in ("same", "valid", "causal")
        for s, d in ((1, 1), (2, 1), (3, 1), (1, 4))
    ),
    *(
        (SEQUENCE, kind, {"pool_size": size, "strides": strides, "padding": padding})
        for kind in ("MaxPooling1D", "AveragePooling1D")
        for padding in ("same", "valid")
        for size, strides in ([2, None], [[3], [1]], [[4], [3]])
    ),
    ((3, *SEQUENCE), "Conv1D", {"filters": 5, "kernel_size": [3], "strides": [2], "padding": "valid"}),
    (PICTURE, "Conv2D", {"filters": 5, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same"}),
    (PICTURE, "DepthwiseConv2D", {"kernel_size": [3, 2], "strides": [2, 2], "depth_multiplier": 2, "padding": "valid"}),
    (PICTURE, "SeparableConv2D", {"filters": 7, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}),
    (PICTURE, "MaxPooling2D", {"pool_size": [3, 2], "strides": None, "padding": "valid"}),
    (PICTURE, "AveragePooling2D", {"pool_size": [3, 2], "strides": [2, 2], "padding": "same"}),
    (PICTURE, "ZeroPadding2D", {"padding": [[1, 2], [0, 3]]}),
    (PICTURE, "ZeroPadding2D", {"padding": [1, 2]}),
    (PICTURE, "ZeroPadding2D", {"padding": 2}),
    (SEQUENCE, "ZeroPadding1D", {"padding": [1, 3]}),
    (SEQUENCE, "ZeroPadding1D", {"padding": 2}),
    (SEQUENCE, "Dense", {"units": 5}),
    (SEQUENCE, "Flatten", {}),
    (SEQUENCE, "Permute", {"dims": [2, 1]}),
    (SEQUENCE, "Reshape", {"target_shape": [2, -1, 3]}),
    (SEQUENCE, "LeakyReLU", {"alpha": 0.1}),
    (SEQUENCE, "GlobalAveragePooling1D", {"keepdims": True}),
    (PICTURE, "GlobalMaxPooling2D", {"keepdims": False}),
    (PICTURE, "GlobalMaxPooling2D", {"keepdims": True}),
    (SEQUENCE, "SimpleRNN", {"units": 5, "return_sequences": False}),
    (SEQUENCE, "LSTM", {"units": 5, "return_sequences": True}),
    (SEQUENCE, "Bidirectional", {"layer": recurrent(), "merge_mode": "concat"}),
    (SEQUENCE, "Bidirectional", {"layer": recurrent(return_sequences=False), "merge_mode": "sum"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "kind", "config"), CASES)
def test_a_layer_gives_the_shape_that_it_gives_in_tf_keras(
    shape: tuple[int, ...], kind: str, config: dict[str, Any]
) -> None:
    layers = [start(shape), layer(kind, "x", **config)]
    assert (None, *shapes(layers)["layer"]) == twin(layers, shape).output_shape


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "config"), [("Add", {}), ("Concatenate", {"axis": -1}), ("Concatenate", {"axis": 1})])
def test_layers_that_read_several_give_the_shape_that_they_give_in_tf_keras(kind: str, config: dict[str, Any]) -> None:
    layers = [
        start(SEQUENCE),
        layer("ReLU", "x", name="one"),
        layer("ReLU", "x", name="other"),
        layer(kind, "one", "other", **config),
    ]
    assert (None, *shapes(layers)["layer"]) == twin(layers, SEQUENCE).output_shape


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (layer("Conv2D", "x", filters=2, kernel_size=[3, 3]), "(Conv2D) does not go with what it reads: (13, 6)"),
        (layer("Add", "x", "flat"), "(Add) does not go with what it reads: (13, 6) and (78,)"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(wrong: KerasLayer, said: str) -> None:
    with pytest.raises(KerasFileError) as raised:
        shapes([start(SEQUENCE), layer("Flatten", "x", name="flat"), wrong])
    assert str(raised.value) == f"layer 'layer' {said}"


def test_nothing_is_told_of_a_lambda_and_what_is_behind_it() -> None:
    layers = [
        start(SEQUENCE),
        layer("Lambda", "x", name="own"),
        layer("Conv2D", "own", name="behind", filters=2, kernel_size=[3, 3]),
        layer("Flatten", "x", name="flat"),
    ]
    assert shapes(layers) == {"x": SEQUENCE, "flat": (78,)}


def test_a_file_whose_layers_do_not_go_together_is_refused(tmp_path: Path) -> None:
    options = {"filters": 4, "kernel_size": [1], "strides": [1], "padding": "valid", "activation": "linear"}
    config = sequential(stored("Conv1D", name="conv", **options))
    path = saved(tmp_path / "model.keras", config, {"layers/conv1d/vars/0": np.ones((1, 3, 4), np.float32)})
    with pytest.raises(KerasFileError) as raised:
        keras_description.of_file(path, "digest")
    assert str(raised.value) == f"{path}: layer 'conv' (Conv1D) does not go with what it reads: (3,)"
