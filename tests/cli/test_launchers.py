"""A multirun by launchers other than the program's own: what they leave is what its own leaves."""

import pytest

from tests import commands
from tests.cli.test_end_to_end import csv
from tests.runs import TINY

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

TRAINED = (*TINY, "seed=0", "train.epochs=1", "data.test_samples=20")

BREAKING = """
import os, signal, sys

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name != "qcompare.training.float_network":
            return None
        sys.meta_path.remove(self)
        from qcompare.training import fit
        real = fit.train_float

        def train_float(architecture, *arguments, **options):
            if architecture.cells:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(architecture, *arguments, **options)

        fit.train_float = train_float
        return None

sys.meta_path.insert(0, Broken())
"""
"""Kills each process that would train a recurrent network."""


def test_a_trial_that_dies_under_joblib_is_recorded_and_the_other_job_ends_well(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(BREAKING)
    asked = ("-m", "model=dense,simple_rnn", *TRAINED, "hydra/launcher=joblib")
    run = commands.run(*asked, folder=tmp_path, path=[str(tmp_path / "broken")])
    assert run.returncode == 1, run.stderr
    dense, recurrent = sorted(tmp_path.glob("outputs/[!.]*int8*"))
    assert (dense / "seed=0" / "qat.tflite").exists()
    assert "failure" not in set(csv(dense / "findings.csv")["severity"])
    (finding,) = csv(recurrent / "findings.csv").to_dict("records")
    assert (finding["severity"], finding["where"]) == ("failure", "trial")
    assert finding["text"] == "crashed: killed by signal 9 (SIGKILL)"
    together = csv(tmp_path / "outputs" / "errors.csv")
    assert set(together["configuration"]) == {dense.name, recurrent.name}


def test_jobs_of_submitit_leave_their_logs_and_results(tmp_path):
    """With processes of this machine in place of a cluster's."""
    run = commands.run("-m", "model=dense", *TRAINED, "hydra/launcher=submitit_local", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "1 of 1 seeds were stored already" in run.stdout
    assert list(tmp_path.glob("multirun/*/*/.submitit/*/*_log.out"))
