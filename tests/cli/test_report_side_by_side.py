"""`report DIR1 DIR2`: what is put side by side, what is told and written, and each wrong request in one line."""

import csv as plain_csv
import io
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from qcompare.__main__ import main
from qcompare.pipeline.finished import folders
from qcompare.pipeline.side_by_side import within
from qcompare.report import csv
from tests import commands
from tests.analysis.test_side_by_side import run
from tests.finished import finished, rows
from tests.report.test_html import Page
from tests.rows import row


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def report(here, capfd):
    """A function that runs the command: (exit status, lines on standard output, standard error)."""

    def reported(*words):
        status = main(["report", *map(str, words)])
        said = capfd.readouterr()
        return status, said.out.splitlines(), said.err

    return reported


def table(folder, name="changes.csv"):
    return csv.texts((folder / name).read_bytes())


def test_two_equal_runs(here, report):
    one, other = (finished(here / name / "run", outputs={0: 1, 1: 1, 2: 1}) for name in ("old", "new"))
    status, lines, err = report(one, other)
    assert (status, err) == (0, "")
    assert lines[3:] == [
        "made with and by the same",
        "computed: 0 of 2 weights, models and outputs differ",
        "figures: 0 of 45 differ, of 3 comparisons in 3 seeds",
        "outputs/side_by_side/changes.csv",
        "outputs/side_by_side/changed_figures.csv",
        "outputs/side_by_side/report.html",
    ]
    assert (
        table(here / "outputs" / "side_by_side")
        == table(here / "outputs" / "side_by_side", "changed_figures.csv")
        == []
    )


def test_what_changed_is_named(here, report):
    finished(here / "old", outputs={0: 1, 1: 1, 2: 1}, options={"model.units": "[8]"}, findings={0: "so"})
    finished(
        here / "new",
        rows(max_lsb=3),
        outputs={0: 1, 1: 2, 2: 3},
        findings={1: "so"},
        packages={"ai-edge-litert": "9.0"},
        options={"model.units": "[16]"},
        source="b" * 64,
    )
    status, lines, _ = report("old", "new", "--output", "there")
    assert status == 0
    assert lines[1:10] == [
        "a: old",
        "b: new",
        "option: model.units: [8] -> [16]",
        f"qcompare: source: {'a' * 12} -> {'b' * 12}",
        "package: ai-edge-litert: 2.1.0 -> 9.0",
        "outputs: interpreter:xnnpack on qat: differ in 2 of 3 seeds",
        "finding: remark: route qat: micro: so (seeds of a: 0; of b: 1)",
        "computed: 1 of 2 weights, models and outputs differ",
        "figures: 3 of 45 differ, of 3 comparisons in 3 seeds",
    ]
    assert lines[-3:] == ["there/changes.csv", "there/changed_figures.csv", "there/report.html"]
    page = Page((here / "there" / "report.html").read_bytes())
    assert "new beside old" in page.text
    assert "ai-edge-litert 2.1.0 in a, 9.0 in b" in page.text
    changed = table(here / "there", "changed_figures.csv")
    assert {(row["metric"], row["mean"], row["ci95_low"], row["ci95_high"]) for row in changed} == {
        ("max_lsb", "2.0", "2.0", "2.0")
    }
    assert len(table(here / "there")) == 5


def test_each_further_run_is_beside_the_first(here, report):
    for name in "abc":
        finished(here / name, rows(max_lsb=ord(name)))
    _, lines, _ = report("a", "b", "c", "--output", "there")
    assert [line for line in lines if line[:3] in ("a: ", "b: ")] == ["a: a", "b: b", "a: a", "b: c"]
    assert {(row["run_a"], row["run_b"]) for row in table(here / "there", "changed_figures.csv")} == {
        ("a", "b"),
        ("a", "c"),
    }


def test_a_multirun_is_its_configurations(here):
    for name in ("lstm-int8", "dense-int8", "left-over"):
        finished(here / "outputs" / name)
    outputs = Path("outputs")
    assert folders(outputs) == [outputs / name for name in ("dense-int8", "left-over", "lstm-int8")]
    # Those of the last command, where a command over several left its files.
    (here / "outputs" / "configurations.csv").write_text("configuration\nlstm-int8\ndense-int8\n")
    assert folders(outputs) == [outputs / name for name in ("lstm-int8", "dense-int8")]


def test_configurations_of_one_command_are_paired_where_its_tables_do_not_tell_all():
    same, other, older, alone = ({("weights", "float"): {0: each}} for each in "abcd")
    by = [{("package", "numpy"): number, ("option", "model.units"): unit} for number, unit in (("1", "8"), ("2", "8"))]
    made = [row(0, max_lsb=1)]
    runs = [
        run(made, "dense", computed=same, made_with=by[0]),
        run(made, "lstm", computed=other, made_with=by[0] | {("option", "model.units"): "16"}),
        run(made, "dense, float16", computed=same, made_with=by[0]),
        run(made, "lstm, float16", computed=other, made_with=by[1]),
        run(made, "older", computed=older, made_with=by[1]),
        run(made, "alone", computed=alone, made_with=by[0]),
    ]
    assert [(a.name, b.name) for a, b in within(runs)] == [
        ("dense", "dense, float16"),
        ("lstm", "lstm, float16"),
        ("dense", "older"),
    ]


def test_configurations_of_two_multiruns_are_paired_by_name(here, report):
    for name in ("old/one", "old/two", "old/alone", "new/two", "new/one"):
        finished(here / name)
    _, lines, _ = report("old", "new")
    assert lines[0] == "only old has alone"
    assert [line for line in lines if line[:3] in ("a: ", "b: ")] == [
        *("a: old/one", "b: new/one"),
        *("a: old/two", "b: new/two"),
    ]
    page = Page((here / "outputs" / "side_by_side" / "report.html").read_bytes())
    assert page.text.count("2 pairs of runs") == 2
    assert "None of 2: whatever they computed is the same" in page.text
    assert len(page.ids) == len(set(page.ids))
    assert set(page.references) <= set(page.ids)


def test_gates_of_each_run_and_those_that_are_given(here, report):
    finished(here / "old")
    finished(here / "new", rows(max_lsb=3), check={"max_lsb": 2})
    status, lines, _ = report("old", "new")
    assert status == 1
    assert lines[-2:] == [
        "gate: new: check.max_lsb=2: qat-interpreter, qat to interpreter:xnnpack on route qat: "
        "3 LSB, above 2, in seed 0; 3 of 3 seeds fail",
        "gates: 0 of 1 hold in every seed",
    ]
    assert report("old", "new", "check.max_lsb=null")[0] == 0
    assert report("old", "new", "check.max_lsb=3", "check.pairs=manual-interpreter")[1][-1].startswith("gates: all 2")
    assert report("old", "new", "check.max_lsb=0")[1][-1] == "gates: 0 of 2 hold in every seed"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a", "nowhere"], "nowhere: no config.yaml there; give the folder of a configuration"),
        (["a", "text"], "text: a file, not the folder of a finished run"),
        (["a", "a"], "a: given twice; give each folder once"),
        (["many", "one"], "many and one: no configuration of the same name; give the folders of two configurations"),
        (["a", "later"], "a and later: no seed in common, seeds 0..2 and seed 7; run one with the other's"),
        (["a", "else"], "a and else: no comparison in common"),
        (["a", "broken"], "broken/errors.csv: no rows; run its command again"),
        (["a", "older"], "older/errors.csv: no column engine_a; run its command again"),
        (["a", "half"], "half/provenance.json: cannot be read; run its command again"),
        (["a", "many/x", "check.max_lsb=x"], "check.max_lsb=x: must be a whole number from 0 to 65535"),
        (["a", "many/x", "check.max_lsb=1,2"], "check.max_lsb=1,2: one value; a list is check.max_lsb=[1,2]"),
        (
            ["a", "many/x", "max_lsb=1"],
            "max_lsb=1: neither a folder nor an option, which are pdf, check.pairs, check.max_lsb",
        ),
        (["check.max_lsb=1"], "give the folder of a configuration, such as outputs/lstm-int8"),
        (["a", "many/x", "--output", "text"], "--output text: cannot be written to"),
    ],
)
def test_a_wrong_request_is_one_line(words, says, here, report):
    for name in ("a", "many/x", "many/y", "one/z", "half"):
        finished(here / name)
    finished(here / "later", rows(seeds=(7,)))
    finished(here / "else", [row(0, "qat", "micro", max_lsb=1)])
    finished(here / "broken", [])
    finished(here / "older")
    (here / "older" / "errors.csv").write_text("seed,a,b\n0,qat,micro\n")
    (here / "half" / "provenance.json").write_text("{")
    (here / "text").write_text("")
    status, lines, err = report(*words)
    assert (status, lines) == (2, [])
    assert err.startswith(f"qcompare report: {says}"), err
    assert len(err.splitlines()) == 1


def another_litert(folder):
    """A copied run as another version of LiteRT would have left it: XNNPACK gives another integer on route ptq."""
    path = folder / "provenance.json"
    provenance = json.loads(path.read_bytes())
    provenance["packages"]["ai-edge-litert"] = "99.0"
    path.write_text(json.dumps(provenance))
    outputs = folder / "seed=1" / "ptq_outputs.npz"
    with np.load(outputs) as stored:
        arrays = dict(stored)
    arrays["interpreter:xnnpack"][0, 0] ^= 1
    np.savez(outputs, **arrays)
    made = csv.texts((folder / "errors.csv").read_bytes())
    for each in made:
        if (each["seed"], each["route_b"], each["engine_b"]) == ("1", "ptq", "interpreter:xnnpack") and each[
            "mismatches"
        ]:
            each["mismatches"] = str(int(each["mismatches"]) + 1)
    text = io.StringIO()
    writer = plain_csv.DictWriter(text, list(made[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(made)
    (folder / "errors.csv").write_text(text.getvalue())


@pytest.mark.slow
def test_another_version_of_litert_is_named_without_tensorflow(runs, tmp_path):
    own = runs.results("lstm")
    shutil.copytree(own, tmp_path / own.name)
    another_litert(tmp_path / own.name)
    words = ("report", str(own), str(tmp_path / own.name), "check.max_lsb=0", "check.pairs=manual-interpreter")
    done = commands.run(*words, folder=tmp_path, python=["-X", "importtime"])
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "numpy" in imported
    assert not imported & {"tensorflow", "tf_keras", "pandas"}
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[3:5] == [
        f"package: ai-edge-litert: {version('ai-edge-litert')} -> 99.0",
        "outputs: interpreter:xnnpack on ptq: differ in 1 of 2 seeds",
    ]
    changed = table(tmp_path / "outputs" / "side_by_side", "changed_figures.csv")
    assert {row["engine_a"] for row in changed} == {"qat", "float", "manual:xnnpack", "manual:dequantized"}
    assert {(row["engine_b"], row["metric"], row["differing"], row["mean"]) for row in changed} == {
        ("interpreter:xnnpack", "mismatches", "1", "0.5")
    }
    assert lines[-1] == "gates: all 12 hold in every seed"
