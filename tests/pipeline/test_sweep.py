"""Many trials: which run, what becomes of those that die, and the files over all seeds.

The trials here stand in for the real ones: they write the same files within milliseconds, or die.
"""

import io
import os
import signal
import threading
import time
from dataclasses import asdict, replace

import pandas as pd
import pytest
import yaml
from rich.console import Console

from qcompare.analysis.figures import ERRORS_DTYPES, Figures, errors_frame
from qcompare.analysis.statistics import SUMMARY_DTYPES
from qcompare.config.compose import request
from qcompare.core.child import Child
from qcompare.pipeline import store, sweep
from qcompare.report.tables import read_csv, write_csv
from tests.core.test_child import wait_until

STOPPED = 13
"""The seed whose trial does not end."""


def trial(config, seed, folder, key, notify):
    """A trial whose figures are its seed."""
    notify("import")
    keys = {"model": config.model.name, "quant": "int8", "lowering": "unrolled", "seed": seed, "scope": "output"}
    figures = asdict(Figures(n=10, mismatches=seed, mismatch_rate=seed / 10, max_lsb=seed, non_finite=0))
    rows = [keys | {"route": route, "a": "qat", "b": "float"} | figures for route in config.routes]
    rows.append(keys | {"route": "qat", "a": "labels", "b": "float"} | asdict(Figures(n=5, top1_agreement=1.0)))
    with store.whole_folder(folder) as results:
        write_csv(errors_frame(rows), results / "errors.csv")
        store.write_json({"key": key, "seed": seed, "process": os.getpid()}, results / store.RECORD)


def dying_trial(config, seed, folder, key, notify):
    """A trial that dies in the middle of writing when its seed is 1, and raises when it is 2."""
    if seed == 1:
        with store.whole_folder(folder) as results:
            (results / "errors.csv").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    if seed == 2:
        raise ValueError("no such luck\nsecond line")
    trial(config, seed, folder, key, notify)


def endless_trial(config, seed, folder, key, notify):
    """A trial that goes on for long when its seed is STOPPED."""
    if seed == STOPPED:
        notify("import")
        time.sleep(120)
    trial(config, seed, folder, key, notify)


@pytest.fixture
def no_plots(monkeypatch):
    """Plots take most of the time of a sweep of such trials."""
    monkeypatch.setattr(sweep, "draw", lambda *_: [])


def asked(folder, *overrides):
    return request(["model=lstm", f"outputs={folder}", *overrides])


def run(what):
    """(exit status, what was printed) of a sweep."""
    text = io.StringIO()
    return sweep.run(what, Console(file=text, width=200)), text.getvalue()


def rows_of(what):
    return read_csv(what.folder / "errors.csv", ERRORS_DTYPES)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_seed_has_its_rows_in_the_order_asked_for(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", trial)
    what = asked(tmp_path, "seed=[5,0,3]", f"workers={workers}")
    status, said = run(what)
    assert status == 0
    errors = rows_of(what)
    assert errors["seed"].tolist() == [5, 5, 5, 0, 0, 0, 3, 3, 3]
    assert errors["mismatches"].dropna().tolist() == [5, 5, 0, 0, 3, 3]
    summary = read_csv(what.folder / "summary.csv", SUMMARY_DTYPES)
    mean = summary[(summary["metric"] == "mismatches") & (summary["route"] == "qat") & (summary["a"] == "qat")]
    assert (mean["n"].item(), mean["mean"].item(), mean["median"].item()) == (3, 8 / 3, 3)
    for name in ("errors.csv", "summary.csv", "ptq_seeds.png", "qat_seeds.png", "labels.png"):
        assert str(what.folder / name) in said
        assert (what.folder / name).exists()
    assert not list(what.folder.glob(".*"))


@pytest.mark.usefixtures("no_plots")
def test_workers_are_other_processes_and_in_line_is_this_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", trial)
    for workers, seeds in ((1, "0..1"), (2, "2..3")):
        run(asked(tmp_path, f"seed={seeds}", f"workers={workers}"))
    folder = asked(tmp_path).folder
    processes = [store.record_of(folder / f"seed={seed}")["process"] for seed in range(4)]
    assert processes[0] == processes[1] == os.getpid()
    assert os.getpid() not in processes[2:]


@pytest.mark.usefixtures("no_plots")
def test_the_number_of_workers_changes_no_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", trial)
    written = []
    for workers in (1, 2):
        what = asked(tmp_path / str(workers), "seed=0..4", f"workers={workers}")
        run(what)
        written.append(contents(what.folder))
    assert written[0] == written[1]
    assert set(written[0]) == {"errors.csv", "summary.csv"}


def test_a_trial_that_dies_is_a_recorded_row_and_the_other_seeds_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", dying_trial)
    what = asked(tmp_path, "seed=0..4", "workers=2")
    status, said = run(what)
    assert status == 1
    errors = rows_of(what)
    notes = {seed: set(group["note"]) for seed, group in errors.groupby("seed")}
    assert notes == {
        0: {""},
        1: {"trial crashed: killed by signal 9 (SIGKILL)"},
        2: {"trial failed: ValueError: no such luck"},
        3: {""},
        4: {""},
    }
    fallen = errors[errors["seed"] == 1]
    assert fallen["route"].tolist() == ["ptq", "qat"]
    assert fallen["n"].isna().all()
    assert "seed 1, route qat: trial crashed: killed by signal 9 (SIGKILL)" in said
    summary = read_csv(what.folder / "summary.csv", SUMMARY_DTYPES)
    rate = summary[(summary["metric"] == "max_lsb") & (summary["a"] == "qat")]
    assert rate["n"].tolist() == [3, 3]
    assert not list((what.folder / "seed=1").glob(".*"))


@pytest.mark.usefixtures("no_plots")
def test_an_exception_in_line_is_a_recorded_row_and_the_other_seeds_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", dying_trial)
    what = asked(tmp_path, "seed=[0,2,4]", "workers=1")
    status, _ = run(what)
    assert status == 1
    assert rows_of(what).groupby("seed")["note"].first().to_dict() == {
        0: "",
        2: "trial failed: ValueError: no such luck",
        4: "",
    }


def test_all_trials_may_die(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", dying_trial)
    what = asked(tmp_path, "seed=1..2", "workers=2")
    status, _ = run(what)
    assert status == 1
    assert rows_of(what)["note"].tolist() == [
        *["trial crashed: killed by signal 9 (SIGKILL)"] * 2,
        *["trial failed: ValueError: no such luck"] * 2,
    ]


@pytest.mark.usefixtures("no_plots")
def test_stored_seeds_are_used_again_and_those_that_fell_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", dying_trial)
    what = asked(tmp_path, "seed=[0,2]", "workers=1")
    run(what)
    before = (what.folder / "seed=0").stat().st_ino
    monkeypatch.setattr(sweep, "run_trial", trial)
    status, said = run(asked(tmp_path, "seed=0..2", "workers=1"))
    assert status == 0
    assert "1 of 3 seeds were stored already" in said
    assert (what.folder / "seed=0").stat().st_ino == before
    assert rows_of(what)["seed"].unique().tolist() == [0, 1, 2]
    first = contents(what.folder)
    assert "3 of 3 seeds were stored already" in run(asked(tmp_path, "seed=0..2"))[1]
    assert contents(what.folder) == first


@pytest.mark.usefixtures("no_plots")
def test_the_files_cover_the_seeds_of_the_last_command(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", trial)
    run(asked(tmp_path, "seed=0..3", "workers=1"))
    what = asked(tmp_path, "seed=2", "workers=1")
    run(what)
    assert rows_of(what)["seed"].unique().tolist() == [2]
    assert (what.folder / "seed=0").is_dir()


@pytest.mark.usefixtures("no_plots")
def test_a_trial_stored_under_another_key_is_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", trial)
    what = asked(tmp_path, "seed=0", "workers=1")
    run(what)
    monkeypatch.setattr(store, "environment", lambda: {"packages": {}})
    assert "stored already" not in run(what)[1]


@pytest.mark.usefixtures("no_plots")
def test_configuration_and_provenance(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", trial)
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
    provenance = store.record_of(what.folder / "seed=0")
    stored = pd.read_json(what.folder / "provenance.json", typ="series")
    assert stored["trials"]["0"] == provenance
    assert {"python", "cpu", "packages", "qcompare_source"} <= set(stored.index)


@pytest.mark.usefixtures("no_plots")
def test_an_interrupt_ends_the_workers_and_keeps_what_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_trial", endless_trial)
    what = asked(tmp_path, f"seed=[0,{STOPPED},1]", "workers=2")
    started = []
    start = Child.start
    monkeypatch.setattr(Child, "start", lambda child: (start(child), started.append(child._process.pid))[0])

    def interrupt():
        wait_until((what.folder / "seed=1" / store.RECORD).exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run(what)
    assert sorted(path.name for path in what.folder.glob("seed=*")) == ["seed=0", "seed=1"]
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_progress_counts_stages_and_seeds(tmp_path):
    what = asked(tmp_path)
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with sweep.progress_bar(console, what, 2) as advance:
        advance(0, "import")
        advance(0, "QAT")
        advance(1, "import")
        advance(0, "")
        advance(1, "")
    assert "2/2 seeds" in console.file.getvalue()
    assert "100%" in console.file.getvalue()


def test_quiet_drops_what_native_code_writes_and_nothing_after(capfd):
    with sweep.quiet(True):
        os.write(1, b"noise")
        os.write(2, b"noise")
    with sweep.quiet(False):
        os.write(1, b"shown")
    os.write(2, b"after")
    assert capfd.readouterr() == ("shown", "after")


def test_a_request_for_other_outputs_is_another_folder(tmp_path):
    what = asked(tmp_path / "a")
    other = replace(what, folder=tmp_path / "b")
    assert sweep.seed_folder(what, 3) == tmp_path / "a" / "lstm-int8" / "seed=3"
    assert sweep.seed_folder(other, 3) == tmp_path / "b" / "seed=3"
