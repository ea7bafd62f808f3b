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
from qcompare.manual.ladder import Climbed, Found, Reals, rungs_of

VALUES = 1 << 22
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

    def of(self, found: Found) -> np.ndarray | None:
        """Its values [samples, taps, elements], if they were computed."""
        values = (found.cells if self.cell else found.tensors).get(self.index)
        return None if values is None else values.reshape(len(values), len(self.taps), -1)


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
    in_reals, whole = [rung for rung in rungs if rung in IN_REALS], len(rungs)
    kept = [reading.index for reading in reads if not reading.cell]
    shared, moved = Sums(reads, classes=classes), Moved(path, in_reals)
    apart = {kernels: Sums(reads, classes=classes) for kernels in kernel_sets}
    step = max(1, VALUES // max(1, sum(math.prod(reading.tensor.shape) for reading in reads)))
    for begin in range(0, len(x), step):
        part = x[begin : begin + step]
        bottom = path.at((), part, kept)
        for fed, instead in ((Fed.OWN, None), (Fed.REFERENCE, on_grids(reads, bottom))):
            shared.start(fed, bottom if instead is None else path.at((), part, kept, instead))
            if fed is Fed.OWN and start is not None:
                shared.begin(first, start[begin : begin + step])
            for number in range(len(in_reals)):
                shared.climb(rungs[number].value, path.at(rungs[: number + 1], part, kept, instead))
            for kernels, sums in apart.items():
                sums.go_on(shared)
                for number in range(len(in_reals), whole):
                    sums.climb(rungs[number].value, path.at(rungs[: number + 1], part, kept, instead, kernels))
                sums.end()
        moved.add(part)
    return tuple(
        Ladder(kernels=kernels, climbs=climbs(shared, sums), alone=moved.rms("alone"), last=moved.rms("last"))
        for kernels, sums in apart.items()
    )


def on_grids(reads: Collection[Reading], found: Found) -> Found:
    """Values on the integer model's grids, in real numbers."""

    def rounded(reading: Reading, values: np.ndarray) -> np.ndarray:
        grid = reading.tensor.integers
        return values if grid is None else grid.dequantize(grid.quantize(values))

    tensors = {r.index: rounded(r, found.tensors[r.index]) for r in reads if not r.cell}
    cells = {r.index: rounded(r, found.cells[r.index]) for r in reads if r.cell and r.index in found.cells}
    return Found(tensors=tensors, cells=cells)


@final
@dataclass(kw_only=True, eq=False)
class Tally:
    """Sums over samples for one reading and rung, each [taps]."""

    n: int
    changed: np.ndarray | None
    total: np.ndarray
    squares: np.ndarray
    cross: np.ndarray
    flips: int | None

    def add(self, other: Tally) -> None:
        self.n += other.n
        self.changed = None if self.changed is None or other.changed is None else self.changed + other.changed
        self.total += other.total
        self.squares += other.squares
        self.cross += other.cross
        self.flips = None if self.flips is None or other.flips is None else self.flips + other.flips

    def of(self, number: int) -> Difference:
        """That of one of the taps."""
        return Difference(
            n=self.n,
            changed=None if self.changed is None else int(self.changed[number]),
            total=float(self.total[number]),
            squares=float(self.squares[number]),
            cross=float(self.cross[number]),
            flips=self.flips,
        )


def tally(reading: Reading, origin: np.ndarray, before: np.ndarray, after: np.ndarray, *, classes: bool) -> Tally:
    """What changes from one rung to the next, values [samples, taps, elements]. origin: the first of all rungs."""
    moved = after - before
    grid = reading.tensor.integers
    return Tally(
        n=len(after) * after.shape[2],
        changed=None if grid is None else (grid.quantize(before) != grid.quantize(after)).sum(axis=(0, 2)),
        total=moved.sum(axis=(0, 2)),
        squares=np.square(moved).sum(axis=(0, 2)),
        cross=2.0 * (moved * (before - origin)).sum(axis=(0, 2)),
        flips=int((before.argmax(axis=2) != after.argmax(axis=2)).sum()) if classes else None,
    )


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

    def __init__(self, reads: Sequence[Reading], *, classes: bool) -> None:
        self.reads = reads
        self.classes = classes
        self.tallies: dict[tuple[Fed, int, str], Tally] = {}
        self.signals: dict[tuple[Fed, int], np.ndarray] = {}
        self._fed = Fed.OWN
        self._origin: dict[int, np.ndarray] = {}
        self._last: dict[int, np.ndarray] = {}

    def start(self, fed: Fed, found: Found) -> None:
        """The lowest rung of some samples."""
        self._fed = fed
        self._origin = self._values(found)
        self._last = self._origin
        for number, values in self._origin.items():
            signal = np.square(values).sum(axis=(0, 2))
            self.signals[fed, number] = self.signals.get((fed, number), 0.0) + signal

    def begin(self, name: str, output: np.ndarray) -> None:
        """The float network's output, which stands below the lowest rung; the rung between them has that name."""
        (number,) = (number for number, reading in enumerate(self.reads) if OUTPUT in reading.taps)
        above = self._origin[number]
        below = output.astype(np.float64).reshape(above.shape)
        self._add(number, name, below, below, above)
        self._origin = self._origin | {number: below}
        self.signals[self._fed, number] += np.square(below).sum(axis=(0, 2)) - np.square(above).sum(axis=(0, 2))

    def go_on(self, shared: Sums) -> None:
        """From where another ladder of the same samples is."""
        self._fed, self._origin, self._last = shared._fed, shared._origin, shared._last

    def climb(self, name: str, found: Found) -> None:
        """The next rung of these samples."""
        values = self._values(found)
        for number, after in values.items():
            self._add(number, name, self._origin[number], self._last[number], after)
        self._last = values

    def end(self) -> None:
        """No rung is left for these samples."""
        for number, after in self._last.items():
            self._add(number, WHOLE, self._origin[number], self._origin[number], after)

    def _values(self, found: Found) -> dict[int, np.ndarray]:
        values = ((number, reading.of(found)) for number, reading in enumerate(self.reads))
        return {number: each for number, each in values if each is not None}

    def _add(self, number: int, name: str, origin: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
        reading = self.reads[number]
        found = tally(reading, origin, before, after, classes=self.classes and OUTPUT in reading.taps)
        key = self._fed, number, name
        if key in self.tallies:
            self.tallies[key].add(found)
        else:
            self.tallies[key] = found


def climbs(shared: Sums, sums: Sums) -> tuple[Climb, ...]:
    """The rungs of both at each tap, in the model's order, the accumulated differences before the local ones."""
    return tuple(
        climb for fed in Fed for number in range(len(sums.reads)) for climb in _climbs(shared, sums, fed, number)
    )


def _climbs(shared: Sums, sums: Sums, fed: Fed, number: int) -> Iterator[Climb]:
    reading = sums.reads[number]
    grid, writer = reading.tensor.integers, reading.writer
    own = {
        name: tally
        for each in (shared, sums)
        for (at, other, name), tally in each.tallies.items()
        if (at, other) == (fed, number)
    }
    if WHOLE not in own:
        return
    for place, tap in enumerate(reading.taps):
        yield Climb(
            tap=tap,
            fed=fed,
            op="" if writer is None else writer.name,
            index=None if writer is None else writer.index,
            lsb=None if grid is None else float(grid.lsb),
            signal=float(shared.signals[fed, number][place]),
            rungs={name: tally.of(place) for name, tally in own.items() if name != WHOLE},
            whole=own[WHOLE].of(place),
        )
