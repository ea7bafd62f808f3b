"""Keras files of users: rebuilt, converted, and computed by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcompare.core.engine import MICRO, interpreter, manual
from qcompare.core.function import Function
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.tap import OUTPUT
from qcompare.data.dataset import Dataset
from qcompare.data.shape import rows
from qcompare.engines.learned import LearnedEngine
from qcompare.engines.manual import ManualEngine
from qcompare.engines.measured import MeasuredEngine
from qcompare.export import keras as export
from qcompare.export import keras_trained
from qcompare.export.written import written_model
from qcompare.manual.rules import KERNEL_SETS
from qcompare.models import keras_description
from qcompare.models.keras_file import KerasFileError, KerasModel, read
from qcompare.models.keras_ours import NotOursError, ours
from qcompare.tflite.artifact import Artifact, Built
from qcompare.tflite.reals import quantized
from qcompare.training import keras_tfmot
from qcompare.training.calibrate import calibrate
from qcompare.training.float_network import architecture_of
from qcompare.training.keras_network import as_input, as_ours
from qcompare.training.learned import TrainedQat
from qcompare.training.qat import evaluate
from tests import commands, keras_files
from tests.runs import Run

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

INT8 = Method(name="int8", input="int8", output="int8", full_integer=True)
RUNTIMES = (*map(interpreter, KERNEL_SETS[:3]), MICRO)
FILES = [(which, name) for which in keras_files.SUFFIXES for name in keras_files.MODELS]


@pytest.fixture
def saved(runs):
    """The folder of the files of one Keras, saved once by a process of its own."""

    def folder_of(which):
        def make(folder):
            command = [sys.executable, "-m", "tests.keras_files", which, str(folder)]
            environment = commands.environment()
            done = subprocess.run(
                command, cwd=commands.ROOT, env=environment, capture_output=True, text=True, check=False
            )
            return Run(folder, done.returncode, done.stdout, done.stderr)

        run = runs.once(f"keras files by {which}", make)
        assert run.status == 0, run.err
        return run.folder

    return folder_of


RESCALED = ("bidirectional_steps", "bidirectional_gru", "bidirectional_simple_rnn")
"""After training the converter gives what turns a backward layer's sequence another grid than it has, and no kernel
computes that."""

OURS = [
    name for name in keras_files.MODELS if not name.startswith(("cnn", "ds_cnn", "conv1d", "branches", "global_max"))
]


def network(model: KerasModel, outputs: int) -> Network:
    steps, features = rows(model.input_shape)
    return Network(
        model=keras_description.described(model.layers, model.input_shape),
        steps=steps,
        features=features,
        outputs=outputs,
        weights=keras_description.weights(model.layers),
        evaluate=Function("qcompare.training.keras_network", "evaluate"),
    )


def stored(folder, name):
    arrays = np.load(folder / f"{name}.npz")
    return arrays["x"], arrays["y"]


@pytest.mark.parametrize(("which", "name"), FILES)
def test_every_file_is_rebuilt_and_its_integers_are_equal(saved, which, name):
    folder = saved(which)
    x, y = stored(folder, name)
    for suffix in keras_files.SUFFIXES[which]:
        model = read(folder / f"{name}{suffix}")
        assert model.input_shape == x.shape[1:]
        float_network = network(model, y.shape[1])
        in_rows = x.reshape(len(x), float_network.steps, float_network.features)
        found = float_network.evaluate(float_network, in_rows)
        assert np.abs(found - y).max() <= 1e-6 * np.abs(y).max(), suffix
    built = export.converted(float_network, in_rows, INT8)
    assert built.findings == ()
    assert set(built.reals) == {place for place, _ in quantized(built.model)}
    graph = built.model.main
    assert graph.tensors[graph.inputs[0]].shape == (1, *x.shape[1:])
    artifact = Artifact(route="ptq", built=built)
    for runtime in RUNTIMES:
        theirs = MeasuredEngine(id=runtime).run(artifact, in_rows, (OUTPUT,)).values[OUTPUT]
        assert np.unique(theirs).size > 1
        by_hand = ManualEngine(id=manual(runtime.look)).run(artifact, in_rows, (OUTPUT,))
        if name in RESCALED:
            (finding,) = by_hand.findings
            assert "REVERSE_V2" in finding.text
            assert "a change of scale or zero point between input and output is" in finding.text
            continue
        np.testing.assert_array_equal(by_hand.values[OUTPUT], theirs)


@pytest.mark.parametrize("which", list(keras_files.SUFFIXES))
@pytest.mark.parametrize("name", OURS)
def test_layers_of_ours_compute_the_same_and_are_deployed_with_their_softmax(saved, which, name):
    folder = saved(which)
    x, y = stored(folder, name)
    keras_network = network(read(folder / f"{name}.keras"), y.shape[1])
    in_rows = x.reshape(len(x), keras_network.steps, keras_network.features)
    own = as_ours(keras_network)
    logits = own.evaluate(own, in_rows)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), y, rtol=0, atol=1e-5)
    architecture, weights = architecture_of(own), dict(own.weights)
    ranges = calibrate(architecture, weights, in_rows)
    artifact = Artifact(route="qat", built=Built(content=written_model(architecture, weights, ranges).model))
    for runtime in RUNTIMES:
        trained = TrainedQat(weights=weights, ranges=ranges, kernels=runtime.look, exact=True)
        theirs = MeasuredEngine(id=runtime).run(artifact, in_rows, (OUTPUT,))
        grid = theirs.grids[OUTPUT]
        assert (grid.lsb, grid.zero) == (2.0**-8, -128)
        np.testing.assert_array_equal(grid.quantize(evaluate(architecture, trained, in_rows)), theirs.values[OUTPUT])


def dataset(keras_network, x, y):
    in_rows = x.reshape(len(x), keras_network.steps, keras_network.features)
    return Dataset(
        x_train=in_rows[:24],
        y_train=y[:24].argmax(axis=1).astype(np.int32),
        x_test=in_rows[24:],
        y_test=y[24:].argmax(axis=1).astype(np.int32),
        classes=y.shape[1],
        calibration=in_rows[:16],
    )


OTHER_GRIDS = {"branches": {"add/output"}, "conv1d_branches": {"pooled/output", "joined/output"}}
"""The converter has what is concatenated lie on one grid at once: the whole's, or where a RESHAPE reads that, the
widest of the parts, with a QUANTIZE behind."""

TRAINING: dict[str, Any] = {"epochs": 2, "batch_size": 8, "learning_rate": 0.001, "seed": 0, "keep_zeros": False}


@pytest.mark.parametrize(
    ("which", "name", "all_values", "most"),
    [
        ("tf_keras", "cnn", False, 1),
        ("keras", "ds_cnn", True, 1),
        # What tfmot does not round: the average before it is moved to its own grid, and tanh.
        ("keras", "branches", False, 4),
        ("tf_keras", "conv1d_deep", False, 4),
        ("keras", "conv1d_deep", True, 4),
        ("keras", "conv1d_branches", False, 4),
        ("keras", "mlp", False, 2),
        ("keras", "global_max", True, 1),
        ("keras", "conv1d", False, 1),
        ("tf_keras", "conv1d", True, 1),
    ],
)
def test_what_tfmot_trained_is_deployed_as_it_was_trained(saved, which, name, all_values, most):
    folder = saved(which)
    x, y = stored(folder, name)
    keras_network = network(read(folder / f"{name}.keras"), y.shape[1])
    data = dataset(keras_network, x, y)
    trained = keras_tfmot.train(keras_network, data, all_values=all_values, **TRAINING)
    before, after = (sum(np.abs(each).sum() for each in found.weights.values()) for found in (keras_network, trained))
    assert before != after
    built = keras_trained.converted(trained, INT8)
    assert built.findings == ()
    artifact = Artifact(route="qat", network=trained, built=built)
    for runtime in RUNTIMES:
        theirs = MeasuredEngine(id=runtime).run(artifact, data.x_test, (OUTPUT,)).values[OUTPUT]
        by_hand = ManualEngine(id=manual(runtime.look)).run(artifact, data.x_test, (OUTPUT,)).values[OUTPUT]
        np.testing.assert_array_equal(by_hand, theirs)
        assert np.unique(theirs).size > 1
    assert set(built.places.values()) >= set(built.learned)
    tensors = built.model.main.tensors
    others = {
        tap.role
        for (_, index), tap in built.places.items()
        if tap in built.learned and not tensors[index].grid.same(built.learned[tap])
    }
    assert others == OTHER_GRIDS.get(name, set())
    learned = LearnedEngine().run(artifact, data.x_test, (OUTPUT,))
    of_network = learned.grids[OUTPUT].quantize(trained.evaluate(trained, data.x_test)).astype(int)
    assert np.abs(of_network - learned.values[OUTPUT]).max() <= most


@pytest.mark.parametrize("all_values", [False, True])
def test_a_kept_training_by_tfmot_remembers_nothing(saved, all_values):
    x, y = stored(saved("keras"), "mlp")
    keras_network = network(read(saved("keras") / "mlp.keras"), y.shape[1])
    data = dataset(keras_network, x, y)
    keras_tfmot._built.cache_clear()
    fresh = keras_tfmot.train(keras_network, data, all_values=all_values, **TRAINING)
    other = keras_tfmot.train(keras_network, data, all_values=not all_values, **TRAINING | {"seed": 1})
    again = keras_tfmot.train(keras_network, data, all_values=all_values, **TRAINING)
    assert keras_tfmot._built.cache_info().misses == 1
    for kind in ("weights", "ranges"):
        for name, value in getattr(fresh, kind).items():
            np.testing.assert_array_equal(getattr(again, kind)[name], value)
    assert any(not np.array_equal(other.weights[name], value) for name, value in fresh.weights.items())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cnn", "layer 'conv2d' is a Conv2D, which is none of our operators"),
        ("conv1d", "layer 'conv1d' is a Conv1D, which is none of our operators"),
    ],
)
def test_a_layer_that_is_not_ours_is_named(saved, name, said):
    with pytest.raises(NotOursError, match=f"^{said}$"):
        ours(read(saved("tf_keras") / f"{name}.keras").layers)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"activation": "relu"}, "layer 'second' has activation=relu; tanh is trained"),
        ({"recurrent_activation": "hard_sigmoid"}, "layer 'second' has recurrent_activation=hard_sigmoid; sigmoid is"),
        ({"go_backwards": True}, "layer 'second' has go_backwards=True; False is trained"),
        ({"reset_after": True}, "layer 'second' has reset_after=True, others False"),
    ],
)
def test_a_gru_that_is_not_ours_is_named(saved, changed, said):
    layers = [
        replace(layer, config={**layer.config, **changed}) if layer.name == "second" else layer
        for layer in read(saved("keras") / "gru_stack.keras").layers
    ]
    with pytest.raises(NotOursError, match=f"^{said}"):
        ours(layers)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"merge_mode": "sum"}, "layer 'bidirectional' has merge_mode=sum; concat is trained"),
        ({"backward_layer": {"units": 9}}, "layer 'bidirectional' has 9 units backward and 5 forward"),
        ({"backward_layer": {"go_backwards": False}}, "layer 'bidirectional' has go_backwards=True; False is trained"),
        ({"layer": {"activation": "softsign"}}, "layer 'bidirectional' has the activation softsign; relu, tanh"),
    ],
)
def test_a_bidirectional_that_is_not_ours_is_named(saved, changed, said):
    """changed: options, of a direction those that differ."""

    def with_changes(layer):
        config = dict(layer.config)
        for option, value in changed.items():
            direction = config[option]
            whole = isinstance(value, str)
            config[option] = value if whole else {**direction, "config": {**direction["config"], **value}}
        return replace(layer, name="bidirectional", config=config)

    read_model = read(saved("keras") / "bidirectional_simple_rnn.keras")
    layers = [with_changes(layer) if layer.kind == "Bidirectional" else layer for layer in read_model.layers]
    renamed = [replace(layer, inputs=("bidirectional",)) if layer.kind == "Flatten" else layer for layer in layers]
    with pytest.raises(NotOursError, match=f"^{said}"):
        ours(renamed)


@pytest.mark.parametrize("which", list(keras_files.SUFFIXES))
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_is_refused_before_anything_is_loaded(saved, which, suffix):
    with pytest.raises(KerasFileError, match=r"layer 'lambda' is a Lambda, whose code would run; model\.trust=true"):
        read(saved(which) / f"lambda{suffix}")


@pytest.mark.parametrize("which", list(keras_files.SUFFIXES))
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_that_is_trusted_computes_the_same_and_is_quantized(saved, which, suffix):
    x, y = stored(saved(which), "lambda")
    float_network = network(read(saved(which) / f"lambda{suffix}", trust=True), y.shape[1])
    in_rows = x.reshape(len(x), float_network.steps, float_network.features)
    found = float_network.evaluate(float_network, in_rows)
    assert np.abs(found - y).max() <= 1e-6 * np.abs(y).max()
    built = export.converted(float_network, in_rows, INT8)
    assert built.findings == ()
    artifact = Artifact(route="ptq", built=built)
    theirs = MeasuredEngine(id=RUNTIMES[0]).run(artifact, in_rows, (OUTPUT,)).values[OUTPUT]
    by_hand = ManualEngine(id=manual("reference")).run(artifact, in_rows, (OUTPUT,)).values[OUTPUT]
    np.testing.assert_array_equal(by_hand, theirs)


def test_an_input_of_pictures_is_what_the_file_has(saved):
    read_model = read(saved("keras") / "branches.keras")
    model = keras_description.described(read_model.layers, read_model.input_shape)
    x = np.arange(2 * 144, dtype=np.float32).reshape(2, 12, 12)
    np.testing.assert_array_equal(as_input(model, x)[..., 0], x)
