"""The ladder of a converted model: every rung computed over the samples, and what each changes at every tap."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import final

import numpy as np

from qcompare.core.graph import Model
from qcompare.core.ladder import RUNTIME, Fed, Ladder
from qcompare.core.rung import IN_REALS, Rung
from qcompare.core.tap import OUTPUT
from qcompare.engines.ladder_sums import Ascent, Held, Layout, Sums, climbs
from qcompare.engines.readings import Reading, on_grids
from qcompare.manual.ladder import Climbed, Found, KnownStates, Reals, Signature, rungs_of, signature

VALUES = 1 << 22
"""Samples are computed together as long as they have no more activations than this."""

INSIDE = 1 << 24
"""So many activations are read in all; of further samples the output alone, free-running."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Path:
    """A model on its way to a kernel set. reals: what constants were quantized from, as `Climbed` has them."""

    model: Model
    reals: Reals
    _climbed: dict[tuple[frozenset[Rung], str], Climbed] = field(default_factory=dict)

    def at(
        self,
        rungs: Collection[Rung],
        x: np.ndarray,
        kept: Collection[int],
        instead: Found | None = None,
        kernels: str = "reference",
        known: KnownStates | None = None,
    ) -> Found:
        """As `Climbed.values`, with some rungs applied. kernels: for rungs of integers, which stand on all of reals."""
        applied = frozenset(rungs)
        # Also on those that change nothing in this model, such as biases that stay in float.
        key = applied if applied.issubset(IN_REALS) else applied | frozenset(IN_REALS), kernels
        if key not in self._climbed:
            self._climbed[key] = Climbed(model=self.model, reals=self.reals, kernels=kernels, rungs=key[0])
        return self._climbed[key].values(x, kept, instead, known)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Climbing:
    """What a ladder is made of. signatures: kernel set -> what is computed at each rung of integers.

    reads: the readings. first: the name of the rung from the float network's output to the graph in real numbers, if
    there is one. classes: whether the largest output is an answer.
    """

    path: Path
    reads: Sequence[Reading]
    rungs: tuple[Rung, ...]
    signatures: Mapping[str, Sequence[Signature]]
    first: str
    classes: bool

    @property
    def in_reals(self) -> tuple[Rung, ...]:
        """The rungs of real numbers, the lowest ones."""
        return tuple(rung for rung in self.rungs if rung in IN_REALS)

    def layout(self, reads: Sequence[Reading]) -> Layout:
        """Of some of the readings."""
        numbers = np.cumsum([0, *(len(reading.taps) for reading in self.reads)]).tolist()
        first = [number for reading, number in zip(self.reads, numbers, strict=False) if reading in reads]
        return Layout(reads, first)


def ladders(
    path: Path,
    reads: Sequence[Reading],
    x: np.ndarray,
    kernel_sets: Sequence[str],
    *,
    start: np.ndarray | None = None,
    first: str = "",
    tops: Mapping[str, np.ndarray] | None = None,
    classes: bool = False,
    threads: int = 1,
) -> tuple[Ladder, ...]:
    """The ladder of a model in the arithmetic of each kernel set. Raises NotCoveredError.

    x: float32 [samples, ...]. start: the float network's output [samples, outputs] in real units, where the ladder of
    the output then begins; `first` names the rung from there to the graph's operators in real numbers, with the float
    constants. tops: kernel set -> what its runtime gives, likewise: the last rung of the output, RUNTIME. classes:
    whether the largest output is an answer. threads: samples are shared out among them, and added up in their order.

    Of a large model, whose activations are more than INSIDE, the taps within are those of the first samples.
    """
    rungs = rungs_of(path.model)
    made = Climbing(
        path=path,
        reads=reads,
        rungs=rungs,
        signatures={kernels: _signatures(path.model, rungs, kernels) for kernels in kernel_sets},
        first=first if start is not None else "",
        classes=classes,
    )
    whole, end = made.layout(reads), made.layout([reading for reading in reads if OUTPUT in reading.taps])
    inside = min(len(x), max(1, INSIDE // whole.size))
    sums = Sums(taps=sum(len(reading.taps) for reading in reads))

    def climbed(part: tuple[slice, Layout]) -> Sums:
        samples, layout = part
        own = {kernels: output[samples] for kernels, output in (tops or {}).items()}
        return _climbed(made, layout, x[samples], None if start is None else start[samples], own, inner=layout is whole)

    parts = [(part, whole) for part in _parts(0, inside, whole.size)]
    parts += [(part, end) for part in _parts(inside, len(x), whole.size)]
    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(climbed, parts):
            sums.add(found)
    alone, last = (
        {rung: math.sqrt(each / sums.moved_elements) for (at, rung), each in sums.moved.items() if at == key}
        for key in ("alone", "last")
    )
    return tuple(
        Ladder(
            kernels=kernels,
            climbs=tuple(climbs(reads, sums, kernels, classes=classes)),
            alone=alone,
            last=last,
        )
        for kernels in kernel_sets
    )


def _signatures(model: Model, rungs: Sequence[Rung], kernels: str) -> list[Signature]:
    numbers = [number for number, rung in enumerate(rungs) if rung not in IN_REALS]
    return [signature(model, kernels, frozenset(rungs[: number + 1])) for number in numbers]


def _parts(begin: int, end: int, size: int) -> Iterator[slice]:
    """Samples that are computed together."""
    step = max(1, VALUES // size)
    return (slice(at, min(at + step, end)) for at in range(begin, end, step))


def _climbed(
    made: Climbing,
    layout: Layout,
    x: np.ndarray,
    start: np.ndarray | None,
    tops: Mapping[str, np.ndarray],
    *,
    inner: bool,
) -> Sums:
    """What the rungs change in some samples. inner: with the local differences and the orders of rungs, too."""
    taps = sum(len(reading.taps) for reading in made.reads)
    ascent = Ascent(layout, taps, classes=made.classes)
    bottom = made.path.at((), x, layout.kept)
    fed: list[tuple[Fed, Found | None]] = [(Fed.OWN, None)]
    if inner:
        fed.append((Fed.REFERENCE, on_grids(made.reads, bottom)))
    for what, instead in fed:
        ascent.start(what, layout.held(made.path.at((), x, layout.kept, instead) if instead else bottom))
        if what is Fed.OWN and start is not None:
            ascent.begin(made.first, start)
        _ascend(made, ascent, x, instead, tops if what is Fed.OWN else {})
    if inner:
        ascent.sums.moved |= _orders(made, x)
        ascent.sums.moved_elements = len(x) * (layout.output.stop - layout.output.start)
    return ascent.sums


def _ascend(
    made: Climbing, ascent: Ascent, x: np.ndarray, instead: Found | None, tops: Mapping[str, np.ndarray]
) -> None:
    states: KnownStates = {}

    def at(rungs: Sequence[Rung], kernels: str = "reference") -> Held:
        return ascent.layout.held(made.path.at(rungs, x, ascent.layout.kept, instead, kernels, states))

    own, rungs = len(made.in_reals), made.rungs
    for number in range(own):
        top = ascent.climb(rungs[number].value, at(rungs[: number + 1]))
    known: dict[Signature, Held] = {}
    for kernels, signatures in made.signatures.items():
        ascent.branch(kernels, top)
        for number, signed in enumerate(signatures, own):
            if signed not in known:
                known[signed] = at(rungs[: number + 1], kernels)
            ascent.climb(rungs[number].value, known[signed])
        if kernels in tops:
            ascent.top(RUNTIME, tops[kernels])
        ascent.end()


def _orders(made: Climbing, x: np.ndarray) -> dict[tuple[str, str], float]:
    """What each rung of real numbers changes at the output as the first of them, and as the last: squares."""
    output = made.path.model.main.outputs[0]

    def at(rungs: Collection[Rung]) -> np.ndarray:
        return made.path.at(rungs, x, [output]).tensors[output]

    below, above = at(()), at(made.in_reals)
    found: dict[tuple[str, str], float] = {}
    for rung in made.in_reals:
        rest = tuple(each for each in made.in_reals if each is not rung)
        found["alone", rung.value] = float(np.square(at((rung,)) - below).sum())
        found["last", rung.value] = float(np.square(above - at(rest)).sum())
    return found
