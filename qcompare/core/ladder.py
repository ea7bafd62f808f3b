"""How a float network becomes what a device computes: differences from rung to rung, at each tap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import final

import numpy as np

from qcompare.core import lstm
from qcompare.core.finding import Finding
from qcompare.core.tap import Tap

RUNTIME = "runtime"
"""The last rung: from the manual engine to the kernels themselves, at the output alone."""

STATES = frozenset({"h", "cell", "cell_state", "memory"})
"""The ends of the roles of states."""


class Fed(Enum):
    """What the operators before a tap were fed."""

    OWN = "own"
    """What each rung computed itself, from the model's input on: the accumulated error."""

    REFERENCE = "reference"
    """The float network's own values, rounded to the integer model's grids, at every rung: the local error."""


@final
@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one rung changes at a tap: its values minus those of the rung before, in real units.

    n: elements. changed: elements whose integer differs; None on no grid. total, squares: sums of the differences and
    of their squares. cross: twice the sum of their products with the differences of all rungs before. flips: samples
    whose largest output is another; None where that means nothing.

    The rungs' `total` add up to that of the whole difference, and their `squares` and `cross` to its squares.
    """

    n: int
    changed: int | None
    total: float
    squares: float
    cross: float
    flips: int | None = None

    def and_(self, other: Difference) -> Difference:
        """Both, of other samples or another part of the same tap."""
        return Difference(
            n=self.n + other.n,
            changed=None if self.changed is None or other.changed is None else self.changed + other.changed,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            cross=self.cross + other.cross,
            flips=None if self.flips is None or other.flips is None else self.flips + other.flips,
        )


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Climb:
    """All rungs at a tap.

    op, index: the operator that computes it, and its number; "" and None for the model's input. lsb: the tap's scale in
    real units, or None. signal: the sum of the squares of the float network's values. rungs: by name, in their order.
    whole: what all of them change together. by_unit: the `squares` of that for each element of a tap with a time step,
    [elements].
    """

    tap: Tap
    fed: Fed
    op: str
    index: int | None
    lsb: float | None
    signal: float
    rungs: Mapping[str, Difference]
    whole: Difference
    by_unit: np.ndarray | None = None

    @property
    def of_state(self) -> bool:
        """Whether the tap is what a recurrent layer hands from one time step to the next."""
        if self.tap.step is None:
            return False
        return self.op == lstm.OPERATOR or self.tap.role.rpartition("/")[2] in STATES


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Ladder:
    """A model's ladder in one kernel set. alone, last: rung -> the RMS of what it changes at the output as the first of
    those of real numbers, and as the last, in real units."""

    kernels: str
    climbs: tuple[Climb, ...]
    alone: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Ladders:
    """Those of a route's model, one a kernel set. findings: why there are none of a kernel set, or of the model.

    Only states (`Climb.of_state`) that were fed their own values have a `by_unit`.
    """

    ladders: tuple[Ladder, ...] = ()
    findings: tuple[Finding, ...] = ()
