"""The real command line, run as a process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment():
    """This process's environment, with the checkout's qcompare in front."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path}


def run(*arguments, folder, python=()):
    """`python -m qcompare` in a folder, until it ends. python: options of the interpreter itself."""
    return subprocess.run(
        [sys.executable, *python, "-m", "qcompare", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


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
