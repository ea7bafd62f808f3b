"""What Hydra documents of its command line, asked of the real one; no trial runs here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from qcompare.config.options import GROUPS
from tests import commands

pytestmark = pytest.mark.slow

MINE = {
    "train/mine.yaml": "epochs: 3\nbatch_size: 16\nlearning_rate: 0.01\n",
    "model/wide.yaml": "name: dense\nunits: [64, 32]\nactivation: relu\n",
    "experiment/mine.yaml": "# @package _global_\ndefaults:\n  - override /model: dense\ntrain:\n  epochs: 2\n",
    "own.yaml": "defaults:\n  - config\n  - _self_\nseed: 7\n",
}
"""Files of a user's own folder of configurations."""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    for name, text in MINE.items():
        path = folder / "my conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def said(here, *arguments):
    """What the command prints; it writes nothing."""
    run = commands.run(*arguments, folder=here)
    assert (run.returncode, run.stderr) == (0, "")
    assert [path.name for path in here.iterdir()] == ["my conf"]
    return run.stdout


def test_cfg_shows_the_configuration(here):
    shown = yaml.safe_load(said(here, "--cfg", "job", "model=lmu", "seed=3"))
    assert (shown["model"]["name"], shown["seed"], shown["train"]["epochs"]) == ("lmu", 3, 60)
    assert "hydra" not in shown
    part = yaml.safe_load(said(here, "model=lmu", "-c", "job", "-p", "train"))
    assert part == shown["train"]


def test_info_names_the_launchers(here):
    shown = said(here, "--info", "model=dense")
    assert "PoolLauncher" in shown
    assert "JoblibLauncher" in shown


CHOSEN = {
    "train=mine": ("train", "epochs", 3),
    "model=wide": ("model", "units", [64, 32]),
    "experiment=mine": ("train", "epochs", 2),
}


@pytest.mark.parametrize("choice", CHOSEN)
def test_a_folder_of_the_users_adds_choices(here, choice):
    group, option, value = CHOSEN[choice]
    shown = yaml.safe_load(said(here, "--config-dir", "my conf", choice, "--cfg", "job"))
    assert shown[group][option] == value


def test_a_configuration_of_the_users_is_the_first_one(here):
    shown = yaml.safe_load(said(here, "-cd", "my conf", "-cn", "own", "--cfg", "job"))
    assert (shown["seed"], shown["model"]["name"]) == (7, "lstm")


@pytest.mark.parametrize("path", ["results/é ü/run (1)", "a=b", "it's"])
def test_a_path_is_taken_whole(here, path):
    assert yaml.safe_load(said(here, f"outputs={path}", "--cfg", "job"))["outputs"] == path


def test_the_version(here):
    assert said(here, "--version").startswith("qcompare ")


@pytest.mark.skipif(os.name != "posix", reason="bash")
def test_the_script_completes_words(here):
    script = Path(sys.executable).with_name("qcompare")
    if not script.exists():
        pytest.skip("the script is not installed beside this Python")

    def answer(line, query):
        environment = commands.environment() | {"COMP_LINE": line, "COMP_POINT": str(len(line))}
        return subprocess.run(
            [script, "-sc", query], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert "hydra_bash_completion qcompare" in answer("", "install=bash")
    assert answer("qcompare model=", "query=bash").split() == [f"model={name}" for name in sorted(GROUPS["model"])]
