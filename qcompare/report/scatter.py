"""The outputs of some engines against those of one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.report.looks import (
    GAP,
    GREY,
    MARGIN,
    PALE,
    WIDTH,
    box,
    dot,
    fewer_ticks,
    legend,
    look,
    unlabelled,
    whole_ticks,
)
from qcompare.report.page import (
    HEAD,
    LABEL,
    TICK,
    Axis,
    Dots,
    Lines,
    Look,
    Page,
    Panel,
    Polygons,
    fitting,
    line_height,
    padded,
    room_below,
    room_left,
    round_ticks,
    widest,
)


def scatter(
    base: EngineId,
    values: np.ndarray,
    others: Mapping[EngineId, np.ndarray],
    *,
    scale: float,
    title: str,
    about: str = "",
    beside: str = "",
) -> Page:
    """The outputs of some engines against those of one engine, a column each; below, the differences in LSB.

    base, values: the engine along the horizontal axis and its output in real units, any shape.
    others: for at least one engine, its output in real units, shape of values.
    scale: one LSB in real units.
    beside: the route of base where that is a runtime on another one.
    Equal points are drawn once, so that no rare one is hidden or left out.
    """
    points = {engine: _distinct(values, outputs) for engine, outputs in others.items()}
    x, y = (np.concatenate([[0.0], *(found[:, side] for found in points.values())]) for side in (0, 1))
    ends = np.array([x.min(), x.max()])
    steps = [np.abs(found[:, 1] - found[:, 0]) / scale for found in points.values()]
    reach = max(2.5, 1.1 * max(found.max(initial=0.0) for found in steps))
    x_low, x_high = padded(ends, scale)
    y_low, y_high = padded(np.array([y.min(), y.max(), ends[0] - scale, ends[1] + scale]), scale)
    y_axis = Axis(low=y_low, high=y_high, ticks=round_ticks(y_low, y_high, 6), label="output (real units)")
    step_axis = Axis(low=-reach, high=reach, ticks=whole_ticks(reach, 5), label="difference (LSB)")
    left = MARGIN + max(room_left(y_axis), room_left(step_axis))
    most = int((WIDTH - left - MARGIN + GAP) // (widest(map(str, others)) * LABEL / TICK + GAP))
    columns = max(1, min(len(others), 4, most))
    page_width = min(WIDTH, 1.7 + 2 * columns)
    width = (page_width - left - MARGIN + GAP) / columns - GAP
    x_axis = Axis(
        low=x_low,
        high=x_high,
        ticks=fitting(fewer_ticks(x_low, x_high, 5), x_low, x_high, width),
    )
    named = f"{beside} {base}" if beside else str(base)
    whole = f"{named} (real units)"
    fits = widest([whole]) * LABEL / TICK <= width + GAP / 2
    labelled = replace(x_axis, label=whole if fits else named)
    keys, keys_height = legend(
        [
            ("equal", Lines(points=np.array([[(-0.09, 0), (0.09, 0)]]), colour=GREY, width=0.8)),
            ("\N{PLUS-MINUS SIGN}1 LSB", box(-0.09, 0.09, -0.04, 0.04, PALE)),
            ("outputs, equal ones once", dot(Look(colour=GREY, marker="o"), 2.5, 0.4)),
        ],
        page_width,
    )
    title_room, tall, short, between = line_height(LABEL) + 0.1, 1.65, 1.1, 0.13
    block = title_room + tall + between + short + room_below(labelled) + 0.08
    blocks = math.ceil(len(others) / columns)
    page_height = HEAD + blocks * block + keys_height
    equal = np.array([max(x_low, y_low), min(x_high, y_high)])
    panels = []
    for first in range(0, len(others), columns):
        upper, lower = [], []
        for column, engine in enumerate(list(others)[first : first + columns]):
            at, outputs = points[engine].T
            top = page_height - HEAD - first // columns * block - title_room - tall
            corners = np.stack([np.tile([*ends, *ends[::-1]], 1), [*(ends - scale), *(ends[::-1] + scale)]], axis=1)
            placed = Panel(
                left=left + column * (width + GAP),
                bottom=top,
                width=width,
                height=tall,
                x=replace(x_axis, ticks=dict.fromkeys(x_axis.ticks, "")),
                y=y_axis if column == 0 else unlabelled(y_axis),
                title=str(engine),
                under=(
                    Polygons(corners=corners[np.newaxis], face=PALE),
                    Lines(points=np.stack([equal, equal], axis=1)[np.newaxis], colour=GREY, width=0.8),
                ),
                marks=(Dots(x=at, y=outputs, look=look(engine), size=2, edge=0.4),),
            )
            upper.append(placed)
            lower.append(
                replace(
                    placed,
                    bottom=top - between - short,
                    height=short,
                    x=labelled,
                    y=step_axis if column == 0 else unlabelled(step_axis),
                    title="",
                    under=(
                        box(x_low, x_high, -1, 1, PALE),
                        Lines(points=np.array([[(x_low, 0), (x_high, 0)]]), colour=GREY, width=0.8),
                    ),
                    marks=(Dots(x=at, y=(outputs - at) / scale, look=look(engine), size=2, edge=0.4),),
                )
            )
        panels += [*upper, *lower]
    return Page(width=page_width, height=page_height, title=title, about=about, panels=[*panels, *keys])


def _distinct(values: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The finite ones of the points (value, output), [n, 2], each once."""
    points = np.stack([values.ravel(), outputs.ravel()], axis=1).astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    points = points[np.lexsort(points.T[::-1])]
    new = np.ones(len(points), np.bool_)
    new[1:] = (points[1:] != points[:-1]).any(axis=1)
    return points[new]
