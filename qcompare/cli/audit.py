"""`qcompare audit MODEL.tflite`: the manual engine against the runtime, operator by operator, in every kernel set."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from qcompare.audit.compare import Audit, audit
from qcompare.audit.load import AuditError, load
from qcompare.audit.rows import COLUMNS, NOT_RUN, PASSING, Judged, frame, judged
from qcompare.audit.save import save_failing
from qcompare.audit.sizes import SAMPLES, computed_of, steps, usual_samples
from qcompare.audit.tally import TOLERANCE
from qcompare.cli.arguments import Parser, names_from, positive
from qcompare.core.child import Child
from qcompare.core.files import write_whole
from qcompare.core.graph import Graph, Model
from qcompare.data.inputs import InputsError, random_inputs, read_inputs
from qcompare.engines.runtimes import RUNTIMES, Runtime
from qcompare.report import csv
from qcompare.report.audit import findings_table, operators_table

SEED = 0

OUTPUTS = Path("outputs", "audit")
"""Where each audit has a folder of its own unless the user names one."""

AMPLIFIED = (
    "local 0, free not: each operator is right, and a dynamic-range operator rounds its float input to 8 bits, so that "
    "floats that are close before it can be one step apart behind it: no fault"
)

LEAST_MEMORY = 4 << 30
"""Bytes that the audit may always use."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What the user asked for.

    left_out: runtimes that nobody named and that are not installed. named: whether the user named the runtimes.
    """

    path: Path
    content: bytes
    model: Model
    inputs: dict[int, np.ndarray]
    source: str
    runtimes: Sequence[Runtime]
    left_out: Sequence[Runtime]
    named: bool
    output: Path
    failing: Path | None

    @property
    def samples(self) -> int:
        return len(next(iter(self.inputs.values())))


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with _limited_memory():
            return _carried_out(_request(arguments))
    except (AuditError, InputsError) as error:
        print(f"qcompare audit: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qcompare audit",
        description="Recompute every operator of a .tflite model by hand and compare it with the runtime. "
        "Local: the operator is given the runtime's own inputs; free: everything is computed from the model's input. "
        "Exit status 0 when all is exact, 1 when something differs, was not emulated or was not run in a kernel set "
        "that --kernels names, 2 for a wrong request.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL.tflite")
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE",
        help="an .npz of arrays [samples, ...] named like the input tensors or in their order, or of the training "
        "data (its x_test), or an .npy of one array; integers or real numbers; "
        f"without it integers uniform over their whole range (those of 32 bits and more without a scale below "
        f"10), floats standard normal, seed {SEED}",
    )
    parser.add_argument(
        "--samples", type=positive, metavar="N", help=f"how many ({SAMPLES}, fewer for a large model; all of --inputs)"
    )
    parser.add_argument(
        "--kernels",
        type=names_from(*RUNTIMES),
        metavar="NAME,...",
        help=f"some of {', '.join(RUNTIMES)}; all that are installed",
    )
    parser.add_argument("--save-failing", type=Path, metavar="DIR", help="write each operator that differs here")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help=f"where audit.csv goes ({OUTPUTS / 'NAME'}, as the model is named)"
    )
    return parser


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Three quarters of the machine's memory for this process, and as much for the runtime's.

    A damaged shape then fails to get memory, which is noted, where it would take the whole machine down.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = max(LEAST_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 * 3)
    if before[0] != resource.RLIM_INFINITY:
        most = min(most, before[0])
    with suppress(ValueError, OSError):  # A system that does not limit it.
        resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, before)


def _request(arguments: argparse.Namespace) -> Request:
    """Raises AuditError, InputsError."""
    content, model = load(arguments.model)
    runtimes = _runtimes(arguments.kernels)
    if arguments.inputs is None:
        samples = arguments.samples or usual_samples(model.main)
        inputs, source = random_inputs(model.main, samples, SEED), f"random inputs, seed {SEED}"
    else:
        inputs, source = read_inputs(arguments.inputs, model.main, arguments.samples), str(arguments.inputs)
    output = arguments.output or OUTPUTS / arguments.model.stem
    for directory in filter(None, (output, arguments.save_failing)):
        if directory.exists() and not directory.is_dir():
            raise AuditError(f"{directory}: no folder")
    return Request(
        path=arguments.model,
        content=content,
        model=model,
        inputs=inputs,
        source=source,
        runtimes=runtimes,
        left_out=() if arguments.kernels else [each for each in RUNTIMES.values() if each not in runtimes],
        named=arguments.kernels is not None,
        output=output,
        failing=arguments.save_failing,
    )


def _runtimes(wanted: tuple[str, ...] | None) -> list[Runtime]:
    """Those asked for, or all that are installed. Raises AuditError."""
    if wanted is None:
        return [runtime for runtime in RUNTIMES.values() if runtime.installed()]
    for runtime in (RUNTIMES[kernels] for kernels in wanted):
        if not runtime.installed():
            raise AuditError(
                f"--kernels {runtime.kernels}: {runtime.name} is not installed: pip install {runtime.package}"
            )
    return [RUNTIMES[kernels] for kernels in wanted]


def _carried_out(request: Request) -> int:
    """Compares, writes, prints; returns the exit status. Raises AuditError."""
    console, errors = Console(), Console(stderr=True)
    audits = _audits(request, errors)
    found = [each for result in audits for each in judged(result)]
    written = _written(request, audits, found)
    _report(console, request, audits, found)
    console.print(*map(str, written), sep="\n", soft_wrap=True, highlight=False)
    return 0 if _passes(request, audits, found) else 1


def _passes(request: Request, audits: Sequence[Audit], found: Sequence[Judged]) -> bool:
    """Whether nothing fell short. That a runtime does not run the model is the user's concern where they named it."""
    passing = PASSING if request.named else PASSING | NOT_RUN
    return any(not result.refusal for result in audits) and all(each.verdict in passing for each in found)


def _audits(request: Request, errors: Console) -> list[Audit]:
    audits = []
    # One process for all runtimes: it starts again after a crash, and importing them takes longer than a small model.
    with Child() as child, Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        for runtime in request.runtimes:
            model = runtime.allocated(request.model)
            task = progress.add_task(runtime.kernels, total=steps(model.main, request.samples))
            advance = partial(progress.advance, task)
            audits.append(audit(request.content, model, request.inputs, runtime, child, advance))
    return audits


def _written(request: Request, audits: Sequence[Audit], found: Sequence[Judged]) -> list[Path]:
    """The files. Raises AuditError."""
    path = request.output / "audit.csv"
    try:
        write_whole(path, csv.written(frame(found)[list(COLUMNS)]))
        saved = save_failing(request.content, audits, request.failing) if request.failing else []
    except OSError as error:
        raise AuditError(f"{error.filename}: {error.strerror}") from error
    return [path, *saved]


def _report(console: Console, request: Request, audits: Sequence[Audit], found: Sequence[Judged]) -> None:
    graph, rows = request.model.main, frame(found)
    say = partial(console.print, highlight=False, markup=False)
    say(
        f"{request.path}: {len(graph.operators)} operators, {request.samples} samples ({request.source})",
        soft_wrap=True,
    )
    say()
    console.print(operators_table(rows, [result.kernels for result in audits]), highlight=False)
    findings = findings_table(rows)
    if findings is not None:
        say()
        console.print(findings, highlight=False)
    for refusal in dict.fromkeys(result.refusal for result in audits if result.refusal):
        names = ", ".join(result.kernels for result in audits if result.refusal == refusal)
        say(f"\nnot run in {names}: {refusal}")
    for runtime in request.left_out:
        say(f"{runtime.kernels} is left out: pip install {runtime.package}")
    if request.failing and not any(result.failing for result in audits):
        say(f"nothing to save in {request.failing}: no operator differs on the runtime's own inputs", soft_wrap=True)
    if (rows["verdict"] == "amplified").any():
        say(AMPLIFIED)
    if _has_floats(graph):
        say(f"close: floats within {TOLERANCE:g} of their tensor's largest magnitude")
    say()


def _has_floats(graph: Graph) -> bool:
    return any(graph.tensors[index].dtype.kind == "f" for index in computed_of(graph))
