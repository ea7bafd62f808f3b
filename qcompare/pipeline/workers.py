"""One pool of workers for all trials of a command: each a process that runs one trial at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.finding import Finding, failure
from qcompare.pipeline import worker
from qcompare.pipeline.request import Request

Compute = Callable[..., None]


@dataclass(frozen=True)
class Task:
    """One trial that is not stored yet."""

    request: Request
    seed: int


Advance = Callable[[Task, str], None]
"""Told of a task and the stage that it begins; "" when the task is done."""


def following(waiting: Sequence[Task], last: str, elsewhere: Collection[str]) -> Task:
    """What a worker takes next: a task of the configuration that it computed last, whose compiled networks it keeps;
    else of one that no other worker is at; else the first."""
    return min(
        waiting,
        key=lambda task: (task.request.configuration != last, task.request.configuration in elsewhere),
    )


def run(
    tasks: Sequence[Task], workers: int, advance: Advance, compute: Compute = worker.compute
) -> dict[Task, Finding]:
    """Compute the tasks, whatever order they end in; a crash takes no other trial along.

    Returns the tasks that did not end, and why. compute: what a worker runs for one of them.
    """
    waiting = list(tasks)
    at_work: dict[Child, str] = {}
    taking = threading.Lock()
    given_up = threading.Event()
    fallen: dict[Task, Finding] = {}

    def take(child: Child) -> Task | None:
        with taking:
            if not waiting or given_up.is_set():
                return None
            last = at_work.pop(child, "")
            task = following(waiting, last, at_work.values())
            waiting.remove(task)
            at_work[child] = task.request.configuration
            return task

    def work(child: Child) -> None:
        with child:
            while (task := take(child)) is not None:
                try:
                    child.call(compute, task.request, task.seed, notify=partial(advance, task))
                except ChildCrashedError as error:
                    if given_up.is_set():
                        return
                    fallen[task] = failure("trial", f"crashed: {error}")
                except ChildFailedError as error:
                    fallen[task] = failure("trial", f"failed: {error}")
                advance(task, "")

    children = [Child(quiet=not tasks[0].request.config.verbose) for _ in range(min(workers, len(tasks)))]
    with ThreadPoolExecutor(len(children)) as pool:
        running = [pool.submit(work, child) for child in children]
        try:
            for done in running:
                done.result()
        except BaseException:
            given_up.set()
            for child in children:
                child.kill()
            raise
    return fallen
