"""What the plots of the ladders show, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcompare.analysis.drawn import about
from qcompare.analysis.intervals import Estimate, mean
from qcompare.analysis.ladder import WHOLE, roles
from qcompare.analysis.result import Result
from qcompare.core.engine import BY_DEFAULT
from qcompare.core.ladder import Climb, Fed
from qcompare.core.tap import OUTPUT

if TYPE_CHECKING:
    import pandas as pd

KERNELS = BY_DEFAULT.emulation.kernels
"""The kernel set that is drawn, where a route has its ladder; else its first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnLadder:
    """What the rungs to one kernel set change at the output of a route's model, [seeds, rungs], in their order.

    added: to the mean squared difference, in real units squared. rms: root of the mean square of each change, in real
    units. Means over the seeds and their 95 % intervals: mean_added, [rungs], and mean_whole, of what all rungs add,
    [1]; mean_share, [rungs], of what share a rung is of the whole in a seed, NaN where nothing is added in any.
    """

    route: str
    kernels: str
    rungs: tuple[str, ...]
    added: np.ndarray
    rms: np.ndarray
    mean_added: Estimate
    mean_whole: Estimate
    mean_share: Estimate


def drawn(*, route: str, kernels: str, rungs: tuple[str, ...], added: np.ndarray, rms: np.ndarray) -> DrawnLadder:
    """A ladder with its means over the seeds."""
    whole = added.sum(axis=1, keepdims=True)
    return DrawnLadder(
        route=route,
        kernels=kernels,
        rungs=rungs,
        added=added,
        rms=rms,
        mean_added=mean(added),
        mean_whole=mean(whole, within=(0.0, np.inf)),
        mean_share=mean(added / np.where(whole > 0, whole, np.nan)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnState:
    """The accumulated error of a state of a route's model in one kernel set: root of its mean square over the samples,
    [steps, units], in real units. first: the first of these time steps."""

    route: str
    kernels: str
    role: str
    first: int
    rms: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """What is drawn of one trial. title: the configuration and the seed. about: the data and how many samples."""

    title: str
    about: str
    ladders: tuple[DrawnLadder, ...]
    states: tuple[DrawnState, ...]


def chosen(kernel_sets: Sequence[str]) -> str:
    """Which of these is drawn; at least one."""
    return KERNELS if KERNELS in kernel_sets else kernel_sets[0]


def of_trial(result: Result, data: str) -> Drawn:
    """The ladders of one trial, one a route. data: their name."""
    found, states = [], []
    for route, ladders in result.ladders.items():
        by_kernels = {ladder.kernels: ladder for ladder in ladders.ladders}
        if not by_kernels:
            continue
        ladder = by_kernels[chosen(list(by_kernels))]
        for role in roles(ladder):
            if role.fed is not Fed.OWN:
                continue
            if role.climbs[0].tap == OUTPUT:
                found.append(_ladder(route, ladder.kernels, role.climbs[0]))
            if all(climb.of_state for climb in role.climbs):
                states.append(_state(route, ladder.kernels, role.name, role.climbs))
    title = f"{result.configuration}, seed {result.seed}"
    samples = max((len(trace.values[OUTPUT]) for trace in result.traces.values() if OUTPUT in trace.values), default=0)
    return Drawn(title=title, about=about(data, samples), ladders=tuple(found), states=tuple(states))


def _ladder(route: str, kernels: str, climb: Climb) -> DrawnLadder:
    found = climb.rungs.values()
    added = np.array([[(each.squares + each.cross) / each.n for each in found]])
    rms = np.sqrt([[each.squares / each.n for each in found]])
    return drawn(route=route, kernels=kernels, rungs=tuple(climb.rungs), added=added, rms=rms)


def _state(route: str, kernels: str, role: str, climbs: Sequence[Climb]) -> DrawnState:
    steps = [climb.tap.step for climb in climbs if climb.tap.step is not None]
    units = [(climb.by_unit, climb.whole.n) for climb in climbs if climb.by_unit is not None]
    rms = np.sqrt([squares / (n // len(squares)) for squares, n in units])
    return DrawnState(route=route, kernels=kernels, role=role, first=min(steps), rms=rms)


def at_output(ladder: pd.DataFrame) -> pd.DataFrame:
    """The rows of ladder.csv at the output that are accumulated."""
    return ladder[(ladder["tap"] == OUTPUT.role) & (ladder["fed"] == Fed.OWN.value)]


def over_seeds(ladder: pd.DataFrame) -> list[DrawnLadder]:
    """The ladders of all seeds, one a route. ladder: the rows of ladder.csv."""
    found = []
    for route, of_route in at_output(ladder).groupby("route_b", sort=False):
        kernels = chosen(list(dict.fromkeys(of_route["kernels"])))
        shown = of_route[(of_route["kernels"] == kernels) & (of_route["rung"] != WHOLE)]
        rungs = list(dict.fromkeys(shown["rung"]))
        added, rms = (
            shown.pivot(index="seed", columns="rung", values=name)[rungs].to_numpy(np.float64)
            for name in ("added", "rms")
        )
        found.append(drawn(route=str(route), kernels=kernels, rungs=tuple(rungs), added=added, rms=rms))
    return found
