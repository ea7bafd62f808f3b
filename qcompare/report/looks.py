"""How engines look, and what the plots have in common.

An engine has one colour everywhere, from a palette that colour-blind readers can tell apart (Okabe and Ito, 2008); a
kernel set gives `interpreter`, `manual` and `micro` the same colour, and `manual` is drawn hollow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from matplotlib.ticker import MaxNLocator

from qcompare.core.engine import EngineId, Family
from qcompare.report.page import (
    HEAD,
    TICK,
    Axis,
    Dots,
    Look,
    Mark,
    Page,
    Panel,
    Polygons,
    Ticks,
    Words,
    boxes,
    line_height,
    numbers,
    round_ticks,
    text_width,
    widest,
)

WIDTH = 7.0
MARGIN = 0.1
GAP = 0.18
GREY, DARK, PALE, LANE = "0.4", "0.3", "0.85", "0.93"

COLOURS = {
    "float": "#000000",
    "qat": "#E69F00",
    "dequantized": "#7F7F7F",
    "learned": "#8C6D31",
    "reference": "#0072B2",
    "optimized": "#009E73",
    "xnnpack": "#D55E00",
    "micro": "#CC79A7",
    "other": "#56B4E9",
}
MARKERS = {
    "float": "*", "qat": "P", "dequantized": "v", "learned": "<", "reference": "o", "optimized": "s", "xnnpack": "^",
    "micro": "D", "other": "X",
}  # fmt: skip


def look(engine: EngineId) -> Look:
    name = engine.look if engine.look in COLOURS else "other"
    return Look(colour=COLOURS[name], marker=MARKERS[name], hollow=engine.family is Family.MANUAL)


def fewer_ticks(low: float, high: float, most: int) -> Iterator[Ticks]:
    """Round numbers within the ends, fewer each time, at last without the outer ones."""
    for count in range(most, 0, -1):
        yield (ticks := round_ticks(low, high, count))
    yield dict(list(ticks.items())[1:-1])


def whole_ticks(reach: float, most: int) -> Ticks:
    """Integers on both sides of zero, within the reach."""
    found = np.asarray(MaxNLocator(most, integer=True, symmetric=True).tick_values(-reach, reach))
    return numbers(found[np.abs(found) <= reach])


def unlabelled(axis: Axis) -> Axis:
    return replace(axis, ticks=dict.fromkeys(axis.ticks, ""), label="")


def say_no_figures(x: float, y: float, across: Literal["left", "center"]) -> Mark:
    return Words(x=x, y=y, text="no figures", colour=DARK, across=across)


def box(left: float, right: float, low: float, high: float, colour: str) -> Polygons:
    return Polygons(corners=boxes(*map(np.asarray, (left, right, low, high))), face=colour)


def dot(shown: Look, size: float, edge: float) -> Dots:
    """At the middle of a symbol of a legend."""
    return Dots(x=np.zeros(1), y=np.zeros(1), look=shown, size=size, edge=edge)


def legend(keys: Sequence[tuple[str, Mark]], page_width: float, bottom: float = 0.0) -> tuple[list[Panel], float]:
    """Symbols, drawn in inches around (0, 0), with their labels, in the middle of a page from bottom on, in as many
    lines as they need; and where these end."""
    symbol, gap, line = 0.2, 0.16, line_height(TICK) + 0.04
    for count in range(1, len(keys) + 1):
        columns = [keys[first : first + count] for first in range(0, len(keys), count)]
        widths = [symbol + widest(label for label, _ in column) + gap for column in columns]
        if sum(widths) - gap <= page_width - 2 * MARGIN:
            break
    top = bottom + MARGIN + count * line
    left = (page_width - sum(widths) + gap) / 2
    panels = [
        _inches(
            sum(widths[:column], left) + symbol / 2,
            top - (number + 0.5) * line,
            [mark, Words(x=symbol / 2 + 0.04, y=0, text=label)],
        )
        for column, entries in enumerate(columns)
        for number, (label, mark) in enumerate(entries)
    ]
    return panels, top + 0.08


def _inches(x: float, y: float, marks: Sequence[Mark]) -> Panel:
    """Marks in inches around a point of the page."""
    unit = Axis(low=0, high=1)
    return Panel(left=x, bottom=y, width=1, height=1, x=unit, y=unit, marks=marks, framed=False)


def notes(clauses: Sequence[str], page_width: float) -> tuple[list[Words], float]:
    """What is to be known when one looks at a page, in as few lines as hold it in the middle of its lower edge; and how
    high they stand."""
    lines: list[str] = []
    for clause in clauses:
        longer = f"{lines[-1]}; {clause}" if lines else clause
        if lines and text_width(longer, TICK) <= page_width - 2 * MARGIN:
            lines[-1] = longer
        else:
            lines.append(clause)
    words = []
    for number, line in enumerate(reversed(lines)):
        size = min(TICK, TICK * (page_width - 2 * MARGIN) / text_width(line, TICK))
        y = MARGIN + number * line_height(TICK)
        words.append(Words(x=page_width / 2, y=y, text=line, size=size, colour=DARK, across="center", along="bottom"))
    return words, MARGIN + len(lines) * line_height(TICK)


def without_figures(title: str, about: str) -> Page:
    """What is drawn when no row has figures."""
    text = "no figures in any seed: findings.csv says why"
    height = HEAD + 0.2 + line_height(TICK)
    words = Words(x=WIDTH / 2, y=(height - HEAD + MARGIN) / 2, text=text, across="center")
    return Page(width=WIDTH, height=height, title=title, about=about, panels=(), words=(words,))
