"""What the command line says and does: the help, and each wrong request in one line with exit status 2."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from qcompare.__main__ import main
from qcompare.cli.compare import check_outputs
from qcompare.config.options import GROUPS, OptionError
from tests import commands

pytestmark = pytest.mark.usefixtures("logging_left_alone")

NOBODY = 65534


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def contents(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refusal(capfd, arguments):
    """The one line that main says on stderr when it refuses."""
    assert main(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.endswith("\n")
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith("qcompare: ")
    return said.err.removeprefix("qcompare: ").rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["model=cnn"], "model=cnn: must be dense, given, gru, keras, lmu, lstm or simple_rnn"),
        (["quant=int9"], "quant=int9: must be dynamic, float16, float32, int16x8 or int8"),
        (["data=cifar"], "data=cifar: must be digit_pixels, digits, file, mnist, sequence_sum or ucr"),
        (
            ["experiment=mine"],
            "experiment=mine: must be ",
        ),
        (["model=lstm", "units=4"], "units: no such option"),
        (["model.order=4"], "model.order: no such option"),
        (["model=dense", "model.lowering=unrolled"], "model.lowering: no such option"),
        (["model=dense", "+model.order=3"], "model.order: no such option here; there are model.units, model.act"),
        (["model.units=0"], "model.units=0: must be a width"),
        (["model.units=[8,x]"], "model.units=[8,x]: must be a width"),
        (["model.units={a:1}"], "model.units={'a': 1}: must be a width"),
        (["model.name=[lstm]"], "model=[lstm]: must be dense, simple_rnn, lstm, gru, lmu, keras or given"),
        (["model.name={a:1}"], "model={'a': 1}: must be dense, simple_rnn, lstm, gru, lmu, keras or given"),
        (["qat.scheme=[aligned]"], "qat.scheme=[aligned]: must be aligned or tfmot"),
        (["model=keras"], "model.path: missing; give model.path=..., the .keras or .h5 file"),
        (["model=keras", "model.path=no.keras"], "model.path=no.keras: no such file; give a .keras or .h5 file"),
        (["model=keras", "model.path=."], "model.path=.: a folder, no SavedModel; save the model as a .keras file"),
        (["model=lmu", "model.theta=-2"], "model.theta=-2: must be a positive number of steps"),
        (["model=lmu", "model.order=0"], "model.order=0: must be a whole number from 1 to 1024"),
        (["qat.scheme=tfmot"], "qat.scheme=tfmot: tensorflow-model-optimization: it rejects recurrent layers"),
        (["train.epochs=0"], "train.epochs=0: must be a whole number"),
        (["train.learning_rate=nan"], "train.learning_rate=nan: must be a number"),
        (["train=null"], "train=null: must be default"),
        (["check.max_lsb=1.5"], "check.max_lsb=1.5: must be a whole number from 0 to 65535, or null for no gate"),
        (["check.mismatch_rate=2"], "check.mismatch_rate=2: must be a number from 0 to 1, or null for no gate"),
        (["check.tolerance=-1"], "check.tolerance=-1: must be a number from 0 on, or null for no gate"),
        (["check.sqnr_db=nan"], "check.sqnr_db=nan: must be a number, or null for no gate"),
        (["check.pairs=qat"], "check.pairs=qat: must be float-qat, A-B or a list; A: qat, float, manual, "),
        (["check.pairs=[]"], "check.pairs=[]: must be float-qat, A-B or a list"),
        (["-m", "check.max_lsb=1,2"], "check: gates decide no result and cannot be swept; give each one value"),
        (["train=fast"], "train=fast: must be default"),
        (["data=sequence_sum", "data.samples=20"], "data.test_samples=400: must be less than data.samples=20"),
        (["data.split_seed=x"], "data.split_seed=x: must be a whole number"),
        (["seed=9..0"], "seed=9..0: the range runs backwards; write seed=0..9"),
        (["seed=x"], "seed=x: not a seed"),
        (["seed="], "seed=: not a seed"),
        (["seed=-1"], "seed=-1: not a seed"),
        (["seed=0.5"], "seed=0.5: not a seed"),
        (["seed=[]"], "seed=[]: no seed named"),
        (["seed=[0,0]"], "seed=[0, 0]: a seed stands twice"),
        (["seed=0..2147483647"], "seed=0..2147483647: 2147483648 seeds"),
        (["seed=2147483648"], "seed=2147483648: larger than"),
        (["seed=0,1"], "seed=0,1: a sweep needs -m; a list is seed=[0,1]"),
        (["seed=range(10)"], "seed=range(10): a sweep needs -m"),
        (['seed="0\n1"'], "seed=0 1: not a seed"),
        (["workers=0"], "workers=0: must be a whole number from 1 to 256"),
        (["workers=many"], "workers=many: must be auto or a whole number"),
        (["outputs="], "outputs=: must be a path"),
        (["outputs=~nobody-of-that-name/x"], "outputs=~nobody-of-that-name/x: there is no such user"),
        (["hydra/launcher=many"], "hydra/launcher=many: must be basic,"),
        (["hydra.run.dir=x"], "hydra.run.dir: not taken; results go to outputs=DIR"),
        (["-m", "hydra.sweep.dir=x", "seed=0,1"], "hydra.sweep.dir: not taken; results go to outputs=DIR"),
        (["--config-dir", "nowhere"], "Additional config directory"),
        (["verbose=perhaps"], "verbose=perhaps: must be true or false"),
        (["lstm"], "lstm: cannot be read; write option=value"),
        (["model=lstm", ""], ": cannot be read"),
        (["model=(lstm"], "model=(lstm: cannot be read"),
        (["model.units=${nowhere}"], "Interpolation key 'nowhere' not found"),
        (["--model", "lstm"], "--model: no such flag; `python -m qcompare --help` lists them"),
        (["seed=0", "outputs=/proc/results"], "outputs=/proc/results: cannot be made"),
        (["-m", "seed=0,1", "outputs=/proc/results"], "outputs=/proc/results: cannot be made"),
        (["-x"], "-x: no such flag"),
        (["-m", "model=dense,cnn"], "model=cnn: must be"),
        (["-m", "seed=0,x"], "seed=x: not a seed"),
        (["-m", "seed=9..0,1"], "seed=9..0: the range runs backwards"),
        (["-m", "model"], "model: cannot be read"),
        (["-m", "qat.scheme=tfmot", "model=dense,lmu"], "qat.scheme=tfmot: tensorflow-model-optimization: it rejects"),
        (["data=file"], "data.file: missing; give data.file=..."),
        (["data=file", "data.file=nowhere.npz"], "data.file=nowhere.npz: no such file"),
        (["data=ucr"], "data.path: missing; give data.path=..., the problem's folder NAME"),
        (["data=ucr", "data.path=some/Vowels"], "data.path=some/Vowels: no such folder; it must hold Vowels_TRAIN.ts"),
        (["data=mnist", "data.path=no.npz"], "data=mnist: there is no no.npz; `python -c "),
        (
            ["data=mnist", "data.train_samples=60001"],
            "data.train_samples=60001: must be a whole number from 1 to 60000",
        ),
        (["-m", "data=file", "data.file=nowhere.npz", "seed=0,1"], "data.file=nowhere.npz: no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_one_line_and_writes_nothing(arguments, says, here, capfd):
    assert refusal(capfd, arguments).startswith(says)
    assert contents(here) == []


@pytest.mark.parametrize("part", ["taken", "taken/inside", "taken/inside/deeper"])
def test_outputs_that_no_folder_can_be_made_at(part, here, capfd):
    (here / "taken").write_text("a file")
    said = refusal(capfd, ["seed=0", f"outputs={part}"])
    assert said == f"outputs={part}: {Path('taken')} is no folder; give a folder, or a path where one can be made"
    assert contents(here) == ["taken"]


@contextmanager
def without_privileges():
    """As root, who may write anywhere, the user nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_outputs_that_may_not_be_written(here):
    (here / "locked").mkdir(mode=0o500)
    with without_privileges(), pytest.raises(OptionError) as caught:
        check_outputs(Path("locked/results"))
    assert str(caught.value) == "outputs=locked/results: locked may not be written to; give a folder that may"
    (here / "open").mkdir()
    (here / "open").chmod(0o777)
    with without_privileges():
        check_outputs(Path("open/results"))


def test_a_data_file_that_cannot_be_used(here, capfd):
    np.savez(here / "mine.npz", x_train=np.zeros((3, 2, 2)))
    said = refusal(capfd, ["data=file", "data.file=mine.npz"])
    assert said.startswith("data.file=mine.npz: y_train, x_test, y_test missing")
    assert contents(here) == ["mine.npz"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["model=cnn"], "qcompare: model=cnn: must be dense, given, gru, keras, lmu, lstm or simple_rnn\n"),
        (["-m", "seed=0,9..1"], "qcompare: seed=9..1: the range runs backwards; write seed=1..9\n"),
        (["-sc", "install=bash"], "qcompare: --shell-completion: works for the script: qcompare -sc install=bash\n"),
        (["--nonsense"], "qcompare: --nonsense: no such flag; `python -m qcompare --help` lists them\n"),
    ],
)
def test_as_a_process(arguments, says, here):
    run = commands.run(*arguments, folder=here)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", says)
    assert contents(here) == []


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_choice_and_option(flag, here, capfd):
    assert main([flag]) == 0
    said = capfd.readouterr()
    assert said.err == ""
    for group, choices in GROUPS.items():
        for choice in choices:
            assert f"{group}={choice}" in said.out or choice in said.out
    options = ("train.epochs", "qat.scheme", "model.theta", "data.file", "data.steps", "seed", "workers", "outputs")
    for option in options:
        assert f"  {option} " in said.out, option
    assert "python -m qcompare model=lstm quant=int8 seed=0..9" in said.out
    assert max(map(len, said.out.splitlines())) <= 120
    assert contents(here) == []


def test_help_wins_over_a_wrong_option(here, capfd):
    assert main(["model=cnn", "--help"]) == 0
    assert capfd.readouterr().out.startswith("qcompare: how far")


def test_an_interrupt_is_one_line(here, capfd, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("qcompare.pipeline.sweep.run", interrupt)
    assert main(["seed=0"]) == 130
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_arguments_are_those_of_the_process_by_default(here, capfd, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["qcompare", "model=cnn"])
    assert main() == 2
    assert "model=cnn" in capfd.readouterr().err
