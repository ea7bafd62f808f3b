"""The ladder of a converted model: every rung computed over the samples, and what each changes at every tap."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core import lstm as layout
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.ladder import Climb, Difference, Fed, Ladder
from qcompare.core.rung import IN_REALS, Rung
from qcompare.core.tap import OUTPUT, Tap
from qcompare.manual.ladder import Climbed, Found, Reals, Signature, rungs_of, signature

VALUES = 1 << 21
"""Samples are computed together as long as they have no more activations than this."""

MOVING = frozenset(
    {"CONCATENATION", "EXPAND_DIMS", "GATHER", "PACK", "RESHAPE", "REVERSE_V2", "SLICE", "SPLIT", "SPLIT_V"}
    | {"SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"}
)
"""Operators whose results are numbers of their inputs: no taps of their own."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A tensor of the main graph, or the cell of a fused LSTM, and the taps that it holds, one or one a time step.

    index: of the tensor; of the operator for a cell. writer: what computes it.
    """

    index: int
    taps: tuple[Tap, ...]
    tensor: Tensor
    writer: Operator | None
    cell: bool = False

    @property
    def size(self) -> int:
        """Its elements in one sample."""
        return math.prod(self.tensor.shape) * (len(self.taps) if self.cell else 1)

    def of(self, found: Found) -> np.ndarray:
        """Its values [samples, size]."""
        values = found.cells[self.index] if self.cell else found.tensors[self.index]
        return values.reshape(len(values), -1)


def readings(model: Model, places: Mapping[tuple[int, int], Tap]) -> tuple[Reading, ...]:
    """What of a model's main graph is read: its input, and the result of every operator that computes numbers.

    places: the taps of tensors that have a role in the network; others go by their names.
    """
    graph = model.main
    roles = {index: tap for (number, index), tap in places.items() if number == 0}
    return tuple(_readings(graph, roles))


def _readings(graph: Graph, roles: Mapping[int, Tap]) -> Iterator[Reading]:
    def tap(index: int) -> Tap:
        return OUTPUT if index == graph.outputs[0] else roles.get(index, Tap(graph.tensors[index].name))

    (given, *_) = graph.inputs
    yield Reading(index=given, taps=(tap(given),), tensor=graph.tensors[given], writer=None)
    for operator in graph.operators:
        if operator.name in MOVING and not set(operator.outputs).intersection(graph.outputs):
            continue
        for index in operator.outputs:
            tensor = graph.tensors[index]
            if tensor.dtype.kind != "f" and tensor.integers is None:
                continue
            own = tap(index)
            if operator.name != layout.OPERATOR:
                yield Reading(index=index, taps=(own,), tensor=tensor, writer=operator)
                continue
            cell = operator.inputs[layout.CELL]
            steps = tensor.shape[0 if operator.options.get("time_major", False) else 1]
            of_cell = roles.get(cell, Tap(graph.tensors[cell].name))
            yield Reading(
                index=operator.index,
                taps=_steps(of_cell, steps),
                tensor=graph.tensors[cell],
                writer=operator,
                cell=True,
            )
            yield Reading(index=index, taps=_steps(own, steps), tensor=tensor, writer=operator)


def _steps(tap: Tap, steps: int) -> tuple[Tap, ...]:
    return tuple(Tap(tap.role, step) for step in range(steps))


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Path:
    """A model on its way to a kernel set. reals: what constants were quantized from, as `Climbed` has them."""

    model: Model
    reals: Reals

    def at(
        self,
        rungs: Collection[Rung],
        x: np.ndarray,
        kept: Collection[int],
        instead: Found | None = None,
        kernels: str = "reference",
    ) -> Found:
        """As `Climbed.values`, with some rungs applied. kernels: for rungs of integers."""
        climbed = Climbed(model=self.model, reals=self.reals, kernels=kernels, rungs=frozenset(rungs))
        return climbed.values(x, kept, instead)


def ladders(
    path: Path,
    reads: Sequence[Reading],
    x: np.ndarray,
    kernel_sets: Sequence[str],
    *,
    start: np.ndarray | None = None,
    first: str = "",
    classes: bool = False,
) -> tuple[Ladder, ...]:
    """The ladder of a model in the arithmetic of each kernel set. Raises NotCoveredError.

    x: float32 [samples, ...]. start: the float network's output [samples, outputs] in real units, where the ladder of
    the output then begins; `first` names the rung from there to the graph's operators in real numbers, with the float
    constants. classes: whether the largest output is an answer.
    """
    rungs = rungs_of(path.model)
    in_reals = [rung for rung in rungs if rung in IN_REALS]
    signatures = {
        kernels: [
            signature(path.model, kernels, frozenset(rungs[: number + 1]))
            for number in range(len(in_reals), len(rungs))
        ]
        for kernels in kernel_sets
    }
    layout, moved = Layout(reads), Moved(path, in_reals)
    shared = Sums(classes=layout.output if classes else None)
    apart = {kernels: Sums(classes=shared.classes) for kernels in kernel_sets}
    step = max(1, VALUES // max(1, layout.size))
    for begin in range(0, len(x), step):
        part = x[begin : begin + step]
        bottom = path.at((), part, layout.kept)
        for fed, instead in ((Fed.OWN, None), (Fed.REFERENCE, on_grids(reads, bottom))):

            def at(
                applied: Collection[Rung],
                kernels: str = "reference",
                part: np.ndarray = part,
                instead: Found | None = instead,
            ) -> Held:
                return layout.held(path.at(applied, part, layout.kept, instead, kernels))

            shared.start(fed, layout.held(bottom) if instead is None else at(()))
            if fed is Fed.OWN and start is not None:
                shared.begin(first, layout, start[begin : begin + step])
            for number in range(len(in_reals)):
                shared.climb(rungs[number].value, at(rungs[: number + 1]))
            known: dict[Signature, Held] = {}
            for kernels, sums in apart.items():
                sums.go_on(shared)
                for rung, signed in zip(rungs[len(in_reals) :], signatures[kernels], strict=True):
                    if signed not in known:
                        known[signed] = at(rungs[: rungs.index(rung) + 1], kernels)
                    sums.climb(rung.value, known[signed])
                sums.end()
        moved.add(part)
    return tuple(
        Ladder(
            kernels=kernels,
            climbs=tuple(climbs(layout, shared, sums)),
            alone=moved.rms("alone"),
            last=moved.rms("last"),
        )
        for kernels, sums in apart.items()
    )


def on_grids(reads: Collection[Reading], found: Found) -> Found:
    """Values on the integer model's grids, in real numbers."""

    def rounded(reading: Reading, values: np.ndarray) -> np.ndarray:
        grid = reading.tensor.integers
        return values if grid is None else grid.dequantize(grid.quantize(values))

    tensors = {r.index: rounded(r, found.tensors[r.index]) for r in reads if not r.cell}
    cells = {r.index: rounded(r, found.cells[r.index]) for r in reads if r.cell}
    return Found(tensors=tensors, cells=cells)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """All that is read, [samples, size]: reals, and the nearest integers of the grids, less the zero points."""

    reals: np.ndarray
    steps: np.ndarray


@final
class Layout:
    """Where each reading stands among all values of a sample.

    size: of them all. kept: the indices of the tensors. output: the place of the model's output.
    """

    def __init__(self, reads: Sequence[Reading]) -> None:
        self.reads = reads
        sizes = [reading.size for reading in reads]
        self.size = sum(sizes)
        self.places = [slice(end - size, end) for end, size in zip(np.cumsum(sizes).tolist(), sizes, strict=True)]
        self.kept = [reading.index for reading in reads if not reading.cell]
        (self.output,) = (place for reading, place in zip(reads, self.places, strict=True) if OUTPUT in reading.taps)
        grids = [reading.tensor.integers for reading in reads]
        self._scale, self._low, self._high = (
            np.repeat(each, sizes)
            for each in (
                [1.0 if grid is None else float(grid.lsb) for grid in grids],
                [-np.inf if grid is None else grid.smallest - grid.zero for grid in grids],
                [np.inf if grid is None else grid.largest - grid.zero for grid in grids],
            )
        )

    def held(self, found: Found) -> Held:
        """What was found, side by side."""
        reals = np.concatenate([reading.of(found) for reading in self.reads], axis=1)
        return Held(reals=reals, steps=self.steps(reals))

    def steps(self, reals: np.ndarray) -> np.ndarray:
        """The nearest integers of all reals [samples, size], halves to even, less the zero points; float64."""
        nearest = np.rint(reals / self._scale)
        return np.clip(nearest, self._low, self._high, out=nearest)


@final
@dataclass(kw_only=True, eq=False)
class Tally:
    """Sums over samples of what one rung changes, each [size], as `Difference` has them."""

    samples: int
    changed: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    cross: np.ndarray
    flips: int | None

    def add(self, other: Tally) -> None:
        self.samples += other.samples
        self.changed += other.changed
        self.total += other.total
        self.squares += other.squares
        self.cross += other.cross
        self.flips = None if self.flips is None or other.flips is None else self.flips + other.flips


def tally(origin: Held, before: Held, after: Held, classes: slice | None) -> Tally:
    """What changes from one rung to the next. origin: the lowest of all. classes: the output, if an answer is in it."""
    moved = after.reals - before.reals
    return Tally(
        samples=len(moved),
        changed=np.count_nonzero(before.steps != after.steps, axis=0),
        total=moved.sum(axis=0),
        squares=np.einsum("ij,ij->j", moved, moved),
        cross=2.0 * np.einsum("ij,ij->j", moved, before.reals - origin.reals),
        flips=None if classes is None else int(np.count_nonzero(answers(before, classes) != answers(after, classes))),
    )


def answers(held: Held, output: slice) -> np.ndarray:
    """Where the largest output stands, [samples]; the first one wins a tie."""
    answer: np.ndarray = held.reals[:, output].argmax(axis=1)
    return answer


WHOLE = ""
"""In place of a rung's name, what all of them change."""


@final
class Moved:
    """What each rung of real numbers changes at the output as the first of them, and as the last."""

    def __init__(self, path: Path, rungs: Sequence[Rung]) -> None:
        """rungs: those of real numbers that the model has."""
        self.path = path
        self.whole = rungs
        self.output = path.model.main.outputs[0]
        self.squares: dict[tuple[str, Rung], float] = {}
        self.elements = 0

    def add(self, x: np.ndarray) -> None:
        """Some samples more."""
        below, above = self._output((), x), self._output(self.whole, x)
        self.elements += below.size
        for rung in self.whole:
            without = tuple(each for each in self.whole if each is not rung)
            for key, low, high in (
                ("alone", below, self._output((rung,), x)),
                ("last", self._output(without, x), above),
            ):
                self.squares[key, rung] = self.squares.get((key, rung), 0.0) + float(np.square(high - low).sum())

    def rms(self, key: str) -> dict[str, float]:
        """By the rung's name, in real units."""
        return {rung.value: math.sqrt(self.squares[key, rung] / self.elements) for rung in self.whole}

    def _output(self, rungs: Collection[Rung], x: np.ndarray) -> np.ndarray:
        return self.path.at(rungs, x, [self.output]).tensors[self.output]


@final
class Sums:
    """What each rung changes, added up over the samples."""

    def __init__(self, *, classes: slice | None) -> None:
        self.classes = classes
        self.tallies: dict[tuple[Fed, str], Tally] = {}
        self.signals: dict[Fed, np.ndarray] = {}
        self._fed = Fed.OWN
        self._origin: Held
        self._last: Held

    def start(self, fed: Fed, lowest: Held) -> None:
        """The lowest rung of some samples."""
        self._fed, self._origin, self._last = fed, lowest, lowest
        signal = np.einsum("ij,ij->j", lowest.reals, lowest.reals)
        self.signals[fed] = self.signals[fed] + signal if fed in self.signals else signal

    def begin(self, name: str, layout: Layout, output: np.ndarray) -> None:
        """The float network's output, which stands below the lowest rung; the rung between them has that name."""
        above = self._origin
        reals, steps = above.reals.copy(), above.steps.copy()
        reals[:, layout.output] = output.reshape(len(reals), -1)
        steps[:, layout.output] = layout.steps(reals)[:, layout.output]
        self._origin = Held(reals=reals, steps=steps)
        self._add(name, self._origin, above)
        for held, sign in ((self._origin, 1.0), (above, -1.0)):
            own = held.reals[:, layout.output]
            self.signals[self._fed][layout.output] += sign * np.einsum("ij,ij->j", own, own)

    def go_on(self, shared: Sums) -> None:
        """From where another ladder of the same samples is."""
        self._fed, self._origin, self._last = shared._fed, shared._origin, shared._last

    def climb(self, name: str, after: Held) -> None:
        """The next rung of these samples."""
        self._add(name, self._last, after)
        self._last = after

    def end(self) -> None:
        """No rung is left for these samples."""
        self._add(WHOLE, self._origin, self._last)

    def _add(self, name: str, before: Held, after: Held) -> None:
        found = tally(self._origin, before, after, self.classes)
        if (self._fed, name) in self.tallies:
            self.tallies[self._fed, name].add(found)
        else:
            self.tallies[self._fed, name] = found


def climbs(layout: Layout, shared: Sums, sums: Sums) -> Iterator[Climb]:
    """The rungs of both at each tap, in the model's order, the accumulated differences before the local ones."""
    for fed in Fed:
        own = {name: each for part in (shared, sums) for (at, name), each in part.tallies.items() if at is fed}
        for reading, place in zip(layout.reads, layout.places, strict=True):
            grid, writer = reading.tensor.integers, reading.writer
            signal = shared.signals[fed][place].reshape(len(reading.taps), -1)
            parts = {name: _differences(each, reading, place) for name, each in own.items()}
            whole = parts.pop(WHOLE)
            for number, tap in enumerate(reading.taps):
                yield Climb(
                    tap=tap,
                    fed=fed,
                    op="" if writer is None else writer.name,
                    index=None if writer is None else writer.index,
                    lsb=None if grid is None else float(grid.lsb),
                    signal=float(signal[number].sum()),
                    rungs={name: each[number] for name, each in parts.items() if tap == OUTPUT or name in RUNGS},
                    whole=whole[number],
                    by_unit=own[WHOLE].squares[place].reshape(len(reading.taps), -1)[number],
                )


RUNGS = frozenset(rung.value for rung in Rung)


def _differences(tally: Tally, reading: Reading, place: slice) -> list[Difference]:
    """One a tap."""
    changed, total, squares, cross = (
        each[place].reshape(len(reading.taps), -1).sum(axis=1).tolist()
        for each in (tally.changed, tally.total, tally.squares, tally.cross)
    )
    n = tally.samples * (reading.size // len(reading.taps))
    return [
        Difference(
            n=n,
            changed=None if reading.tensor.integers is None else changed[number],
            total=total[number],
            squares=squares[number],
            cross=cross[number],
            flips=tally.flips if tap == OUTPUT else None,
        )
        for number, tap in enumerate(reading.taps)
    ]
