"""latency.csv: how long the interpreter takes a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.core.table import Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Timed:
    """A model that was measured under an engine. seconds: an invocation, float64 [measurements]."""

    configuration: str
    seed: int
    route: str
    engine: EngineId
    seconds: np.ndarray


@dataclass(frozen=True, kw_only=True)
class LatencyRow:
    """One model under one engine. n: how often it was measured. In microseconds: median, lower and upper quartile."""

    configuration: str
    seed: int
    route: str
    engine: str
    n: int
    median_us: float
    quartile1_us: float
    quartile3_us: float


def rows(source: Iterable[Timed]) -> Iterator[LatencyRow]:
    """A row for each that was measured."""
    for timed in source:
        first, median, third = np.percentile(timed.seconds * 1e6, (25, 50, 75))
        yield LatencyRow(
            configuration=timed.configuration,
            seed=timed.seed,
            route=timed.route,
            engine=str(timed.engine),
            n=timed.seconds.size,
            median_us=float(median),
            quartile1_us=float(first),
            quartile3_us=float(third),
        )


@dataclass(frozen=True, kw_only=True)
class Typical:
    """A model over its seeds. microseconds: engine -> median of all measurements of all seeds."""

    configuration: str
    route: str
    microseconds: Mapping[EngineId, float]


def typical(source: Sequence[Timed]) -> list[Typical]:
    """Each configuration and route of what was measured, in that order."""
    found: dict[tuple[str, str], dict[EngineId, list[np.ndarray]]] = {}
    for timed in source:
        found.setdefault((timed.configuration, timed.route), {}).setdefault(timed.engine, []).append(timed.seconds)
    return [
        Typical(
            configuration=configuration,
            route=route,
            microseconds={engine: float(np.median(np.concatenate(own))) * 1e6 for engine, own in engines.items()},
        )
        for (configuration, route), engines in found.items()
    ]


LATENCY = Table(file="latency.csv", row=LatencyRow, rows=rows)
