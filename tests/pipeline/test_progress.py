"""Progress: a bar in a terminal, lines without one."""

import io
import time
from typing import Any

import pytest
from rich.console import Console

from qcompare.pipeline import progress
from qcompare.pipeline.progress import Count, bar, lines
from qcompare.pipeline.workers import Task
from tests.requests import request


@pytest.fixture
def tasks(tmp_path):
    what = request("model=lstm", f"outputs={tmp_path}")
    return Task(what, 0), Task(what, 1)


def advanced(advance, one, other):
    advance(one, "data")
    advance(one, "QAT")
    advance(other, "data")
    advance(one, "")


def test_the_bar_counts_stages_and_trials(tasks):
    console: Any = Console(file=io.StringIO(), force_terminal=True, width=120)
    with bar(console, Count(dict(zip(tasks, (2, 5), strict=True)))) as advance:
        advanced(advance, *tasks)
        advance(tasks[1], "")
    assert "2/2 trials" in console.file.getvalue()
    assert "100%" in console.file.getvalue()


def test_there_is_no_bar_without_a_terminal(tasks):
    console: Any = Console(file=io.StringIO())
    with bar(console, Count(dict(zip(tasks, (2, 5), strict=True)))) as advance:
        advanced(advance, *tasks)
    assert console.file.getvalue().strip() == ""


def test_the_count_in_a_line(tasks):
    count = Count(dict(zip(tasks, (2, 5), strict=True)))
    assert str(count) == "0/2 trials, 0/7 stages"
    count.advance(tasks[0], "data")
    assert str(count) == "0/2 trials, 0/7 stages; now seed 0: data"
    advanced(count.advance, *tasks)
    assert str(count) == "1/2 trials, 2/7 stages; now seed 1: data"
    count.advance(tasks[1], "")
    assert str(count) == "2/2 trials, 7/7 stages"


def test_of_several_configurations_each_task_names_its_own(tmp_path):
    both = [request("model=lstm", f"model.units={units}", f"outputs={tmp_path}") for units in (4, 8)]
    tasks = [Task(what, 0) for what in both]
    count = Count(dict.fromkeys(tasks, 3))
    for task in tasks:
        count.advance(task, "QAT")
    named = "; ".join(f"{what.configuration} seed 0: QAT" for what in both)
    assert str(count) == f"0/2 trials, 0/6 stages; now {named}"


@pytest.mark.parametrize("terminal", [False, True])
def test_lines_come_at_their_times_without_a_terminal_alone(terminal, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.05)
    console: Any = Console(file=io.StringIO(), force_terminal=terminal)
    doing = ["first"]
    with lines(console, lambda: doing[-1]):
        time.sleep(0.3)
        doing.append("second")
        time.sleep(0.3)
    said = console.file.getvalue()
    time.sleep(0.1)
    assert console.file.getvalue() == said
    if terminal:
        assert said == ""
    else:
        assert "0 s: first" in said
        assert said.count("second") >= 2


def test_a_reader_that_went_away_ends_the_lines_quietly(monkeypatch, capfd):
    monkeypatch.setattr(progress, "EVERY", 0.02)

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with lines(Console(file=Closed()), lambda: "at it"):
        time.sleep(0.2)
    assert capfd.readouterr().err == ""
