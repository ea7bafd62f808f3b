"""What is compared with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from qcompare.core.engine import FLOAT, EngineId
from qcompare.core.tap import OUTPUT, Tap

FLOAT_ROUTE = "float"
"""The route of what every conversion is measured against."""


@dataclass(frozen=True)
class Side:
    """One engine on one route; the route is "" for what belongs to none, such as the labels."""

    route: str
    engine: EngineId


FLOAT_SIDE = Side(FLOAT_ROUTE, FLOAT)
"""The float network, by TensorFlow."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """b against a at some taps, and the question that it answers."""

    a: Side
    b: Side
    question: str
    taps: tuple[Tap, ...] = (OUTPUT,)


class Way(Protocol):
    """What comparisons need to know of a route."""

    @property
    def name(self) -> str: ...

    @property
    def twin(self) -> EngineId | None:
        """The engine that evaluates its trainable twin; None where it has none."""

    @property
    def converted(self) -> bool:
        """Whether it gives a model."""
