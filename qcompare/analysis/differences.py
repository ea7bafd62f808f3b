"""differences.csv: methods against each other, paired by seed, with p values corrected within small families.

A method is a configuration, a route and an engine: what somebody chooses. What it is worth are figures of errors.csv
about its output, against the labels or the float network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.intervals import REALS, SHARES, Array, mean
from qcompare.analysis.significance import holm, sign_flip
from qcompare.analysis.statistics import RANGES, Middle, Spread, middles, reals, spreads
from qcompare.analysis.told_apart import Called, Options, called, told_apart_by
from qcompare.core.comparison import FLOAT_ROUTE, Side
from qcompare.core.engine import BY_DEFAULT, FLOAT, LABELS, QAT, EngineId
from qcompare.core.key import PairKey
from qcompare.core.table import Table
from qcompare.core.tap import OUTPUT
from qcompare.report import csv

if TYPE_CHECKING:
    import pandas as pd

REFERENCES = {
    Side("", LABELS): ("top1_agreement", "rmse", "mean_abs_error"),
    Side(FLOAT_ROUTE, FLOAT): ("top1_agreement", "mismatch_rate", "max_lsb", "rmse", "sqnr_db"),
}
"""What figures are against -> which are compared, as far as they are defined."""

MOST_COMPARISONS = 25
"""Of a family: the smallest p of ten seeds, 2 / 1024, times 25 is below 0.05."""

FEWEST_FOR_P = 10
"""Seeds: with fewer they are shown, each."""


@dataclass(frozen=True)
class Method:
    """What is compared."""

    configuration: str
    route: str
    engine: EngineId

    def __str__(self) -> str:
        return f"{self.configuration} {self.route} {self.engine}"

    @property
    def is_network(self) -> bool:
        """Whether it is a trained network, not a converted model."""
        return self.engine in (FLOAT, QAT)

    @property
    def is_float(self) -> bool:
        """Whether it is the float network."""
        return (self.route, self.engine) == (FLOAT_ROUTE, FLOAT)


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    """A figure of all methods that have it. reference: what it is against. values: over the same seeds, NaN where it is
    undefined; in the order in which errors.csv has the methods."""

    reference: Side
    metric: str
    values: Mapping[Method, Array]

    def __str__(self) -> str:
        return f"{self.metric} to {self.reference.engine}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """Comparisons whose p values are corrected together. pairs: of methods, the difference is second - first."""

    name: str
    figure: Figure
    pairs: tuple[tuple[Method, Method], ...]


@dataclass(frozen=True, kw_only=True)
class DifferencesRow:
    """b - a of one figure, over the seeds in which both have it.

    key: the two methods; its configuration is that of b. configuration_a: that of a.
    family: what the p value is corrected within. reference: what the figure is against, `labels` or `float`.
    mean_a, mean_b: of the same seeds. spread, middle: of the differences in each seed.
    p: of the sign-flip test, two-sided; p_holm: corrected. None for fewer than FEWEST_FOR_P seeds.
    """

    key: PairKey
    configuration_a: str
    family: str
    reference: str
    metric: str
    mean_a: float | None
    mean_b: float | None
    spread: Spread
    middle: Middle
    p: float | None
    p_holm: float | None


def within_one(errors: pd.DataFrame) -> Iterator[DifferencesRow]:
    """The methods of one configuration: its trained networks, the engines of each route, the routes of each engine.

    errors: the rows of its errors.csv. In which order the seeds come does not matter.
    """
    for figure in figures(errors):
        for family in _of_one(figure):
            yield from _rows(family)


def _of_one(figure: Figure) -> Iterator[Family]:
    methods = list(figure.values)
    name = methods[0].configuration
    yield from families(f"{name}, trained networks", figure, [method for method in methods if method.is_network])
    for route in dict.fromkeys(method.route for method in methods):
        own = [method for method in methods if method.route == route]
        yield from families(f"{name}, engines of {route}", figure, own)
    for engine in dict.fromkeys(method.engine for method in methods if not method.is_network):
        own = [method for method in methods if method.is_float or method.engine == engine]
        yield from families(f"{name}, routes of {engine}", figure, own)


@dataclass(frozen=True, kw_only=True, eq=False)
class Configurations:
    """Several configurations. errors: all their rows of errors.csv. options: of each, by dotted names."""

    errors: pd.DataFrame
    options: Mapping[str, Options]


def configurations(errors: str, options: Mapping[str, Options]) -> Configurations:
    """errors: errors.csv as text. options: as those of Configurations."""
    return Configurations(errors=csv.read(errors.encode(), ERRORS.dtypes), options=options)


def between(source: Configurations) -> Iterator[DifferencesRow]:
    """The methods of several configurations, in the runtime that people get by default: all of each model, and each on
    all models of the same data. A model has its float network once."""
    names, data = called(source.options), told_apart_by("data", source.options)
    for figure in figures(source.errors):
        methods: dict[tuple[str, Method | None], Method] = {}
        for method in figure.values:
            if method.is_float or method.engine == BY_DEFAULT:
                methods.setdefault((names[method.configuration].model, None if method.is_float else method), method)
        groups: dict[str, list[Method]] = {}
        for (model, converted), method in methods.items():
            place = data[method.configuration]
            of = f"{_how(names[method.configuration], converted)}{place and f' on {place}'}"
            for group in (f"methods of {model}", f"models by {of}"):
                groups.setdefault(group, []).append(method)
        for name, own in sorted(groups.items(), key=lambda item: item[0].startswith("models")):
            if len({method.configuration for method in own}) > 1:
                for family in families(name, figure, own):
                    yield from _rows(family)


def _how(name: Called, converted: Method | None) -> str:
    """What a method does to any model, such as `int8 ptq`."""
    return "float" if converted is None else ", ".join([f"{name.method} {converted.route}", *name.differing])


def figures(errors: pd.DataFrame) -> Iterator[Figure]:
    """What there is to compare of the outputs of several methods."""
    outputs = errors[(errors["tap"] == OUTPUT.role) & errors["step"].isna()].sort_values("seed", kind="stable")
    seeds = np.unique(outputs["seed"].to_numpy(np.int64))
    for reference, metrics in REFERENCES.items():
        own = outputs[(outputs["route_a"] == reference.route) & (outputs["engine_a"] == str(reference.engine))]
        groups = own.groupby(["configuration", "route_b", "engine_b"], sort=False)
        keys: list[Any] = [key for key, _ in groups]
        methods = [Method(name, route, EngineId.parse(engine)) for name, route, engine in keys]
        values = np.full((len(methods), len(seeds), len(metrics)), np.nan)
        place = np.searchsorted(seeds, own["seed"].to_numpy(np.int64))
        values[groups.ngroup().to_numpy(), place] = reals(own[list(metrics)])
        for number, metric in enumerate(metrics):
            found = dict(zip(methods, values[..., number], strict=True))
            defined = {method: each for method, each in found.items() if not np.isnan(each).all()}
            if len(defined) > 1:
                yield Figure(reference=reference, metric=metric, values=defined)


def families(name: str, figure: Figure, methods: Sequence[Method]) -> Iterator[Family]:
    """All pairs of the methods: one family or, where these are too many for ten seeds, one for each method that others
    come after. None of fewer than two methods."""
    pairs = list(combinations(methods, 2))
    if len(pairs) <= MOST_COMPARISONS:
        groups = {name: pairs} if pairs else {}
    else:
        groups = {f"{name} against {first}": [pair for pair in pairs if pair[0] == first] for first in methods[:-1]}
    for words, own in groups.items():
        yield Family(name=f"{words}: {figure}", figure=figure, pairs=tuple(own))


def _rows(family: Family) -> Iterator[DifferencesRow]:
    figure = family.figure
    a, b = (np.stack([figure.values[pair[side]] for pair in family.pairs], axis=1) for side in (0, 1))
    paired = b - a
    a, b = (np.where(np.isnan(paired), np.nan, each) for each in (a, b))
    within = (-1.0, 1.0) if RANGES[figure.metric] == SHARES else REALS
    found = spreads(paired, within)
    enough = np.array([each.n >= FEWEST_FOR_P for each in found])
    p = np.where(enough, sign_flip(paired), np.nan)
    columns = zip(family.pairs, *map(_cells, (mean(a).value, mean(b).value, p, holm(p))), strict=True)
    for (pair, *cells), spread, middle in zip(columns, found, middles(paired, within), strict=True):
        first, second = pair
        yield DifferencesRow(
            key=PairKey(
                configuration=second.configuration,
                route_a=first.route,
                engine_a=str(first.engine),
                route_b=second.route,
                engine_b=str(second.engine),
                tap=OUTPUT.role,
                step=None,
            ),
            configuration_a=first.configuration,
            family=family.name,
            reference=str(figure.reference.engine),
            metric=figure.metric,
            mean_a=cells[0],
            mean_b=cells[1],
            spread=spread,
            middle=middle,
            p=cells[2],
            p_holm=cells[3],
        )


def _cells(values: Array) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


DIFFERENCES = Table(file="differences.csv", row=DifferencesRow, rows=within_one)
BETWEEN = Table(file=DIFFERENCES.file, row=DifferencesRow, rows=between)
