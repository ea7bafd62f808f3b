"""report.html: a page that needs nothing but itself. A configuration is a chapter; a page has one or several.

Whatever text comes in, from a user's file or not, is escaped by the templates.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from qcompare.core.archive import Files
from qcompare.core.engine import BY_DEFAULT, LABELS
from qcompare.core.statement import Statement
from qcompare.report import captions, csv
from qcompare.report.alike import alike
from qcompare.report.answers import RUNGS, Answer, answers
from qcompare.report.captions import Caption
from qcompare.report.templates import ANSWERS, REPORT
from qcompare.report.terminal import Metrics, Rows, is_of_routes, number, pairs_of, percent

if TYPE_CHECKING:
    import pandas as pd

CHAPTER = "chapter.json"

INCH = 96
"""Pixels of a page."""


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


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot as it is shown. source: a data URI. width, height: in pixels of a page."""

    source: str
    width: int
    height: int
    caption: Caption


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A configuration on a page. compared: what was. gates: what came of each, and a line. body: HTML, below these."""

    name: str
    slug: str
    compared: str
    gates: Sequence[tuple[str, str]]
    answers: Sequence[Answer]
    sections: Sequence[Mapping[str, str]]
    body: str


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


def chapter(
    *,
    name: str,
    compared: str,
    gates: Sequence[tuple[str, str]],
    statements: Sequence[Statement],
    layers: Sequence[LayerErrors],
    summary: pd.DataFrame,
    differences: pd.DataFrame,
    rungs: pd.DataFrame,
    methods: pd.DataFrame,
    parameters: pd.DataFrame,
    findings: pd.DataFrame,
    plots: Files,
    seed: int,
    seed_plots: Files,
    options: Mapping[str, Any],
    understood: Mapping[str, Any],
    provenance: Mapping[str, Any],
    templates: Mapping[str, str],
) -> Files:
    """What `page` puts together, of one configuration.

    compared: a sentence that says what was. gates: what came of each, `passed`, `failed` or `undefined`, and a line.
    The frames are the rows of the CSV files of these names, rungs of
    ladder_summary.csv, layers the means of tensors.csv. plots, seed_plots: file name -> PNG, over the seeds and of one
    seed. options: of the configuration, by dotted names. understood: what the data were taken for. provenance: that of
    provenance.json. templates: by file name.
    """
    rows = {
        "summary": summary,
        "differences": differences,
        "rungs": rungs,
        "methods": methods,
        "parameters": parameters,
        "findings": findings,
    }
    texts = {key: _texts(frame) for key, frame in rows.items()}
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    ladder = _ladder(texts["rungs"])
    origin = {key: value for key, value in provenance.items() if key not in ("packages", "trials")}
    rendered = {
        "slug": slug,
        "ladder": ladder,
        "waterfall": _plots(plots, {"ladder.png": captions.ladder(_shares(ladder))}),
        "pairs": _pairs(texts["summary"]),
        "pairs_plots": _plots(plots, _of_routes(plots, "_seeds.png", captions.seeds)),
        "accuracies": _accuracies(texts["summary"]),
        "accuracies_plots": _plots(plots, {"labels.png": captions.LABELS}),
        "differences": _differences([row for row in texts["differences"] if is_of_routes(row)]),
        "layers": list(_layers(layers)),
        "states": _plots(seed_plots, {"states.png": captions.states(seed)}),
        "parameters": _parameters(texts["parameters"], seed),
        "parameters_told": _parameters_told(texts["parameters"]),
        "histograms": _plots(seed_plots, _of_routes(seed_plots, "_histograms.png", captions.histograms(seed))),
        "methods": _methods(texts["methods"]),
        "findings": alike(texts["findings"]),
        "options": _mapping("All options that decide the results", options),
        "data": _mapping("The data, as they were taken", understood),
        "environment": _mapping("Python, machine and source", origin),
        "packages": _mapping(f"The versions of {len(provenance['packages'])} packages", provenance["packages"]),
        "keys": _keys(provenance["trials"]),
    }
    body = environment(templates).get_template("chapter.html.jinja").render(rendered)
    found = re.findall(r'<h3 id="' + re.escape(slug) + r'-([a-z]+)">([^<]*)</h3>', body)
    made = Chapter(
        name=name,
        slug=slug,
        compared=compared,
        gates=gates,
        answers=answers(statements),
        sections=[{"key": key, "title": title} for key, title in found],
        body=body,
    )
    return {CHAPTER: json.dumps(asdict(made)).encode()}


def page(
    *,
    chapters: Sequence[Files],
    templates: Mapping[str, str],
    title: str = "",
    lead: Sequence[Answer] = (),
    together: pd.DataFrame | None = None,
    between: pd.DataFrame | None = None,
    plots: Files | None = None,
) -> Files:
    """report.html and answers.txt.

    chapters: of `chapter`, at least one. title: of the page, where there are several; lead: what is said of all of
    them. together: the rows of
    techniques.csv; between: those of differences.csv between configurations; plots: file name -> PNG.
    """
    made = [json.loads(files[CHAPTER]) for files in chapters]
    several = len(made) > 1
    rendered = {
        "title": title if several else made[0]["name"],
        "chapters": made,
        "several": several,
        "lead": lead,
        "style": templates["report.css"],
        "together": None if together is None else _techniques(_texts(together)),
        "between": None if between is None else _between(_texts(between)),
        "plots": _plots(plots or {}, {"methods.png": captions.METHODS}),
    }  # fmt: skip
    html = environment(templates).get_template("page.html.jinja").render(rendered)
    return {REPORT: html.lstrip().encode(), ANSWERS: "\n".join(_lines(made)).encode()}


def _texts(frame: pd.DataFrame) -> Rows:
    return csv.texts(csv.written(frame))


def _lines(chapters: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in chapters:
        if len(chapters) > 1:
            yield f"{each['name']}:"
        yield from (answer["text"] for answer in each["answers"])


def environment(templates: Mapping[str, str]) -> Environment:
    """In which the templates are rendered. templates: by file name."""
    made = Environment(loader=DictLoader(dict(templates)), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters |= {"together": _together, "breakable": _breakable}
    return made


def _together(text: str) -> str:
    """A sentence in which no line ends within an interval, between a number and its unit, or in `p = 0.5`."""
    return re.sub(
        r" (?=(?:%|dB|LSB|bytes|points)(?!\w))|(?<=\bp) (?== )|(?<=\bp =) |(?<=,) (?=[^\[\]]*\])",
        "\N{NO-BREAK SPACE}",
        text,
    )


def _breakable(text: str) -> Markup:
    """A name of an engine, a tensor, an operator or a file, of which a narrow column may make several lines."""
    return Markup(re.sub(r"([:/_])(?=\w)", r"\1<wbr>", str(escape(text))))


def _of_routes(files: Files, end: str, caption: Callable[[str], Caption]) -> dict[str, Caption]:
    """The captions of the plots, one a route, whose names end so."""
    return {name: caption(name.removesuffix(end)) for name in sorted(files) if name.endswith(end)}


def _plots(files: Files, told: Mapping[str, Caption]) -> list[Plot]:
    """The plots of these names that there are."""
    found = []
    for name, caption in told.items():
        if name in files:
            source, width, height = _embedded(files[name])
            found.append(Plot(source=source, width=width, height=height, caption=caption))
    return found


def _embedded(png: bytes) -> tuple[str, int, int]:
    """A PNG as a data URI, and its size in pixels of a page. WebP without loss takes a third of the bytes."""
    image = Image.open(io.BytesIO(png))
    dots = image.info.get("dpi", (INCH, INCH))[0]
    content = io.BytesIO()
    image.save(content, format="webp", lossless=True, quality=25, method=1)
    encoded = base64.b64encode(content.getvalue()).decode()
    return f"data:image/webp;base64,{encoded}", *(round(size * INCH / dots) for size in image.size)


def real(text: str) -> float:
    """NaN for an empty cell."""
    return float(text or "nan")


def _percents(share: float) -> str:
    return number(round(100 * share, 1) + 0.0, ".1f")


def brackets(low: float, high: float, form: str, times: float = 1) -> str:
    """An interval; "" for one that is not defined."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{times * low:{form}}, {times * high:{form}}]"


def _ladder(rungs: Rows) -> Shown:
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


def _shares(ladder: Shown) -> str:
    return "; ".join(f"route {route}, {rung}: {share} %" for route, _, rung, share, *_ in ladder.rows)


def _pairs(summary: Rows) -> Shown:
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


def _accuracies(summary: Rows) -> Shown:
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


def _differences(rows: Rows) -> Shown:
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


def _layers(layers: Sequence[LayerErrors]) -> Iterator[dict[str, Any]]:
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


def _parameters(rows: Rows, seed: int) -> Shown:
    """Those that are not exact first, then those of one seed."""
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


def _parameters_told(rows: Rows) -> str:
    learned = [row for row in rows if row["exact"]]
    exact = sum(row["exact"] == "True" for row in learned)
    if not learned:
        return f"None of {len(rows)} scales was learned in training."
    text = f"Of {len(learned)} scales and zero points that training learned in all seeds, {exact} stand in the models "
    text += "bit for bit"
    return f"{text}." if exact == len(learned) else f"{text}; {len(learned) - exact} do not, and come first here."


def _methods(rows: Rows) -> Shown:
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


def _mapping(caption: str, values: Mapping[str, Any]) -> Shown:
    columns = [Column("name", number=False), Column("value", number=False)]
    return Shown(caption=caption, columns=columns, rows=[[name, _text(value)] for name, value in values.items()])


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) if value else "none"
    return "" if value is None else str(value)


def _keys(trials: Mapping[str, Any]) -> Shown:
    rows = [[seed, name, key] for seed, trial in trials.items() for name, key in trial["stages"].items()]
    columns = [Column("seed"), Column("stage", number=False), Column("key", number=False)]
    return Shown(caption="The key of every stage of every seed", columns=columns, rows=rows)


def _techniques(rows: Rows) -> Shown:
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


def _between(rows: Rows) -> Shown:
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
