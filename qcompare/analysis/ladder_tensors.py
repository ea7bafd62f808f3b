"""tensors.csv of a network of ours: the errors of every tap by themselves and accumulated, from its ladders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from qcompare.analysis.figures import Figures
from qcompare.analysis.ladder import Role, key, roles, sqnr_db
from qcompare.analysis.result import Result
from qcompare.analysis.tensors import TENSORS, TensorsRow, accumulated, local
from qcompare.core.ladder import Climb, Difference, Fed, Ladder
from qcompare.core.table import Table


def rows(result: Result) -> Iterator[TensorsRow]:
    """A row for each role, and for each of its time steps, in the order of the model."""
    for route, ladders in result.ladders.items():
        for ladder in ladders.ladders:
            yield from _of_ladder(result, route, ladder)


def _of_ladder(result: Result, route: str, ladder: Ladder) -> Iterator[TensorsRow]:
    found = roles(ladder)
    alone = {role.name: role for role in found if role.fed is Fed.REFERENCE}
    for role in found:
        if role.fed is not Fed.OWN:
            continue
        by_tap = _by_tap(alone[role.name])
        before: Climb | None = None
        for climb in _all(role):
            yield TensorsRow(
                key=key(result, route, ladder.kernels, climb),
                tensor_a="",
                tensor_b="",
                matched_by="",
                op=climb.op,
                index=climb.index if len(role.climbs) == 1 or climb.tap.step is not None else None,
                local=local(None, _figures(by_tap[climb.tap.step])),
                accumulated=accumulated(_figures(climb)),
                growth=growth(before, climb),
                first_step=None if climb.tap.step is not None else first_step(role),
            )
            before = climb if climb.tap.step is not None else None


def _all(role: Role) -> Iterator[Climb]:
    """All steps together, then each, where it has any."""
    yield role.all_steps
    yield from (climb for climb in role.climbs if climb.tap.step is not None)


def _by_tap(role: Role) -> Mapping[int | None, Climb]:
    return {climb.tap.step: climb for climb in _all(role)}


def growth(before: Climb | None, climb: Climb) -> float | None:
    """By how much the error is larger than a time step earlier; None for the first, or where there was none."""
    if before is None or before.tap.step is None or not before.whole.squares:
        return None
    return _rmse(climb.whole) / _rmse(before.whole)


def first_step(role: Role) -> int | None:
    """The first time step that has an integer that is not the nearest one to what it should be."""
    steps = (climb.tap.step for climb in role.climbs if climb.tap.step is not None and climb.whole.changed)
    return min(steps, default=None)


def _rmse(difference: Difference) -> float:
    return math.sqrt(difference.squares / difference.n)


def _figures(climb: Climb) -> Figures:
    """Those figures that sums tell."""
    whole = climb.whole
    return Figures(
        n=whole.n,
        mismatch_rate=None if whole.changed is None else whole.changed / whole.n,
        mean_error=whole.total / whole.n,
        rmse=_rmse(whole),
        sqnr_db=sqnr_db(climb.signal, whole.squares),
    )


LADDER_TENSORS = Table(file=TENSORS.file, row=TensorsRow, rows=rows)
