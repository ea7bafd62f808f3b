"""The rows of all configurations of one command, in the folder of outputs that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from qcompare.analysis.differences import DIFFERENCES
from qcompare.analysis.errors import ERRORS
from qcompare.analysis.latency import LATENCY, Timed
from qcompare.analysis.methods import METHODS
from qcompare.analysis.statistics import SUMMARY
from qcompare.analysis.techniques import TECHNIQUES
from qcompare.config.options import GivenPair
from qcompare.core.files import replace_whole
from qcompare.core.stage import Stage
from qcompare.core.table import Table
from qcompare.pipeline import report_steps, steps
from qcompare.pipeline.request import Request
from qcompare.pipeline.results import LOCK, Written, csv_of, options_of
from qcompare.pipeline.store import Store
from qcompare.report import csv
from qcompare.report.alike import seeds
from qcompare.report.templates import REPORT

TABLES: tuple[Table[Any, Any], ...] = (ERRORS, SUMMARY, METHODS, DIFFERENCES)
"""What is put together as it stands in the folders of the configurations."""


@dataclass(frozen=True, kw_only=True)
class Together:
    """What was written into a folder of outputs: the paths, and the rows of techniques.csv."""

    paths: list[Path]
    techniques: list[dict[str, str]]


def write(written: Mapping[Request, Written], timed: Mapping[Request, Sequence[Timed]]) -> list[Together]:
    """Write the files over the requests into each folder of outputs that has several of them. The order of the requests
    and of their seeds changes no byte.

    written: what was of each. timed: what was measured of each; without it latency.csv is left as it is.
    """
    folders: dict[Path, list[Request]] = {}
    for request in sorted(written, key=lambda request: request.configuration):
        folders.setdefault(request.config.outputs, []).append(request)
    return [_together_in(folder, own, written, timed) for folder, own in folders.items() if len(own) > 1]


def _together_in(
    folder: Path,
    requests: Sequence[Request],
    written: Mapping[Request, Written],
    timed: Mapping[Request, Sequence[Timed]],
) -> Together:
    files = {table.file: _together(table, [request.folder for request in requests]) for table in TABLES}
    files["configurations.csv"] = configurations(requests)
    stores = [written[request].store for request in requests]
    held = {key: value for store in stores for key, value in store.held.items()}
    store = Store(root=requests[0].store, keeps=all(store.keeps for store in stores), held=held)
    # A user's pair of models was quantized elsewhere: no technique is known of it.
    known = [request for request in requests if not isinstance(request.config.model, GivenPair)]
    of_several: dict[str, Stage[Any]] = {}
    if known:
        methods = _together(METHODS, [request.folder for request in known]).decode()
        options = {request.configuration: options_of(request) for request in known}
        errors = _together(ERRORS, [request.folder for request in known]).decode()
        between = steps.differences_between(errors, options)
        files[DIFFERENCES.file] = csv.joined([files[DIFFERENCES.file], store.files(between)[DIFFERENCES.file]])
        techniques = steps.techniques(methods, options)
        plot = steps.methods_plot(about(known), methods, errors, techniques)
        files |= {**store.files(techniques), **store.files(plot)}
        of_several = {"together": techniques, "between": between, "plots": plot}
    page = report_steps.page(
        [written[request].chapter for request in requests], title=f"{len(requests)} configurations", **of_several
    )
    files[REPORT] = store.files(page)[REPORT]
    if together := [each for request in requests for each in timed.get(request, ())]:
        files[LATENCY.file] = csv_of(LATENCY, together)
    with FileLock(store.root / LOCK):
        for name, content in files.items():
            replace_whole(folder / name, content)
    return Together(
        paths=[folder / name for name in files], techniques=csv.texts(files[TECHNIQUES.file]) if known else []
    )


def _together(table: Table[Any, Any], folders: Sequence[Path]) -> bytes:
    """The rows of a table in these folders, those of each by seed."""
    rows: list[dict[str, str]] = []
    for folder in folders:
        own = csv.texts((folder / table.file).read_bytes())
        rows += sorted(own, key=lambda row: int(row.get("seed", 0)))
    return csv.lines(table.dtypes, [row.values() for row in rows])


def about(requests: Sequence[Request]) -> str:
    """The data and the seeds of the requests."""
    names = dict.fromkeys(request.config.data.name for request in requests)
    numbers = sorted({seed for request in requests for seed in request.config.seed})
    return f"data {', '.join(names)}, {seeds(numbers)}"


def configurations(requests: Sequence[Request]) -> bytes:
    """configurations.csv: a row each; the columns are those of all, and an option that one has not is empty."""
    rows = [options_of(request) for request in requests]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return csv.lines(columns, [[row.get(name) for name in columns] for row in rows])
