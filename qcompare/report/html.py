"""report.html: a page that needs nothing but itself. A configuration is a chapter; a page has one or several.

Whatever text comes in, from a user's file or not, is escaped by the templates.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from qcompare.core.archive import Files
from qcompare.core.statement import Statement
from qcompare.report import captions, csv, tables
from qcompare.report.alike import alike
from qcompare.report.answers import Answer, answers
from qcompare.report.captions import Caption
from qcompare.report.tables import LayerErrors
from qcompare.report.templates import ANSWERS, REPORT
from qcompare.report.terminal import Rows, is_of_routes

if TYPE_CHECKING:
    import pandas as pd

CHAPTER = "chapter.json"

INCH = 96
"""Pixels of a page."""


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
    ladder = tables.ladder(texts["rungs"])
    origin = {key: value for key, value in provenance.items() if key not in ("packages", "trials")}
    rendered = {
        "slug": slug,
        "ladder": ladder,
        "waterfall": _plots(plots, {"ladder.png": captions.ladder(tables.shares(ladder))}),
        "pairs": tables.pairs(texts["summary"]),
        "pairs_plots": _plots(plots, _of_routes(plots, "_seeds.png", captions.seeds)),
        "accuracies": tables.accuracies(texts["summary"]),
        "accuracies_plots": _plots(plots, {"labels.png": captions.LABELS}),
        "differences": tables.differences([row for row in texts["differences"] if is_of_routes(row)]),
        "layers": list(tables.layers_of(layers)),
        "states": _plots(seed_plots, {"states.png": captions.states(seed)}),
        "parameters": tables.parameters(texts["parameters"], seed),
        "parameters_told": tables.parameters_told(texts["parameters"]),
        "histograms": _plots(seed_plots, _of_routes(seed_plots, "_histograms.png", captions.histograms(seed))),
        "methods": tables.methods(texts["methods"]),
        "findings": alike(texts["findings"]),
        "options": tables.mapping("All options that decide the results", options),
        "data": tables.mapping("The data, as they were taken", understood),
        "environment": tables.mapping("Python, machine and source", origin),
        "packages": tables.mapping(f"The versions of {len(provenance['packages'])} packages", provenance["packages"]),
        "keys": tables.keys(provenance["trials"]),
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
        "together": None if together is None else tables.techniques(_texts(together)),
        "between": None if between is None else tables.between(_texts(between)),
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
