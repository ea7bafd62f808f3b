"""What is compared with what."""

from __future__ import annotations

from dataclasses import dataclass

from qcompare.core.engine import EngineId
from qcompare.core.tap import OUTPUT, Tap


@dataclass(frozen=True)
class Side:
    """One engine on one route; the route is "" for what belongs to none, such as the labels."""

    route: str
    engine: EngineId


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """b against a at some taps, and the question that it answers."""

    a: Side
    b: Side
    question: str
    taps: tuple[Tap, ...] = (OUTPUT,)
