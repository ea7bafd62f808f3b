"""The commands of docs/own_model.md, typed one after the other in a shell."""

import re

import pytest

from tests.cli.test_keras_model import folder as lstm_folder
from tests.commands import ROOT, typed

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

COMMANDS = re.findall(r"^    (.+)$", (ROOT / "docs" / "own_model.md").read_text(), re.MULTILINE)

made = lstm_folder


@pytest.fixture(scope="module")
def folder(made):
    (made / "model.keras").rename(made / "mine.keras")
    return made


def test_ten_commands_lead_to_an_answer(folder):
    assert len(COMMANDS) == 10
    said = [typed(command, folder) for command in COMMANDS]
    assert "severity" in said[1]
    assert "post-training float16" in said[3]
    assert "matched_by" in said[6]
    assert "exact" in said[7]
    # First against the model after training, then against its own.
    _, trained = (line.split() for line in said[8].splitlines() if line.split()[:2] == ["qat", "micro"])
    assert trained[2:5] == ["1", "0", "%"]
