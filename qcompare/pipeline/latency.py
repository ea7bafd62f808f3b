"""How long the models of a command take: all of them measured side by side, when nothing else is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from qcompare.analysis.latency import Timed
from qcompare.core.child import Child
from qcompare.core.engine import Family
from qcompare.core.tap import OUTPUT
from qcompare.engines.inputs import held_back
from qcompare.engines.latency import Subject, measure
from qcompare.pipeline.request import Request
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import Trial

SAMPLES = 64
"""Of the test set, on which models are measured in turn."""


def measured(ended: Mapping[Request, Sequence[Trial]]) -> dict[Request, list[Timed]]:
    """The measurements of each request's models, all made in one process and one run.

    ended: the trials of each, whose results are stored. Raises ChildCrashedError, ChildFailedError.
    """
    found = [
        (request, trial, *each)
        for request, trials in ended.items()
        for trial in trials
        for each in subjects(request, trial)
    ]
    if not found:
        return {}
    with Child(quiet=not any(request.config.verbose for request in ended)) as child:
        seconds = child.call(measure, [subject for *_, subject in found])
    timed: dict[Request, list[Timed]] = {}
    for (request, trial, route, subject), each in zip(found, seconds, strict=True):
        timed.setdefault(request, []).append(
            Timed(configuration=trial.configuration, seed=trial.seed, route=route, engine=subject.engine, seconds=each)
        )
    return timed


def subjects(request: Request, trial: Trial) -> Iterator[tuple[str, Subject]]:
    """(route, what is measured): each model of a trial under each kernel set of LiteRT that ran it."""
    store = Store(root=request.store)
    result = store.value(trial.result)
    dataset = store.value(trial.data)
    for side, trace in result.traces.items():
        artifact = result.artifacts.get(side.route)
        if side.engine.family is Family.INTERPRETER and OUTPUT in trace.values and artifact and artifact.converted:
            x = held_back(artifact, dataset)[:SAMPLES]
            yield side.route, Subject(content=artifact.converted.content, engine=side.engine, x=x)
