"""What is compared with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from qcompare.core.engine import DEQUANTIZED, FLOAT, LEARNED, MEASURED, QAT, EngineId, Family
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


Test = Callable[[Side, Side], bool]

AGAINST_RUNTIMES: Mapping[str, Test] = {
    "qat": lambda a, b: a.engine == QAT and a.route == b.route,
    "float": lambda a, b: a.route == FLOAT_ROUTE and a.engine in (FLOAT, b.engine),
    "manual": lambda a, b: a.engine == b.engine.emulation,
    "dequantized": lambda a, b: a.engine == DEQUANTIZED,
    "learned": lambda a, b: a.engine == LEARNED,
}
"""Name -> whether a is such a one, where b is a runtime with a converted model. QAT is of its own route's."""


def _against(family: Family, test: Test) -> Test:
    return lambda a, b: b.engine.family is family and b.route != FLOAT_ROUTE and test(a, b)


PAIRS: Mapping[str, Test] = {
    f"{name}-{family.value}": _against(family, test)
    for family in Family
    if family in MEASURED
    for name, test in AGAINST_RUNTIMES.items()
} | {"float-qat": lambda a, b: a.engine == FLOAT and b.engine == QAT}
"""Name -> whether a and b are such a pair."""


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
