"""The plots of the ladders: where the error at the output comes from, and which units of a state have it when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qcompare.core.archive import Files
from qcompare.report.looks import GAP, MARGIN, WIDTH, box, notes
from qcompare.report.page import (
    HEAD,
    LABEL,
    Axis,
    Cells,
    Dots,
    Lines,
    Look,
    Mark,
    Page,
    Panel,
    Polygons,
    Ticks,
    Words,
    boxes,
    files,
    fitting,
    line_height,
    room_below,
    room_left,
    round_ticks,
    text_width,
    widest,
)

if TYPE_CHECKING:
    from qcompare.analysis.drawn_ladder import Drawn, DrawnLadder, DrawnState

ROW = 0.19
TITLE = line_height(LABEL) + 0.12
"""Above a panel."""

MORE, LESS, TOTAL = "#D55E00", "#0072B2", "0.55"
"""Colours of what adds to the error, of what takes from it, and of the whole."""

SEED = Look(colour="0.15", marker="o")


def draw_trial(drawn: Drawn, for_paper: bool) -> Files:
    """File name -> plot, of one trial: a waterfall, and where there are states a heat map. for_paper: as PDF too."""
    found: dict[str, bytes] = {}
    if drawn.ladders:
        page = waterfall(drawn.ladders, title=drawn.title, about=drawn.about)
        found |= files("ladder", page, for_paper=for_paper)
    if drawn.states:
        page = heat(drawn.states, title=drawn.title, about=drawn.about)
        found |= files("states", page, for_paper=for_paper)
    return found


def draw_seeds(name: str, about: str, ladders: Sequence[DrawnLadder]) -> Files:
    """File name -> plot, over the seeds: a waterfall. name: of the configuration. about: data, seeds and samples."""
    return files("ladder", waterfall(ladders, title=name, about=about)) if ladders else {}


def waterfall(ladders: Sequence[DrawnLadder], *, title: str, about: str = "") -> Page:
    """What each rung adds to the mean squared error of the output, from the float network down to the device.

    A panel a route with a row a rung: on the left bars that begin where the one above ends, means over the seeds with
    their intervals, and as a dot what the rung adds in each seed; on the right the RMS of each change by itself, on a
    log axis with a lane for what is next to none.
    """
    names = {name for ladder in ladders for name in ladder.rungs} | {WHOLE}
    left = MARGIN + 0.1 + widest(names)
    shares = widest(text for ladder in ladders for text in _shares(ladder)) + 0.12
    right_width = 1.9
    width = WIDTH - left - shares - right_width - 0.45
    words, bottom = notes(list(_told(ladders)), WIDTH)
    bottom += 0.1
    laid: list[Panel] = []
    for number, ladder in enumerate(reversed(ladders)):
        height = ROW * (len(ladder.rungs) + 1)
        sums = _sums_axis(ladder, width)
        own = _rms_axis(ladder, right_width)
        if number:
            bottom += 0.04
        bottom += room_below(replace(sums, label="x"))
        rows = Axis(
            low=len(ladder.rungs) + 0.5,
            high=-0.5,
            ticks=dict(enumerate([*ladder.rungs, WHOLE])),
            marked=False,
        )
        place = Panel(
            left=left,
            bottom=bottom,
            width=width,
            height=height,
            x=sums,
            y=rows,
            title=f"route {ladder.route}, float network to {ladder.kernels} kernels",
            marks=[*_steps(ladder), *_labels(ladder, sums)],
        )
        beside = replace(
            place,
            left=left + width + shares + 0.25,
            width=right_width,
            x=own,
            y=replace(rows, ticks=dict.fromkeys(rows.ticks, "")),
            title="each change by itself",
            under=_lanes(len(ladder.rungs) + 1, own),
            marks=_dots(ladder, own),
        )
        laid += [beside, place]
        bottom += height + TITLE
    return Page(width=WIDTH, height=bottom + HEAD, title=title, about=about, panels=laid[::-1], words=words)


def _told(ladders: Sequence[DrawnLadder]) -> Iterator[str]:
    """What bars, dots and lines are."""
    if any(len(ladder.added) > 1 for ladder in ladders):
        yield "a bar: mean over the seeds of what a rung adds (orange) or takes away (blue)"
        yield "a dot: one seed"
        yield "black lines and brackets: 95 % intervals of the means"
    else:
        yield "a bar: what a rung adds (orange) or takes away (blue)"
    yield f"{NONE}: less than {LEAST:g} of the largest change"


WHOLE = "whole"
"""The last row; all rows are named as in ladder.csv."""


def _shares(ladder: DrawnLadder) -> list[str]:
    """What stands beside the bars: the share of the whole, and its interval."""
    found = ladder.mean_share
    own = [
        " ".join(filter(None, [_share(value), _interval(low, high)]))
        for value, low, high in zip(*(each.tolist() for each in (found.value, found.low, found.high)), strict=True)
    ]
    return [*own, _share(1.0)]


def _interval(low: float, high: float) -> str:
    """In percent; none where it is undefined, or would be [0, 0]."""
    if math.isnan(low) or max(abs(low), abs(high)) < 0.0005:
        return ""
    ends = (f"{100 * end:.1f}" if abs(end) < 0.0995 else f"{100 * end:.0f}" for end in (low, high))
    return f"[{', '.join(ends)}]".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def _share(share: float) -> str:
    if math.isnan(share):
        return ""
    share *= 100
    digits = 0 if abs(share) >= 9.95 else 1
    shown = f"{share:.{digits}f}"
    if float(shown) == 0:
        return "0 %" if share == 0 else "\N{ALMOST EQUAL TO}0 %"
    return f"{shown} %".replace("-", "\N{MINUS SIGN}")


def _ends(ladder: DrawnLadder) -> np.ndarray:
    """Where the bars begin and end, [rungs + 1]."""
    return np.concatenate([[0.0], np.cumsum(ladder.mean_added.value)])


def _sums_axis(ladder: DrawnLadder, width: float) -> Axis:
    ends, own = _ends(ladder), _own_ends(ladder)
    between = [reach for _, *sides in _intervals(ladder) for reach in sides]
    high = max(float(ends.max()), float(own.max(initial=0.0)), *between, 1e-12)
    low = min(0.0, float(own.min(initial=0.0)), *between)
    room = 0.04 * (high - low)
    low, high = low - room if low else low, high + room
    ticks = fitting((_with_plain_zero(round_ticks(low, high, most)) for most in (5, 4, 3, 2, 1)), low, high, width)
    return Axis(low=low, high=high, ticks=ticks, label="mean squared error (real units squared)", lines=True)


def _with_plain_zero(ticks: Ticks) -> Ticks:
    return {at: text if at else "0" for at, text in ticks.items()}


def _own_ends(ladder: DrawnLadder) -> np.ndarray:
    """The end of a bar as each seed has it, [seeds, rungs + 1]: where it begins and what the rung adds in that seed."""
    whole = ladder.added.sum(axis=1, keepdims=True)
    return np.concatenate([_ends(ladder)[:-1] + ladder.added, whole], axis=1)


def _intervals(ladder: DrawnLadder) -> list[tuple[int, float, float]]:
    """Of the rows that have one: the row, and the ends of the interval from where its bar begins."""
    low, high = (
        np.concatenate([_ends(ladder)[:-1] + own, whole])
        for own, whole in (
            (ladder.mean_added.low, ladder.mean_whole.low),
            (ladder.mean_added.high, ladder.mean_whole.high),
        )
    )
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return [(row, least, most) for row, (least, most) in enumerate(ends) if least < most]


def _steps(ladder: DrawnLadder) -> list[Mark]:
    """The bars, lines from each to the next, the seeds, and the intervals of the means."""
    ends, rows = _ends(ladder), np.arange(len(ladder.rungs))
    begin, end = ends[:-1], ends[1:]
    marks: list[Mark] = []
    for colour, chosen in ((MORE, end > begin), (LESS, end < begin)):
        if chosen.any():
            sides = np.minimum(begin, end)[chosen], np.maximum(begin, end)[chosen]
            corners = boxes(*sides, rows[chosen] - 0.32, rows[chosen] + 0.32)
            marks.append(Polygons(corners=corners, face=colour, edge=colour))
    last = np.array([len(ladder.rungs)])
    corners = boxes(np.zeros(1), ends[-1:], last - 0.32, last + 0.32)
    marks.append(Polygons(corners=corners, face=TOTAL, edge=TOTAL))
    # Also across the rows without a bar.
    after = np.where(end == begin, -0.32, 0.32)
    links = [[(at, row + high), (at, row + 0.68)] for row, at, high in zip(rows, end, after, strict=True)]
    marks.append(Lines(points=np.array(links), colour="0.4", width=0.6))
    if between := [[(low, row), (high, row)] for row, low, high in _intervals(ladder)]:
        marks.append(Lines(points=np.array(between), colour="black", width=1.1))
    if len(ladder.added) > 1:
        own = _own_ends(ladder)
        down = np.broadcast_to(np.arange(own.shape[1]) + _spread(len(own))[:, np.newaxis], own.shape)
        marks.append(Dots(x=own.ravel(), y=down.ravel(), look=replace(SEED, hollow=True), size=2.4, edge=0.5))
    return marks


def _spread(seeds: int) -> np.ndarray:
    """How far the dot of each seed stands from the middle of its row."""
    return np.linspace(-0.22, 0.22, seeds) if seeds > 1 else np.zeros(1)


def _labels(ladder: DrawnLadder, x: Axis) -> list[Mark]:
    at = x.high + 0.012 * (x.high - x.low)
    heading = Words(x=at, y=-0.5, text="mean share" if len(ladder.added) > 1 else "share", colour="0.3", along="bottom")
    return [heading, *(Words(x=at, y=row, text=text, colour="0.3") for row, text in enumerate(_shares(ladder)))]


NONE = "\N{ALMOST EQUAL TO}0"


LEAST = 1e-4
"""Of the largest RMS: what is less is none on the axis. Operators in real numbers are some 1e-7 from TensorFlow's."""


def _rms_axis(ladder: DrawnLadder, width: float) -> Axis:
    """A log axis with a lane on its left for rungs that change nothing to speak of."""
    found = _all_rms(ladder)
    shown = found[found > LEAST * found.max()]
    high = math.log10(float(shown.max())) + 0.15 if shown.size else 0.0
    low = min(math.floor(math.log10(float(shown.min()))) if shown.size else -1, math.floor(high - 1))
    lane = low - 0.27 * (high - low)
    powers = range(low, math.floor(high) + 1)
    candidates = (
        {lane: NONE} | {float(power): f"{10.0**power:g}" for power in powers[::stride]} for stride in (1, 2, 3, 4)
    )
    left = lane - 0.08 * (high - low)
    return Axis(low=left, high=high, ticks=fitting(candidates, left, high, width), label="RMS (real units)", lines=True)


def _all_rms(ladder: DrawnLadder) -> np.ndarray:
    """Of each rung, and of the whole, [seeds, rungs + 1]."""
    return np.concatenate([ladder.rms, np.sqrt(np.maximum(ladder.added.sum(axis=1, keepdims=True), 0))], axis=1)


def _dots(ladder: DrawnLadder, x: Axis) -> list[Mark]:
    found = _all_rms(ladder)
    some = found > LEAST * found.max()
    at = np.full(found.shape, min(x.ticks))
    at[some] = np.log10(found[some])
    down = np.broadcast_to(np.arange(found.shape[1]) + _spread(len(found))[:, np.newaxis], found.shape)
    return [Dots(x=at.ravel(), y=down.ravel(), look=SEED, size=2.4, edge=0.4)]


def _lanes(rows: int, x: Axis) -> list[Mark]:
    """Every second row, so that a dot is found in its row far from the names; and where what is next to none stands."""
    odd = np.arange(1, rows, 2)
    low, high = np.full(len(odd), x.low), np.full(len(odd), x.high)
    none = min(x.ticks)
    lane = box(x.low, 2 * none - x.low, -0.5, rows - 0.5, "0.9")
    return [Polygons(corners=boxes(low, high, odd - 0.5, odd + 0.5), face="0.95"), lane]


def heat(states: Sequence[DrawnState], *, title: str, about: str = "") -> Page:
    """The accumulated error of each unit of a state at each time step, a row of panels a state, a column a route; both
    routes of a state share its colours."""
    by_role: dict[str, list[DrawnState]] = {}
    for state in states:
        by_role.setdefault(state.role, []).append(state)
    routes = list(dict.fromkeys(state.route for state in states))
    scale = 0.75
    units_axis = {role: _units_axis(found[0].rms.shape[1]) for role, found in by_role.items()}
    left = MARGIN + max(room_left(axis) for axis in units_axis.values())
    most = max(state.rms.shape[0] for state in states)
    room = (WIDTH - left - scale - MARGIN) / len(routes) - GAP
    width = min(room, max(1.6, 0.22 * most))
    page_width = left + len(routes) * (width + GAP) + scale + MARGIN
    note = f"RMS over the samples, real numbers to {states[0].kernels} integers (real units)"
    words, bottom = notes([note], page_width)
    bottom += 0.06
    panels: list[Panel] = []
    for number, (role, found) in enumerate(reversed(by_role.items())):
        highest = max(float(state.rms.max()) for state in found) or 1.0
        height = min(3.2, max(0.9, 0.055 * found[0].rms.shape[1]))
        bottom += room_below(Axis(low=0, high=1, label="" if number else "x"))
        row: list[Panel] = []
        for state in found:
            column = routes.index(state.route)
            x = _steps_axis(found, width, last=number == 0)
            y = units_axis[role]
            row.append(
                Panel(
                    left=left + column * (width + GAP),
                    bottom=bottom,
                    width=width,
                    height=height,
                    x=x,
                    y=y if column == 0 else replace(y, ticks=dict.fromkeys(y.ticks, ""), label=""),
                    title=_heading(role, state, width),
                    marks=[Cells(left=state.first - 0.5, low=-0.5, values=state.rms.T, highest=highest)],
                )
            )
        row.append(_scale(left + len(routes) * (width + GAP) + 0.02, bottom, height, highest))
        panels += row[::-1]
        bottom += height + TITLE
    return Page(width=page_width, height=bottom + HEAD, title=title, about=about, panels=panels[::-1], words=words)


def _heading(role: str, state: DrawnState, width: float) -> str:
    """The longest that fits above a panel."""
    texts = (f"{role}, route {state.route}", f"{role}, {state.route}", state.route)
    return next((text for text in texts if text_width(text, LABEL) <= width + GAP / 2), texts[-1])


def _units_axis(units: int) -> Axis:
    ticks = {at: text for at, text in round_ticks(0, units - 1, 5).items() if at == round(at)}
    return Axis(low=-0.5, high=units - 0.5, ticks=ticks, label="unit")


def _steps_axis(states: Sequence[DrawnState], width: float, *, last: bool) -> Axis:
    """Of all steps that any route has of a state: a converter leaves one out that it could compute itself."""
    first, end = min(state.first for state in states), max(state.first + len(state.rms) for state in states)
    low, high = first - 0.5, end - 0.5
    whole = [
        {at: text for at, text in round_ticks(first, end - 1, most).items() if at == round(at)} for most in (8, 5, 3, 1)
    ]
    return Axis(low=low, high=high, ticks=fitting(whole, low, high, width), label="time step" if last else "")


def _scale(left: float, bottom: float, height: float, highest: float) -> Panel:
    """Which colour is which error."""
    ramp = np.linspace(0, highest, 64)[:, np.newaxis]
    ticks = round_ticks(0, highest, 4)
    words = [Words(x=1.25, y=at * 64 / highest, text=text) for at, text in ticks.items()]
    return Panel(
        left=left,
        bottom=bottom,
        width=0.12,
        height=height,
        x=Axis(low=0, high=1),
        y=Axis(low=0, high=64),
        marks=[Cells(left=0, low=0, values=ramp, highest=highest), *words],
        framed=False,
    )
