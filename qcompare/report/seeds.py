"""The plots over the seeds of one configuration. They draw what they are given and compute no statistics."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from qcompare.core.archive import Files
from qcompare.core.comparison import FLOAT_ROUTE
from qcompare.core.engine import LABELS, EngineId
from qcompare.report import scales
from qcompare.report.looks import GAP, LANE, MARGIN, WIDTH, box, notes, unlabelled, without_figures
from qcompare.report.page import HEAD, Page, Panel, files, room_below, room_left
from qcompare.report.seed_rows import ROW, defined, no_figures, row_axis, rows, rules, seed_legend, seed_marks, told

if TYPE_CHECKING:
    import pandas as pd

ROUTE = "route_b"
BORDER = "0.6"


def draw(name: str, about: str, errors: pd.DataFrame, summary: pd.DataFrame) -> Files:
    """File name -> plot: the differences, a route each, and how right every engine is.

    name: of the configuration. about: data, seeds and samples. errors, summary: the rows of errors.csv and summary.csv.
    """
    drawn: dict[str, bytes] = {}
    for route in compared_routes(errors):
        own = [frame[frame[ROUTE] == route] for frame in (errors, summary)]
        drawn |= files(f"{route}_seeds", over_seeds(*own, title=f"{name}, route {route}", about=about))
    return drawn | files("labels", against_labels(errors, summary, title=name, about=about))


def compared_routes(errors: pd.DataFrame) -> list[str]:
    """The routes whose engines are compared with more than the labels, in the order of the rows."""
    against = [EngineId.parse(name) == LABELS for name in errors["engine_a"]]
    return list(dict.fromkeys(errors.loc[~np.array(against, bool), ROUTE]))


def over_seeds(errors: pd.DataFrame, summary: pd.DataFrame, *, title: str, about: str = "") -> Page:
    """Every seed a dot, a row for each pair: mismatch rate, largest difference and SQNR of the outputs.

    errors, summary: the rows of errors.csv and of summary.csv of one route; means and intervals are the summary's.
    What an axis cannot hold has a grey lane of its own: on the left a rate or a difference of zero, on the right an
    output without noise, whose SQNR is undefined. A mean is drawn where at least two seeds have figures and all of them
    have the metric.
    """
    shown, seeds = rows(errors, summary, labels=False), len(set(errors["seed"]))
    if not any(row.found for row in shown):
        return without_figures(title, about)
    axis = row_axis(shown, [f"{row.beside} {row.a} vs {row.b}".strip() for row in shown], seeds)
    left = MARGIN + room_left(axis)
    page_width = max(WIDTH, left + 3 * 1.3 + 2 * GAP + MARGIN)
    width = (page_width - left - MARGIN - 2 * GAP) / 3
    height = ROW * max(len(shown), 3)
    values = {metric: defined(shown, metric) for metric in ("mismatch_rate", "max_lsb", "sqnr_db")}
    of_metric = {
        "mismatch_rate": scales.rates(values["mismatch_rate"], width),
        "max_lsb": scales.steps(values["max_lsb"], width),
        "sqnr_db": scales.decibels(values["sqnr_db"], width),
    }
    lanes = "grey lanes: 0 is no unequal integer"
    if of_metric["sqnr_db"].lane is not None:
        lanes += ", exact is every output equal, its SQNR infinite"
    words, noted = notes([*told(shown, seeds), lanes], page_width)
    keys, bottom = seed_legend(shown, page_width, noted)
    bottom += room_below(of_metric["sqnr_db"].axis)
    borders = [number - 0.5 for number, (one, after) in enumerate(pairwise(shown), 1) if one.kind != after.kind]
    panels = [
        Panel(
            left=left + column * (width + GAP),
            bottom=bottom,
            width=width,
            height=height,
            x=scale.axis,
            y=axis if column == 0 else unlabelled(axis),
            under=[] if scale.lane is None else [box(*scale.lane, axis.low, axis.high, LANE)],
            marks=[
                *rules([(scale.axis.low, y, scale.axis.high, y) for y in borders], BORDER, 0.6),
                *seed_marks(shown, metric, scale, borders),
                *(no_figures(shown, scale.axis) if column == 0 else []),
            ],
        )
        for column, (metric, scale) in enumerate(of_metric.items())
    ]
    page_height = bottom + height + 0.05 + HEAD
    return Page(width=page_width, height=page_height, title=title, about=about, panels=[*panels, *keys], words=words)


def against_labels(errors: pd.DataFrame, summary: pd.DataFrame, *, title: str, about: str = "") -> Page:
    """Every seed a dot, a row for each engine, routes one below the other: accuracy, or for a regression the RMSE.

    errors, summary: the rows of errors.csv and of summary.csv, of which those against the labels are drawn.
    """
    shown = sorted(rows(errors, summary, labels=True), key=lambda row: row.route)
    if not any(row.found for row in shown):
        return without_figures(title, about)
    seeds = len(set(errors["seed"]))
    axis = row_axis(shown, [str(row.b) if row.route == FLOAT_ROUTE else f"{row.route} {row.b}" for row in shown], seeds)
    left = MARGIN + room_left(axis)
    page_width = max(0.8 * WIDTH, left + 3.0)
    width = page_width - left - 2 * MARGIN
    accuracies = defined(shown, "top1_agreement")
    regression = not accuracies.size and bool(defined(shown, "rmse").size)
    samples = min((row.samples for row in shown if row.samples), default=0)
    if regression or not accuracies.size:
        metric, scale = "rmse", scales.linear(defined(shown, "rmse"), "RMSE (real units)", width)
    else:
        metric, scale = "top1_agreement", scales.accuracies(accuracies, samples, width)
    words, noted = notes(list(told(shown, seeds)), page_width)
    keys, bottom = seed_legend(shown, page_width, noted)
    bottom += room_below(scale.axis)
    height = ROW * max(len(shown), 3)
    borders = [number - 0.5 for number, (one, after) in enumerate(pairwise(shown), 1) if one.route != after.route]
    panel = Panel(
        left=left,
        bottom=bottom,
        width=width,
        height=height,
        x=scale.axis,
        y=axis,
        marks=[
            *rules([(scale.axis.low, y, scale.axis.high, y) for y in borders], BORDER, 0.6),
            *seed_marks(shown, metric, scale, []),
            *no_figures(shown, scale.axis),
        ],
    )
    page_height = bottom + height + 0.05 + HEAD
    return Page(width=page_width, height=page_height, title=title, about=about, panels=[panel, *keys], words=words)
