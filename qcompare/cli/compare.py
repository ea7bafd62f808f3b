"""The main job: options composed by Hydra, checked, and carried out."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qcompare.cli import flags
from qcompare.config.compose import conf_directory, configuration_name, reason, wrong_with
from qcompare.config.options import Config, FilesData, GivenPair, KerasFile, OptionError, content, read

if TYPE_CHECKING:
    from qcompare.core.ends import Ends

OUTCOMES: list[int | OptionError] = []
"""Exit statuses of what was carried out, or why nothing was: Hydra hands on no result of a job."""

CLUSTER = "hydra/launcher=submitit_"

COMPOSED = "composed.json"
"""In the folder that Hydra gives a job of a launcher that is not ours: the job's values."""


def main(given: Sequence[str]) -> int:
    """Exit status: 0 done; 1 done, but something fell short; 2 the request was wrong."""
    # Errors are raised, so that one line can be made of them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    OUTCOMES.clear()
    options: Sequence[str] = ()
    try:
        arguments = flags.read(given, as_module=sys.argv[0].endswith("__main__.py"))
        options = arguments.options
        if wrong := next(filter(None, map(wrong_with, options)), ""):
            raise OptionError(wrong)
        if arguments.asks_only:
            hydra_job(*arguments.flags, *options)
            return 0
        with sweep_folder(options) as folder:
            hydra_job(*arguments.flags, *options, f"hydra.sweep.dir={folder}")
            if jobs := left_in(folder):
                # All is stored by now, but for what fell: this shows it, and writes the files over all jobs.
                carry_out(jobs)
        for outcome in OUTCOMES:
            if isinstance(outcome, OptionError):
                raise outcome
    except (OptionError, HydraException, OmegaConfBaseException) as error:
        text = str(error) if isinstance(error, OptionError) else reason(error, options)
        print("qcompare:", " ".join(text.split()), file=sys.stderr)
        return 2
    return max((outcome for outcome in OUTCOMES if isinstance(outcome, int)), default=0)


def hydra_job(*words: str) -> None:
    """Hydra with these words on its command line."""
    sys.argv = [sys.argv[0], *words]
    job()


@contextmanager
def sweep_folder(options: Sequence[str]) -> Iterator[Path]:
    """The folder of Hydra's notes on a multirun, which goes when the multirun ends.

    Jobs of a cluster need one that all machines see, with their logs: below the current folder, as Hydra has it, and it
    stays.
    """
    if any(option.startswith(CLUSTER) for option in options):
        yield Path(datetime.now().strftime("multirun/%Y-%m-%d/%H-%M-%S"))
        return
    with tempfile.TemporaryDirectory() as nowhere:
        yield Path(nowhere)


@hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")
def job(composed: DictConfig) -> None:
    """One job of Hydra's: the only one, or one of a multirun in a process of another launcher than ours."""
    try:
        values = plain_values(composed)
        elsewhere = HydraConfig.get().mode is RunMode.MULTIRUN
        if elsewhere:
            (Path(HydraConfig.get().runtime.output_dir) / COMPOSED).write_text(json.dumps(values))
            # joblib's workers start processes in a way that only they know.
            multiprocessing.set_start_method("spawn", force=True)
        carry_out([values], launched=elsewhere)
    except OptionError as error:
        OUTCOMES.append(error)
    except OmegaConfBaseException as error:
        OUTCOMES.append(OptionError(reason(error, [])))


def plain_values(composed: DictConfig) -> dict[str, Any]:
    """The composed options as plain data."""
    values = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def left_in(folder: Path) -> list[dict[str, Any]]:
    """The values of the jobs that another launcher than ours ran, in their order."""
    left = folder.glob(f"*/{COMPOSED}")
    return [json.loads(path.read_bytes()) for path in sorted(left, key=lambda path: int(path.parent.name))]


def carry_out(composed: Sequence[Mapping[str, Any]], *, launched: bool = False) -> int:
    """Carry out composed jobs, all checked before the first begins. Raises OptionError.

    launched: by another launcher, which shows what came of all jobs; beside others no bar is drawn.
    """
    configs = [checked(values) for values in composed]
    from qcompare.pipeline.request import Request, gathered

    requests = gathered([Request(config=config, configuration=configuration_name(config)) for config in configs])
    for config in configs:
        make_folder(config.outputs)

    from rich.console import Console

    from qcompare.pipeline import sweep

    status = sweep.run(requests, Console(force_terminal=False if launched else None), tables=not launched)
    OUTCOMES.append(status)
    return status


def checked(values: Mapping[str, Any]) -> Config:
    """The configuration of composed values; outputs can be written and data files used. Raises OptionError."""
    config = read(values)
    check_outputs(config.outputs)
    ends = None
    if isinstance(config.model, KerasFile):
        ends = check_model("model.path", config.model)
        config = with_deciding_seeds(config)
    if isinstance(config.model, GivenPair):
        ends = check_pair(config.model)
    if isinstance(config.data, FilesData):
        check_files(config.data, ends)
    return config


def with_deciding_seeds(config: Config) -> Config:
    """The configuration with one seed where nothing of a trained model is trained on: the others would be the same."""
    from qcompare.routes.listed import trains

    return config if trains(config) else replace(config, seed=config.seed[:1])


def check_pair(pair: GivenPair) -> Ends:
    """What a user's pair of models takes and gives. Raises OptionError for files that cannot be used."""
    from qcompare.tflite.file import ModelFileError
    from qcompare.tflite.pair import check_alike, float_ends, integer_ends

    try:
        ends = integer_ends(pair.path)
    except ModelFileError as error:
        raise OptionError(f"model.path={error}") from error
    try:
        own = float_ends(pair.float_path) if pair.keras is None else check_model("model.float_path", pair.keras)
        check_alike(pair.float_path, own, pair.path, ends)
    except ModelFileError as error:
        raise OptionError(f"model.float_path={error}") from error
    return ends


def check_model(option: str, model: KerasFile) -> Ends:
    """What a user's Keras model takes and gives. Raises OptionError for a file that cannot be used."""
    from qcompare.models.keras_description import ends, of_file
    from qcompare.models.keras_file import KerasFileError

    try:
        return ends(of_file(model.path, content(model), model.trust))
    except KerasFileError as error:
        raise OptionError(f"{option}={error}") from error


def check_outputs(outputs: Path) -> None:
    """Raises OptionError for a folder that can neither be written to nor made."""
    # os.path: a path in a folder that may not be searched is not there, where Path.exists raises.
    there = next(path for path in (outputs, *outputs.parents) if os.path.exists(path))
    if not there.is_dir():
        raise OptionError(f"outputs={outputs}: {there} is no folder; give a folder, or a path where one can be made")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OptionError(f"outputs={outputs}: {there} may not be written to; give a folder that may")


def make_folder(outputs: Path) -> None:
    """Raises OptionError for a folder that cannot be made after all: a full disk, or a file system such as /proc."""
    try:
        outputs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"outputs={outputs}: cannot be made ({error.strerror}); give a folder that can be written to"
        raise OptionError(text) from error


def check_files(data: FilesData, ends: Ends | None) -> None:
    """Raises OptionError for data files that cannot be used. ends: of a user's model."""
    from qcompare.core.plain import plain
    from qcompare.data.error import DataFileError
    from qcompare.data.load import load_files

    try:
        load_files(plain(data), plain(data.files), content(data), ends)
    except DataFileError as error:
        raise OptionError(str(error)) from error
