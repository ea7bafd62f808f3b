"""What a run found, as tables in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from qcompare.core.engine import EngineId, Family
from qcompare.core.tap import OUTPUT

Rows = Sequence[Mapping[str, str]]
"""The rows of a CSV file as text, by column."""

Metrics = Mapping[str, Mapping[str, float]]
"""Metric -> its statistics by name; NaN where one is not defined."""


def show(console: Console, summary: Rows, findings: Rows) -> None:
    """The tables of a configuration, and its findings: the rows of summary.csv and of findings.csv."""
    console.print(summary_table(summary))
    console.print(labels_table(summary))
    for row in findings:
        where = ", ".join(filter(None, [f"seed {row['seed']}", row["route"] and f"route {row['route']}", row["where"]]))
        style = STYLES.get(row["severity"], "")
        console.print(f"{row['severity']}: {where}: {row['text']}", style=style, highlight=False, markup=False)
    if not any(EngineId.parse(name).family is Family.MICRO for name in {row["engine_b"] for row in summary}):
        console.print("TensorFlow Lite Micro was not run: pip install tflite-micro (Linux, x86-64)", markup=False)


STYLES = {"failure": "red", "warning": "yellow"}
"""Severity -> how it looks."""


def summary_table(summary: Rows) -> Table:
    """What differs, one line a pair: means over the seeds of the output's comparisons. Readable in 80 columns.

    summary: the rows of summary.csv. A dash stands for a figure that no seed has; an SQNR that only some seeds have
    says how many.
    """
    table = _table("Difference of the outputs, mean over the seeds")
    for heading in ("route", "a", "b"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "unequal", "max LSB", "SQNR dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for (route, a, b), metrics in _pairs(summary, against_labels=False):
        if previous not in (None, route):
            table.add_section()
        seeds = max(found["n"] for found in metrics.values())
        sqnr = metrics["sqnr_db"]
        some = f" ({sqnr['n']:g})" if 0 < sqnr["n"] < seeds else ""
        table.add_row(
            "" if route == previous else route,
            a,
            b,
            f"{seeds:g}",
            _percent(metrics["mismatch_rate"]["mean"]),
            _number(metrics["max_lsb"]["mean"], ".1f"),
            _number(sqnr["mean"], ".1f") + some,
        )
        previous = route
    return table


def labels_table(summary: Rows) -> Table:
    """How right each engine is, one line an engine: accuracy, or for a regression the RMSE, over the seeds.

    summary: the rows of summary.csv, of which those against the labels are shown.
    """
    pairs = _pairs(summary, against_labels=True)
    classification = any(metrics["top1_agreement"]["n"] > 0 for _, metrics in pairs)
    metric, title, form = ("top1_agreement", "Accuracy", ".4f") if classification else ("rmse", "RMSE", ".4g")
    table = _table(f"{title} against the labels")
    for heading in ("route", "engine"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "mean", "std", "min", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for (route, _, engine), metrics in pairs:
        if previous not in (None, route):
            table.add_section()
        found = metrics[metric]
        shown = [_number(found[name], form) for name in ("mean", "std", "min", "max")]
        table.add_row("" if route == previous else route, engine, f"{found['n']:g}", *shown)
        previous = route
    return table


def _table(title: str) -> Table:
    return Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)


def _pairs(summary: Rows, *, against_labels: bool) -> list[tuple[tuple[str, str, str], Metrics]]:
    """(route of b, a, b) and its statistics by metric, for the model's output, routes side by side."""
    found: dict[tuple[str, str, str], dict[str, Mapping[str, float]]] = {}
    for row in summary:
        truth = EngineId.parse(row["engine_a"]).family is Family.LABELS
        if row["tap"] == OUTPUT.role and truth == against_labels:
            pair = (row["route_b"], row["engine_a"], row["engine_b"])
            numbers = {name: float(row[name] or "nan") for name in ("n", "mean", "std", "min", "max")}
            found.setdefault(pair, {})[row["metric"]] = numbers
    return sorted(found.items(), key=lambda item: item[0][0])


def _percent(share: float) -> str:
    """A share in percent; a rare mismatch is never shown as none."""
    if math.isnan(share):
        return "-"
    if share == 0:
        return "0 %"
    return "<0.01 %" if share < 0.0001 else f"{100 * share:.2f} %"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)
