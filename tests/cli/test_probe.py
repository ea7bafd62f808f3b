"""qcompare probe: the table, the JSON, and what is refused."""

import json

import pytest

from qcompare.cli.probe import PACKAGES
from qcompare.engines.runtimes import RUNTIMES
from tests import commands

pytestmark = [pytest.mark.slow, pytest.mark.runtime]


def test_the_command_line(tmp_path):
    run = commands.run("probe", "--op", "fully_connected", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "ai-edge-litert 2.3" in run.stdout
    (line,) = [line for line in run.stdout.splitlines() if "int8, per tensor" in line]
    assert [word for word in line.split() if word[0].isupper()] == ["F64", "UP(mixed)", "RNE32", "DOUBLE"]
    assert all(len(line) <= 80 for line in run.stdout.splitlines())


def test_the_command_line_for_machines(tmp_path):
    run = commands.run("probe", "--op", "ADD", "--json", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert set(answer["versions"]) == {"machine", *PACKAGES}
    found = {(finding["dtype"], finding["kernels"]): finding for finding in answer["findings"]}
    assert set(found) == {(dtype, kernels) for dtype in ("int8", "int16") for kernels in RUNTIMES}
    assert found["int8", "xnnpack"]["fitting"] == ["SHIFT20"]
    assert found["int8", "xnnpack"]["apart"]["DOUBLE"] > 0
    assert found["int8", "xnnpack"]["counterexample"] is None


def test_an_operator_that_is_not_probed(tmp_path):
    run = commands.run("probe", "--op", "CUMSUM", folder=tmp_path)
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert "CUMSUM" in line
    assert "FULLY_CONNECTED" in line
