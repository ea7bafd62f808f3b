"""Many trials: what is stored already, workers, crashes, progress; then the files over all seeds."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from qcompare.analysis.figures import ERRORS_DTYPES, Figures, errors_frame
from qcompare.analysis.parameters import PARAMETERS_DTYPES
from qcompare.analysis.statistics import summarise
from qcompare.config.compose import Request, plain
from qcompare.config.options import Config
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError, silence
from qcompare.core.files import write_whole
from qcompare.pipeline import store
from qcompare.report import plots
from qcompare.report.tables import labels_table, read_csv, summary_table, write_csv

STAGES = 7
"""Stages of a trial (`trial.STAGES`), known here without importing what a trial needs."""


def run(request: Request, console: Console) -> int:
    """Compute what is missing, then write and show the results over all seeds. Exit status 0, or 1 when a trial or
    a route of one fell short."""
    reused = compute(request, console)
    return gather(request, console, reused)


def compute(request: Request, console: Console) -> int:
    """Compute the request's trials that are not stored yet; the number of those that are."""
    request.folder.mkdir(parents=True, exist_ok=True)
    store.remove_leftovers(request.folder)
    keys = {seed: store.key(request.identity, seed) for seed in request.config.seed}
    missing = [seed for seed in request.config.seed if not store.is_stored(seed_folder(request, seed), keys[seed])]
    if missing:
        with progress_bar(console, request, len(missing)) as advance:
            workers = min(request.config.workers, len(missing))
            work = in_line if workers == 1 else in_parallel
            work(request, missing, keys, workers, advance)
    return len(keys) - len(missing)


def seed_folder(request: Request, seed: int) -> Path:
    """Where the results of one seed stand."""
    return request.folder / f"seed={seed}"


Advance = Callable[[int, str], None]
"""Told of a seed and the stage that it begins; "" when the seed is done."""


def in_line(request: Request, seeds: Sequence[int], keys: dict[int, str], workers: int, advance: Advance) -> None:
    """One trial after another in this process."""
    with quiet(not request.config.verbose):
        for seed in seeds:
            try:
                run_trial(request.config, seed, seed_folder(request, seed), keys[seed], partial(advance, seed))
            except Exception as error:
                record_crash(request, seed, keys[seed], f"trial failed: {type(error).__name__}: {first_line(error)}")
            advance(seed, "")


def in_parallel(request: Request, seeds: Sequence[int], keys: dict[int, str], workers: int, advance: Advance) -> None:
    """Each worker a child process that runs one trial at a time; a crash takes no other trial along."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in seeds:
        waiting.put(seed)
    given_up = threading.Event()

    def work(child: Child) -> None:
        with child:
            while not given_up.is_set():
                try:
                    seed = waiting.get_nowait()
                except queue.Empty:
                    return
                arguments = (request.config, seed, seed_folder(request, seed), keys[seed])
                try:
                    child.call(run_trial, *arguments, notify=partial(advance, seed))
                except ChildCrashedError as error:
                    if given_up.is_set():
                        return
                    record_crash(request, seed, keys[seed], f"trial crashed: {error}")
                except ChildFailedError as error:
                    record_crash(request, seed, keys[seed], f"trial failed: {error}")
                advance(seed, "")

    children = [Child(quiet=not request.config.verbose) for _ in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, child) for child in children]
        try:
            for done in running:
                done.result()
        except BaseException:
            given_up.set()
            for child in children:
                child.kill()
            raise


def run_trial(config: Config, seed: int, folder: Path, key: str, notify: Callable[[str], None]) -> None:
    """`trial.run`, which brings TensorFlow with it: imported only where a trial runs."""
    notify("import")
    start = time.perf_counter()
    from qcompare.pipeline import trial

    trial.run(config, seed, folder, key, notify, time.perf_counter() - start)


def record_crash(request: Request, seed: int, key: str, note: str) -> None:
    """A trial without figures is rows that say why."""
    config = request.config
    keys = {
        "model": config.model.name,
        "quant": config.quant.name,
        "lowering": config.model.lowering,
        "seed": seed,
        "scope": "output",
        "note": note,
    }
    rows = [keys | {"route": route} | asdict(Figures()) for route in config.routes]
    with store.whole_folder(seed_folder(request, seed)) as results:
        write_csv(errors_frame(rows), results / "errors.csv")
        store.write_json({"key": key, "seed": seed, "crashed": note}, results / store.RECORD)


def gather(request: Request, console: Console, reused: int) -> int:
    """Write the files over the request's seeds and show what they say."""
    folders = [seed_folder(request, seed) for seed in request.config.seed]
    errors = pd.concat([read_csv(folder / "errors.csv", ERRORS_DTYPES) for folder in folders], ignore_index=True)
    parameters = [
        read_csv(folder / "parameters.csv", PARAMETERS_DTYPES)
        for folder in folders
        if (folder / "parameters.csv").exists()
    ]
    summary = summarise(errors)
    write_csv(errors, request.folder / "errors.csv")
    write_csv(summary, request.folder / "summary.csv")
    if parameters:
        write_csv(pd.concat(parameters, ignore_index=True), request.folder / "parameters.csv")
    else:
        (request.folder / "parameters.csv").unlink(missing_ok=True)
    write_whole(request.folder / "config.yaml", yaml.safe_dump(plain(request.config), sort_keys=False).encode())
    provenance = store.environment() | {
        "trials": {
            str(seed): store.record_of(folder) for seed, folder in zip(request.config.seed, folders, strict=True)
        }
    }
    store.write_json(provenance, request.folder / "provenance.json")
    drawn = draw(request, errors, summary)
    show(request, console, errors, summary, drawn, reused)
    return 1 if (errors["note"] != "").any() else 0


def draw(request: Request, errors: pd.DataFrame, summary: pd.DataFrame) -> list[Path]:
    """The plots over the seeds."""
    name = f"{request.config.model.name} {request.config.quant.name}"
    drawn = []
    for route in request.config.routes:
        of_route = errors["route"] == route
        figure = plots.over_seeds(errors[of_route], summary[summary["route"] == route], title=f"{name}, route {route}")
        drawn.append(request.folder / f"{route}_seeds.png")
        plots.save_png(figure, drawn[-1])
    drawn.append(request.folder / "labels.png")
    plots.save_png(plots.against_labels(errors, summary, title=name), drawn[-1])
    return drawn


def show(
    request: Request, console: Console, errors: pd.DataFrame, summary: pd.DataFrame, drawn: Sequence[Path], reused: int
) -> None:
    """The small tables and the paths of what was written."""
    console.print(summary_table(summary))
    console.print(labels_table(summary))
    for seed, route, note in sorted(set(zip(errors["seed"], errors["route"], errors["note"], strict=True))):
        if note:
            console.print(f"seed {seed}, route {route}: {note}", style="yellow", highlight=False, markup=False)
    if not (errors["b"] == "micro").any():
        console.print("TensorFlow Lite Micro was not run: pip install 'qcompare[micro]' adds it", markup=False)
    if reused:
        console.print(f"{reused} of {len(request.config.seed)} seeds were stored already", highlight=False)
    for path in [*(request.folder / name for name in ("errors.csv", "summary.csv", "parameters.csv")), *drawn]:
        if path.exists():
            console.print(str(path), soft_wrap=True, highlight=False, markup=False)


@contextmanager
def progress_bar(console: Console, request: Request, seeds: int) -> Iterator[Advance]:
    """A bar over seeds and stages, with time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        name = f"{request.config.model.name} {request.config.quant.name}"
        task = progress.add_task(f"{name}, 0/{seeds} seeds", total=seeds * (STAGES + 1), stage="")
        done: set[int] = set()
        begun: dict[int, set[str]] = {}

        def advance(seed: int, stage: str) -> None:
            if stage:
                begun.setdefault(seed, set()).add(stage)
            else:
                done.add(seed)
            completed = sum(STAGES + 1 if seed in done else len(stages) - 1 for seed, stages in begun.items())
            shown = f"seed {seed}: {stage}" if stage else ""
            progress.update(task, completed=completed, description=f"{name}, {len(done)}/{seeds} seeds", stage=shown)

        yield advance


@contextmanager
def quiet(wanted: bool) -> Iterator[None]:
    """Drop what native code writes to the terminal while the block runs."""
    if not wanted:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    silence(1, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)


def first_line(error: Exception) -> str:
    """The first line of an exception's message."""
    return (str(error).strip().splitlines() or [""])[0]
