"""How far the trials of a command are: a bar in a terminal, else lines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from qcompare.pipeline.workers import Task
from qcompare.report.terminal import line

LOG = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between lines where there is no terminal."""


class Count:
    """The stages that have begun and the trials that are done. work: stages that each task has to compute."""

    def __init__(self, work: Mapping[Task, int]) -> None:
        self.work = work
        self.total = sum(work.values())
        self._begun = dict.fromkeys(work, 0)
        self._done: set[Task] = set()
        self._current: dict[Task, str] = {}
        names = list(dict.fromkeys(task.request.configuration for task in work))
        self.name = names[0] if len(names) == 1 else f"{len(names)} configurations"

    def advance(self, task: Task, stage: str) -> None:
        """A task begins a stage; "" when the task is done."""
        if stage:
            self._begun[task] += 1
            self._current[task] = stage
        else:
            self._done.add(task)
            self._current.pop(task, None)

    def named(self, task: Task) -> str:
        """A task in a few words: its configuration only where there are several."""
        one = task.request.configuration == self.name
        return f"seed {task.seed}" if one else f"{task.request.configuration} seed {task.seed}"

    @property
    def completed(self) -> int:
        """Stages."""
        # What is not stored is announced as well, and is none of the stages that are counted.
        begun = {task: min(max(count - 1, 0), self.work[task]) for task, count in self._begun.items()}
        return sum(self.work[task] if task in self._done else count for task, count in begun.items())

    @property
    def trials(self) -> str:
        return f"{len(self._done)}/{len(self.work)} trials"

    def __str__(self) -> str:
        """One line."""
        at = "; ".join(f"{self.named(task)}: {name}" for task, name in self._at())
        return f"{self.trials}, {self.completed}/{self.total} stages" + (f"; now {at}" if at else "")

    def _at(self) -> list[tuple[Task, str]]:
        # A copy: workers advance from threads of their own.
        return list(self._current.copy().items())


@contextmanager
def bar(console: Console, count: Count) -> Iterator[Callable[[Task, str], None]]:
    """A bar over the stages of all tasks, with time left; in the terminal alone. Yields what is told of tasks."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        row = shown.add_task(f"{count.name}, {count.trials}", total=count.total, stage="")

        def advance(task: Task, stage: str) -> None:
            count.advance(task, stage)
            LOG.info("%s seed %d: %s", task.request.configuration, task.seed, stage or "done")
            current = f"{count.named(task)}: {stage}" if stage else ""
            shown.update(row, completed=count.completed, description=f"{count.name}, {count.trials}", stage=current)

        yield advance


@contextmanager
def lines(console: Console, doing: Callable[[], str]) -> Iterator[None]:
    """A line of what is being done, every EVERY seconds; where there is no terminal alone. doing: what, in a line."""
    if console.is_terminal:
        yield
        return
    start = time.monotonic()
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY):
            try:
                line(console, f"{time.monotonic() - start:.0f} s: {doing()}")
            except (OSError, SystemExit):
                return  # Nobody reads any more.

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
