"""Pairs that TensorFlow's converter made, in each of which one layer is harmed: layer and cause come first."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from qcompare.core.child import Child
from qcompare.core.explanation import NARROWER, OUTLIER, PER_CHANNEL, WIDER, Explanation, decibels
from qcompare.core.graph import Model
from qcompare.core.ladder import Climb
from qcompare.engines.ladder import Path
from qcompare.explain.explain import explained
from qcompare.explain.pair import load
from qcompare.manual.ladder import rungs_of
from qcompare.tflite import schema
from qcompare.tflite.reals import real_constants
from tests.explain import harms
from tests.explain.harms import Pair

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

MODELS = ("cnn", "ds_cnn", "lstm", "gru")

Harm = Callable[[Pair, np.ndarray], Pair]


def floats(pair: Pair, x: np.ndarray, index: int) -> np.ndarray:
    """A tensor of the integer model in real numbers, with the float model's constants: [samples, elements]."""
    path = Path(model=pair.model, reals=real_constants(pair.real, pair.model))
    return path.at((), shaped(x, pair.model), [index]).tensors[index]


def outlier(operator: int, *, weights: int = 1, first: int = 0) -> Harm:
    """A weight a hundred times all others of its channel, where it meets the zeros of a dead one.

    The channel is that whose results differ most, from the first that is asked for on. weights: where an operator reads
    them.
    """

    def harm(pair: Pair, x: np.ndarray) -> Pair:
        own = pair.model.main.operators[operator]
        values = floats(pair, x, own.outputs[0])
        tensor = pair.model.main.tensors[own.inputs[weights]]
        spread = values.reshape(-1, tensor.shape[0]).std(axis=0)
        channel = first + int(spread[first:].argmax())
        return harms.outlier(pair, tensor.index, (channel, *(0 for _ in tensor.shape[1:])), 100)

    return harm


def per_tensor(operator: int) -> Harm:
    return lambda pair, _: harms.per_tensor(pair, pair.model.main.operators[operator].inputs[1], 0, 1000)


def clipped(operator: int | None) -> Harm:
    def harm(pair: Pair, _: np.ndarray) -> Pair:
        graph = pair.model.main
        return harms.clipped(pair, graph.inputs[0] if operator is None else graph.operators[operator].outputs[0])

    return harm


def wasted(pair: Pair, _: np.ndarray) -> Pair:
    """A range of the output that is much wider than its values."""
    return harms.spanning(pair, -200, 200)


HARMS: list[tuple[str, int | None, str, str, Harm]] = [
    *(("cnn", op, "weights", OUTLIER, outlier(op)) for op in (1, 4, 5)),
    *(("cnn", op, "weights", PER_CHANNEL, per_tensor(op)) for op in (0, 1, 4)),
    *(("cnn", op, "clipping", WIDER, clipped(op)) for op in (None, 0, 1, 4, 5)),
    *(("ds_cnn", op, "weights", OUTLIER, outlier(op)) for op in (2, 4, 6)),
    *(("ds_cnn", op, "weights", PER_CHANNEL, per_tensor(op)) for op in (0, 1, 2, 3, 4)),
    *(("ds_cnn", op, "clipping", WIDER, clipped(op)) for op in (None, 1, 2, 5, 6)),
    *(("lstm", 0, "weights", OUTLIER, outlier(0, weights=position, first=1)) for position in (1, 3, 5, 8)),
    ("lstm", 3, "weights", OUTLIER, outlier(3)),
    ("lstm", 2, "weights", PER_CHANNEL, per_tensor(2)),
    *(("lstm", op, "clipping", WIDER, clipped(op)) for op in (None, 0, 2)),
    # Of the candidate: the gates come first.
    *(("gru", op, "weights", OUTLIER, outlier(op, first=32)) for op in (2, 15)),
    ("gru", 119, "weights", OUTLIER, outlier(119)),
    ("gru", 118, "weights", PER_CHANNEL, per_tensor(118)),
    *(("gru", op, "clipping", WIDER, clipped(op)) for op in (None, 105, 117, 118)),
    *((name, op, "rounding", NARROWER, wasted) for name, op in (("cnn", 5), ("ds_cnn", 6), ("lstm", 3), ("gru", 119))),
]
"""Model, the operator that is harmed (None: the input), the cause, the suggestion that cures it, and the harm."""


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child() as one:
        yield one


@pytest.fixture(scope="module")
def images(runs) -> np.ndarray:
    return np.load(runs.digit_models() / "x.npy")


def shaped(x: np.ndarray, model: Model) -> np.ndarray:
    """The images as a model takes them."""
    return x.reshape(len(x), *model.main.tensors[model.main.inputs[0]].shape)


@pytest.fixture(scope="module")
def pairs(runs, child, images) -> dict[str, Pair]:
    folder = runs.digit_models()
    found = {}
    for name in MODELS:
        loaded = load(folder / f"{name}-float.tflite", folder / f"{name}-int8.tflite", child)
        found[name] = Pair(real=loaded.real, model=loaded.model)
    # The converter calibrates a fused LSTM as if all samples were one long sequence, and what follows it too narrow.
    outputs = floats(found["lstm"], images, found["lstm"].model.main.outputs[0])
    found["lstm"] = harms.spanning(found["lstm"], float(outputs.min()), float(outputs.max()))
    return found


@pytest.fixture
def explain(images, child, tmp_path) -> Callable[[Pair], Explanation]:
    def run(pair: Pair) -> Explanation:
        real, model = tmp_path / "float.tflite", tmp_path / "int8.tflite"
        real.write_bytes(schema.write(pair.real))
        model.write_bytes(schema.write(pair.model))
        loaded = load(real, model, child)
        assert loaded.findings == ()
        x = shaped(images, loaded.model)
        return explained(loaded, str(real), str(model), x, "digits", "xnnpack", child)

    return run


def check_sums(climb: Climb) -> None:
    """The causes are the whole difference."""
    parts = climb.rungs.values()
    assert sum(part.squares + part.cross for part in parts) == pytest.approx(climb.whole.squares, rel=1e-6, abs=1e-12)
    assert sum(part.total for part in parts) == pytest.approx(climb.whole.total, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_an_unharmed_pair_is_no_cause_for_alarm(name, pairs, explain):
    found = explain(pairs[name])
    assert found.culprit is None
    assert found.suggestions == ()
    above = decibels(found.output.signal, found.output.whole.squares)
    assert above is not None
    assert above > 30
    rungs = [rung.value for rung in rungs_of(pairs[name].model)]
    assert list(found.output.rungs) == ["operators", *rungs, "runtime"]
    # Every constant has its counterpart, and the manual engine is the runtime.
    assert found.output.rungs["operators"].squares < 1e-9 * found.output.signal
    assert found.output.rungs["runtime"].squares == 0
    check_sums(found.output)
    for climb in found.climbs:
        check_sums(climb)


def name_of(case: tuple[str, int | None, str, str, Harm]) -> str:
    return "-".join(map(str, case[:4]))


@pytest.mark.parametrize(("name", "operator", "cause", "cure", "harm"), HARMS, ids=[name_of(case) for case in HARMS])
def test_the_harmed_layer_and_the_cause_come_first(name, operator, cause, cure, harm, pairs, images, explain):
    pair = pairs[name]
    found = explain(harm(pair, images))
    assert found.culprit is not None
    assert found.culprit.cause == cause
    assert operator in (found.culprit.layer.operators or (None,))
    assert found.suspects[0] == found.culprit
    assert found.suggestions[0].kind == cure
    assert found.suggestions[0].layer == found.culprit.layer
    gain = found.suggestions[0].trial.gain_db
    assert gain is not None
    assert gain > 3
    check_sums(found.output)


def test_a_float_loop_beside_an_unrolled_gru_is_compared_as_far_as_it_goes(runs, child):
    files = runs.everyday_models("tf_keras")
    pair = load(files / "gru-float.tflite", files / "gru_unrolled-int8.tflite", child)
    text = {finding.where: finding.text for finding in pair.findings}
    assert "runs its time steps in a loop" in text["tensors"]
    assert re.search(r": \d+ tensors of the integer model and \d of the float one have no counterpart", text["tensors"])
    x = np.random.default_rng(3).normal(size=(40, 1, 6, 26)).astype(np.float32)
    found = explained(pair, "float", "int8", x, "normal", "reference", child)
    # All kernels are found in the loop: what is not is constants of the loop's own arithmetic.
    assert found.output.rungs["operators"].squares < 1e-5 * found.output.signal
    assert {suspect.cause for suspect in found.suspects} >= {"weights", "rounding"}
    check_sums(found.output)
