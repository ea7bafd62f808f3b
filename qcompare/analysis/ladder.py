"""ladder.csv: what each rung from the float network to a device changes, at every tap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from qcompare.analysis.result import Result
from qcompare.core.comparison import FLOAT_SIDE, Side
from qcompare.core.engine import FLOAT, manual
from qcompare.core.key import RowKey
from qcompare.core.ladder import Climb, Difference, Fed, Ladder
from qcompare.core.table import Table
from qcompare.core.tap import OUTPUT, Tap

WHOLE = "whole"
"""In place of a rung's name: what all of them change together."""


@dataclass(frozen=True, kw_only=True)
class LadderRow:
    """One rung at a tap. fed: `own` or `reference`. rms_alone, rms_last: at the output, of rungs of real numbers."""

    key: RowKey
    fed: str
    kernels: str
    rung: str
    n: int
    changed_integers: int | None
    mean: float
    rms: float
    cross: float
    added: float
    sqnr_db: float | None
    argmax_flips: int | None
    rms_alone: float | None
    rms_last: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Role:
    """The climbs of a role that were fed the same, by time step, of one ladder of a route."""

    name: str
    fed: Fed
    climbs: tuple[Climb, ...]

    @property
    def all_steps(self) -> Climb:
        """The steps together."""
        first = self.climbs[0]
        return Climb(
            tap=Tap(self.name),
            fed=self.fed,
            op=first.op,
            index=first.index,
            lsb=first.lsb,
            signal=sum(climb.signal for climb in self.climbs),
            rungs={name: together([climb.rungs[name] for climb in self.climbs]) for name in first.rungs},
            whole=together([climb.whole for climb in self.climbs]),
        )


def together(differences: Sequence[Difference]) -> Difference:
    """All of them, of parts of a tap."""
    return reduce(Difference.and_, differences)


def roles(ladder: Ladder) -> list[Role]:
    """The roles of a ladder, in the order of the model, those fed their own values first."""
    found: dict[tuple[Fed, str], list[Climb]] = {}
    for climb in ladder.climbs:
        found.setdefault((climb.fed, climb.tap.role), []).append(climb)
    return [Role(name=name, fed=fed, climbs=tuple(climbs)) for (fed, name), climbs in found.items()]


def rows(result: Result) -> Iterator[LadderRow]:
    """The rungs of every role, and of the time steps of states, of each route and kernel set."""
    for route, ladders in result.ladders.items():
        for ladder in ladders.ladders:
            for role in roles(ladder):
                for climb in (role.all_steps, *(each for each in role.climbs if shown(each))):
                    yield from _rungs(result, route, ladder, climb)


def shown(climb: Climb) -> bool:
    """Whether a time step has rows of its own: of a state, by what accumulates in it."""
    return climb.of_state and climb.fed is Fed.OWN


def origin(result: Result, route: str, climb: Climb) -> Side:
    """What a climb starts from: the float network; within a model, and where its operators were fed, the network whose
    weights the model has, in real numbers."""
    own = result.artifacts[route].network is not None
    return Side(route, FLOAT) if own and not (climb.tap == OUTPUT and climb.fed is Fed.OWN) else FLOAT_SIDE


def key(result: Result, route: str, kernels: str, climb: Climb) -> RowKey:
    """That of a row about a climb."""
    b = Side(route, manual(kernels))
    return RowKey.of(result.configuration, result.seed, origin(result, route, climb), b, climb.tap)


def _rungs(result: Result, route: str, ladder: Ladder, climb: Climb) -> Iterator[LadderRow]:
    whole_way = climb.tap == OUTPUT and climb.fed is Fed.OWN
    for name, own in (*climb.rungs.items(), (WHOLE, climb.whole)):
        yield LadderRow(
            key=key(result, route, ladder.kernels, climb),
            fed=climb.fed.value,
            kernels=ladder.kernels,
            rung=name,
            n=own.n,
            changed_integers=own.changed,
            mean=own.total / own.n,
            rms=math.sqrt(own.squares / own.n),
            cross=own.cross / own.n,
            added=(own.squares + own.cross) / own.n,
            sqnr_db=sqnr_db(climb.signal, own.squares),
            argmax_flips=own.flips,
            rms_alone=ladder.alone.get(name) if whole_way else None,
            rms_last=ladder.last.get(name) if whole_way else None,
        )


def sqnr_db(signal: float, noise: float) -> float | None:
    """Signal over noise, both sums of squares; None where either is zero."""
    return 10 * (math.log10(signal) - math.log10(noise)) if signal > 0 and noise > 0 else None


LADDER = Table(file="ladder.csv", row=LadderRow, rows=rows)
