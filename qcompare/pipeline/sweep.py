"""Requests carried out: what is stored already, one pool for what is not, progress; then the files over all seeds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from filelock import FileLock
from rich.console import Console

from qcompare.analysis.latency import Timed, typical
from qcompare.config.options import OptionError
from qcompare.core.child import ChildCrashedError, ChildFailedError
from qcompare.core.finding import Finding, Severity
from qcompare.core.stage import left
from qcompare.data.dataset import Dataset
from qcompare.data.error import DataFileError
from qcompare.data.shape import ShapeError
from qcompare.data.understood import Understood, findings, understood
from qcompare.pipeline import gates, latency, over_configurations, steps, workers
from qcompare.pipeline.plan import asked, plan
from qcompare.pipeline.progress import Count, bar, lines
from qcompare.pipeline.request import Request
from qcompare.pipeline.results import LOCK, Written, write
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import Trial
from qcompare.pipeline.workers import Task
from qcompare.report import terminal
from qcompare.report.terminal import line

LOG = logging.getLogger(__name__)
"""What `hydra/job_logging=default` writes to a file; nothing is logged by default."""


def run(requests: Sequence[Request], console: Console, *, tables: bool = True) -> int:
    """Compute what is missing of all requests, then write and show the results of each, and of all together. Exit
    status 0, or 1 when anything fell short. Raises OptionError for a folder of outputs that cannot be written to, and
    for a data file that was changed meanwhile.

    tables: whether results are shown, not only progress.
    """
    for request in requests:
        check_store(request)
    line(console, asked(requests))
    LOG.info(asked(requests))
    doing: list[object] = ["looking for what is stored"]
    with lines(console, lambda: str(doing[-1])):
        trials = {request.configuration: request.trials() for request in requests}
        line(console, str(plan(requests, trials)))
        data = taken_for(requests, trials, console)
        tasks: dict[Task, int] = {}
        for request in requests:
            tasks |= missing(request, trials[request.configuration])
        count = Count(tasks)
        doing.append(count)
        fallen = compute(requests, list(tasks), count, console) if tasks else {}
        doing.append("measuring how long the interpreter takes")
        timed, status = measured(requests, trials, fallen, console) if tables else ({}, 0)
        written: dict[Request, Written] = {}
        for request in requests:
            doing.append(f"writing the files of {request.configuration}")
            own = {task.seed: finding for task, finding in fallen.items() if task.request is request}
            store = Store(root=request.store)
            known = data[request.configuration]
            found = write(request, trials[request.configuration], own, store, known, timed.get(request, ()))
            reused = len(request.config.seed) - sum(task.request is request for task in tasks)
            if tables:
                show(request, found, reused, store, console)
            status = max(status, int(found.failed))
            written[request] = found
        together(written, timed, console, tables=tables)
        # Under another launcher the command that launched the jobs judges them, when it shows what came of them.
        failed = tables and answer(written, console)
    return max(status, int(failed))


def together(
    written: Mapping[Request, Written], timed: Mapping[Request, Sequence[Timed]], console: Console, *, tables: bool
) -> None:
    """Write the files over all requests, and show them. timed: what was measured. tables: whether those are shown."""
    over = over_configurations.write(written, timed)
    if tables:
        for each in over:
            if each.techniques:
                console.print(terminal.techniques_table(each.techniques))
        if timed:
            everything = [each for own in timed.values() for each in own]
            console.print(terminal.latency_table(typical(everything)))
    for path in (path for each in over for path in each.paths):
        terminal.path(console, path)


def answer(written: Mapping[Request, Written], console: Console) -> bool:
    """What came of the gates, and what was found in words. Returns whether a gate failed."""
    failed = gates.tell({request.configuration: found.verdicts for request, found in written.items()}, console)
    terminal.answers(console, {request.configuration: found.answers for request, found in written.items()})
    return failed


def check_store(request: Request) -> None:
    """Raises OptionError unless the store can be written to: /proc says that it may be, and takes no file."""
    try:
        request.store.mkdir(parents=True, exist_ok=True)
        with FileLock(request.store / LOCK):
            pass
    except OSError as error:
        text = f"outputs={request.config.outputs}: cannot be written to ({error.strerror}); give a folder that can"
        raise OptionError(text) from error


def taken_for(requests: Sequence[Request], trials: dict[str, list[Trial]], console: Console) -> dict[str, Understood]:
    """What the data of each configuration are understood as; each is told once, with what is to be known of it."""
    found: dict[str, Understood] = {}
    told: dict[str, Understood] = {}
    for request in requests:
        stage = trials[request.configuration][0].data
        if stage.key not in told:
            try:
                dataset = Store(root=request.store).value(stage)
            except DataFileError as error:
                raise OptionError(str(error)) from error
            except ShapeError as error:
                raise OptionError(f"data={request.config.data.name}: {error}") from error
            check_outputs(request, dataset)
            told[stage.key] = understood(dataset)
            line(console, f"data={request.config.data.name}: {told[stage.key]}")
            for finding in findings(dataset):
                terminal.finding(console, finding.severity.value, finding.where, finding.text)
        found[request.configuration] = told[stage.key]
    return found


def check_outputs(request: Request, dataset: Dataset) -> None:
    """Raises OptionError for targets that are not as wide as the output of a user's model."""
    ends = steps.ends_of(request.config.model)
    if ends is not None and ends.outputs not in (None, dataset.outputs):
        wrong = f"the targets ask for {dataset.outputs} outputs; the model gives {ends.outputs}"
        raise OptionError(f"data={request.config.data.name}: {wrong}")


def missing(request: Request, trials: Sequence[Trial]) -> dict[Task, int]:
    """The trials of a request that are not stored whole, and how many stages each has to compute."""
    store = Store(root=request.store, fresh=request.config.fresh)
    count = {Task(request, trial.seed): len(left(trial.ends, store.has)) for trial in trials}
    return {task: stages for task, stages in count.items() if stages}


def compute(requests: Sequence[Request], tasks: list[Task], count: Count, console: Console) -> dict[Task, Finding]:
    """The tasks done by one pool. Returns those that did not end."""
    most = max(request.config.workers for request in requests)
    with bar(console, count) as advance:
        return workers.run(tasks, most, advance)


def measured(
    requests: Sequence[Request], trials: dict[str, list[Trial]], fallen: dict[Task, Finding], console: Console
) -> tuple[dict[Request, list[Timed]], int]:
    """What requests ask to be measured, and the exit status: 1 when it could not be, which is told."""
    ended = {
        request: [trial for trial in trials[request.configuration] if Task(request, trial.seed) not in fallen]
        for request in requests
        if request.config.latency
    }
    try:
        return latency.measured(ended), 0
    except (ChildCrashedError, ChildFailedError) as error:
        terminal.finding(console, Severity.FAILURE.value, "latency", f"not measured: {error}")
        return {}, 1


def show(request: Request, written: Written, reused: int, store: Store, console: Console) -> None:
    """The small tables, the findings and the paths of what was written."""
    terminal.show(
        console,
        request.configuration,
        errors=written.errors,
        summary=written.summary,
        differences=written.differences,
        findings=written.findings,
        tensors=written.tensors,
    )
    if reused:
        line(console, f"{reused} of {len(request.config.seed)} seeds were stored already")
    for path in written.paths:
        terminal.path(console, path)
    results, size = store.size()
    stored = f"stored: {results} results, {size / 1e6:.1f} MB in {store.root}; delete that folder to compute anew"
    line(console, stored)
