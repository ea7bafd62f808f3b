"""The ladder from a float model to an integer one, at its output and at every tap."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import reduce
from typing import TypeVar

import numpy as np

from qcompare.core.explanation import INTEGERS, OPERATORS, RUNTIME
from qcompare.core.graph import Model
from qcompare.core.ladder import Climb, Difference, Fed
from qcompare.core.rung import IN_REALS, Rung
from qcompare.core.tap import OUTPUT
from qcompare.engines.ladder import Path
from qcompare.engines.manual import BLAS_THREADS
from qcompare.engines.readings import Reading, on_grids
from qcompare.manual.ladder import Found, rungs_of

VALUES = 1 << 24
"""Samples are computed together as long as they have no more activations than this."""

THREADS = 4
"""Parts of the samples that are computed at once, where there are as many processors."""

T = TypeVar("T")

Values = Sequence[np.ndarray]
"""Of each reading, [samples, taps, elements], float64."""


def in_parts(compute: Callable[[slice], T], samples: int, size: int) -> Iterator[T]:
    """What is computed of the samples part by part, in their order. size: the values of one sample."""
    # Imported here: it looks at every loaded library.
    from threadpoolctl import threadpool_limits

    step = max(1, VALUES // max(1, size))
    parts = [slice(begin, begin + step) for begin in range(0, samples, step)]
    with threadpool_limits(BLAS_THREADS), ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        yield from pool.map(compute, parts)


def size_of(model: Model) -> int:
    """The activations of one sample."""
    tensors = model.main.tensors
    return sum(math.prod(tensors[index].shape) for operator in model.main.operators for index in operator.outputs)


Levels = list[tuple[str, frozenset[Rung]]]
"""Causes in the order of the ladder, above the graph's operators in real numbers, and the rungs applied by then."""


def levels(model: Model) -> Levels:
    """Each rung that the model has."""
    rungs = rungs_of(model)
    return [(rung.value, frozenset(rungs[: number + 1])) for number, rung in enumerate(rungs)]


def levels_of_layers(model: Model) -> Levels:
    """Those of real numbers, and all of integers together."""
    own = len([rung for rung in rungs_of(model) if rung in IN_REALS])
    return [*levels(model)[:own], (INTEGERS, frozenset(Rung))]


def output_of(model: Model) -> Reading:
    """The model's output as one tap, also that of a fused LSTM."""
    graph = model.main
    index = graph.outputs[0]
    writer = next((each for each in graph.operators if index in each.outputs), None)
    return Reading(index=index, taps=(OUTPUT,), tensor=graph.tensors[index], writer=writer)


def output_climb(path: Path, x: np.ndarray, start: np.ndarray, end: np.ndarray | None, kernels: str) -> Climb:
    """The ladder of the model's output, from the float model's own to a runtime's. Raises NotCoveredError.

    x: float32 [samples, ...]. start, end: the float model's and the runtime's outputs, [samples, outputs] in real
    units; without an end the last rung is the manual engine's.
    """
    reading, steps = output_of(path.model), levels(path.model)

    def computed(part: slice) -> list[Climb]:
        def at(rungs: Collection[Rung]) -> Values:
            return [_of(reading, path.at(rungs, x[part], [reading.index], kernels=kernels))]

        ladder = [(OPERATORS, at(())), *((name, at(rungs)) for name, rungs in steps)]
        if end is not None:
            ladder.append((RUNTIME, [end[part].reshape(ladder[0][1][0].shape)]))
        return _climbs([reading], Fed.OWN, [start[part].reshape(ladder[0][1][0].shape)], ladder)

    (climb,) = _together(in_parts(computed, len(x), size_of(path.model)))
    return climb


def climbs(path: Path, reads: Sequence[Reading], x: np.ndarray, kernels: str) -> tuple[Climb, ...]:
    """The ladder of every tap from the graph's operators in real numbers on, accumulated, then local. Raises
    NotCoveredError. x: float32 [samples, ...]."""
    steps, kept = levels_of_layers(path.model), [reading.index for reading in reads if not reading.cell]

    def computed(part: slice) -> list[Climb]:
        own = path.at((), x[part], kept)
        found: list[Climb] = []
        for fed, instead in ((Fed.OWN, None), (Fed.REFERENCE, on_grids(reads, own))):

            def at(rungs: Collection[Rung], instead: Found | None = instead) -> Values:
                result = path.at(rungs, x[part], kept, instead, kernels)
                return [_of(reading, result) for reading in reads]

            lowest = [_of(reading, own) for reading in reads] if instead is None else at(())
            found += _climbs(reads, fed, lowest, ((name, at(rungs)) for name, rungs in steps))
        return found

    # Several rungs of all taps are held at once.
    return tuple(_together(in_parts(computed, len(x), 4 * size_of(path.model))))


def _of(reading: Reading, found: Found) -> np.ndarray:
    values = reading.of(found)
    return values.reshape(len(values), len(reading.taps), -1)


def _together(parts: Iterable[list[Climb]]) -> list[Climb]:
    return reduce(lambda one, other: [_joined(a, b) for a, b in zip(one, other, strict=True)], parts)


def _joined(a: Climb, b: Climb) -> Climb:
    """A tap's, of the samples of both."""
    return replace(
        a,
        signal=a.signal + b.signal,
        rungs={name: each.and_(b.rungs[name]) for name, each in a.rungs.items()},
        whole=a.whole.and_(b.whole),
    )


def _climbs(reads: Sequence[Reading], fed: Fed, lowest: Values, ladder: Iterable[tuple[str, Values]]) -> list[Climb]:
    """lowest: what the ladder stands on. ladder: each cause, and the values once it is there."""
    rungs: dict[str, list[list[Difference]]] = {}
    before = lowest
    for name, after in ladder:
        rungs[name] = [_differences(*each) for each in zip(reads, lowest, before, after, strict=True)]
        before = after
    whole = [_differences(*each) for each in zip(reads, lowest, lowest, before, strict=True)]
    return [
        Climb(
            tap=tap,
            fed=fed,
            op="" if reading.writer is None else reading.writer.name,
            index=None if reading.writer is None else reading.writer.index,
            lsb=None if reading.tensor.integers is None else float(reading.tensor.integers.lsb),
            signal=float(np.square(lowest[place][:, number]).sum()),
            rungs={name: each[place][number] for name, each in rungs.items()},
            whole=whole[place][number],
        )
        for place, reading in enumerate(reads)
        for number, tap in enumerate(reading.taps)
    ]


def _differences(reading: Reading, origin: np.ndarray, before: np.ndarray, after: np.ndarray) -> list[Difference]:
    """What a rung changes, one a tap. origin: the lowest of all rungs."""
    moved, grid = after - before, reading.tensor.integers
    total, squares = moved.sum(axis=(0, 2)), np.einsum("ijk,ijk->j", moved, moved)
    cross = 2.0 * np.einsum("ijk,ijk->j", moved, before - origin)
    changed = flips = None
    if OUTPUT in reading.taps:
        answers = len(reading.tensor.shape) == 2 and after.shape[2] > 1
        changed = None if grid is None else int((grid.quantize(before) != grid.quantize(after)).sum())
        flips = int((before[:, 0].argmax(axis=1) != after[:, 0].argmax(axis=1)).sum()) if answers else None
    return [
        Difference(
            n=moved.shape[0] * moved.shape[2],
            changed=changed,
            total=float(total[number]),
            squares=float(squares[number]),
            cross=float(cross[number]),
            flips=flips,
        )
        for number in range(len(reading.taps))
    ]
