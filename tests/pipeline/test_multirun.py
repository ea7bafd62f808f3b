"""Combinations of a multirun, gathered by folder."""

import pytest

from qcompare.config.compose import job_overrides, request
from qcompare.pipeline import multirun, sweep


def jobs_of(*overrides):
    return [request(job) for job in job_overrides(overrides)]


def test_seeds_of_one_combination_are_one_request():
    found = multirun.gathered(jobs_of("model=dense,lmu", "seed=range(3)", "workers=2"))
    assert [(each.folder.name, each.config.seed, each.config.workers) for each in found] == [
        ("dense-int8", (0, 1, 2), 2),
        ("lmu-int8", (0, 1, 2), 2),
    ]


def test_seeds_that_overlap_stand_once():
    (found,) = multirun.gathered(jobs_of("seed=0..2,[1,5]"))
    assert found.config.seed == (0, 1, 2, 5)


def test_every_swept_value_is_a_folder():
    found = multirun.gathered(jobs_of("model=lstm", "model.units=8,16", "qat.epochs=1,2", "seed=4"))
    assert len({each.folder for each in found}) == 4


@pytest.mark.parametrize(("statuses", "expected"), [([0, 0], 0), ([1, 0], 1), ([0, 1], 1)])
def test_all_combinations_run_and_the_worst_status_counts(statuses, expected, monkeypatch):
    left = list(statuses)
    monkeypatch.setattr(sweep, "run", lambda *_: left.pop(0))
    assert multirun.run(jobs_of("model=dense,lmu"), None) == expected
    assert left == []
