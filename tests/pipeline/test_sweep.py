"""Many trials: which run, what becomes of those that die, and the files over all seeds.

The trials here stand in for the real ones: their rows are in the store within milliseconds, or they die.
"""

import io
import os
import signal
import threading
import time
from functools import partial

import pandas as pd
import pytest
import yaml
from rich.console import Console

from qcompare.analysis.errors import ERRORS, ErrorsRow
from qcompare.analysis.figures import Figures
from qcompare.analysis.listed import TABLES
from qcompare.analysis.statistics import SUMMARY
from qcompare.core.archive import packed
from qcompare.core.child import Child
from qcompare.core.files import replace_whole
from qcompare.core.key import RowKey
from qcompare.pipeline import results, sweep, workers
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import trial
from qcompare.pipeline.workers import Task
from qcompare.report import csv
from tests.core.test_child import wait_until
from tests.requests import request

pytestmark = pytest.mark.slow

STOPPED = 13
"""The seed whose trial does not end."""


def stored(what, seed, notify):
    """A trial whose figures are its seed."""
    notify("float training")
    own = trial(what.config, what.configuration, seed)
    figures = Figures(n=10, mismatches=seed, mismatch_rate=seed / 10, max_lsb=seed, non_finite=0)
    store = Store(root=what.store)
    for table in TABLES:
        rows = []
        if table is ERRORS:
            for pair in own.comparisons:
                key = RowKey.of(what.configuration, seed, pair.a, pair.b, pair.taps[0])
                rows.append(ErrorsRow(key=key, figures=figures))
        content = packed({table.file: csv.written(table.frame(rows))})
        replace_whole(store.path(own.tables[table.file]), content)
    replace_whole(store.path(own.plots), packed({}))
    (what.config.outputs / f"computed-{seed}").write_text(str(os.getpid()))


def dying(what, seed, notify):
    """A trial that dies when its seed is 1, and raises when it is 2."""
    if seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 2:
        raise ValueError("no such luck\nsecond line")
    stored(what, seed, notify)


def endless(what, seed, notify):
    """A trial that goes on for long when its seed is STOPPED."""
    if seed == STOPPED:
        notify("float training")
        time.sleep(120)
    stored(what, seed, notify)


@pytest.fixture
def computing(monkeypatch):
    """A function that puts another one in place of what workers do."""
    real = workers.run
    # A folder of a seed shows what the stages gave, which these trials have not computed.
    monkeypatch.setattr(results, "publish", lambda *_: None)

    def put(compute):
        monkeypatch.setattr(workers, "run", partial(real, compute=compute))

    put(stored)
    return put


def asked(folder, *overrides):
    return request("model=lstm", f"outputs={folder}", *overrides)


def run(*what):
    """(exit status, what was printed) of a sweep."""
    text = io.StringIO()
    return sweep.run(what, Console(file=text, width=200)), text.getvalue()


def rows_of(what):
    return csv.read((what.folder / "errors.csv").read_bytes(), ERRORS.dtypes)


def findings_of(what):
    return pd.read_csv(what.folder / "findings.csv", keep_default_na=False)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.csv") if path.name != "times.csv"}


@pytest.mark.parametrize("count", [1, 2])
def test_every_seed_has_its_rows_in_the_order_asked_for(count, tmp_path, computing):
    what = asked(tmp_path, "seed=[5,0,3]", f"workers={count}")
    status, said = run(what)
    assert status == 0
    errors = rows_of(what)
    assert errors["seed"].unique().tolist() == [5, 0, 3]
    assert errors.groupby("seed", sort=False)["mismatches"].unique().explode().tolist() == [5, 0, 3]
    summary = csv.read((what.folder / "summary.csv").read_bytes(), SUMMARY.dtypes)
    mean = summary[summary["metric"] == "mismatches"]
    assert set(zip(mean["n"], mean["mean"], mean["median"], strict=True)) == {(3, 8 / 3, 3)}
    for name in ("errors.csv", "summary.csv", "findings.csv", "ptq_seeds.png", "qat_seeds.png", "labels.png"):
        assert str(what.folder / name) in said
        assert (what.folder / name).exists()
    assert not list(what.folder.glob(".*"))


def test_trials_run_in_other_processes_which_are_kept(tmp_path, computing):
    run(asked(tmp_path, "seed=0..3", "workers=1"))
    processes = {(tmp_path / f"computed-{seed}").read_text() for seed in range(4)}
    assert len(processes) == 1
    assert str(os.getpid()) not in processes


def test_the_number_of_workers_changes_no_byte(tmp_path, computing, monkeypatch):
    written = []
    for count in (1, 2):
        what = asked(tmp_path / str(count), "seed=0..4", f"workers={count}")
        what.folder.parent.mkdir()
        run(what)
        written.append(contents(what.folder))
    assert written[0] == written[1]
    assert set(written[0]) == {"errors.csv", "parameters.csv", "findings.csv", "summary.csv", "configurations.csv"}


def test_a_trial_that_dies_is_recorded_and_the_other_seeds_complete(tmp_path, computing):
    computing(dying)
    what = asked(tmp_path, "seed=0..4", "workers=2")
    status, said = run(what)
    assert status == 1
    findings = findings_of(what)
    assert dict(zip(findings["seed"], findings["text"], strict=True)) == {
        1: "crashed: killed by signal 9 (SIGKILL)",
        2: "failed: ValueError: no such luck",
    }
    assert set(findings["severity"]) == {"failure"}
    assert "failure: seed 1, trial: crashed: killed by signal 9 (SIGKILL)" in said
    errors = rows_of(what)
    counts = errors.groupby("seed").size()
    assert counts.nunique() == 1
    assert errors[errors["seed"].isin([1, 2])]["n"].isna().all()
    assert errors[~errors["seed"].isin([1, 2])]["n"].notna().all()
    summary = csv.read((what.folder / "summary.csv").read_bytes(), SUMMARY.dtypes)
    assert set(summary[summary["metric"] == "max_lsb"]["n"]) == {3}


def test_all_trials_may_die(tmp_path, computing):
    computing(dying)
    what = asked(tmp_path, "seed=1..2", "workers=2")
    assert run(what)[0] == 1
    assert len(findings_of(what)) == 2
    assert rows_of(what)["n"].isna().all()


def test_stored_seeds_are_used_again_and_those_that_fell_are_not(tmp_path, computing):
    computing(dying)
    run(asked(tmp_path, "seed=[0,2]", "workers=1"))
    (tmp_path / "computed-0").unlink()
    computing(stored)
    status, said = run(asked(tmp_path, "seed=0..2", "workers=1"))
    assert status == 0
    assert "1 of 3 seeds were stored already" in said
    assert not (tmp_path / "computed-0").exists()
    what = asked(tmp_path, "seed=0..2")
    first = contents(what.folder)
    assert "3 of 3 seeds were stored already" in run(what)[1]
    assert contents(what.folder) == first


def test_fresh_computes_what_is_stored(tmp_path, computing):
    what = asked(tmp_path, "seed=0", "workers=1")
    run(what)
    (tmp_path / "computed-0").unlink()
    run(asked(tmp_path, "seed=0", "workers=1", "fresh=true"))
    assert (tmp_path / "computed-0").exists()


def test_the_files_cover_the_seeds_of_the_last_command(tmp_path, computing):
    run(asked(tmp_path, "seed=0..3", "workers=1"))
    what = asked(tmp_path, "seed=2", "workers=1")
    run(what)
    assert rows_of(what)["seed"].unique().tolist() == [2]


def test_requests_share_one_pool_and_each_has_its_files(tmp_path, computing):
    both = [asked(tmp_path, f"model.units={units}", "seed=0..1", "workers=2") for units in (4, 8)]
    status, said = run(*both)
    assert status == 0
    for what in both:
        assert rows_of(what)["configuration"].unique().tolist() == [what.configuration]
        assert str(what.folder / "errors.csv") in said


def test_rows_join_to_their_configuration(tmp_path, computing):
    what = asked(tmp_path, "seed=0", "model.units=[8,4]", "workers=1")
    run(what)
    (row,) = pd.read_csv(what.folder / "configurations.csv").to_dict("records")
    assert row["configuration"] == what.configuration == rows_of(what)["configuration"].unique().item()
    assert (row["model.units"], row["train.epochs"], row["quant.name"]) == ("[8, 4]", 60, "int8")
    assert not {"seed", "workers", "outputs", "fresh", "verbose"} & set(row)


def test_configuration_and_provenance(tmp_path, computing):
    what = asked(tmp_path, "seed=0..1", "workers=1")
    run(what)
    config = yaml.safe_load((what.folder / "config.yaml").read_text())
    assert config["model"] == {
        "name": "lstm",
        "units": [32],
        "head": [],
        "return_sequences": False,
        "lowering": "fused",
    }
    assert config["seed"] == [0, 1]
    provenance = yaml.safe_load((what.folder / "provenance.json").read_text())
    assert set(provenance["trials"]) == {"0", "1"}
    stages = provenance["trials"]["0"]["stages"]
    assert {"data", "float training", "QAT", "rows of errors.csv", "plots"} <= set(stages)
    assert {"python", "cpu", "packages", "qcompare_source"} <= set(provenance)


def test_what_computing_took_stands_in_a_file_of_its_own(tmp_path, computing):
    what = asked(tmp_path, "seed=0", "workers=1")
    run(what)
    times = pd.read_csv(what.folder / "times.csv")
    assert list(times) == ["configuration", "seed", "stage", "seconds", "peak_bytes"]
    assert not times.duplicated(["seed", "stage"]).any()
    for path in what.folder.glob("*.csv"):
        if path.name != "times.csv":
            assert not {"seconds", "peak_bytes"} & set(pd.read_csv(path).columns)


def test_an_interrupt_ends_the_workers_and_keeps_what_is_finished(tmp_path, computing, monkeypatch):
    computing(endless)
    what = asked(tmp_path, f"seed=[0,{STOPPED},1]", "workers=2")
    started = []
    start = Child.start

    def told(child):
        start(child)
        started.append(child._process.pid)

    monkeypatch.setattr(Child, "start", told)

    def interrupt():
        wait_until((tmp_path / "computed-1").exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run(what)
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert (tmp_path / "computed-0").exists()
    assert not (tmp_path / f"computed-{STOPPED}").exists()


def test_progress_counts_stages_and_trials(tmp_path):
    what = asked(tmp_path)
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    one, other = Task(what, 0), Task(what, 1)
    with sweep.progress(console, {one: 2, other: 5}) as advance:
        advance(one, "data")
        advance(one, "QAT")
        advance(other, "data")
        advance(one, "")
        advance(other, "")
    assert "2/2 trials" in shown.getvalue()
    assert "100%" in shown.getvalue()
