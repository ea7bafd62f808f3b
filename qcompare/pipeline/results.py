"""The folder of a configuration: a folder for each seed, the rows of all of them, and what is left of these."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from filelock import FileLock

from qcompare.analysis.differences import DIFFERENCES
from qcompare.analysis.errors import ERRORS
from qcompare.analysis.findings import FINDINGS
from qcompare.analysis.gates import Verdict, judge, outcome_told, outcomes
from qcompare.analysis.ladder import LADDER
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.latency import LATENCY, Timed
from qcompare.analysis.statistics import SUMMARY
from qcompare.analysis.tensors import TENSORS
from qcompare.config.options import UNDERSTOOD, Check, GivenPair
from qcompare.core.archive import Files, arrays_packed
from qcompare.core.digest import digest
from qcompare.core.files import replace_whole
from qcompare.core.finding import Finding, Severity, failure
from qcompare.core.plain import plain
from qcompare.core.sources import all_sources, cpu_features, cpu_name, installed, machine
from qcompare.core.stage import Stage, stored
from qcompare.core.table import Table, values_of
from qcompare.core.tap import OUTPUT
from qcompare.data.understood import Understood, understood
from qcompare.pipeline import ladder_steps, report_steps, steps
from qcompare.pipeline.request import Request
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import Trial
from qcompare.report import csv
from qcompare.report.alike import seeds
from qcompare.report.templates import ANSWERS, REPORT

Source = TypeVar("Source")

RECORD = "trial.json"
"""In the folder of a seed: the key of each of its stages."""

PROVENANCE = "provenance.json"

LOCK = "folders.lock"
"""In the store: held by whoever writes into folders of results."""


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the results of one seed stand."""
    return folder / f"seed={seed}"


def record(trial: Trial, store: Store) -> dict[str, Any]:
    """What a folder of a seed says of itself."""
    stages = {stage.name: store.key(stage) for stage in stored(trial.ends)}
    return {"seed": trial.seed, "key": digest([end.key for end in trial.ends]), "stages": dict(sorted(stages.items()))}


def publish(folder: Path, trial: Trial, store: Store) -> None:
    """Leave the folder of a seed whole, as the stored results have it; one that is so already is left alone."""
    place = seed_folder(folder, trial.seed)
    with FileLock(store.root / LOCK):
        beside, old = (folder / f".{place.name}.{end}" for end in ("partial", "old"))
        for leftover in (beside, old):
            shutil.rmtree(leftover, ignore_errors=True)
        stated = (json.dumps(record(trial, store), indent=1) + "\n").encode()
        if not store.fresh and (place / RECORD).is_file() and (place / RECORD).read_bytes() == stated:
            return
        beside.mkdir(parents=True)
        for name, content in {**contents(trial, store), RECORD: stated}.items():
            (beside / name).write_bytes(content)
        if place.exists():
            place.rename(old)
        beside.rename(place)
        shutil.rmtree(old, ignore_errors=True)


def contents(trial: Trial, store: Store) -> Files:
    """The files of a seed: rows, plots, models, weights and outputs of every route."""
    files: dict[str, bytes] = {}
    for stage in trial.ends:
        files |= store.files(stage)
    result = store.value(trial.result)
    for route, artifact in result.artifacts.items():
        outputs = {
            str(side.engine): trace.values[OUTPUT]
            for side, trace in result.traces.items()
            if side.route == route and OUTPUT in trace.values
        }
        if artifact.converted is not None:
            files[f"{route}.tflite"] = artifact.converted.content
        if artifact.network is not None:
            files[f"{route}_weights.npz"] = arrays_packed(artifact.network.weights)
        if outputs:
            files[f"{route}_outputs.npz"] = arrays_packed(outputs)
    return files


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written of a request: rows of CSV files that are shown, and paths. answers: what was found, in words.
    verdicts: on its gates. chapter: of the report; store: which has it at hand. failed: anything fell short but those.
    """

    errors: list[dict[str, str]]
    summary: list[dict[str, str]]
    differences: list[dict[str, str]]
    findings: list[dict[str, str]]
    tensors: list[dict[str, str]]
    answers: list[str]
    verdicts: list[Verdict]
    chapter: Stage[Files]
    store: Store
    paths: list[Path]

    @property
    def failed(self) -> bool:
        return any(row["severity"] == Severity.FAILURE.value for row in self.findings)


def write(
    request: Request,
    trials: list[Trial],
    fallen: Mapping[int, Finding],
    store: Store,
    data: Understood,
    timed: Sequence[Timed] = (),
    made_in: Mapping[str, Any] | None = None,
    check: Check | None = None,
) -> Written:
    """Write the files over the request's seeds. fallen: the seeds whose trials did not end, and why. data: what its
    data were understood as. timed: what was measured; without it latency.csv is left as it is. made_in: the environment
    of the results, that of this process if not given. check: the gates, those of the request if not given."""
    ended = [trial.fallen(fallen[trial.seed]) if trial.seed in fallen else trial for trial in trials]
    for trial in ended:
        if trial.seed not in fallen:
            publish(request.folder, trial, store)
    files: dict[str, bytes] = {}
    for file in ended[0].tables:
        files[file] = csv.joined([rows_of(trial, file, store) for trial in ended])
    errors, summary = steps.summary(tuple(trial.tables[ERRORS.file] for trial in ended))
    differences = steps.differences(errors)
    files |= {**store.files(summary), **store.files(differences)}
    about = f"data {request.config.data.name}, {seeds(request.config.seed)}, {data.x_test[0]} test samples"
    rungs, waterfall = ladder_steps.over_seeds(
        request.configuration, about, tuple(trial.tables[LADDER.file] for trial in ended)
    )
    files |= store.files(rungs)
    drawn = steps.seeds_plots(request.configuration, about, errors, summary)
    plots = {**store.files(drawn), **store.files(waterfall)}
    files |= plots
    files["configurations.csv"] = configurations(request)
    files[TIMES.file] = csv_of(TIMES, (ended, store))
    rows, held_to = csv.texts(files[ERRORS.file]), check or request.config.check
    verdicts = list(judge(rows, held_to.bounds, held_to.pairs))
    told = plain(request.config) | {UNDERSTOOD: plain(data)}
    files["config.yaml"] = yaml.safe_dump(told, sort_keys=False).encode()
    origin = provenance(trials, store, made_in or environment())
    files[PROVENANCE] = (json.dumps(origin, indent=1, sort_keys=True) + "\n").encode()
    chapter = report_steps.chapter(
        request.config,
        ended,
        report_steps.OverSeeds(summary=summary, differences=differences, rungs=rungs, plots=(drawn, waterfall)),
        compared=compared(request, ended[0], data),
        gates=tuple((outcome.state.value, outcome_told(outcome)) for outcome in outcomes(verdicts)),
        options=options_of(request) | {"seed": list(request.config.seed)},
        understood=plain(data),
        provenance=origin,
    )
    page = store.files(report_steps.page([chapter]))
    files[REPORT] = page[REPORT]
    if timed:
        files[LATENCY.file] = csv_of(LATENCY, timed)
    with FileLock(store.root / LOCK):
        for name, content in files.items():
            replace_whole(request.folder / name, content)
    over = [SUMMARY.file, DIFFERENCES.file, LADDER_SUMMARY.file]
    shown = [*ended[0].tables, *over, *([LATENCY.file] if timed else []), *plots, REPORT]
    return Written(
        errors=rows,
        summary=csv.texts(files[SUMMARY.file]),
        differences=csv.texts(files[DIFFERENCES.file]),
        findings=csv.texts(files[FINDINGS.file]),
        tensors=csv.texts(files[TENSORS.file]) if isinstance(request.config.model, GivenPair) else [],
        answers=page[ANSWERS].decode().splitlines(),
        verdicts=verdicts,
        chapter=chapter,
        store=Store(root=store.root, keeps=store.keeps, held={chapter.key: store.value(chapter)}),
        paths=[request.folder / name for name in shown],
    )


def compared(request: Request, trial: Trial, data: Understood) -> str:
    """What a report is about, in a sentence."""
    config = request.config
    routes = dict.fromkeys(pair.b.route for pair in trial.comparisons if pair.b.engine.measured)
    runtimes = dict.fromkeys(str(pair.b.engine) for pair in trial.comparisons if pair.b.engine.measured)
    return (
        f"Model {config.model.name}, quantized by method {config.quant.name}, on data {config.data.name} ({data}), "
        f"{seeds(config.seed)}: models of {_listed('route', list(routes))}, run by {_listed('', list(runtimes))}, "
        "against the networks in TensorFlow, the arithmetic by hand and the labels."
    )


def _listed(noun: str, names: Sequence[str]) -> str:
    """`route ptq`, `routes ptq and qat`, `no route`."""
    if not names:
        return f"no {noun or 'runtime'}"
    *others, last = names
    noun = f"{noun}{'s' if others else ''} " if noun else ""
    return noun + (f"{', '.join(others)} and " if others else "") + last


def write_again(request: Request, check: Check) -> Written:
    """The files of a request made anew from what its folder says is stored. check: the gates. Raises NotStoredError."""
    trials = request.trials()
    recorded: dict[str, str] = {}
    fallen: dict[int, Finding] = {}
    for trial in trials:
        try:
            stated = json.loads((seed_folder(request.folder, trial.seed) / RECORD).read_bytes())["stages"]
        except (FileNotFoundError, ValueError, KeyError):
            fallen[trial.seed] = failure("trial", "did not end when the results were made")
            continue
        ends = {stage.key for stage in trial.ends}
        stages = [stage for stage in stored(trial.ends) if stage.key not in ends and stage.name in stated]
        recorded |= {stage.key: stated[stage.name] for stage in stages}
    same = all(key == stored for key, stored in recorded.items())
    store = Store(root=request.store, recorded=recorded, keeps=same)
    data = understood(store.value(trials[0].data))
    made_in = recorded_environment(request.folder)
    return write(request, trials, fallen, store, data, made_in=made_in, check=check)


def rows_of(trial: Trial, file: str, store: Store) -> bytes:
    """One CSV file of one seed."""
    stage = trial.tables[file]
    return csv.written(store.value(stage)) if stage.codec is None else store.files(stage)[file]


@dataclass(frozen=True, kw_only=True)
class TimesRow:
    """What computing one stage took, when it was computed. seconds: wall time. peak_bytes: of the process that did."""

    configuration: str
    seed: int
    stage: str
    seconds: float | None
    peak_bytes: int | None


def csv_of(table: Table[Source, Any], source: Source) -> bytes:
    """The CSV file of a table's rows, without a frame."""
    return csv.lines(table.dtypes, map(values_of, table.rows(source)))


def _times_rows(source: tuple[list[Trial], Store]) -> Iterator[TimesRow]:
    """A row for each stored stage of each trial."""
    trials, store = source
    for trial in trials:
        for stage in stored(trial.ends):
            cost = store.cost(stage)
            yield TimesRow(
                configuration=trial.configuration,
                seed=trial.seed,
                stage=stage.name,
                seconds=cost.get("seconds"),
                peak_bytes=int(peak) if (peak := cost.get("peak_bytes")) is not None else None,
            )


TIMES = Table(file="times.csv", row=TimesRow, rows=_times_rows)


def configurations(request: Request) -> bytes:
    """configurations.csv: the options of the configuration that rows join to, one a column."""
    options = options_of(request)
    return csv.lines(options.keys(), [options.values()])


def options_of(request: Request) -> dict[str, Any]:
    """The configuration's name, and its options by dotted names."""
    return {"configuration": request.configuration} | dotted(request.config.deciding())


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options under dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= dotted(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def provenance(trials: list[Trial], store: Store, made_in: Mapping[str, Any]) -> dict[str, Any]:
    """What the results depend on besides the configuration, and the key of every stage."""
    return {**made_in} | {"trials": {str(trial.seed): record(trial, store) for trial in trials}}


def recorded_environment(folder: Path) -> dict[str, Any] | None:
    """That in which the results of a folder were computed: it may be another version of a runtime than that of today.
    None where the folder does not tell."""
    try:
        found = json.loads((folder / PROVENANCE).read_bytes())
        return {name: found[name] for name in environment()}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@cache
def environment() -> dict[str, Any]:
    """Python, packages, CPU, and the source of this program."""
    return {
        "python": platform.python_version(),
        "platform": machine(),
        "cpu": cpu_name(),
        "cpu_features": cpu_features(),
        "packages": installed(),
        "qcompare_source": all_sources(),
    }
