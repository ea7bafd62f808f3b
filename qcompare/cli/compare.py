"""The main job: options composed by Hydra, checked, and carried out."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qcompare.config.compose import conf_directory, configuration_name, reason
from qcompare.config.options import Config, FileData, OptionError, read

FLAGS = (
    *("-m", "--multirun", "-r", "--run", "-c", "--cfg", "-i", "--info", "-p", "--package", "--resolve"),
    *("-cn", "--config-name", "-cd", "--config-dir", "-sc", "--shell-completion", "--hydra-help"),
)
"""Hydra's own flags, which are handed on."""

OUTCOMES: list[int | OptionError] = []
"""Exit statuses of what was carried out, or why nothing was: Hydra hands on no result of a job."""


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 done; 1 done, but something fell short; 2 the request was wrong."""
    verbose = {"-v", "--verbose"} & set(arguments)
    given = [item for item in arguments if item not in ("-v", "--verbose")]
    # Errors are raised, so that one line can be made of them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    OUTCOMES.clear()
    try:
        for item in given:
            if item.startswith("-") and item.partition("=")[0] not in FLAGS:
                raise OptionError(f"{item}: no such flag; there are -m, -v and -h")
        with tempfile.TemporaryDirectory() as nowhere:
            # Where Hydra notes what was swept.
            extra = [f"hydra.sweep.dir={nowhere}", *(["verbose=true"] if verbose else [])]
            sys.argv = [sys.argv[0], *given, *extra]
            job()
        for outcome in OUTCOMES:
            if isinstance(outcome, OptionError):
                raise outcome
    except (OptionError, HydraException, OmegaConfBaseException) as error:
        overrides = [item for item in given if not item.startswith("-")]
        text = str(error) if isinstance(error, OptionError) else reason(error, overrides)
        print("qcompare:", " ".join(text.split()), file=sys.stderr)
        return 2
    return max((outcome for outcome in OUTCOMES if isinstance(outcome, int)), default=0)


@hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")
def job(composed: DictConfig) -> None:
    """One job of Hydra's."""
    try:
        values = OmegaConf.to_container(composed, resolve=True)
        assert isinstance(values, dict)
        carry_out([{str(name): value for name, value in values.items()}])
    except OptionError as error:
        OUTCOMES.append(error)
    except OmegaConfBaseException as error:
        OUTCOMES.append(OptionError(reason(error, [])))


def carry_out(composed: Sequence[Mapping[str, Any]]) -> int:
    """Carry out composed jobs, all checked before the first begins. Raises OptionError."""
    configs = [checked(values) for values in composed]
    for config in configs:
        make_folder(config.outputs)

    from qcompare.pipeline.request import Request, gathered

    requests = gathered([Request(config=config, configuration=configuration_name(config)) for config in configs])

    from rich.console import Console

    from qcompare.pipeline import sweep

    status = sweep.run(requests, Console())
    OUTCOMES.append(status)
    return status


def checked(values: Mapping[str, Any]) -> Config:
    """The configuration of composed values; outputs can be written and a data file can be used. Raises OptionError."""
    config = read(values)
    check_outputs(config.outputs)
    if isinstance(config.data, FileData):
        check_file(config.data)
    return config


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


def check_file(data: FileData) -> None:
    """Raises OptionError for a data file that cannot be used."""
    from qcompare.core.plain import plain
    from qcompare.data.file import DataFileError
    from qcompare.data.load import load_file

    try:
        load_file(plain(data), data.content)
    except DataFileError as error:
        raise OptionError(str(error)) from error
