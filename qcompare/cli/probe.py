"""`qcompare probe`: which rule each operator of the installed runtimes follows, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from qcompare.audit.one_op import cases
from qcompare.audit.probe import Outcome, cases_of, probe
from qcompare.cli.arguments import Parser
from qcompare.engines.runtimes import RUNTIMES

PACKAGES = ("ai-edge-litert", "tflite-micro", "numpy")
"""The packages that decide."""


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    known = list(dict.fromkeys(case.op for case in cases()))
    if arguments.op is not None and arguments.op.upper() not in known:
        parser.error(f"--op {arguments.op}: none of {', '.join(known)}")
    ops = None if arguments.op is None else [arguments.op.upper()]
    runtimes = [runtime for runtime in RUNTIMES.values() if runtime.installed()]
    console, errors = Console(), Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("probe", total=len(cases_of(ops)))
        outcomes = probe(ops, runtimes, lambda: progress.advance(task))
    if arguments.json:
        print(json.dumps({"versions": versions(), "findings": [asdict(outcome) for outcome in outcomes]}, indent=1))
    else:
        _report(console, outcomes, [runtime.kernels for runtime in runtimes])
    return 0 if all(outcome.sound for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qcompare probe",
        description="Run one-operator models and say which named rounding rule each operator of the installed "
        "runtimes follows. Exit status 0 when the manual engine follows rules that fit, 1 when it does not, 2 for a "
        "wrong request.",
    )
    parser.add_argument("--json", action="store_true", help="for machines: every figure, on standard output")
    parser.add_argument("--op", metavar="NAME", help="one operator, such as FULLY_CONNECTED; all without it")
    return parser


def versions() -> dict[str, str]:
    """The installed packages that decide, and the machine."""
    found = {"machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _report(console: Console, outcomes: Sequence[Outcome], kernel_sets: Sequence[str]) -> None:
    console.print(", ".join(f"{name} {number}" for name, number in versions().items()), highlight=False)
    console.print("the rule that fits, and how many values tell it from the next best\n", highlight=False)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("operator", no_wrap=True)
    for kernels in kernel_sets:
        table.add_column(kernels, overflow="fold")
    for op, lines in _lines(outcomes, kernel_sets).items():
        if len(lines) > 1:
            table.add_row(escape(op))
        for cells, labels in lines.items():
            label = ("  " if len(lines) > 1 else f"{op} ") + "; ".join(labels)
            table.add_row(escape(label), *cells)
    console.print(table, highlight=False)
    for outcome in outcomes:
        if not outcome.sound:
            console.print(f"\n{complaint(outcome)}", highlight=False, markup=False)
    for runtime in RUNTIMES.values():
        if runtime.kernels not in kernel_sets:
            console.print(
                f"\n{runtime.kernels} is left out: pip install {runtime.package}", highlight=False, markup=False
            )


def _lines(outcomes: Sequence[Outcome], kernel_sets: Sequence[str]) -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Operator -> cells -> the cases that share them."""
    by_case: dict[tuple[str, str], dict[str, Outcome]] = {}
    for outcome in outcomes:
        label = f"{outcome.dtype}, per {outcome.granularity}" if outcome.granularity else outcome.dtype
        by_case.setdefault((outcome.op, label), {})[outcome.kernels] = outcome
    lines: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for (op, label), found in by_case.items():
        cells = tuple(_cell(found[kernels]) for kernels in kernel_sets)
        lines.setdefault(op, {}).setdefault(cells, []).append(label)
    return lines


def _cell(outcome: Outcome) -> str:
    if outcome.note and outcome.expected == "-":
        return "-"
    if not outcome.fitting:
        return "not run" if outcome.note else "-" if outcome.expected == "-" else "none fits"
    names = [outcome.expected] if outcome.expected in outcome.fitting else []
    names += [rule for rule in outcome.fitting if rule not in names]
    nearest = f" {min(outcome.apart.values())}" if outcome.apart else ""
    return f"{' = '.join(names)}{nearest}"


def complaint(outcome: Outcome) -> str:
    """What is wrong with a case that is not sound: one line, or three with a counterexample."""
    where = f"{outcome.op} {outcome.dtype} {outcome.granularity}".strip() + f" in {outcome.kernels}"
    if outcome.note:
        return f"{where}: not run: {outcome.note}"
    if outcome.fitting:
        return f"{where}: {', '.join(outcome.fitting)} fits, the manual engine follows {outcome.expected}"
    wrong = ", ".join(f"{rule} {count}" for rule, count in sorted(outcome.apart.items(), key=lambda item: item[1]))
    text = f"{where}: no rule fits; unequal of {outcome.values}: {wrong}"
    example = outcome.counterexample
    if example is None:
        return text
    given = "; ".join(f"{name} {' '.join(f'[{i}]={v}' for i, v in values)}" for name, values in example.inputs.items())
    scales = "; ".join(f"{name} {scale!r} {zero}" for name, (scale, zero) in example.quantization.items())
    rules = ", ".join(f"{rule} {value}" for rule, value in example.rules.items())
    return (
        f"{text}\n  smallest: {given} (else the zero point) gives {example.output}[{example.element}] = "
        f"{example.runtime}; by rule: {rules}\n  scale and zero point: {scales}"
    )
