"""Requests, gathered by the folder that they go to."""

import pytest

from qcompare.config.options import OptionError
from qcompare.pipeline.request import gathered
from tests.requests import request


def test_a_request_reads_options_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = request("model=dense", "seed=2", "outputs=there")
    assert (asked.config.seed, asked.folder.as_posix()) == ((2,), "there/dense-int8")
    assert not list(tmp_path.iterdir())


def test_jobs_of_one_configuration_are_one_request_with_all_seeds():
    jobs = [request(f"model={model}", f"seed={seed}", "workers=2") for model in ("dense", "lmu") for seed in range(3)]
    assert [(each.configuration, each.config.seed, each.config.workers) for each in gathered(jobs)] == [
        ("dense-int8", (0, 1, 2), 2),
        ("lmu-int8", (0, 1, 2), 2),
    ]


def test_seeds_that_overlap_stand_once():
    (found,) = gathered([request("seed=0..2"), request("seed=[1,5]")])
    assert found.config.seed == (0, 1, 2, 5)


def test_every_swept_value_is_a_folder():
    jobs = [
        request("model=lstm", f"model.units={units}", f"qat.epochs={epochs}") for units in (8, 16) for epochs in (1, 2)
    ]
    assert len({each.folder for each in gathered(jobs)}) == 4


def test_gates_are_no_part_of_the_folder_and_are_not_swept():
    jobs = [request(*gate) for gate in ([], ["check.max_lsb=1", "check.pairs=[qat-micro,float-qat]"])]
    assert jobs[0].folder == jobs[1].folder
    assert jobs[1].config.check.bounds == {"max_lsb": 1}
    with pytest.raises(OptionError, match="cannot be swept"):
        gathered(jobs)
