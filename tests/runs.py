"""Tiny runs of the real command line, each made once for all tests, whichever test process asks first."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests import commands

TINY = ("model.units=4", "train.epochs=2", "qat.epochs=1", "data.calibration_samples=24")
FILE = ("data=file", "data.file=mine.npz", "train.epochs=40", "train.batch_size=8", "train.learning_rate=0.03")
LSTM = ("model=lstm", *TINY, *FILE, "seed=0..1")

ARGUMENTS = {
    "multirun": ("-m", "model=dense,simple_rnn", "seed=0,1", *TINY, "data.test_samples=20"),
    "lstm": (*LSTM, "workers=2", "latency=true"),
    "unrolled": ("model=lstm", "model.lowering=unrolled", *TINY, *FILE, "seed=0"),
    "loop": ("model=lstm", "model.lowering=loop", "quant.simulate=exact", *TINY, *FILE, "seed=0"),
    "16 bits": ("model=simple_rnn", "model.return_sequences=true", "quant=int16x8", *TINY, *FILE, "seed=0"),
    "gru": ("model=gru", *TINY, *FILE, "seed=0"),
    "lmu": (
        "model=lmu",
        *TINY,
        "data=sequence_sum",
        "data.samples=80",
        "data.test_samples=16",
        "data.steps=4",
        "seed=0",
    ),
    "aligned": ("model=dense", "qat.scheme=aligned", *TINY, "data=digit_pixels", "data.test_samples=20", "seed=0"),
}
"""Name of a run -> its arguments."""

RESULTS = {
    "dense": ("multirun", "dense-int8-"),
    "simple_rnn": ("multirun", "simple_rnn-int8-"),
    "lstm": ("lstm", "lstm-int8-data=file-"),
    "unrolled lstm": ("unrolled", "lstm-int8-data=file-"),
    "loop lstm": ("loop", "lstm-int8-data=file-"),
    "16-bit simple_rnn": ("16 bits", "simple_rnn-int16x8-data=file-"),
    "gru": ("gru", "gru-int8-data=file-"),
    "lmu": ("lmu", "lmu-int8-data=sequence_sum-"),
    "aligned dense": ("aligned", "dense-int8-data=digit_pixels-"),
}
"""What was trained -> the run that did it, and how the name of the folder of its results starts."""


@dataclass(frozen=True)
class Run:
    """A finished command. folder: where it ran; its results are under `outputs` there."""

    folder: Path
    status: int
    out: str
    err: str

    def results(self, start: str = "") -> Path:
        """The one folder of results whose name starts so."""
        (found,) = (path for path in (self.folder / "outputs").glob("[!.]*") if path.name.startswith(start))
        return found


class Runs:
    """Makes each run once in a folder that all test processes share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, name: str) -> Run:
        """One of ARGUMENTS, run beside the data file mine.npz."""

        def run(folder: Path) -> Run:
            data_file(folder / "mine.npz")
            done = commands.run(*ARGUMENTS[name], folder=folder)
            return Run(folder, done.returncode, done.stdout, done.stderr)

        return self.once(name, run)

    def results(self, trained: str) -> Path:
        """The folder of results of one of RESULTS."""
        name, start = RESULTS[trained]
        return self[name].results(start)

    def once(self, name: str, make: Callable[[Path], Run]) -> Run:
        """The run of that name; the first to ask makes it while the others wait."""
        folder = self.root / name
        with open(self.root / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record = self.root / f"{name}.json"
            if not record.exists():
                folder.mkdir()
                run = make(folder)
                record.write_text(json.dumps([run.status, run.out, run.err]))
            return Run(folder, *json.loads(record.read_text()))

    def everyday_models(self, keras: str) -> Path:
        """The folder of the converted models of `tests.everyday_models`, NAME-SCHEME.tflite. keras: which Keras's."""
        return self._made(f"everyday models by {keras}", "tests.everyday_models", keras)

    def digit_models(self) -> Path:
        """The folder of the models of `tests.digit_models`, NAME-SCHEME.tflite, and x.npy."""
        return self._made("digit models", "tests.digit_models")

    def _made(self, name: str, module: str, *arguments: str) -> Path:
        """The folder that a module fills."""

        def make(folder: Path) -> Run:
            command = [sys.executable, "-m", module, *arguments, str(folder)]
            done = subprocess.run(
                command, cwd=commands.ROOT, env=commands.environment(), capture_output=True, text=True, check=False
            )
            return Run(folder, done.returncode, done.stdout, done.stderr)

        run = self.once(name, make)
        assert run.status == 0, run.err
        return run.folder


def shared_root(factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that is the same in all processes of a pytest-xdist run."""
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runs"
    root.mkdir(exist_ok=True)
    return root


def data_file(path: Path) -> None:
    """48 and 16 samples of 3 steps and 2 features; the class tells which half of the sum they lie in."""
    generator = np.random.default_rng(11)
    x = generator.uniform(-1, 1, (64, 3, 2))
    y = (x.sum(axis=(1, 2)) > 0).astype(int)
    np.savez(path, x_train=x[:48], y_train=y[:48], x_test=x[48:], y_test=y[48:])


def stopped(*arguments: str, folder: Path, when: Callable[[], bool], by: signal.Signals) -> Run:
    """A run beside the data file that gets a signal as soon as something is true."""
    data_file(folder / "mine.npz")
    process = commands.start(*arguments, folder=folder)
    while process.poll() is None and not when():
        time.sleep(0.02)
    process.send_signal(by)
    out, err = process.communicate()
    return Run(folder, process.returncode, out, err)
