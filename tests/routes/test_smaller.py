"""What is told of networks that are made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcompare.config.compose import compose
from qcompare.config.options import OptionError, read
from qcompare.core.finding import Severity
from qcompare.routes.listed import trains
from qcompare.routes.smaller import told
from tests.models.test_keras_file import layer, saved, sequential

CNN = sequential(
    layer("Reshape", name="picture", target_shape=[1, 1, 3]),
    layer("DepthwiseConv2D", name="deep", kernel_size=[1, 1], depth_multiplier=1, activation="relu", use_bias=False),
    layer("BatchNormalization", name="norm"),
)
WEIGHTS = {"layers/depthwise_conv2d/vars/0": np.ones((1, 1, 3, 1), np.float32)} | {
    f"layers/batch_normalization/vars/{number}": np.ones(3, np.float32) for number in range(4)
}
WHOLE = "tensorflow-model-optimization leaves depthwise kernels whole: of 'deep'"
SPREAD = "BatchNormalization becomes part of weights, each channel scaled by itself: shared values move apart"
APART = "it trains every weight by itself: values that were shared move apart"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], []),
        (["prune.sparsity=0.5"], [WHOLE]),
        (["cluster.clusters=4"], [WHOLE, SPREAD, APART]),
        (["cluster.clusters=4", "quant=float16"], [WHOLE, SPREAD]),
    ],
)
def test_what_a_file_does_not_keep_is_told(options: list[str], said: list[str], tmp_path: Path) -> None:
    path = saved(tmp_path / "model.keras", CNN, WEIGHTS)
    model: list[Any] = ["model=keras", f"model.path={path}", "data=file", "data.file=mine.npz"]
    config = read(compose([*model, *options]))
    assert [(finding.severity, finding.text) for finding in told(config)] == [(Severity.REMARK, text) for text in said]
    assert trains(config)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["model=lstm", "prune.sparsity=0.5"], []),
        (["model=lstm", "cluster.clusters=4"], [APART]),
        (
            ["model=dense", "prune.sparsity=0.5"],
            ["qat.scheme=tfmot does not keep the zeros of a network of ours; aligned does"],
        ),
    ],
)
def test_what_training_of_our_networks_does_not_keep_is_told(options: list[str], said: list[str]) -> None:
    assert [finding.text for finding in told(read(compose(options)))] == said


def test_a_pair_is_taken_as_it_is() -> None:
    pair = ["model=given", "model.path=int8.tflite", "model.float_path=mine.keras", "data=file", "data.file=mine.npz"]
    with pytest.raises(OptionError, match=r"^prune\.sparsity=0\.5: model=given takes both files as they are"):
        read(compose([*pair, "prune.sparsity=0.5"]))
