"""What a command asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qcompare.config.options import Config, OptionError
from qcompare.pipeline.store import FOLDER
from qcompare.pipeline.trial import Trial, trial


@dataclass(frozen=True, kw_only=True)
class Request:
    """A checked configuration, and its name: that of the folder that its results go to."""

    config: Config
    configuration: str

    @property
    def folder(self) -> Path:
        return self.config.outputs / self.configuration

    @property
    def store(self) -> Path:
        """The folder of what was computed."""
        return self.config.outputs / FOLDER

    def trials(self) -> list[Trial]:
        """One a seed, none of them computed."""
        return [trial(self.config, self.configuration, seed) for seed in self.config.seed]


def gathered(jobs: Sequence[Request]) -> list[Request]:
    """One request for each folder, in the order of the jobs, with the seeds of all its jobs, each once. Raises
    OptionError when its jobs have different gates."""
    folders: dict[Path, Request] = {}
    for job in jobs:
        known = folders.get(job.folder, job)
        if known.config.check != job.config.check:
            raise OptionError("check: gates decide no result and cannot be swept; give each one value")
        seeds = dict.fromkeys([*known.config.seed, *job.config.seed])
        folders[job.folder] = replace(known, config=replace(known.config, seed=tuple(seeds)))
    return list(folders.values())
