"""Sweeps over options (`-m`): each combination has one folder, with all the seeds that were asked for in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from qcompare.config.compose import Request
from qcompare.pipeline import sweep


def run(jobs: Sequence[Request], console: Console) -> int:
    """Run the jobs that Hydra's sweeper makes of the options, those of one folder as one request, so that seeds run
    side by side. Exit status 0, or 1 when any of them fell short."""
    return max([sweep.run(request, console) for request in gathered(jobs)])


def gathered(jobs: Sequence[Request]) -> list[Request]:
    """One request for each folder, in the order of the jobs, with the seeds of all its jobs, each once."""
    folders: dict[Path, Request] = {}
    for job in jobs:
        known = folders.get(job.folder, job)
        seeds = dict.fromkeys([*known.config.seed, *job.config.seed])
        folders[job.folder] = replace(known, config=replace(known.config, seed=tuple(seeds)))
    return list(folders.values())
