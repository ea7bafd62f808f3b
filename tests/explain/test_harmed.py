"""Pairs that TensorFlow's converter made, in each of which one layer is harmed: layer and cause come first."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from qcompare.core.child import Child
from qcompare.core.explanation import CAUSES, OUTLIER, PER_CHANNEL, WIDER, Explanation, decibels
from qcompare.core.ladder import Climb
from qcompare.explain.explain import explained
from qcompare.explain.pair import load
from qcompare.tflite import schema
from tests.explain import harms
from tests.explain.harms import Pair

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

MODELS = ("cnn", "ds_cnn", "lstm", "gru")

Harm = Callable[[Pair], Pair]


def outlier(operator: int, weights: int, *place: int) -> Harm:
    """A hundredfold weight among those that an operator reads at a position, where it meets zeros."""
    return lambda pair: harms.outlier(pair, pair.model.main.operators[operator].inputs[weights], place, 100)


def per_tensor(operator: int) -> Harm:
    return lambda pair: harms.per_tensor(pair, pair.model.main.operators[operator].inputs[1], 0, 1000)


def clipped(operator: int | None) -> Harm:
    def harm(pair: Pair) -> Pair:
        graph = pair.model.main
        return harms.clipped(pair, graph.inputs[0] if operator is None else graph.operators[operator].outputs[0])

    return harm


HARMS: list[tuple[str, int | None, str, str, Harm]] = [
    *(("cnn", op, "weights", OUTLIER, outlier(op, 1, *place)) for op, place in (
        (1, (5, 1, 1, 0)), (4, (7, 0)), (5, (3, 0)))),
    *(("cnn", op, "weights", PER_CHANNEL, per_tensor(op)) for op in (0, 1, 4)),
    *(("cnn", op, "clipping", WIDER, clipped(op)) for op in (None, 0, 1, 4, 5)),
    *(("ds_cnn", op, "weights", OUTLIER, outlier(op, 1, *place)) for op, place in (
        (2, (11, 0, 0, 0)), (4, (17, 0, 0, 0)), (6, (3, 0)))),
    *(("ds_cnn", op, "weights", PER_CHANNEL, per_tensor(op)) for op in (0, 1, 2, 3, 4)),
    *(("ds_cnn", op, "clipping", WIDER, clipped(op)) for op in (None, 1, 2, 5, 6)),
    *(("lstm", 0, "weights", OUTLIER, outlier(0, position, 1, 0)) for position in (1, 3, 5, 8)),
    ("lstm", 3, "weights", OUTLIER, outlier(3, 1, 3, 0)),
    ("lstm", 2, "weights", PER_CHANNEL, per_tensor(2)),
    *(("lstm", op, "clipping", WIDER, clipped(op)) for op in (None, 0, 2)),
    *(("gru", op, "weights", OUTLIER, outlier(op, 1, 37, 0)) for op in (2, 15)),
    ("gru", 119, "weights", OUTLIER, outlier(119, 1, 3, 0)),
    ("gru", 118, "weights", PER_CHANNEL, per_tensor(118)),
    *(("gru", op, "clipping", WIDER, clipped(op)) for op in (None, 105, 117, 118)),
]  # fmt: skip
"""Model, the operator that is harmed (None: the input), the cause, the suggestion that cures it, and the harm."""


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child() as one:
        yield one


@pytest.fixture(scope="module")
def pairs(runs, child) -> dict[str, Pair]:
    folder = runs.digit_models()
    found = {}
    for name in MODELS:
        loaded = load(folder / f"{name}-float.tflite", folder / f"{name}-int8.tflite", child)
        found[name] = Pair(real=loaded.real, model=loaded.model)
    # The converter calibrates a fused LSTM as if all samples were one long sequence, and what follows it too narrow.
    found["lstm"] = harms.spanning(found["lstm"], -20, 20)
    return found


@pytest.fixture
def explain(runs, child, tmp_path) -> Callable[[Pair], Explanation]:
    x = np.load(runs.digit_models() / "x.npy")

    def run(pair: Pair) -> Explanation:
        real, model = tmp_path / "float.tflite", tmp_path / "int8.tflite"
        real.write_bytes(schema.write(pair.real))
        model.write_bytes(schema.write(pair.model))
        loaded = load(real, model, child)
        assert loaded.findings == ()
        shape = loaded.model.main.tensors[loaded.model.main.inputs[0]].shape
        return explained(loaded, str(real), str(model), x.reshape(len(x), *shape), "digits", "xnnpack", child)

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
    assert list(found.output.rungs) == ["operators", *CAUSES, "runtime"]
    # Every constant has its counterpart, and the manual engine is the runtime.
    assert found.output.rungs["operators"].squares < 1e-9 * found.output.signal
    assert found.output.rungs["runtime"].squares == 0
    check_sums(found.output)
    for climb in found.climbs:
        check_sums(climb)


def name_of(case: tuple[str, int | None, str, str, Harm]) -> str:
    return "-".join(map(str, case[:4]))


@pytest.mark.parametrize(("name", "operator", "cause", "cure", "harm"), HARMS, ids=[name_of(case) for case in HARMS])
def test_the_harmed_layer_and_the_cause_come_first(name, operator, cause, cure, harm, pairs, explain):
    found = explain(harm(pairs[name]))
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
