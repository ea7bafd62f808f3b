"""The real command line, run as a process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment(path=()):
    """This process's environment, with the checkout's qcompare in front, and before it the folders of a path."""
    path = os.pathsep.join([*path, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path}


def run(*arguments, folder, python=(), path=()):
    """`python -m qcompare` in a folder, until it ends. python: options of the interpreter. path: for its modules."""
    return subprocess.run(
        [sys.executable, *python, "-m", "qcompare", *arguments],
        cwd=folder,
        env=environment(path),
        capture_output=True,
        text=True,
        check=False,
    )


def typed(command, folder):
    """A line of a shell in a folder, `python` being the one that runs the tests: what it printed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment() | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def start(*arguments, folder):
    """`python -m qcompare` in a folder, at work."""
    return subprocess.Popen(
        [sys.executable, "-m", "qcompare", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def copied(folder):
    """A copy of the program, to be changed; its folder belongs in the path."""
    for name in ("qcompare", "conf", "hydra_plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
