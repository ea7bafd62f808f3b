"""Many trials: which run, what becomes of those that die, and the files over all seeds.

The trials here stand in for the real ones: their rows are in the store within milliseconds, or they die.
"""

import io
import json
import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from qcompare.analysis.errors import ERRORS, ErrorsRow
from qcompare.analysis.figures import Figures
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.latency import Timed
from qcompare.analysis.listed import TABLES
from qcompare.analysis.methods import METHODS
from qcompare.analysis.result import fallen
from qcompare.analysis.statistics import SUMMARY
from qcompare.analysis.tensors import TENSORS
from qcompare.config.options import NO_CHECK, OptionError
from qcompare.core.archive import packed
from qcompare.core.child import Child, ChildCrashedError
from qcompare.core.engine import interpreter
from qcompare.core.files import replace_whole
from qcompare.core.finding import failure
from qcompare.core.key import RowKey
from qcompare.pipeline import results, sweep, workers
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import trial
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
        rows: list[Any] = []
        if table is ERRORS:
            for pair in own.comparisons:
                key = RowKey.of(what.configuration, seed, pair.a, pair.b, pair.taps[0])
                rows.append(ErrorsRow(key=key, figures=figures))
        if table is METHODS:
            not_run = failure("trial", "not run")
            rows += METHODS.rows(fallen(what.configuration, seed, own.comparisons, not_run, own.method))
        content = packed({table.file: csv.written(table.frame(rows))})
        replace_whole(store.path(own.tables[table.file]), content)
    no_tensors = packed({TENSORS.file: csv.written(TENSORS.frame([]))})
    replace_whole(store.path(own.tables[TENSORS.file]), no_tensors)
    for plots in own.plots:
        replace_whole(store.path(plots), packed({}))
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
    tables = {table.file for table in TABLES} | {TENSORS.file, SUMMARY.file, LADDER_SUMMARY.file}
    assert set(written[0]) == tables | {"differences.csv", "configurations.csv"}


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


OVER_ALL = {
    *("errors.csv", "summary.csv", "differences.csv", "methods.csv", "configurations.csv", "techniques.csv"),
}


def over_all(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def units(folder, *widths, seed="0..1"):
    return [asked(folder, f"model.units={width}", f"seed={seed}", "workers=2") for width in widths]


def test_several_configurations_have_files_over_all_of_them(tmp_path, computing):
    both = units(tmp_path, 4, 8)
    said = run(*both)[1]
    assert set(over_all(tmp_path)) == OVER_ALL
    assert all(f"{tmp_path / name}\n" in said for name in (*OVER_ALL, "methods.png"))
    for name in OVER_ALL - {"techniques.csv", "differences.csv"}:
        frames = [pd.read_csv(what.folder / name) for what in both]
        together = pd.read_csv(tmp_path / name)
        assert together["configuration"].unique().tolist() == sorted(what.configuration for what in both)
        assert len(together) == sum(map(len, frames))
        for what, frame in zip(both, frames, strict=True):
            own = together[together["configuration"] == what.configuration].reset_index(drop=True)
            pd.testing.assert_frame_equal(own[list(frame)], frame)
    own = b"".join((what.folder / "differences.csv").read_bytes().partition(b"\n")[2] for what in both)
    together = (tmp_path / "differences.csv").read_bytes().partition(b"\n")[2]
    assert together.startswith(own)
    assert b"models by int8 qat" in together.removeprefix(own)
    techniques = pd.read_csv(tmp_path / "techniques.csv")
    assert techniques["model"].tolist() == 2 * ["lstm, units=4"] + 2 * ["lstm, units=8"]
    assert techniques["method"].tolist() == 2 * ["int8", "int8 QAT"]
    assert "Methods, means over seeds" in said
    joined = pd.read_csv(tmp_path / "errors.csv").merge(pd.read_csv(tmp_path / "configurations.csv"), how="left")
    assert set(joined["model.units"]) == {"[4]", "[8]"}


def test_the_order_of_configurations_and_seeds_changes_no_byte_over_all(tmp_path, computing):
    found = []
    for name, widths, seed in (("one", (4, 8), "[0,1]"), ("other", (8, 4), "[1,0]")):
        (tmp_path / name).mkdir()
        run(*units(tmp_path / name, *widths, seed=seed))
        found.append(over_all(tmp_path / name))
    assert found[0] == found[1]


def test_options_that_only_some_configurations_have_are_columns_of_all(tmp_path, computing):
    run(asked(tmp_path), request("model=lmu", f"outputs={tmp_path}", "seed=0"))
    found = pd.read_csv(tmp_path / "configurations.csv", keep_default_na=False, dtype=str).set_index("model.name")
    assert found.loc["lmu", "model.order"] == "16"
    assert found.loc["lstm", "model.order"] == ""


def test_what_was_measured_stands_in_files_of_its_own(tmp_path, computing, monkeypatch):
    """Of the requests that ask for it, all together; and a later command that does not ask leaves them."""
    both = units(tmp_path, 8, 4)
    asked_for = [replace(what, config=replace(what.config, latency=True)) for what in both]
    told = []

    def measured(ended):
        told.append({what.configuration: [each.seed for each in trials] for what, trials in ended.items()})
        return {
            what: [
                Timed(
                    configuration=each.configuration,
                    seed=each.seed,
                    route="ptq",
                    engine=interpreter("xnnpack"),
                    seconds=np.array([1e-6]),
                )
                for each in trials
            ]
            for what, trials in ended.items()
        }

    monkeypatch.setattr(sweep.latency, "measured", measured)
    status, said = run(*asked_for)
    assert status == 0
    assert told == [{what.configuration: [0, 1] for what in both}]
    assert "Microseconds a sample" in said
    paths = [what.folder / "latency.csv" for what in both]
    assert all(str(path) in said for path in (*paths, tmp_path / "latency.csv"))
    together = pd.read_csv(tmp_path / "latency.csv")
    assert together["configuration"].tolist() == sorted(2 * [what.configuration for what in both])
    assert together["median_us"].tolist() == pytest.approx([1, 1, 1, 1])
    kept = [path.read_bytes() for path in paths]
    run(*both)
    assert told[1] == {}
    assert [path.read_bytes() for path in paths] == kept


def test_what_cannot_be_measured_is_told(tmp_path, computing, monkeypatch):
    def crashed(ended):
        raise ChildCrashedError("killed by signal 11 (SIGSEGV)")

    monkeypatch.setattr(sweep.latency, "measured", crashed)
    what = asked(tmp_path, "seed=0", "latency=true")
    status, said = run(what)
    assert status == 1
    assert "failure: latency: not measured: killed by signal 11 (SIGSEGV)" in said
    assert (what.folder / "errors.csv").exists()
    assert not (what.folder / "latency.csv").exists()


def test_trials_that_fell_are_not_measured(tmp_path, computing, monkeypatch):
    computing(dying)
    told = []

    def measured(ended):
        told.extend(ended.values())
        return {}

    monkeypatch.setattr(sweep.latency, "measured", measured)
    run(asked(tmp_path, "seed=0..3", "latency=true"))
    assert [each.seed for each in told[0]] == [0, 3]


def test_each_configuration_is_judged_and_no_other_file_than_the_options_and_the_report_tells_of_it(
    tmp_path, computing
):
    def but_reports():
        return [{name: of for name, of in contents(what.folder).items() if name != "report.html"} for what in whats]

    whats = [asked(tmp_path, f"model.units={units}", "seed=0..1") for units in (4, 8)]
    status, said = run(*whats)
    before = but_reports()
    assert status == 0
    assert "gate" not in said
    assert 'class="gates"' not in (whats[0].config.outputs / "report.html").read_text()
    gated = [replace(what, config=replace(what.config, check=replace(NO_CHECK, max_lsb=1))) for what in whats]
    status, said = run(*gated)
    assert status == 0
    assert "gates: all 6 hold in every seed" in said.splitlines()
    assert but_reports() == before
    gated[1] = replace(whats[1], config=replace(whats[1].config, check=replace(NO_CHECK, max_lsb=0)))
    status, said = run(*gated)
    assert status == 1
    failing = [line for line in said.splitlines() if line.startswith("gate")]
    assert failing[0] == (
        f"gate: {whats[1].configuration}: check.max_lsb=0: qat-interpreter, qat to interpreter:reference on route qat: "
        "1 LSB, above 0, in seed 1; 1 of 2 seeds fail"
    )
    assert failing[3:] == ["gates: 3 of 6 hold in every seed"]
    report = (whats[0].config.outputs / "report.html").read_text()
    assert report.count('<span class="passed">passed</span>: check.max_lsb=1, at most 1') == 1
    assert report.count('<span class="failed">failed</span>: check.max_lsb=0, at most 0') == 1
    assert but_reports() == before


def test_a_trial_that_died_holds_no_gate(tmp_path, computing):
    computing(dying)
    status, said = run(asked(tmp_path, "seed=0..1", "workers=1", "check.max_lsb=9"))
    assert status == 1
    assert said.count("undefined, does not hold, in seed 1; 1 of 2 seeds fail") == 3


def test_one_configuration_has_its_own_files_only(tmp_path, computing):
    run(*units(tmp_path, 4, 8))
    before = over_all(tmp_path)
    run(*units(tmp_path, 16))
    assert over_all(tmp_path) == before
    run(*units(tmp_path, 16, 8))
    after = pd.read_csv(tmp_path / "configurations.csv")
    assert sorted(after["model.units"]) == ["[16]", "[8]"]


def test_each_folder_of_outputs_has_the_files_over_its_own(tmp_path, computing):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    run(*units(tmp_path / "one", 4, 8), *units(tmp_path / "other", 4))
    assert set(over_all(tmp_path / "one")) == OVER_ALL
    assert over_all(tmp_path / "other") == {}


def test_the_files_over_all_have_the_trials_that_fell(tmp_path, computing):
    computing(dying)
    status, _ = run(*units(tmp_path, 4, 8, seed="0..1"))
    assert status == 1
    errors = pd.read_csv(tmp_path / "errors.csv")
    assert errors.groupby("seed")["n"].count().to_dict() == {0: len(errors) / 2, 1: 0}


def test_a_run_says_first_what_it_does_and_what_the_data_are(tmp_path, computing):
    what = asked(tmp_path, "seed=0..1", "workers=1")
    told = ("classification, 10 classes; 1437 training and 360 test samples of 8 steps of 8 features; x from 0 to 1",)
    lines = run(what)[1].splitlines()
    assert lines[0] == "qcompare: lstm-int8, seeds 0..1"
    assert "stages are to be computed; no finished seed tells how long" in lines[1]
    assert lines[2] == f"data=digits: {told[0]}"
    understood = yaml.safe_load((what.folder / "config.yaml").read_text())["understood"]
    assert len(understood.pop("sha256")) == 64
    assert understood == {
        "task": "classification",
        "classes": 10,
        "outputs": 10,
        "labels": "",
        "x_train": [1437, 8, 8],
        "x_test": [360, 8, 8],
        "x_range": [0.0, 1.0],
        "lengths": [8, 8],
        "padding": "",
    }
    assert "nothing is to be computed" in run(what)[1].splitlines()[1]


@pytest.mark.parametrize("folder", ["/proc", "/proc/self/fd", "/sys", "/proc/x", "/sys/x", "/dev/null/x"])
def test_a_folder_that_takes_no_files_is_refused_before_anything_is_computed(folder, tmp_path, computing):
    what = asked(tmp_path)
    what = replace(what, config=replace(what.config, outputs=Path(folder)))
    text = io.StringIO()
    with pytest.raises(OptionError) as caught:
        sweep.run([what], Console(file=text))
    assert str(caught.value).startswith(f"outputs={folder}: cannot be written to (")
    assert str(caught.value).endswith("); give a folder that can")
    assert text.getvalue() == ""


def test_what_is_to_be_known_of_the_data_is_said_before_anything_is_computed(tmp_path, computing):
    x, y = np.full((6, 2, 2), 99.0), np.eye(2)[[0, 1] * 3]
    np.savez(tmp_path / "far.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    said = run(asked(tmp_path, "data=file", f"data.file={tmp_path / 'far.npz'}"))[1].splitlines()
    assert said[2].startswith("data=file: classification, 2 classes (labels were one-hot, [samples, 2]); 6 training")
    assert said[3].startswith("warning: data: x lies in [99, 99], beyond [-10, 10]")


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
        "use_bias": True,
        "return_sequences": False,
        "lowering": "fused",
    }
    assert config["seed"] == [0, 1]
    provenance = yaml.safe_load((what.folder / "provenance.json").read_text())
    assert set(provenance["trials"]) == {"0", "1"}
    stages = provenance["trials"]["0"]["stages"]
    assert {"data", "float training", "QAT", "rows of errors.csv", "plots"} <= set(stages)
    assert {"python", "cpu", "packages", "qcompare_source"} <= set(provenance)


def test_results_that_are_written_again_stay_those_of_the_versions_that_computed_them(tmp_path, computing):
    what = asked(tmp_path, "seed=0")
    run(what)
    path = what.folder / "provenance.json"
    made = json.loads(path.read_bytes())
    assert made["packages"] == results.environment()["packages"]
    made["packages"] = {"ai-edge-litert": "0.1"}
    path.write_text(json.dumps(made))
    results.write_again(what, NO_CHECK)
    assert json.loads(path.read_bytes())["packages"] == {"ai-edge-litert": "0.1"}
    path.write_text("{")
    results.write_again(what, NO_CHECK)
    assert json.loads(path.read_bytes())["packages"] == results.environment()["packages"]


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
