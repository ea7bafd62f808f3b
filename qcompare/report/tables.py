"""The tables of a report, from the rows of the CSV files; every cell is text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from qcompare.core.engine import BY_DEFAULT, LABELS
from qcompare.report.answers import RUNGS
from qcompare.report.terminal import Metrics, Rows, number, pairs_of, percent


@dataclass(frozen=True)
class Column:
    """Of a table. number: whether its cells are figures, which stand flush right."""

    name: str
    number: bool = True


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A table as it is shown; every cell is text."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


class LayerErrors(Protocol):
    """What is shown of a tensor; `analysis.layers` has its units."""

    @property
    def route(self) -> str: ...
    @property
    def tap(self) -> str: ...
    @property
    def op(self) -> str: ...
    @property
    def local_rmse(self) -> float: ...
    @property
    def rmse(self) -> float: ...
    @property
    def local_sqnr_db(self) -> float: ...
    @property
    def sqnr_db(self) -> float: ...
    @property
    def mismatch_rate(self) -> float: ...


def real(text: str) -> float:
    """NaN for an empty cell."""
    return float(text or "nan")


def _percents(share: float) -> str:
    return number(round(100 * share, 1) + 0.0, ".1f")


def brackets(low: float, high: float, form: str, times: float = 1) -> str:
    """An interval; "" for one that is not defined."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{times * low:{form}}, {times * high:{form}}]"


def ladder(rungs: Rows) -> Shown:
    """Each rung's share over the seeds, and the size of the change by itself."""
    rows = []
    by_key = {(row["route_b"], row["kernels"], row["rung"], row["metric"]): row for row in rungs}
    for route, kernels, rung, metric in by_key:
        if metric != "share" or kernels != _kernels(rungs, route):
            continue
        share, rms = by_key[route, kernels, rung, "share"], by_key[route, kernels, rung, "rms"]
        mean, low, high = (real(share[name]) for name in ("mean", "ci95_low", "ci95_high"))
        whole = rung == "whole"
        between = "" if whole or math.isnan(low) else f"[{_percents(low)}, {_percents(high)}]"
        told = [_percents(mean), between, number(real(rms["mean"]), ".3g")]
        rows.append([route, kernels, rung, *told, RUNGS.get(rung, "all of them")])
    columns = [
        *(Column(name, number=False) for name in ("route", "to", "rung")),
        *(Column(name) for name in ("share %", "95 % interval", "RMS by itself (real units)")),
        Column("what changes", number=False),
    ]
    return Shown(caption="Shares of the squared error of the output", columns=columns, rows=rows)


def _kernels(rungs: Rows, route: str) -> str:
    """Those that the plot has: of the runtime that people get by default, else the first."""
    sets = list(dict.fromkeys(row["kernels"] for row in rungs if row["route_b"] == route))
    return BY_DEFAULT.kernels if BY_DEFAULT.kernels in sets else sets[0]


def shares(ladder: Shown) -> str:
    """The shares in words, of the table of `ladder`."""
    return "; ".join(f"route {route}, {rung}: {share} %" for route, _, rung, share, *_ in ladder.rows)


def pairs(summary: Rows) -> Shown:
    """The outputs of pairs of engines over the seeds. summary: the rows of summary.csv."""
    rows = []
    for (route, beside, a, b), found in pairs_of(summary, against_labels=False):
        unequal, lsb, sqnr = found["mismatch_rate"], found["max_lsb"], found["sqnr_db"]
        n = max(each["n"] for each in found.values())
        rows.append(
            [
                route,
                " ".join([*beside, a]),
                b,
                f"{n:g}",
                percent(unequal["mean"]),
                brackets(unequal["ci95_low"], unequal["ci95_high"], ".2f", 100),
                number(lsb["max"], ".0f"),
                number(sqnr["mean"], ".1f"),
                brackets(sqnr["ci95_low"], sqnr["ci95_high"], ".1f"),
            ]
        )
    columns = [
        *(Column(name, number=False) for name in ("route", "a", "b")),
        *map(Column, ("seeds", "unequal", "95 % interval", "largest LSB", "SQNR dB", "95 % interval")),
    ]
    return Shown(
        caption="Means over the seeds, largest LSB of all; SQNR of the seeds with unequal outputs",
        columns=columns,
        rows=rows,
    )


def _metric(found: Iterable[tuple[Any, Metrics]]) -> tuple[str, str, str]:
    """Column, title and form of how right an engine is."""
    classification = any(metrics["top1_agreement"]["n"] > 0 for _, metrics in found)
    return ("top1_agreement", "Accuracy", ".4f") if classification else ("rmse", "RMSE (real units)", ".4g")


def accuracies(summary: Rows) -> Shown:
    """How right every engine is over the seeds. summary: the rows of summary.csv."""
    found = pairs_of(summary, against_labels=True)
    metric, title, form = _metric(found)
    rows = []
    for (route, _, _, engine), metrics in found:
        of = metrics[metric]
        ends = [number(of[name], form) for name in ("min", "max")]
        between = brackets(of["ci95_low"], of["ci95_high"], form)
        rows.append([route, engine, f"{of['n']:g}", number(of["mean"], form), between, *ends])
    columns = [Column("route", number=False), Column("engine", number=False)]
    columns += map(Column, ("seeds", "mean", "95 % interval", "smallest", "largest"))
    return Shown(caption=f"{title} against the labels", columns=columns, rows=rows)


def _side(row: Mapping[str, str], side: str) -> str:
    return f"{row[f'route_{side}']} {row[f'engine_{side}']}"


def differences(rows: Rows) -> Shown:
    """Routes against each other, paired by seed. rows: of differences.csv."""
    told = []
    for row in rows:
        mean, low, high, p = (real(row[name]) for name in ("mean", "ci95_low", "ci95_high", "p_holm"))
        told.append(
            [
                row["metric"],
                _side(row, "a"),
                _side(row, "b"),
                row["n"],
                number(mean + 0.0, "+.4g"),
                brackets(low, high, "+.4g"),
                number(p, ".4f"),
            ]
        )
    columns = [
        *(Column(name, number=False) for name in ("figure", "a", "b")),
        *map(Column, ("seeds", "b - a", "95 % interval", "p (Holm)")),
    ]
    return Shown(caption="Against the labels, b less a", columns=columns, rows=told)


def layers_of(layers: Sequence[LayerErrors]) -> Iterator[dict[str, Any]]:
    """A table for each route, with a small plot in each row."""
    found = [value for each in layers for value in (each.local_sqnr_db, each.sqnr_db) if not math.isnan(value)]
    low, high = (math.floor(min(found) / 10) * 10, math.ceil(max(found) / 10) * 10) if found else (0, 10)
    high = max(high, low + 10)

    def at(value: float) -> str:
        return "" if math.isnan(value) else f"{10 + 180 * (value - low) / (high - low):.1f}"

    step = 10 if high - low <= 50 else 20
    ticks = [{"x": at(value), "text": f"{value}"} for value in range(low, high + 1, step)]
    for route in dict.fromkeys(each.route for each in layers):
        rows = []
        for each in (each for each in layers if each.route == route):
            alone, whole = (number(value, ".1f") for value in (each.local_sqnr_db, each.sqnr_db))
            cells = [alone, whole, *(number(value, ".3g") for value in (each.local_rmse, each.rmse))]
            rows.append(
                {
                    "tap": each.tap,
                    "op": each.op or "input",
                    "alone": at(each.local_sqnr_db),
                    "all": at(each.sqnr_db),
                    "alt": f"alone {alone} dB, accumulated {whole} dB",
                    "cells": [*cells, percent(each.mismatch_rate)],
                }
            )
        columns = ("alone dB", "accumulated dB", "RMS alone", "RMS accumulated", "unequal")
        yield {"route": route, "rows": rows, "ticks": ticks, "columns": columns}


MOST_PARAMETERS = 200
"""Rows of a page."""


def parameters(rows: Rows, seed: int) -> Shown:
    """Learned scales and zero points beside the models', those that are not exact first, then those of one seed. rows:
    of parameters.csv."""
    apart = [row for row in rows if row["exact"] == "False"]
    own = [row for row in rows if row["exact"] != "False" and row["seed"] == str(seed)]
    told = (apart + own)[:MOST_PARAMETERS]
    names = ("seed", "route", "tensor", "tap", "channel", "learned_scale", "scale", "scale_ulp", "learned_zero_point")
    cells = [[_short(row, name) for name in (*names, "zero_point", "exact")] for row in told]
    columns = [Column(name.replace("_", " "), number=name not in ("tensor", "tap", "route")) for name in names]
    left = len(rows) - len(told)
    caption = f"{len(told)} scales and zero points" + (f"; {left} more stand in parameters.csv" if left else "")
    return Shown(caption=caption, columns=[*columns, Column("zero point"), Column("exact", number=False)], rows=cells)


def _short(row: Mapping[str, str], name: str) -> str:
    return number(real(row[name]), ".6g") if name.endswith("scale") and row[name] else row[name]


def parameters_told(rows: Rows) -> str:
    """In words how many stand in the models bit for bit. rows: of parameters.csv."""
    learned = [row for row in rows if row["exact"]]
    exact = sum(row["exact"] == "True" for row in learned)
    if not learned:
        return f"None of {len(rows)} scales was learned in training."
    text = f"Of {len(learned)} scales and zero points that training learned in all seeds, {exact} stand in the models "
    text += "bit for bit"
    return f"{text}." if exact == len(learned) else f"{text}; {len(learned) - exact} do not, and come first here."


def methods(rows: Rows) -> Shown:
    """What the models take and are worth. rows: of methods.csv."""
    numbers = ("file_bytes", "compressed_bytes", "int8_bytes", "float32_bytes", "weights", "arena_bytes")
    shares = ("accuracy", "accuracy_of_float", "agreement_with_float", "mae", "mae_of_float")
    there = [name for name in shares if any(row[name] for row in rows)]
    told = [
        [
            row["route"],
            row["seed"],
            *(number(real(row[name]), ",.0f") for name in numbers),
            *(number(real(row[name]), ".4g") for name in there),
        ]
        for row in sorted(rows, key=lambda row: row["route"])
    ]
    columns = [Column("route", number=False), Column("seed")]
    columns += [Column(name.replace("_", " ")) for name in (*numbers, *there)]
    return Shown(caption="The models, by interpreter:xnnpack", columns=columns, rows=told)


def mapping(caption: str, values: Mapping[str, Any]) -> Shown:
    """Names and their values."""
    columns = [Column("name", number=False), Column("value", number=False)]
    return Shown(caption=caption, columns=columns, rows=[[name, _text(value)] for name, value in values.items()])


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) if value else "none"
    return "" if value is None else str(value)


def keys(trials: Mapping[str, Any]) -> Shown:
    """The keys of all stages. trials: as provenance.json has them."""
    rows = [[seed, name, key] for seed, trial in trials.items() for name, key in trial["stages"].items()]
    columns = [Column("seed"), Column("stage", number=False), Column("key", number=False)]
    return Shown(caption="The key of every stage of every seed", columns=columns, rows=rows)


def techniques(rows: Rows) -> Shown:
    """Methods side by side. rows: of techniques.csv."""
    told = []
    for row in rows:
        accuracy = row["metric"] == "accuracy"
        times, form = (100, ".2f") if accuracy else (1, ".3g")
        mean, low, high = (real(row[name]) for name in ("mean", "ci95_low", "ci95_high"))
        less, least, most = (real(row[f"minus_float{end}"]) for end in ("", "_ci95_low", "_ci95_high"))
        reduction = real(row["size_reduction"])
        told.append(
            [
                row["model"],
                row["method"],
                row["n"],
                number(times * mean, form),
                brackets(low, high, form, times),
                number(times * less + 0.0, f"+{form}"),
                brackets(least, most, f"+{form}", times),
                number(real(row["file_bytes"]), ",.0f"),
                number(100 * reduction, ".0f"),
            ]
        )
    metrics = " or ".join(dict.fromkeys("accuracy %" if row["metric"] == "accuracy" else "MAE" for row in rows))
    columns = [Column("model", number=False), Column("method", number=False)]
    columns += map(Column, ("seeds", metrics, "95 % interval", "less float", "95 % interval", "bytes", "smaller %"))
    return Shown(caption="Means over the seeds", columns=columns, rows=told)


def between(rows: Rows) -> Shown:
    """Differences between configurations."""
    told = []
    for row in rows:
        if row["reference"] != str(LABELS):
            continue
        mean, low, high, p = (real(row[name]) for name in ("mean", "ci95_low", "ci95_high", "p_holm"))
        told.append(
            [
                row["metric"],
                f"{row['configuration_a']}, {row['route_a']}",
                f"{row['configuration']}, {row['route_b']}",
                row["n"],
                number(mean + 0.0, "+.4g"),
                brackets(low, high, "+.4g"),
                number(p, ".4f"),
            ]
        )
    columns = [
        *(Column(name, number=False) for name in ("figure", "a", "b")),
        *map(Column, ("seeds", "b - a", "95 % interval", "p (Holm)")),
    ]
    return Shown(caption="Configurations against each other, b less a in the same seeds", columns=columns, rows=told)
