"""What a command is about to do, and about how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from qcompare.core.stage import left, stored
from qcompare.pipeline.request import Request
from qcompare.pipeline.results import TIMES
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import Trial
from qcompare.report import csv
from qcompare.report.alike import seeds

RULE_OF_THUMB = "no finished seed tells how long; a rule of thumb: ten seeds of model=lstm take 2 to 3 min on two cores"

MOST_NAMES = 3
"""Configurations that are named in a line."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Stages to be computed, of all, and about how many seconds that takes; None where that is not known."""

    left: int
    stages: int
    seconds: float | None

    def __str__(self) -> str:
        """One line."""
        if not self.left:
            return f"all {self.stages} stages are stored: nothing is to be computed"
        known = (
            f"about {_duration(self.seconds)}, as finished seeds took" if self.seconds is not None else RULE_OF_THUMB
        )
        return f"{self.left} of {self.stages} stages are to be computed; {known}"


def asked(requests: Sequence[Request]) -> str:
    """What is asked for, in one line; nothing has to be read for it."""
    names = list(dict.fromkeys(request.configuration for request in requests))
    trials = sum(len(request.config.seed) for request in requests)
    named = seeds(sorted({seed for request in requests for seed in request.config.seed}))
    if len(names) == 1:
        return f"qcompare: {names[0]}, {named}"
    shown = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    return f"qcompare: {len(names)} configurations, {trials} trials, {named}: {shown}"


def plan(requests: Sequence[Request], trials: Mapping[str, Sequence[Trial]]) -> Plan:
    """trials: of each request, by configuration."""
    times: list[float | None] = []
    stages = 0
    for request in requests:
        store = Store(root=request.store, fresh=request.config.fresh)
        seconds = finished(request)
        own = trials[request.configuration]
        stages += len({stage.key for trial in own for stage in stored(trial.ends)})
        missing = {stage.key: stage.name for trial in own for stage in left(trial.ends, store.has)}
        times += [seconds.get(name) for name in missing.values()]
    known = [taken for taken in times if taken is not None]
    workers = min(max(request.config.workers for request in requests), sum(map(len, trials.values())))
    return Plan(left=len(times), stages=stages, seconds=sum(known) / workers if len(known) == len(times) else None)


def finished(request: Request) -> dict[str, float]:
    """Stage -> seconds it took, the mean over the seeds of a configuration's times.csv; {} where there is none."""
    try:
        rows = csv.texts((request.folder / TIMES.file).read_bytes())
        taken: dict[str, list[float]] = {}
        for row in rows:
            if row["seconds"]:
                taken.setdefault(row["stage"], []).append(float(row["seconds"]))
    except (OSError, ValueError, KeyError):
        return {}
    return {stage: mean(seconds) for stage, seconds in taken.items()}


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
