"""The axes of plots over the seeds, and where figures stand on them. Log axes hold the logarithm to base 10."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from qcompare.report.looks import fewer_ticks
from qcompare.report.page import Axis, Ticks, fitting, padded, round_ticks

FEWEST_SAMPLES = 20
"""That an axis of accuracies holds, so that one sample more or less does not look like a cliff."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """An axis, where values stand on it, and the lane of what it cannot hold."""

    axis: Axis
    place: Callable[[np.ndarray], np.ndarray]
    lane: tuple[float, float] | None = None


def rates(values: np.ndarray, width: float) -> Scale:
    """A log axis of shares, [n], in percent. width: of the panel in inches, here and below."""
    lowest = min(-2, math.floor(math.log10(min(values[values > 0], default=0.01))))
    ticks = {float(power): f"{100 * 10.0**power:g}" for power in range(lowest, 1)}
    return _log(max(values, default=1.0), ticks, "unequal integers (%)", width)


def steps(values: np.ndarray, width: float) -> Scale:
    """A log axis of differences in LSB, [n]."""
    ticks = {math.log10(step): f"{step:g}" for power in range(5) for step in (10**power, 3 * 10**power)}
    return _log(max(values, default=1.0), ticks, "largest difference (LSB)", width)


def _log(highest: float, ticks: Ticks, label: str, width: float) -> Scale:
    """A log axis from the first tick to highest with a lane on its left for zero; no value lies between them."""
    low = min(ticks)
    high = max(math.log10(max(highest, 1e-300)), low + math.log10(2))
    room = max(0.2, 0.16 * (high - low))
    zero, end = low - 1.2 * room, high + 0.3 * room
    left = zero - 0.6 * room
    shown = [at for at in ticks if at <= end]
    thinned = (
        {zero: "0"} | {at: ticks[at] for at in shown[start::stride]}
        for stride in range(1, len(shown) + 1)
        for start in range(stride)
    )
    axis = Axis(low=left, high=end, ticks=fitting(thinned, left, end, width), label=label, lines=True)
    return Scale(
        axis=axis,
        # A mean's interval may end between zero and the first tick, where the axis has no place for it.
        place=lambda values: np.maximum(np.log10(values, out=np.full_like(values, zero), where=~(values <= 0)), zero),
        lane=(left, zero + 0.6 * room),
    )


def decibels(values: np.ndarray, width: float) -> Scale:
    """A linear axis of SQNR, [n], with a lane on the right for infinite ones, where b equals a in every element, if
    there are any."""
    plain = linear(values[np.isfinite(values)], "SQNR (dB)", width)
    if np.isfinite(values).all():
        return plain
    low, right = plain.axis.low, plain.axis.high
    end = right + 0.28 * (right - low)
    lane = (right + end) / 2
    ticks = [round_ticks(low, right, count) if np.isfinite(values).any() else {} for count in range(5, 0, -1)]
    candidates = (
        {at: text for at, text in found.items() if at <= right - spared * (right - low)} | {lane: "exact"}
        for spared in (0.0, 0.15, 1.0)
        for found in ticks
    )
    axis = replace(plain.axis, high=end, ticks=fitting(candidates, low, end, width))
    return Scale(axis=axis, place=lambda values: np.where(np.isinf(values), lane, values), lane=(right, end))


def linear(values: np.ndarray, label: str, width: float) -> Scale:
    """A linear axis of the values, [n]."""
    low, high = padded(values, 0.01) if values.size else (0.0, 1.0)
    candidates = fewer_ticks(low, high, 6) if values.size else ()
    axis = Axis(low=low, high=high, ticks=fitting(candidates, low, high, width), label=label, lines=True)
    return Scale(axis=axis, place=lambda values: values)


def accuracies(values: np.ndarray, samples: int, width: float) -> Scale:
    """A linear axis of accuracies, [n], in percent, that has room for FEWEST_SAMPLES of the samples or for all."""
    low, high = accuracy_ends(values, samples)
    lowest, highest = (100 * end for end in (low, high))
    ticks = fitting(
        ({at: text for at, text in each.items() if 0 <= at <= 100} for each in fewer_ticks(lowest, highest, 8)),
        lowest,
        highest,
        width,
    )
    label = f"accuracy (%; one of {samples} samples is {100 / samples:.2g})"
    axis = Axis(low=lowest, high=highest, ticks=ticks, label=label, lines=True)
    return Scale(axis=axis, place=lambda values: 100 * values)


def accuracy_ends(values: np.ndarray, samples: int) -> tuple[float, float]:
    """The ends of an axis of accuracies, at least FEWEST_SAMPLES of the samples apart or, of fewer, from 0 to 1; with
    some room around each value, [n]."""
    reach = min(1.0, FEWEST_SAMPLES / samples)
    low, high = float(values.min()), float(values.max())
    missing = max(0.0, reach - (high - low)) / 2
    low, high = low - missing, high + missing
    over = max(0.0, high - 1.0) - max(0.0, -low)
    low, high = max(0.0, low - over), min(1.0, high - over)
    room = 0.05 * (high - low)
    return low - room, high + room
