"""qcompare explain: what it says, in every form, and what it refuses."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from qcompare.cli import explain
from qcompare.core.explanation import CAUSES
from qcompare.tflite import schema
from tests import commands
from tests.explain import harms
from tests.explain.harms import Pair

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

TENSORFLOW = {"tensorflow", "tf_keras", "keras"}


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    """float.tflite, int8.tflite, whose second convolution clips, healthy.tflite and x.npy of a CNN."""
    made, here = runs.digit_models(), tmp_path_factory.mktemp("explain")
    real, model = ((made / f"cnn-{scheme}.tflite").read_bytes() for scheme in ("float", "int8"))
    pair = Pair(real=schema.read(real), model=schema.read(model))
    clipped = harms.clipped(pair, pair.model.main.operators[1].outputs[0])
    (here / "float.tflite").write_bytes(real)
    (here / "healthy.tflite").write_bytes(model)
    (here / "int8.tflite").write_bytes(schema.write(clipped.model))
    np.save(here / "x.npy", np.load(made / "x.npy")[..., None])
    return here


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "qcompare", "explain", *arguments],
        cwd=folder,
        env=commands.environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def harmed(folder):
    return run(folder, "float.tflite", "int8.tflite", "--inputs", "x.npy", "--overlay", "nodes.json")


def test_a_table_and_three_sentences(harmed):
    assert harmed.returncode == 0, harmed.stderr
    assert harmed.stderr == ""
    lines = harmed.stdout.splitlines()
    assert lines[0] == "int8.tflite against float.tflite: 64 samples, x.npy"
    rungs = [*CAUSES[:-1], "accumulation", "multiplier", "kernel_rounding"]
    names = ("operators", *rungs, "runtime")
    assert tuple(line.split()[0] for line in lines if line.split(" ")[0] in names) == names
    much, where, what = lines[-3:]
    assert re.match(r"How much: the output differs by [\d.]+ RMS, \d\.\d dB below the signal; .* of 64 samples\.", much)
    assert re.match(r"Where and why: values of CONV_2D 1 \(conv_2/Relu\) clipped to its range: without that, ", where)
    assert re.match(r"What to try: CONV_2D 1 \(conv_2/Relu\): calibrate it to \[0, [\d.]+\], which the float ", what)
    shares = [float(line.split()[-2]) for line in lines if re.search(r" -?\d+\.\d %$", line)]
    assert sum(shares[:-1]) == pytest.approx(shares[-1] == 100 and 100, abs=0.5)


def test_a_healthy_model_is_said_to_be_so(folder):
    done = run(folder, "float.tflite", "healthy.tflite", "--inputs", "x.npy", "--kernels", "micro")
    assert done.returncode == 0, done.stderr
    *_, where, what = done.stdout.splitlines()
    assert where.startswith("Where and why: no layer stands out; first come ")
    assert what == "What to try: nothing at one layer; all of them round, as 8 bits do."


def test_sixty_columns_are_enough(folder):
    done = run(folder, "float.tflite", "int8.tflite", "--inputs", "x.npy", COLUMNS="60")
    tables = [line for line in done.stdout.splitlines() if not re.match("int8|How|Where and|What|Where it", line)]
    assert max(map(len, tables)) <= 60
    assert "what changes" not in done.stdout


def test_without_inputs_they_are_random_and_said_to_be(folder):
    done = run(folder, "float.tflite", "int8.tflite", "--samples", "5", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["inputs"] == {
        "source": "random inputs over the range of INT8's input, seed 0",
        "samples": 5,
        "layer_samples": 5,
    }
    assert "inputs" in [each["where"] for each in found["findings"]]


def test_the_overlay_is_node_data_of_model_explorer(harmed, folder):
    """Its GraphNodeData: results by node, a node of a `.tflite` being the operator's number as text, and a gradient."""
    overlay = json.loads((folder / "nodes.json").read_text())
    assert set(overlay) == {"results", "gradient"}
    operators = schema.read((folder / "int8.tflite").read_bytes()).main.operators
    assert set(overlay["results"]) <= {str(operator.index) for operator in operators}
    assert all(set(result) == {"value"} for result in overlay["results"].values())
    values = {node: result["value"] for node, result in overlay["results"].items()}
    assert all(isinstance(value, float) and value >= 0 for value in values.values())
    assert max(values, key=values.__getitem__) == "1"
    assert [stop["stop"] for stop in overlay["gradient"]] == [0, 1]
    assert all(re.fullmatch("#[0-9a-f]{6}", stop["bgColor"]) for stop in overlay["gradient"])


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_two_tflite_files_do_without_tensorflow(folder, options, tmp_path):
    command = [sys.executable, "-X", "importtime", "-m", "qcompare", "explain"]
    files = [str(folder / name) for name in ("float.tflite", "int8.tflite")]
    done = subprocess.run(
        [*command, *files, "--samples", "2", *options],
        cwd=tmp_path,
        env=commands.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in lines}
    assert "qcompare" in imported
    assert not imported & TENSORFLOW
    assert not list(tmp_path.iterdir())


def test_a_pipe_that_is_shut_is_no_traceback(folder):
    shell = f"{sys.executable} -m qcompare explain float.tflite int8.tflite --samples 2 --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=folder, env=commands.environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("{")
    assert done.stderr == ""


REFUSED = {
    "swapped": (["int8.tflite", "float.tflite"], "float.tflite: computes in floats alone; give the integer model here"),
    "two floats": (["float.tflite", "float.tflite"], "float.tflite: computes in floats alone"),
    "two integers": (["int8.tflite", "int8.tflite"], "; give the float model"),
    "no file": (["nowhere.tflite", "int8.tflite"], "nowhere.tflite: No such file or directory"),
    "no integer file": (["float.tflite", "nowhere.tflite"], "nowhere.tflite: No such file or directory"),
    "no model": (["x.npy", "int8.tflite"], "x.npy: "),
    "a folder": ([".", "int8.tflite"], ".: a folder, no SavedModel"),
    "no keras": (["nowhere.keras", "int8.tflite"], "nowhere.keras: no such file"),
    "inputs": (["float.tflite", "int8.tflite", "--inputs", "int8.tflite"], "int8.tflite: no readable .npz or .npy"),
    "no inputs": (["float.tflite", "int8.tflite", "--inputs", "no.npy"], "no.npy: no such file"),
    "shape": (["float.tflite", "int8.tflite", "--inputs", "flat.npy"], "flat.npy: input "),
    "empty": (["float.tflite", "int8.tflite", "--inputs", "empty.npy"], "empty.npy: no samples"),
    "infinite": (["float.tflite", "int8.tflite", "--inputs", "nan.npy"], "nan.npy: input "),
    "overlay": (["float.tflite", "int8.tflite", "--samples", "1", "--overlay", "no/y.json"], "--overlay no/y.json: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_request_is_one_line(case, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    np.save("flat.npy", np.zeros((3, 7), np.float32))
    np.save("empty.npy", np.zeros((0, 8, 8, 1), np.float32))
    np.save("nan.npy", np.full((1, 8, 8, 1), np.nan, np.float32))
    (folder / "no").write_text("a file")
    arguments, says = REFUSED[case]
    assert explain.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("qcompare explain: ")
    assert says in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["float.tflite"], "INT8"),
        (["float.tflite", "int8.tflite", "--kernels", "gpu"], "gpu"),
        (["float.tflite", "int8.tflite", "--samples", "0"], "'0' is no whole number above 0"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments, says, capsys):
    with pytest.raises(SystemExit) as stop:
        explain.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_an_operator_that_is_not_covered_is_one_line(folder, capsys, monkeypatch):
    from qcompare.core.graph import Operator
    from qcompare.manual.call import NotCoveredError

    def refuse(*_: object) -> None:
        raise NotCoveredError(Operator(index=3, name="CUSTOM", inputs=(), outputs=()), "this operator is")

    monkeypatch.setattr("qcompare.explain.explain.output_climb", refuse)
    monkeypatch.chdir(folder)
    assert explain.main(["float.tflite", "int8.tflite", "--samples", "1"]) == 1
    assert capsys.readouterr().err == "qcompare explain: int8.tflite: operator 3 CUSTOM: this operator is not covered\n"
