"""Requests carried out: what is stored already, one pool for what is not, progress; then the files over all seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from qcompare.core.finding import Finding
from qcompare.pipeline import workers
from qcompare.pipeline.request import Request
from qcompare.pipeline.results import Written, write
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import Trial
from qcompare.pipeline.workers import Advance, Task
from qcompare.report import terminal


def run(requests: Sequence[Request], console: Console) -> int:
    """Compute what is missing of all requests, then write and show the results of each. Exit status 0, or 1 when
    anything fell short."""
    trials = {request.configuration: request.trials() for request in requests}
    tasks = [Task(request, trial.seed) for request in requests for trial in missing(request, trials)]
    fallen = compute(requests, trials, tasks, console) if tasks else {}
    status = 0
    for request in requests:
        own = {task.seed: finding for task, finding in fallen.items() if task.request is request}
        store = Store(root=request.store)
        written = write(request, trials[request.configuration], own, store)
        reused = len(request.config.seed) - sum(task.request is request for task in tasks)
        show(request, written, reused, store, console)
        status = max(status, int(written.failed))
    return status


def missing(request: Request, trials: dict[str, list[Trial]]) -> list[Trial]:
    """The trials that are not stored whole."""
    store = Store(root=request.store, fresh=request.config.fresh)
    own = trials[request.configuration]
    return [trial for trial in own if not all(store.has(stage) for stage in trial.ends)]


def compute(
    requests: Sequence[Request], trials: dict[str, list[Trial]], tasks: list[Task], console: Console
) -> dict[Task, Finding]:
    """The tasks done by one pool. Returns those that did not end."""
    count = max(request.config.workers for request in requests)
    by_seed = {(task.request.configuration, task.seed): task for task in tasks}
    work = {
        by_seed[trial.configuration, trial.seed]: steps_left(
            trial, Store(root=request.store, fresh=request.config.fresh)
        )
        for request in requests
        for trial in trials[request.configuration]
        if (trial.configuration, trial.seed) in by_seed
    }
    with progress(console, work) as advance:
        return workers.run(tasks, count, advance)


def steps_left(trial: Trial, store: Store) -> int:
    """How many stages of a trial have to be computed."""
    return sum(not store.has(stage) for end in trial.ends for stage in end.walk() if stage.codec is not None)


def show(request: Request, written: Written, reused: int, store: Store, console: Console) -> None:
    """The small tables, the findings and the paths of what was written."""
    terminal.show(console, written.summary, written.findings)
    if reused:
        console.print(f"{reused} of {len(request.config.seed)} seeds were stored already", highlight=False)
    for path in written.paths:
        console.print(str(path), soft_wrap=True, highlight=False, markup=False)
    results, size = store.size()
    console.print(
        f"stored: {results} results, {size / 1e6:.1f} MB in {store.root}; delete that folder to compute anew",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


@contextmanager
def progress(console: Console, work: dict[Task, int]) -> Iterator[Advance]:
    """A bar over the stages of all tasks, with time left. work: stages that each task has to compute."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    names = list(dict.fromkeys(task.request.configuration for task in work))
    name = names[0] if len(names) == 1 else f"{len(names)} configurations"
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task(f"{name}, 0/{len(work)} trials", total=sum(work.values()), stage="")
        begun: dict[Task, int] = dict.fromkeys(work, 0)
        done: set[Task] = set()

        def advance(task: Task, stage: str) -> None:
            if stage:
                begun[task] += 1
            else:
                done.add(task)
            completed = sum(work[each] if each in done else max(count - 1, 0) for each, count in begun.items())
            current = f"{task.request.configuration} seed {task.seed}: {stage}" if stage else ""
            bar.update(shown, completed=completed, description=f"{name}, {len(done)}/{len(work)} trials", stage=current)

        yield advance
