"""Which ladders a route has, and what is told of those that it has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qcompare.core.engine import FLOAT, interpreter
from qcompare.core.finding import Severity
from qcompare.core.graph import Operator, model_of
from qcompare.core.ladder import RUNTIME, Fed, Ladder, Ladders
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from qcompare.data.dataset import Dataset
from qcompare.engines import ladder
from qcompare.engines.route_ladder import of_route
from qcompare.manual import executor
from qcompare.manual.call import NotCoveredError, UndefinedError
from qcompare.tflite import schema
from qcompare.tflite.artifact import Artifact, Built
from qcompare.tflite.builder import Builder
from tests.tflite.graphs import network

X = np.random.default_rng(3).uniform(-5, 5, (6, 1, 4)).astype(np.float32)
NONE = np.zeros((0, 1, 4), np.float32)
DATA = Dataset(
    x_train=NONE, y_train=np.zeros(0, np.int32), x_test=X, y_test=np.zeros(6, np.int32), classes=3, calibration=NONE
)
MODEL = Built(
    content=schema.write(model_of(network())),
    reals={(0, 1): np.zeros((3, 4), np.float32), (0, 2): np.zeros(3, np.float32)},
)
START = Trace(engine=FLOAT, values={OUTPUT: np.zeros((6, 3), np.float32)})
NO_RUN = Trace(engine=interpreter("reference"))


def climbed(built: Built, *kernel_sets: str, runtimes: Sequence[Trace] = (), start: Trace = START) -> Ladders:
    artifact = Artifact(route="ptq", built=built)
    traces = tuple(runtimes) or (NO_RUN,) * len(kernel_sets)
    return of_route(artifact, DATA, start, "operators", kernel_sets, traces)


def by_hand(kernels: str) -> np.ndarray:
    grid = MODEL.model.main.tensors[0].integers
    assert grid is not None
    x = {0: grid.quantize(X.reshape(6, 1, 4))}
    return executor.run(MODEL.model, x, kernels).result


def test_a_ladder_ends_at_the_runtime():
    runtime = Trace(engine=interpreter("micro"), values={OUTPUT: by_hand("micro") + np.float32(2)})
    found = climbed(MODEL, "reference", "micro", runtimes=[NO_RUN, runtime])
    assert found.findings == ()
    ends = {each.kernels: climb for each in found.ladders for climb in each.climbs if climb.tap == OUTPUT}
    own = [climb for each in found.ladders for climb in each.climbs if climb.tap == OUTPUT and climb.fed is Fed.OWN]
    without, with_top = own
    assert list(ends) == ["reference", "micro"]
    assert RUNTIME not in without.rungs
    assert next(iter(with_top.rungs)) == "operators"
    assert list(with_top.rungs)[-1] == RUNTIME
    assert with_top.rungs[RUNTIME].total == pytest.approx(2 * 18)


def test_a_runtime_that_gives_what_was_computed_by_hand_changes_nothing():
    runtime = Trace(engine=interpreter("xnnpack"), values={OUTPUT: by_hand("xnnpack")})
    (found,) = climbed(MODEL, "xnnpack", runtimes=[runtime]).ladders
    top = [climb.rungs[RUNTIME] for climb in found.climbs if climb.tap == OUTPUT and climb.fed is Fed.OWN]
    assert [(each.squares, each.flips) for each in top] == [(0.0, 0)]


def test_without_the_float_networks_output_the_lowest_rung_is_the_model_in_real_numbers():
    (found,) = climbed(MODEL, "reference", start=Trace(engine=FLOAT)).ladders
    assert {next(iter(climb.rungs)) for climb in found.climbs} == {"weights"}


def test_constants_whose_real_numbers_are_not_known_are_told():
    (told,) = climbed(Built(content=MODEL.content, reals={(0, 1): MODEL.reals[0, 1]}), "reference").findings
    assert told.severity is Severity.WARNING
    assert told.text == "constants whose float numbers are not known, b: their rounding stands in no rung"


@pytest.mark.parametrize(
    ("error", "severity"), [(NotCoveredError, Severity.WARNING), (UndefinedError, Severity.REMARK)]
)
def test_a_kernel_set_that_is_not_covered_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch, error: type[NotCoveredError], severity: Severity
) -> None:
    whole = ladder.ladders

    def partly(path: Any, reads: Any, x: Any, kernel_sets: Sequence[str], **others: Any) -> tuple[Ladder, ...]:
        if "micro" in kernel_sets:
            raise error(Operator(index=1, name="TANH", inputs=(), outputs=()), "that")
        return whole(path, reads, x, kernel_sets, **others)

    monkeypatch.setattr(ladder, "ladders", partly)
    found = climbed(MODEL, "reference", "micro", "xnnpack")
    assert [each.kernels for each in found.ladders] == ["reference", "xnnpack"]
    (told,) = found.findings
    assert (told.severity, told.where) == (severity, "ladder")
    assert told.text == "not computed in the arithmetic of micro: operator 1 TANH: that not covered"


def test_what_has_no_integers_or_no_model_has_no_ladder():
    build = Builder()
    x, y = (build.activation(name, (1, 4), np.float32) for name in ("x", "y"))
    build.operator("TANH", (x,), (y,))
    for built in (Built(content=schema.write(model_of(build.graph((x,), (y,))))), Built()):
        found = climbed(built, "reference")
        assert (found.ladders, found.findings) == ((), ())
