"""How long LiteRT takes a sample: models under kernel sets, all measured side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.engines import litert
from qcompare.engines.converted import inputs_of
from qcompare.engines.sequences import Inputs, integers
from qcompare.tflite import schema

ROUNDS = 51
"""How often each model is measured."""

BLOCK_SECONDS = 0.001
"""A measurement is of so many invocations that they take this long, beside which reading the clock is nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is measured: a `.tflite` under the kernel set of an engine, on x as `Inputs` describes it."""

    content: bytes
    engine: EngineId
    x: Inputs


def measure(subjects: Sequence[Subject], rounds: int = ROUNDS) -> np.ndarray:
    """Seconds an invocation, float64 [subjects, rounds], with one thread.

    Each round measures every subject once, in an order of its own, so that what slows the machine down for a while
    slows all of them. The invocation before the measured ones brings the model into the caches and is not counted.
    Raises ValueError or RuntimeError as LiteRT does for a model that it does not run.
    """
    invocations = [_invocation(subject) for subject in subjects]
    blocks = [_block(invoke) for invoke in invocations]
    order = np.random.default_rng(0)
    seconds = np.empty((len(subjects), rounds))
    for number in range(rounds):
        for index in order.permutation(len(subjects)):
            invocations[index](number)
            seconds[index, number] = _seconds(invocations[index], blocks[index])
    return seconds


def _invocation(subject: Subject) -> Callable[[int | None], None]:
    """What invokes a model: on the sample of that number, or on the one before."""
    interpreter = litert.interpreter_of(subject.content, subject.engine.kernels)
    graph = schema.read(subject.content).main
    (given,) = graph.inputs
    fixed = isinstance(subject.x, np.ndarray)
    values = inputs_of(graph, subject.x)[given] if isinstance(subject.x, np.ndarray) else integers(graph, subject.x)
    shapes = [graph.tensors[given].shape if fixed else (1, *sample.shape) for sample in values]
    interpreter.allocate_tensors()

    def invoke(number: int | None = None) -> None:
        if number is not None:
            sample, shape = values[number % len(values)], shapes[number % len(values)]
            if not fixed:
                interpreter.resize_tensor_input(given, shape, strict=True)
                interpreter.allocate_tensors()
            interpreter.reset_all_variables()
            interpreter.set_tensor(given, sample.reshape(shape))
        interpreter.invoke()

    return invoke


def _block(invoke: Callable[[int | None], None]) -> int:
    """Invocations that take BLOCK_SECONDS together."""
    invoke(0)
    count = 1
    while (taken := _seconds(invoke, count) * count) < BLOCK_SECONDS / 2:
        count *= 2
    return max(1, round(count * BLOCK_SECONDS / taken))


def _seconds(invoke: Callable[[int | None], None], count: int) -> float:
    """Seconds an invocation, of so many."""
    start = time.perf_counter()
    for _ in range(count):
        invoke(None)
    return (time.perf_counter() - start) / count
