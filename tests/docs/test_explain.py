"""The walk through docs/explain.md, typed in a shell, and the tables of what --json prints."""

import json
import re

import pytest

from qcompare.core.explanation import CAUSES, SUGGESTIONS
from tests.commands import ROOT, typed

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

PAGE = (ROOT / "docs" / "explain.md").read_text()
COMMANDS = re.findall(r"^    (python .+)$", PAGE, re.MULTILINE)
SCRIPT = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
OUTPUTS = re.findall(r"```text\n(.+?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explain")


@pytest.fixture(scope="module")
def said(folder):
    """What each command printed."""
    (script,) = SCRIPT
    (folder / "models.py").write_text(script)
    return [typed(command, folder) for command in COMMANDS]


def test_a_harmed_model_is_walked_through_from_symptom_to_cure(said):
    assert len(COMMANDS) == 5
    symptom, harmed, cured, *_ = said
    # Training differs from one CPU to the next in its last digits.
    assert [line.rpartition(" ")[0] for line in symptom.splitlines()] == [
        line.rpartition(" ")[0] for line in OUTPUTS[0].splitlines()
    ]
    assert without_numbers(sentences(harmed)) == without_numbers(sentences(OUTPUTS[1]))
    assert without_numbers(sentences(cured)[-1:]) == without_numbers(sentences(OUTPUTS[2])[-1:])
    assert sentences(cured)[1].startswith("Where and why: no layer stands out")


def sentences(text):
    return text.splitlines()[-3:]


def without_numbers(lines):
    return [re.sub(r"-?\d+(\.\d+)?", "N", line) for line in lines]


def test_the_overlay_stands_beside_the_model(said, folder):
    assert json.loads((folder / "nodes.json").read_text())["results"]["4"]["value"] > 5


def documented(of):
    """Key of a table -> what the page says of it."""
    table = re.findall(rf"^\| {of} \|.*\n\| --- \| --- \|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines()]
    return {key: text for keys, text in rows for key in re.findall(r"`(\w+)`", keys)}


@pytest.fixture(scope="module")
def explained(said, folder):
    return json.loads((folder / "explained.json").read_text())


def test_every_key_is_documented_and_there(explained):
    assert set(explained) == set(documented("key"))
    taps = [explained["output"], *explained["layers"]]
    assert all(set(tap) == set(documented("key of a tap")) for tap in taps)
    assert all(
        set(one) == set(documented("key of a suspect")) for one in [explained["culprit"], *explained["suspects"]]
    )
    assert explained["suggestions"]
    assert all(set(one) == set(documented("key of a suggestion")) for one in explained["suggestions"])
    trials = [*explained["everywhere"].values(), *(one["trial"] for one in explained["suggestions"])]
    assert all(set(trial) == set(documented("key of a trial")) for trial in trials)
    for key in ("inputs", "sentences"):
        assert all(f"`{name}`" in documented("key")[key] for name in explained[key])
    for tap in taps:
        for cause in tap["causes"].values():
            assert all(f"`{name}`" in documented("key of a tap")["causes"] for name in cause)


def test_what_values_may_be_is_documented(explained):
    assert all(f"`{kind}`" in documented("key of a suggestion")["kind"] for kind in SUGGESTIONS)
    assert all(f"`{cause}`" in documented("key of a suspect")["cause"] for cause in CAUSES)
    assert str(explained["version"]) in documented("key")["version"]


def test_the_figures_hang_together(explained):
    shares = [cause["share"] for cause in explained["output"]["causes"].values()]
    assert sum(shares) == pytest.approx(1)
    assert explained["suspects"][0] == explained["culprit"]
    trial = explained["culprit"]["trial"]
    assert trial["sqnr_db_after"] - trial["sqnr_db_before"] == pytest.approx(trial["gain_db"])
    assert {layer["fed"] for layer in explained["layers"]} == {"own", "reference"}
