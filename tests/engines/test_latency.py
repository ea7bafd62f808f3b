"""What is measured when models are timed; how long they take is the machine's."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from qcompare.core.engine import interpreter
from qcompare.core.graph import model_of
from qcompare.engines import latency, litert
from qcompare.engines.latency import Subject, measure
from qcompare.tflite.schema import write
from tests.tflite.graphs import network

CONTENT = write(model_of(network()))
X = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)


def subject(kernels: str, content: bytes = CONTENT) -> Subject:
    return Subject(content=content, engine=interpreter(kernels), x=X)


@pytest.mark.runtime
def test_every_model_is_measured_in_every_round_by_the_clock() -> None:
    seconds = measure([subject(kernels) for kernels in litert.KERNEL_SETS], rounds=4)
    assert seconds.shape == (3, 4)
    assert (seconds > 0).all()
    assert measure([], rounds=4).shape == (0, 4)


@pytest.mark.runtime
def test_a_model_is_invoked_on_samples_of_the_test_set() -> None:
    """The interpreter's input is the quantized sample of the round, one after another."""
    interpreters = []
    made = litert.interpreter_of

    def kept(content: bytes, kernels: str) -> Interpreter:
        interpreters.append(made(content, kernels))
        return interpreters[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency.litert, "interpreter_of", kept)
        invoke = latency._invocation(subject("reference"))
    (runtime,) = interpreters
    quantized = np.clip(np.round(X / np.float32(0.05)) - 3, -128, 127).astype(np.int8)
    for number in (2, 0, 7):
        invoke(number)
        np.testing.assert_array_equal(runtime.get_tensor(0)[0], quantized[number % len(X)])
        invoke(None)
        np.testing.assert_array_equal(runtime.get_tensor(0)[0], quantized[number % len(X)])


def test_models_take_turns_and_the_first_invocation_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only the invocations move: model k takes k + 1 ms, and 100 ms when it is given a new sample."""
    now = 0.0
    turns: list[tuple[int, int]] = []

    def invocation(which: Subject) -> object:
        own = ["a", "b", "c"].index(which.engine.kernels)

        def invoke(number: int | None = None) -> None:
            nonlocal now
            now += 0.1 if number is not None else 0.001 * (own + 1)
            if number is not None:
                turns.append((number, own))

        return invoke

    monkeypatch.setattr(latency, "_invocation", invocation)
    monkeypatch.setattr(latency.time, "perf_counter", lambda: now)
    seconds = measure([subject(name) for name in "abc"], rounds=6)
    np.testing.assert_allclose(seconds, np.repeat([[0.001], [0.002], [0.003]], 6, axis=1))
    rounds = turns[3:]
    assert [number for number, _ in rounds] == [number for number in range(6) for _ in range(3)]
    orders = [tuple(own for number, own in rounds if number == wanted) for wanted in range(6)]
    assert {tuple(sorted(order)) for order in orders} == {(0, 1, 2)}
    assert len(set(orders)) > 1


def test_a_quick_model_is_invoked_so_often_that_the_clock_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def invoke(number: int | None = None) -> None:
        nonlocal now
        now += 2e-6

    monkeypatch.setattr(latency.time, "perf_counter", lambda: now)
    assert latency._block(invoke) == 500
    monkeypatch.setattr(latency, "BLOCK_SECONDS", 1e-7)
    assert latency._block(invoke) == 1


@pytest.mark.runtime
def test_a_model_that_litert_does_not_run_is_its_error() -> None:
    with pytest.raises(ValueError, match="valid Flatbuffer"):
        measure([subject("reference", b"no model")])
