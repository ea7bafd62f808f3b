"""What a run found, as tables in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qcompare.core.comparison import FLOAT_ROUTE
from qcompare.core.engine import BY_DEFAULT, FLOAT, LABELS, EngineId, Family
from qcompare.core.method import FLOAT32
from qcompare.core.tap import OUTPUT
from qcompare.report.alike import alike
from qcompare.report.answers import FEWEST_FOR_INTERVALS

if TYPE_CHECKING:
    from qcompare.analysis.latency import Typical

Rows = Sequence[Mapping[str, str]]
"""The rows of a CSV file as text, by column."""

Metrics = Mapping[str, Mapping[str, float]]
"""Metric -> its statistics by name; NaN where one is not defined."""


def show(
    console: Console,
    configuration: str,
    *,
    errors: Rows,
    summary: Rows,
    differences: Rows,
    findings: Rows,
    tensors: Rows = (),
) -> None:
    """The tables of a configuration, and its findings: the rows of the CSV files of these names. What several seeds
    have in common is told once."""
    console.print()
    line(console, configuration)
    narrow = console.width < WIDE
    console.print(summary_table(summary, narrow=narrow))
    console.print(labels_table(summary, errors, narrow=narrow))
    if tested := [row for row in differences if row["p"] and is_of_routes(row)]:
        console.print(differences_table(tested, narrow=narrow))
    if tensors:
        console.print(tensors_table(tensors))
    for each in alike(findings):
        finding(console, each.severity, each.place, each.text)
    if not any(EngineId.parse(name).family is Family.MICRO for name in {row["engine_b"] for row in summary}):
        line(console, "TensorFlow Lite Micro was not run: pip install tflite-micro (Linux, x86-64)")


def line(console: Console, text: str, style: str = "") -> None:
    """One line, as it is; a terminal breaks it between words."""
    console.print(text, style=style, soft_wrap=not console.is_terminal, highlight=False, markup=False)


def answers(console: Console, of: Mapping[str, Sequence[str]]) -> None:
    """What was found, a line a sentence, by configuration; of several each is named."""
    for configuration, told in of.items():
        console.print()
        if len(of) > 1:
            line(console, configuration)
        for each in told:
            line(console, each)


def path(console: Console, place: Path) -> None:
    """A path on a line of its own, never broken."""
    console.print(str(place), soft_wrap=True, highlight=False, markup=False)


def finding(console: Console, severity: str, where: str, text: str) -> None:
    """A finding in a line."""
    line(console, f"{severity}: {where}: {text}", STYLES.get(severity, ""))


def gates(console: Console, failing: Sequence[str], judged: int) -> None:
    """A line for each gate that does not hold, and one for those that do. judged: how many there are in all."""
    for text in failing:
        line(console, f"gate: {text}", STYLES["failure"])
    if judged:
        holding = judged - len(failing)
        line(console, f"gates: {'all' if not failing else f'{holding} of'} {judged} hold in every seed")


WIDE = 80
"""Columns of a terminal from which on the tables have their full form; the narrow one takes 60."""

STYLES = {"failure": "red", "warning": "yellow"}
"""Severity -> how it looks."""


def summary_table(summary: Rows, *, narrow: bool = False) -> Table:
    """What differs, one line a pair: means over the seeds of the output's comparisons, and the largest LSB of all.

    summary: the rows of summary.csv. A dash stands for a figure that no seed has; an SQNR that only some seeds have
    says how many. narrow: a above b, for 60 columns instead of 80.
    """
    table = _table("Difference of the outputs: means over seeds, largest LSB")
    for heading in ("route", "a\nb") if narrow else ("route", "a", "b"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "unequal", "max LSB", "SQNR dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for (route, beside, a, b), metrics in pairs_of(summary, against_labels=False):
        if previous not in (None, route):
            table.add_section()
        n = max(found["n"] for found in metrics.values())
        sqnr = metrics["sqnr_db"]
        some = f" ({sqnr['n']:g})" if 0 < sqnr["n"] < n else ""
        table.add_row(
            "" if route == previous else route,
            *(
                ["\n".join([*beside, *EngineId.parse(a).within(PAIR), *EngineId.parse(b).within(PAIR)])]
                if narrow
                else [" ".join([*beside, a]), b]
            ),
            f"{n:g}",
            percent(metrics["mismatch_rate"]["mean"]),
            number(metrics["max_lsb"]["max"], ".0f"),
            number(sqnr["mean"], ".1f") + some,
        )
        previous = route
    return table


def labels_table(summary: Rows, errors: Rows, *, narrow: bool = False) -> Table:
    """How right each engine is, one line an engine: accuracy, or for a regression the RMSE, over the seeds: the mean
    with its 95 % interval or, of fewer than FEWEST_FOR_INTERVALS seeds, the figure of each; below it the largest error
    that the finite test set leaves in an accuracy.

    summary, errors: the rows of summary.csv and errors.csv, of which those against the labels are shown. narrow: for 60
        columns instead of 80.
    """
    pairs = pairs_of(summary, against_labels=True)
    classification = any(metrics["top1_agreement"]["n"] > 0 for _, metrics in pairs)
    metric, title, form = ("top1_agreement", "Accuracy", ".4f") if classification else ("rmse", "RMSE", ".4g")
    if narrow:
        form = form.replace("4g", "3g")
    few = max((metrics[metric]["n"] for _, metrics in pairs), default=0) < FEWEST_FOR_INTERVALS
    table = _table(f"{title} against the labels")
    for heading in ("route", "engine"):
        table.add_column(heading, overflow="fold")
    ends = () if narrow else ("min", "max")
    for heading in ("seeds", "mean", *(() if few else ("95 % interval", *ends))):
        table.add_column(heading, justify="right", no_wrap=True)
    if few:
        table.add_column("each seed", overflow="fold")
    previous = None
    for (route, _, _, engine), metrics in pairs:
        if previous not in (None, route):
            table.add_section()
        found = metrics[metric]
        if few:
            shown = [" ".join(format(value, form) for value in _of_seeds(errors, route, engine, metric)) or "-"]
        else:
            shown = [_between(found["ci95_low"], found["ci95_high"], form)]
            shown += [number(found[name], form) for name in ends]
        named = "\n".join(EngineId.parse(engine).within(ENGINE)) if narrow else engine
        cells = [f"{found['n']:g}", number(found["mean"], form), *shown]
        table.add_row("" if route == previous else route, named, *cells)
        previous = route
    off = [metrics[metric]["test_set_error"] for _, metrics in pairs]
    if error := max((each for each in off if not math.isnan(each)), default=0.0):
        table.caption = f"standard error of the test set, whatever the seeds: {error:.4f}"
        table.caption_justify = "left"
    return table


def _of_seeds(errors: Rows, route: str, engine: str, metric: str) -> list[float]:
    """A figure of an engine against the labels, by seed."""
    side = (str(LABELS), route, engine, OUTPUT.role)
    own = [row for row in errors if (row["engine_a"], row["route_b"], row["engine_b"], row["tap"]) == side]
    return [float(row[metric]) for row in sorted(own, key=lambda row: int(row["seed"])) if row[metric]]


def _between(low: float, high: float, form: str, *, narrow: bool = False) -> str:
    """An interval; narrow: in two lines."""
    if math.isnan(low):
        return "-"
    return f"\\[{low:{form}}," + ("\n" if narrow else " ") + f"{high:{form}}]"


def differences_table(differences: Rows, *, narrow: bool = False) -> Table:
    """How right one route is against another, in the same seeds, with p values.

    differences: rows of differences.csv of one runtime, on several routes, against the labels. narrow: for 60 columns
        instead of 80.
    """
    names = {"top1_agreement": "Accuracy", "rmse": "RMSE", "mean_abs_error": "Mean absolute error"}
    metric = differences[0]["metric"]
    table = _table(f"{names[metric]} in {BY_DEFAULT}: b - a in the same seed")
    for heading in ("a\nb",) if narrow else ("a", "b"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "b - a", "95 %\ninterval" if narrow else "95 % interval", "p", "p (Holm)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in (row for row in differences if row["metric"] == metric):
        mean, low, high, p, corrected = (
            float(row[name] or "nan") for name in ("mean", "ci95_low", "ci95_high", "p", "p_holm")
        )
        form = "+.4f" if metric == "top1_agreement" else "+.3g"
        shown = [number(mean + 0.0, form), _between(low, high, form, narrow=narrow)]
        sides = [row["route_a"], row["route_b"]]
        table.add_row(*(["\n".join(sides)] if narrow else sides), row["n"], *shown, f"{p:.4f}", f"{corrected:.4f}")
    return table


def is_of_routes(row: Mapping[str, str]) -> bool:
    """Whether a row of differences.csv is about how right two routes are in the runtime that people get by default, the
    float network among them."""
    sides = [(row[f"route_{side}"], EngineId.parse(row[f"engine_{side}"])) for side in "ab"]
    known = all(engine == BY_DEFAULT or (route, engine) == (FLOAT_ROUTE, FLOAT) for route, engine in sides)
    return known and row["reference"] == str(LABELS) and row["route_a"] != row["route_b"]


def techniques_table(techniques: Rows) -> Table:
    """The methods side by side, model by model, with the columns that TensorFlow's guide has.

    techniques: the rows of techniques.csv. A method that left all weights in float is marked.
    """
    models = list(dict.fromkeys(row["model"] for row in techniques))
    table = _table("Methods, means over seeds; in brackets the 95 % interval")
    table.caption = "hardware as TensorFlow's guide has it; Micro where TensorFlow Lite Micro ran the model here"
    table.caption_justify = "left"
    for heading in ("method", "data needed"):
        table.add_column(heading, overflow="fold")
    for heading in ("KiB", "smaller"):
        table.add_column(heading, justify="right", no_wrap=True)
    metrics = dict.fromkeys(row["metric"] for row in techniques)
    table.add_column(" or ".join(_METRICS[name] for name in metrics), no_wrap=True)
    table.add_column("supported hardware", overflow="fold")
    for model in models:
        if len(models) > 1:
            table.add_section()
            table.add_row(f"[b]{escape(model)}[/b]")
        for row in (row for row in techniques if row["model"] == model):
            table.add_row(
                escape(row["method"]) + in_float(row["method"], float(row["weights_in_float32"] or "nan")),
                row["data_needed"],
                number(float(row["file_bytes"] or "nan") / 1024, ".1f"),
                _percent_of(row["size_reduction"]),
                _mean_and_interval(row),
                ", ".join(filter(None, [row["hardware"], "Micro" if row["on_micro"] == "True" else ""])),
            )
    return table


_METRICS = {"accuracy": "accuracy (%)", "mae": "MAE"}


def in_float(method: str, share: float) -> str:
    """What is to be said of a method whose weights are in float32 although it quantizes them. share: of these weights,
    NaN where there is no model."""
    if method == FLOAT32 or not share > 0:
        return ""
    return " (all in float)" if share == 1 else f" ({100 * share:.0f} % in float)"


def _percent_of(share: str) -> str:
    return f"{100 * float(share) + 0:.0f} %" if share else "-"


def _mean_and_interval(row: Mapping[str, str]) -> str:
    """An accuracy in percent, an error as it is."""
    mean, low, high = (float(row[name] or "nan") for name in ("mean", "ci95_low", "ci95_high"))
    if row["metric"] == "accuracy":
        shown, between = number(100 * mean, ".2f"), f"{100 * low:.1f}, {100 * high:.1f}"
    else:
        shown, between = number(mean, ".3g"), f"{low:.3g}, {high:.3g}"
    return shown if math.isnan(low) else f"{shown} \\[{between}]"


def tensors_table(tensors: Rows) -> Table:
    """The layers of a user's pair of models, the worst first: MOST_LAYERS rows of tensors.csv that have figures."""
    compared = [row for row in tensors if row["n"]]
    more = len(compared) - MOST_LAYERS
    table = _table("Layers, the worst first" + (f", {more} more in tensors.csv" if more > 0 else ""))
    table.add_column("tensor", overflow="fold")
    table.add_column("operator", overflow="fold")
    for heading in ("weights\noff LSB", "alone\nLSB", "alone\nSQNR", "whole\nLSB", "whole\nSQNR"):
        table.add_column(heading, justify="right", no_wrap=True)
    columns = ("weights_max_lsb", "local_max_lsb", "local_sqnr_db", "max_lsb", "sqnr_db")
    for row in compared[:MOST_LAYERS]:
        numbers = [
            number(float(row[name] or "nan"), ".0f" if name.endswith("_lsb") and name != columns[0] else ".1f")
            for name in columns
        ]
        table.add_row(short(row["tap"]), row["op"] or "input", *numbers)
    return table


MOST_LAYERS = 20
"""Of the table of layers."""


def short(name: str) -> str:
    """A tensor's name without the others that the converter joined to it, and without its model's."""
    first = name.partition(";")[0]
    return first.partition("/")[2] or first


def latency_table(models: Sequence[Typical]) -> Table:
    """How long the interpreter takes a sample, one line a model, a column an engine."""
    table = _table("Microseconds a sample, one thread: medians")
    table.add_column("configuration", overflow="fold")
    table.add_column("route", overflow="fold")
    engines = list(dict.fromkeys(engine for model in models for engine in model.microseconds))
    for engine in engines:
        table.add_column("\n".join(engine.within(ENGINE)), justify="right", no_wrap=True)
    previous = None
    for model in models:
        named = "" if model.configuration == previous else model.configuration
        shown = [number(model.microseconds.get(engine, math.nan), ".1f") for engine in engines]
        table.add_row(named, model.route, *shown)
        previous = model.configuration
    return table


PAIR, ENGINE = 21, 13
"""Columns for an engine's name in the narrow tables."""


def _table(title: str) -> Table:
    return Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)


Named = tuple[str, tuple[str, ...], str, str]
"""The route of b; that of a where a is a runtime on another one; a and b."""


STATISTICS = ("n", "mean", "ci95_low", "ci95_high", "min", "max", "test_set_error")
"""Columns of summary.csv that are shown."""


def pairs_of(summary: Rows, *, against_labels: bool) -> list[tuple[Named, Metrics]]:
    """Each pair and its statistics by metric, for the model's output, routes side by side."""
    found: dict[Named, dict[str, Mapping[str, float]]] = {}
    for row in summary:
        engine = EngineId.parse(row["engine_a"])
        truth = engine.family is Family.LABELS
        if row["tap"] == OUTPUT.role and truth == against_labels:
            beside = (row["route_a"],) if engine.measured and row["route_a"] != row["route_b"] else ()
            pair = (row["route_b"], beside, row["engine_a"], row["engine_b"])
            numbers = {name: float(row[name] or "nan") for name in STATISTICS}
            found.setdefault(pair, {})[row["metric"]] = numbers
    return sorted(found.items(), key=lambda item: item[0][0])


def percent(share: float) -> str:
    """A share in percent; a rare mismatch is never shown as none."""
    if math.isnan(share):
        return "-"
    if share == 0:
        return "0 %"
    return "<0.01 %" if share < 0.0001 else f"{100 * share:.2f} %"


def number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)
