"""The key of a row, the same in every table that has one."""

from __future__ import annotations

from dataclasses import dataclass

from qcompare.core.comparison import Side
from qcompare.core.tap import Tap


@dataclass(frozen=True, kw_only=True)
class PairKey:
    """What a comparison is between, whatever the seed.

    configuration: the folder of the configuration, a row of configurations.csv.
    route_a, engine_a, route_b, engine_b: the two sides; a route is empty for what belongs to none.
    tap, step: where; the step is empty outside recurrent layers.
    """

    configuration: str
    route_a: str
    engine_a: str
    route_b: str
    engine_b: str
    tap: str
    step: int | None


@dataclass(frozen=True, kw_only=True)
class RowKey:
    """As PairKey, in one seed."""

    configuration: str
    seed: int
    route_a: str
    engine_a: str
    route_b: str
    engine_b: str
    tap: str
    step: int | None

    @classmethod
    def of(cls, configuration: str, seed: int, a: Side, b: Side, tap: Tap) -> RowKey:
        """The key of b against a at a tap."""
        return cls(
            configuration=configuration,
            seed=seed,
            route_a=a.route,
            engine_a=str(a.engine),
            route_b=b.route,
            engine_b=str(b.engine),
            tap=tap.role,
            step=tap.step,
        )
