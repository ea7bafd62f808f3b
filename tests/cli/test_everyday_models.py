"""qcompare audit of what TensorFlow's converter makes of everyday models: everything compared, nothing differs."""

import pandas as pd
import pytest

from qcompare.cli import audit
from qcompare.engines.runtimes import RUNTIMES
from tests import everyday_models

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

SAMPLES = 8

FILES = [(keras, name) for keras in everyday_models.MODELS for name in everyday_models.names(keras)]

LITERT = set(RUNTIMES) - {"micro"}

NO_REFERENCE = [*((keras, f"conv1d-{kind}") for keras in everyday_models.MODELS for kind in ("int8", "float"))]
NO_REFERENCE += [("keras", "decoder-int8")]
"""What the reference kernels do not run: ELU, which the converter leaves a float operator in int8 models too, and the
TILE on int8 of which Keras 3 makes UpSampling2D."""


@pytest.fixture
def converted(runs):
    """The path of a converted model. Each Keras has a process of its own, which converts all of its models."""

    return lambda keras, name: runs.everyday_models(keras) / f"{name}.tflite"


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("keras", "name"), FILES)
def test_the_audit_passes(converted, keras, name, tmp_path, capsys):
    path = converted(keras, name)
    assert audit.main([str(path), "--output", str(tmp_path), "--samples", str(SAMPLES)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    rows = pd.read_csv(tmp_path / "audit.csv")
    ran = {kernels for kernels, each in rows.groupby("kernels") if each["n"].any()}
    assert ran >= (LITERT - {"reference"} if (keras, name) in NO_REFERENCE else LITERT)
    assert ("not run in micro" in printed.out) == ("micro" not in ran)
    assert (rows["local_mismatches"].dropna() == 0).all()


@pytest.mark.parametrize(("keras", "name"), [("keras", "global_max-int8"), ("tf_keras", "decoder-int8")])
def test_every_kernel_set_runs(converted, keras, name, tmp_path):
    kernels = ",".join(RUNTIMES)
    path = str(converted(keras, name))
    assert audit.main([path, "--output", str(tmp_path), "--samples", str(SAMPLES), "--kernels", kernels]) == 0
    rows = pd.read_csv(tmp_path / "audit.csv")
    assert {"PRELU", "REDUCE_MAX"} <= set(rows["op"])
    assert rows.groupby("kernels")["n"].sum().all()


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("lstm-float16", "DEQUANTIZE"),
        ("lstm_bidirectional-int8", "REVERSE_V2"),
        ("mlp-uint8", "QUANTIZE"),
        ("dilated-int8", "SPACE_TO_BATCH_ND"),
        ("dilated-float", "BATCH_TO_SPACE_ND"),
        ("decoder-int8", "RESIZE_NEAREST_NEIGHBOR"),
        ("decoder-int8", "RESIZE_BILINEAR"),
    ],
)
def test_the_models_hold_what_they_are_here_for(converted, name, operator, tmp_path):
    audit.main(
        [str(converted("tf_keras", name)), "--output", str(tmp_path), "--kernels", "optimized", "--samples", "2"]
    )
    assert operator in set(pd.read_csv(tmp_path / "audit.csv")["op"])


def test_what_a_state_is_laid_over_is_not_compared(converted, tmp_path):
    path = converted("tf_keras", "lstm-float16")
    audit.main([str(path), "--output", str(tmp_path), "--kernels", "optimized", "--samples", "2"])
    rows = pd.read_csv(tmp_path / "audit.csv")
    assert rows["note"].str.contains("an operator keeps its state in it").sum() == 2
