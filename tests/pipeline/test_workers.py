"""Which task a worker takes next."""

from dataclasses import replace

from qcompare.pipeline.workers import Task, following
from tests.requests import request

WHAT = request("model=dense")


def tasks(*configurations):
    """A task of each configuration, by name."""
    return [Task(replace(WHAT, configuration=name), seed) for seed, name in enumerate(configurations)]


def test_a_worker_stays_with_its_configuration():
    """What it compiled for one seed serves the next."""
    waiting = tasks("a", "b", "a", "b")
    assert following(waiting, "b", ["b"]) is waiting[1]
    assert following(waiting[2:], "b", []) is waiting[3]


def test_a_worker_begins_a_configuration_that_no_other_is_at():
    waiting = tasks("a", "b", "c")
    assert following(waiting, "", []) is waiting[0]
    assert following(waiting, "", ["a"]) is waiting[1]
    assert following(waiting, "done", ["a", "b"]) is waiting[2]


def test_a_worker_helps_where_all_are_begun():
    waiting = tasks("b", "a")
    assert following(waiting, "done", ["a", "b"]) is waiting[0]
