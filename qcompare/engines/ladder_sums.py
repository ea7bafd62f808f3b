"""What rungs change, added up over samples: all taps of a model side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from qcompare.core.ladder import Climb, Difference, Fed
from qcompare.core.rung import Rung
from qcompare.core.tap import OUTPUT
from qcompare.engines.readings import Reading
from qcompare.manual.ladder import Found

WHOLE = ""
"""In place of a rung's name, what all of them change."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """All that is read, [samples, size]: reals, and the nearest integers of the grids, less the zero points."""

    reals: np.ndarray
    steps: np.ndarray


@final
class Layout:
    """Where each tap stands among the values of a sample that are read side by side.

    reads: some of a model's readings. first: the number of the first tap of each, among the taps of all of the model's.
    """

    def __init__(self, reads: Sequence[Reading], first: Sequence[int]) -> None:
        self.reads = reads
        self.kept = [reading.index for reading in reads if not reading.cell]
        taps = [tap for reading in reads for tap in reading.taps]
        self.taps = np.concatenate([at + np.arange(len(each.taps)) for at, each in zip(first, reads, strict=True)])
        self.widths = np.array([reading.size // len(reading.taps) for reading in reads for _ in reading.taps], np.int64)
        ends = np.cumsum(self.widths)
        self.starts: NDArray[np.int64] = ends - self.widths
        self.size = int(ends[-1])
        places = [slice(*ends) for ends in zip(self.starts.tolist(), ends.tolist(), strict=True)]
        self.output = places[taps.index(OUTPUT)]
        self.stepped = [place for place, tap in zip(places, taps, strict=True) if tap.step is not None]
        grids = [reading.tensor.integers for reading in reads]
        sizes = [reading.size for reading in reads]
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

    def with_output(self, held: Held, output: np.ndarray) -> Held:
        """With another output of the model, reals [samples, ...]."""
        reals = held.reals.copy()
        reals[:, self.output] = output.reshape(len(reals), -1)
        return Held(reals=reals, steps=self.steps(reals))

    def steps(self, reals: np.ndarray) -> np.ndarray:
        """The nearest integers of all reals [samples, size], halves to even, less the zero points; float64."""
        nearest = reals / self._scale
        np.rint(nearest, out=nearest)
        return np.clip(nearest, self._low, self._high, out=nearest)

    def by_tap(self, values: np.ndarray) -> np.ndarray:
        """[samples, size] added up over samples and each tap's elements, [taps of the model that are in the layout]."""
        # Without a dtype, truth values are not counted.
        dtype = np.int64 if values.dtype == np.bool_ else np.float64
        sums: np.ndarray = np.add.reduceat(values, self.starts, axis=1, dtype=dtype).sum(axis=0)
        return sums


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """Sums over samples of what one rung changes, each [taps of the model], as `Difference` has them."""

    n: np.ndarray
    changed: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    cross: np.ndarray
    flips: int

    def and_(self, other: Tally) -> Tally:
        """Of both samples."""
        return Tally(
            n=self.n + other.n,
            changed=self.changed + other.changed,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            cross=self.cross + other.cross,
            flips=self.flips + other.flips,
        )


Key = tuple[Fed, str, str]
"""What the operators were fed, the kernel set or "" for rungs of real numbers, and the rung or WHOLE."""


@final
@dataclass(kw_only=True, eq=False)
class Sums:
    """Of some samples. taps: how many the model has.

    signals: the squares of the lowest rung, [taps]. by_unit: fed and kernel set -> squares of the whole, the taps with
    a time step side by side. moved: `alone` or `last` and a rung -> squares at the output.
    """

    taps: int
    tallies: dict[Key, Tally] = field(default_factory=dict)
    signals: dict[Fed, np.ndarray] = field(default_factory=dict)
    by_unit: dict[tuple[Fed, str], np.ndarray] = field(default_factory=dict)
    moved: dict[tuple[str, str], float] = field(default_factory=dict)
    moved_elements: int = 0

    def add(self, other: Sums) -> None:
        """Other samples of the same model."""
        for key, tally in other.tallies.items():
            self.tallies[key] = self.tallies[key].and_(tally) if key in self.tallies else tally
        for fed, squares in other.signals.items():
            self.signals[fed] = self.signals.get(fed, 0.0) + squares
        for at, units in other.by_unit.items():
            self.by_unit[at] = self.by_unit.get(at, 0.0) + units
        for order, moved in other.moved.items():
            self.moved[order] = self.moved.get(order, 0.0) + moved
        self.moved_elements += other.moved_elements


@final
class Ascent:
    """The rungs of some samples, one after the other."""

    def __init__(self, layout: Layout, taps: int, *, classes: bool) -> None:
        self.layout = layout
        self.classes = classes
        self.sums = Sums(taps=taps)
        self._fed = Fed.OWN
        self._kernels = ""
        self._origin: Held
        self._last: Held

    def start(self, fed: Fed, lowest: Held) -> None:
        """The lowest rung."""
        self._fed, self._kernels, self._origin, self._last = fed, "", lowest, lowest
        self.sums.signals[fed] = self._spread(self.layout.by_tap(np.square(lowest.reals)))

    def begin(self, name: str, output: np.ndarray) -> None:
        """The float network's output, which stands below the lowest rung; the rung between them has that name."""
        above = self._origin
        self._origin = self.layout.with_output(above, output)
        self.sums.signals[self._fed] = self._spread(self.layout.by_tap(np.square(self._origin.reals)))
        self._add(name, self._origin, above)

    def branch(self, kernels: str, at: Held) -> None:
        """From the last rung of real numbers on to a kernel set."""
        self._kernels, self._last = kernels, at

    def climb(self, name: str, after: Held) -> Held:
        """The next rung."""
        self._add(name, self._last, after)
        self._last = after
        return after

    def top(self, name: str, output: np.ndarray) -> None:
        """A rung of the output alone."""
        self.climb(name, self.layout.with_output(self._last, output))

    def end(self) -> None:
        """No rung is left on the way to this kernel set."""
        self._add(WHOLE, self._origin, self._last)
        if self.layout.stepped:
            moved = [self._last.reals[:, place] - self._origin.reals[:, place] for place in self.layout.stepped]
            units = np.concatenate([np.square(each).sum(axis=0) for each in moved])
            self.sums.by_unit[self._fed, self._kernels] = units

    def _spread(self, by_tap: np.ndarray) -> np.ndarray:
        """From the layout's taps to all of the model's, zeros elsewhere."""
        whole = np.zeros(self.sums.taps, by_tap.dtype)
        whole[self.layout.taps] = by_tap
        return whole

    def _add(self, name: str, before: Held, after: Held) -> None:
        if before is after:
            self.sums.tallies[self._fed, self._kernels, name] = self._nothing(len(after.reals))
            return
        by_tap = self.layout.by_tap
        moved = after.reals - before.reals
        gone = before.reals - self._origin.reals
        gone *= moved
        answers = [held.reals[:, self.layout.output].argmax(axis=1) for held in (before, after)] if self.classes else []
        self.sums.tallies[self._fed, self._kernels, name] = Tally(
            n=self._spread(self.layout.widths * len(moved)),
            changed=self._spread(by_tap(before.steps != after.steps)),
            total=self._spread(by_tap(moved)),
            cross=self._spread(2.0 * by_tap(gone)),
            squares=self._spread(by_tap(np.square(moved, out=moved))),
            flips=int(np.count_nonzero(answers[0] != answers[1])) if answers else 0,
        )

    def _nothing(self, samples: int) -> Tally:
        """Of a rung by which nothing is computed otherwise."""
        none = np.zeros(self.sums.taps)
        n = self._spread(self.layout.widths * samples)
        return Tally(n=n, changed=none.astype(np.int64), total=none, squares=none, cross=none, flips=0)


def climbs(reads: Sequence[Reading], sums: Sums, kernels: str, *, classes: bool) -> Iterator[Climb]:
    """The rungs to a kernel set at each tap, in the model's order, the accumulated differences before the local ones.

    The step from the float network to its lowest rung is told of the output alone.
    """
    rungs = [rung.value for rung in Rung]
    units = _units(reads, sums, kernels)
    for fed in Fed:
        number = 0
        own = {name: each for (at, to, name), each in sums.tallies.items() if at is fed and to in ("", kernels)}
        for reading in reads:
            grid, writer = reading.tensor.integers, reading.writer
            for tap in reading.taps:
                found = {
                    name: _difference(each, number, on_grid=grid is not None, answers=classes and tap == OUTPUT)
                    for name, each in own.items()
                    if name in (*rungs, WHOLE) or tap == OUTPUT
                }
                yield Climb(
                    tap=tap,
                    fed=fed,
                    op="" if writer is None else writer.name,
                    index=None if writer is None else writer.index,
                    lsb=None if grid is None else float(grid.lsb),
                    signal=float(sums.signals[fed][number]),
                    whole=found.pop(WHOLE),
                    rungs=found,
                    by_unit=units.get((fed, number)),
                )
                number += 1


def _difference(tally: Tally, number: int, *, on_grid: bool, answers: bool) -> Difference:
    return Difference(
        n=int(tally.n[number]),
        changed=int(tally.changed[number]) if on_grid else None,
        total=float(tally.total[number]),
        squares=float(tally.squares[number]),
        cross=float(tally.cross[number]),
        flips=tally.flips if answers else None,
    )


def _units(reads: Sequence[Reading], sums: Sums, kernels: str) -> dict[tuple[Fed, int], np.ndarray]:
    """By the number of a tap that has a time step."""
    found: dict[tuple[Fed, int], np.ndarray] = {}
    for fed in Fed:
        left = sums.by_unit.get((fed, kernels))
        sizes = [(tap, reading.size // len(reading.taps)) for reading in reads for tap in reading.taps]
        for number, (tap, size) in enumerate(sizes):
            if left is not None and tap.step is not None:
                found[fed, number], left = left[:size], left[size:]
    return found
