"""How often each difference between two engines occurs in one seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qcompare.core.engine import EngineId, Family
from qcompare.report.looks import GAP, MARGIN, WIDTH, look, say_no_figures, unlabelled, whole_ticks
from qcompare.report.page import (
    HEAD,
    LABEL,
    Axis,
    Look,
    Mark,
    Page,
    Panel,
    Polygons,
    Words,
    boxes,
    fitting,
    line_height,
    room_below,
    room_left,
    widest,
)

Pair = tuple[EngineId, EngineId]
Counts = tuple[np.ndarray, np.ndarray]
"""Differences in LSB and how often each occurs, as `figures.lsb_histogram` counts them; both empty for a pair without
figures."""

NAME, HEIGHT, MOST = 7.0, 0.8, 6
"""Size of the names above panels; their height; how many stand in a row."""

OWN = "minus manual in the same arithmetic"


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Histograms of the differences from one engine, which share their axes. reach: of the axis of differences."""

    title: str
    counts: Mapping[EngineId, Counts]
    reach: int


def error_histograms(histograms: Mapping[Pair, Counts], *, title: str, about: str = "") -> Page:
    """Counts of each difference b - a on a log axis, a panel a pair; those with the same a stand together and share
    their axis. histograms: for at least one pair, (a, b) -> its counts."""
    groups = grouped(histograms)
    tallest = max((int(counts.max()) for _, counts in histograms.values() if counts.size), default=1)
    counts_axis = _counts_axis(max(12, 2.5 * tallest))
    left = MARGIN + room_left(counts_axis) + 0.2
    names = [str(b) for _, b in histograms]
    most = int((WIDTH - left - MARGIN + GAP) // (widest(names, NAME) + GAP / 2))
    columns = max(1, min(max(len(group.counts) for group in groups), MOST, most))
    headings = widest((group.title for group in groups), LABEL)
    page_width = max(min(WIDTH, 1 + 2.2 * columns), left + headings + MARGIN)
    width = (page_width - left - MARGIN + GAP) / columns - GAP
    heading, above = line_height(LABEL) + 0.12, line_height(NAME) + 0.08
    block = above + HEIGHT + room_below(Axis(low=0, high=1)) + 0.06
    rows = sum(math.ceil(len(group.counts) / columns) for group in groups)
    foot = line_height(LABEL) + 0.1
    page_height = HEAD + len(groups) * heading + rows * block + foot
    top = page_height - HEAD
    panels, words = [], []
    for group in groups:
        words.append(Words(x=left, y=top - 0.08, text=group.title, size=LABEL, along="top"))
        top -= heading
        for number, (b, counts) in enumerate(group.counts.items()):
            row, column = divmod(number, columns)
            axis = _differences_axis(group.reach, width)
            panels.append(
                Panel(
                    left=left + column * (width + GAP),
                    bottom=top - row * block - above - HEIGHT,
                    width=width,
                    height=HEIGHT,
                    x=axis,
                    y=counts_axis if column == 0 else unlabelled(counts_axis),
                    title=str(b),
                    title_size=NAME,
                    marks=_bars(counts, look(b), counts_axis, group.reach),
                )
            )
        top -= math.ceil(len(group.counts) / columns) * block
    note = "difference (LSB); panels below one heading have the same range"
    size = min(LABEL, LABEL * (page_width - 2 * MARGIN) / widest([note], LABEL))
    words += [
        Words(x=page_width / 2, y=0.07, text=note, size=size, across="center", along="bottom"),
        Words(
            x=MARGIN + 0.05, y=(page_height - HEAD + foot) / 2, text="elements", size=LABEL, across="center",
            upright=True,
        ),
    ]  # fmt: skip
    return Page(width=page_width, height=page_height, title=title, about=about, panels=panels, words=words)


def grouped(histograms: Mapping[Pair, Counts]) -> list[Group]:
    """By what is subtracted, in the order of the pairs; runtimes less the manual engine in their own arithmetic are one
    group."""
    found: dict[str, dict[EngineId, Counts]] = {}
    for (a, b), counts in histograms.items():
        own = a.family is Family.MANUAL and b.measured and b.emulation == a
        found.setdefault(OWN if own else f"minus {a}", {})[b] = counts
    return [Group(title=title, counts=counts, reach=_reach(counts)) for title, counts in found.items()]


def _reach(counts: Mapping[EngineId, Counts]) -> int:
    """How far the differences of a group go, at least 3 LSB, so that one LSB does not look like much."""
    return max(3, *(int(np.abs(differences).max(initial=0)) for differences, _ in counts.values()))


def _counts_axis(top: float) -> Axis:
    """A log axis of counts from 1 to top."""
    powers = range(math.floor(math.log10(top)) + 1)
    shown = powers[:: math.ceil(len(powers) / 4)]
    ticks = {float(power): f"{10**power}" if power < 5 else f"1e{power}" for power in shown}
    return Axis(low=math.log10(0.6), high=math.log10(top), ticks=ticks, lines=True)


def _bar(reach: int) -> float:
    """Width in LSB. A gap narrower than a pixel would come and go, and a bar narrower than one vanish: beyond 75 LSB
    each is drawn wider than its one LSB."""
    return 0.8 if reach < 25 else max(1.0, reach / 75)


def _differences_axis(reach: int, width: float) -> Axis:
    end = reach + _bar(reach)
    return Axis(
        low=-end, high=end, ticks=fitting((whole_ticks(end, most) for most in range(5, 0, -1)), -end, end, width)
    )


def _bars(counts: Counts, shown: Look, y: Axis, reach: int) -> list[Mark]:
    differences, found = counts
    if not found.size:
        return [say_no_figures(0.0, (y.low + y.high) / 2, "center")]
    half = _bar(reach) / 2
    corners = boxes(differences - half, differences + half, np.asarray(y.low), np.log10(found))
    return [Polygons(corners=corners, face=shown.face, edge=shown.colour if shown.hollow else "none")]
