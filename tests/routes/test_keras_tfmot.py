"""Who trains a user's Keras file, and what is told where nobody does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcompare.config.compose import compose
from qcompare.config.options import read
from qcompare.core.finding import Severity
from qcompare.routes.keras_tfmot import told
from qcompare.routes.listed import ROUTES
from tests.models.test_keras_file import dense, layer, saved, sequential

GRU = layer("GRU", name="gru", units=4)
RECURRENCE = {"layers/gru/cell/vars/0": np.ones((3, 12), np.float32)}
POINTWISE = {"layers/conv1d/vars/0": np.ones((1, 3, 4), np.float32)}
DENSE = {"layers/dense/vars/0": np.ones((3, 4), np.float32), "layers/dense/vars/1": np.ones(4, np.float32)}
PICTURE = [
    layer("Reshape", name="picture", target_shape=[1, 1, 3]),
    layer("Conv2D", name="conv", filters=4, kernel_size=[1, 1], activation="relu", use_bias=False),
    layer("Flatten", name="flat"),
]
SENSOR = [
    layer("Reshape", name="sensor", target_shape=[1, 3]),
    layer(
        "Conv1D",
        name="conv",
        filters=4,
        kernel_size=[1],
        strides=[1],
        dilation_rate=[1],
        padding="valid",
        activation="relu",
        use_bias=False,
    ),
]
PIXEL = {"layers/conv2d/vars/0": np.ones((1, 1, 3, 4), np.float32)}


def none_of_ours(name: str, kind: str) -> str:
    return f"layer '{name}' is a {kind}, which is none of our operators"


@pytest.mark.parametrize(
    ("layers", "weights", "options", "trainer", "said"),
    [
        ([dense("one", 4)], DENSE, [], "Aligned", []),
        ([dense("one", 4)], DENSE, ["qat.scheme=tfmot"], "KerasTfmot", []),
        (
            PICTURE,
            PIXEL,
            [],
            "KerasTfmot",
            [(Severity.REMARK, f"by tensorflow-model-optimization: {none_of_ours('picture', 'Reshape')}")],
        ),
        (
            PICTURE,
            PIXEL,
            ["quant.simulate=exact"],
            "",
            [
                (
                    Severity.WARNING,
                    f"not trained: {none_of_ours('picture', 'Reshape')}; "
                    "tensorflow-model-optimization trains int8 alone, by fake quantization",
                )
            ],
        ),
        (
            [GRU],
            RECURRENCE,
            [],
            "",
            [
                (
                    Severity.WARNING,
                    "not trained: layer 'gru' is the last; a Dense layer has to be; "
                    "tensorflow-model-optimization does not take layer 'gru', a GRU",
                )
            ],
        ),
        (SENSOR, POINTWISE, ["qat.scheme=tfmot"], "KerasTfmot", []),
        (
            SENSOR,
            POINTWISE,
            [],
            "KerasTfmot",
            [(Severity.REMARK, f"by tensorflow-model-optimization: {none_of_ours('sensor', 'Reshape')}")],
        ),
        (
            [*SENSOR, GRU],
            POINTWISE | RECURRENCE,
            ["qat.scheme=tfmot"],
            "",
            [(Severity.WARNING, "not trained: tensorflow-model-optimization does not take layer 'gru', a GRU")],
        ),
        ([GRU], RECURRENCE, ["quant=float16"], "", []),
    ],
)
def test_a_file_is_trained_by_what_takes_its_layers(
    layers: list[Any], weights: dict[str, Any], options: list[str], trainer: str, said: list[Any], tmp_path: Path
) -> None:
    path = saved(tmp_path / "model.keras", sequential(*layers), weights)
    data = ["data=file", f"data.file={tmp_path}/mine.npz"]
    config = read(compose(["model=keras", f"model.path={path}", *data, *options]))
    found = [type(route).__name__ for route in ROUTES if route.applies(config) and route.name == "qat"]
    assert found == ([trainer] if trainer else [])
    assert [(finding.severity, finding.text) for finding in told(config)] == said
