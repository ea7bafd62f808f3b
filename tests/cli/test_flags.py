"""Hydra's command line: what is handed on, what is refused by name, and values that the shell passed whole."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from qcompare.cli.flags import Arguments, key_of, read, whole
from qcompare.config.options import OptionError


@pytest.mark.parametrize(
    ("given", "flags", "options"),
    [
        ([], (), ()),
        (["model=lstm", "seed=0..9"], (), ("model=lstm", "seed=0..9")),
        (["--cfg", "job", "model=lstm"], ("--cfg=job",), ("model=lstm",)),
        (["model=lstm", "-c", "all", "--resolve", "seed=1"], ("--cfg=all", "--resolve"), ("model=lstm", "seed=1")),
        (["-c", "job", "-p", "train"], ("--cfg=job", "--package=train"), ()),
        (["--info"], ("--info=all",), ()),
        (["-i", "model=lstm"], ("--info=all",), ("model=lstm",)),
        (["--info", "searchpath"], ("--info=searchpath",), ()),
        (["train=mine", "--config-dir", "my conf", "-m"], ("--config-dir=my conf", "--multirun"), ("train=mine",)),
        (["-cd", "x", "-cn", "mine"], ("--config-dir=x", "--config-name=mine"), ()),
        (["-v", "seed=0"], (), ("seed=0", "verbose=true")),
        (["-sc", "install=bash"], ("--shell-completion",), ("install=bash",)),
        (["~train", "+x=1"], (), ("~train", "+x=1")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_arguments_may_stand_in_any_order(given, flags, options):
    assert read(given, as_module=False) == Arguments(flags=flags, options=options)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["hydra.run.dir=x"], "hydra.run.dir: not taken; results go to outputs=DIR"),
        (["-m", "hydra.sweep.dir=x"], "hydra.sweep.dir: not taken; results go to outputs=DIR"),
        (["++hydra.sweep.subdir=x"], "hydra.sweep.subdir: not taken; each configuration has a folder"),
        (["hydra.output_subdir=x"], "hydra.output_subdir: not taken; config.yaml"),
        (["hydra.job.chdir=true"], "hydra.job.chdir: not taken; the current folder stays"),
        (["--config-path", "x"], "--config-path: not taken; "),
        (["--experimental-rerun=x"], "--experimental-rerun: not taken; give the same command again"),
        (["--cfg", "all", "-m"], "--multirun and --cfg: give one of them"),
        (["--cfg", "everything"], "argument --cfg/-c: invalid choice: 'everything'"),
        (["--shell"], "--shell: no such flag"),
        (["--config-dir"], "argument --config-dir/-cd: expected one argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_would_have_no_effect_is_refused_by_name(given, says):
    with pytest.raises(OptionError) as error:
        read(given, as_module=False)
    assert str(error.value).startswith(says)


def test_a_module_has_no_words_that_a_shell_completes():
    with pytest.raises(OptionError, match="works for the script: qcompare -sc install=bash"):
        read(["-sc", "install=bash"], as_module=True)


def test_verbose_of_hydra_has_logs_to_show():
    """The program's own default shows none; a choice of the user's stands."""
    wanted = ("hydra.verbose=true", "hydra/job_logging=stdout", "hydra/hydra_logging=default")
    assert read(["hydra.verbose=true"], as_module=False).options == wanted
    chosen = read(["hydra.verbose=true", "hydra/job_logging=default"], as_module=False).options
    assert chosen == ("hydra.verbose=true", "hydra/job_logging=default", "hydra/hydra_logging=default")


def value_of(text):
    return OverridesParser.create().parse_override(text).value()


PATHS = [
    "results/é ü/run (1)",
    "a=b.npz",
    "~/x",
    "[1]",
    "{a: b}",
    "it's",
    '"half',
    "a,b",
    "2024",
    "null",
    "C:\\folder\\",
    "\\'",
    "glob(*)",
    " spaced ",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_taken_as_the_shell_passed_it(path):
    assert value_of(whole(f"outputs={path}", may_sweep=False)) == path
    assert value_of(whole(f"+data.file={path}", may_sweep=False)) == path


@given(st.text(st.characters(exclude_categories=["C"], exclude_characters="$\"'"), min_size=1))
def test_any_path_without_quotes_and_references_is_taken_whole(path):
    assert value_of(whole(f"outputs={path}", may_sweep=False)) == path


@pytest.mark.parametrize(
    "text",
    ["outputs='a b'", 'outputs="a b"', "outputs=${oc.env:HOME}/x", "outputs=", "model=(lstm", "data=a b", "outputs"],
)
def test_what_is_no_bare_path_is_left_to_hydra(text):
    assert whole(text, may_sweep=False) == text


def test_a_multirun_sweeps_over_paths():
    assert whole("data.file=a.npz,b.npz", may_sweep=True) == "data.file=a.npz,b.npz"
    assert value_of(whole("data.file=a.npz,b.npz", may_sweep=False)) == "a.npz,b.npz"


@pytest.mark.parametrize(
    ("text", "key"), [("a.b=1", "a.b"), ("+a=1", "a"), ("~a", "a"), ("hydra/x=y", "hydra/x"), ("a b", ""), ("", "")]
)
def test_the_option_that_an_override_is_about(text, key):
    assert key_of(text) == key
