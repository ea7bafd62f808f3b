"""The route of models that take sequences as they are: when it is taken, what it calibrates on, and what is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qcompare.core.engine import EngineId, interpreter, manual
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.tap import OUTPUT
from qcompare.data import digits
from qcompare.data.dataset import Dataset, calibration_sequences
from qcompare.engines.inputs import held_back
from qcompare.engines.manual import ManualEngine
from qcompare.engines.measured import MeasuredEngine
from qcompare.routes.listed import ROUTES
from tests.requests import request

NAME = "ptq_free_length"


def taken(*overrides: str) -> bool:
    return NAME in {route.name for route in ROUTES if route.applies(request(*overrides).config)}


def saved(path: Path, lengths: list[int]) -> str:
    """The option that names a file of sequences of these lengths, half of them for training."""
    x = np.array([np.full((steps, 2), 0.5, np.float32) for steps in lengths] + [None], object)[:-1]
    y = np.arange(len(x)) % 2
    half = len(x) // 2
    np.savez(path, x_train=x[:half], y_train=y[:half], x_test=x[half:], y_test=y[half:])
    return f"data.file={path}"


def test_it_is_taken_by_fused_layers_and_sequences_of_different_lengths(tmp_path: Path) -> None:
    assert taken("model=lstm", "data.shortest=2")
    assert taken("model=lstm", "data=sequence_sum", "data.shortest=3", "quant=dynamic")
    assert not taken("model=lstm")
    assert not taken("model=lstm", "data.shortest=8")
    assert not taken("model=simple_rnn", "data.shortest=2")
    assert not taken("model=lstm", "data.shortest=2", "model.lowering=unrolled")
    assert not taken("model=lstm", "data.shortest=2", "model.return_sequences=true")
    assert not taken("model=lstm", "data.shortest=2", "quant.tool=litert_quantizer")
    assert taken("model=lstm", "data=file", saved(tmp_path / "ragged.npz", [2, 3, 4, 3]))
    assert not taken("model=lstm", "data=file", saved(tmp_path / "equal.npz", [3, 3, 3, 3]))


def dataset() -> Dataset:
    return digits.rows(shortest=2, test_samples=40, calibration_samples=30, split_seed=0)


def test_calibration_is_without_the_zeros_in_front() -> None:
    data = dataset()
    found = calibration_sequences(data)
    assert data.lengths_calibration is not None
    assert [len(each) for each in found] == data.lengths_calibration.tolist()
    for sequence, padded in zip(found, data.calibration, strict=True):
        np.testing.assert_array_equal(padded[-len(sequence) :], sequence)
        assert not padded[: -len(sequence)].any()


@pytest.mark.slow
@pytest.mark.runtime
def test_the_model_is_run_on_sequences_as_they_are() -> None:
    """No integer that is not understood; and in the float model the outputs of the network on each sequence alone."""
    from qcompare.export import post_training
    from qcompare.models.build import architecture
    from qcompare.tflite.artifact import artifact
    from qcompare.training import float_network

    data = dataset()
    model = {"name": "lstm", "units": [6], "head": [], "use_bias": True, "lowering": "fused", "return_sequences": False}
    built = architecture(model, steps=8, features=8, outputs=10)
    network = Network(
        model=model,
        steps=8,
        features=8,
        outputs=10,
        weights=built.initial_weights(np.random.default_rng(0)),
        evaluate=float_network.Function(float_network.__name__, "evaluate"),
    )
    calibration = calibration_sequences(data)

    def outputs(method: Method, *engines: EngineId) -> list[np.ndarray]:
        made = artifact(NAME, built=post_training.free_length(network, calibration, method))
        x = held_back(made, data)
        kinds = [MeasuredEngine(id=engine) if engine.measured else ManualEngine(id=engine) for engine in engines]
        return [engine.run(made, x, (OUTPUT,)).values[OUTPUT] for engine in kinds]

    integers = Method(name="int8", input="int8", output="int8", full_integer=True)
    micro = EngineId.parse("micro")
    for runtime in (interpreter("reference"), interpreter("optimized"), interpreter("xnnpack"), micro):
        measured, by_us = outputs(integers, runtime, manual(runtime.look))
        assert measured.shape == (40, 10)
        np.testing.assert_array_equal(measured, by_us)

    (reals,) = outputs(Method(name="float32", optimizations="NONE"), interpreter("xnnpack"))
    assert data.lengths_test is not None
    for padded, steps, found in zip(data.x_test, data.lengths_test, reals, strict=True):
        expected = network.evaluate(network, padded[np.newaxis, -steps:])[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)
