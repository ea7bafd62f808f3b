"""One pool of workers for all trials of a command: each a process that runs one trial at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
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


def run(
    tasks: Sequence[Task], workers: int, advance: Advance, compute: Compute = worker.compute
) -> dict[Task, Finding]:
    """Compute the tasks, whatever order they end in; a crash takes no other trial along.

    Returns the tasks that did not end, and why. compute: what a worker runs for one of them.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    given_up = threading.Event()
    fallen: dict[Task, Finding] = {}

    def work(child: Child) -> None:
        with child:
            while not given_up.is_set():
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
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
