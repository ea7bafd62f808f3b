"""Two finished runs side by side: what they were made with and by, what was computed otherwise, and by how much figures
of the same comparison in the same seed differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qcompare.analysis.intervals import REALS, SHARES, Array, mean
from qcompare.analysis.statistics import ACCURACY, KEY, METRICS, RANGES, Spread, spreads
from qcompare.core.comparison import FLOAT_ROUTE
from qcompare.core.engine import LABELS
from qcompare.core.key import PairKey
from qcompare.core.table import Table
from qcompare.core.tap import OUTPUT

Rows = Sequence[Mapping[str, str]]
"""The rows of a CSV file as text, by column."""

Pair = tuple[str, ...]
"""A comparison, whatever the configuration and the seed: the cells of `PAIR`."""

PAIR = tuple(name for name in KEY if name != "configuration")

MADE_WITH = ("option", "data", "qcompare", "package", "machine")
"""Kinds of what a run was made with and by."""

MADE_BY = ("qcompare", "package", "machine")
"""Those of them that no option decides."""

COMPUTED = ("weights", "model", "outputs")
"""Kinds of what it computed, in this order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A finished run of one configuration.

    name: what it is called beside others. made_with: kind and name -> value. computed: kind and name -> seed -> digest.
    errors, findings: the rows of its CSV files.
    """

    name: str
    configuration: str
    made_with: Mapping[tuple[str, str], str]
    computed: Mapping[tuple[str, str], Mapping[int, str]]
    errors: Rows
    findings: Rows

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({int(row["seed"]) for row in self.errors}))

    @cached_property
    def pairs(self) -> dict[Pair, dict[int, Mapping[str, str]]]:
        """Comparison -> seed -> its row."""
        found: dict[Pair, dict[int, Mapping[str, str]]] = {}
        for row in self.errors:
            found.setdefault(tuple(row[name] for name in PAIR), {})[int(row["seed"])] = row
        return found

    @cached_property
    def made_by(self) -> dict[tuple[str, str], str]:
        """The program, its packages and the machine."""
        return {key: value for key, value in self.made_with.items() if key[0] in MADE_BY}

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Figures that its table has: another version of the program may have more."""
        return tuple(name for name in METRICS if self.errors and name in self.errors[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    """b beside a."""

    a: Run
    b: Run

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Those that both have."""
        return tuple(seed for seed in self.a.seeds if seed in self.b.seeds)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Comparisons that both have in one of these seeds, in the order of a."""
        own, other = self.a.pairs, self.b.pairs
        return tuple(pair for pair in own if not {*own[pair]}.isdisjoint(other.get(pair, {})))

    def having(self, metric: str) -> list[Pair]:
        """The comparisons of outputs in which a has this figure in one of the seeds."""
        own = self.a.pairs
        return [
            pair
            for pair in self.pairs
            if pair[PAIR.index("tap")] == OUTPUT.role
            and any(row.get(metric) for seed, row in own[pair].items() if seed in self.seeds)
        ]

    @property
    def worth(self) -> str:
        """The figure that says how right an engine is: of a regression the RMSE."""
        return ACCURACY if any(against_labels(pair) for pair in self.having(ACCURACY)) else "rmse"

    @property
    def same_networks(self) -> bool:
        """Whether the float network of each seed that both have is the same, bit for bit."""
        one, other = (run.computed.get(("weights", FLOAT_ROUTE), {}) for run in (self.a, self.b))
        return bool(self.seeds) and all(seed in one and one[seed] == other.get(seed) for seed in self.seeds)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Figures that both have."""
        return tuple(name for name in self.a.metrics if name in self.b.metrics)


def against_labels(pair: Pair) -> bool:
    """Whether a comparison says how right an engine is."""
    return pair[PAIR.index("engine_a")] == str(LABELS)


@dataclass(frozen=True, kw_only=True)
class ChangesRow:
    """What is not the same in two runs.

    kind: of MADE_WITH, where value_a and value_b say how it is, empty for what is not there; `finding`, where they name
    the seeds that have it; or of COMPUTED, where differing of the seeds have another one.
    """

    run_a: str
    run_b: str
    kind: str
    name: str
    value_a: str
    value_b: str
    seeds: int | None = None
    differing: int | None = None


def changes(beside: Beside) -> Iterator[ChangesRow]:
    """What the two were made with and by, then what was computed, then what was found, as far as it differs."""
    a, b = beside.a, beside.b
    for kind in MADE_WITH:
        for key in dict.fromkeys([*a.made_with, *b.made_with]):
            values = a.made_with.get(key, ""), b.made_with.get(key, "")
            if key[0] == kind and values[0] != values[1]:
                yield _row(beside, *key, *values)
    for kind in COMPUTED:
        for key in dict.fromkeys([*a.computed, *b.computed]):
            one, other = (run.computed.get(key, {}) for run in (a, b))
            differing = sum(one.get(seed) != other.get(seed) for seed in beside.seeds)
            if key[0] == kind and differing:
                yield _row(beside, *key, "", "", len(beside.seeds), differing)
    found = [_findings(run.findings, beside.seeds) for run in (a, b)]
    for text in dict.fromkeys([*found[0], *found[1]]):
        values = found[0].get(text, ""), found[1].get(text, "")
        if values[0] != values[1]:
            yield _row(beside, "finding", text, *values)


def _row(beside: Beside, kind: str, name: str, value_a: str, value_b: str, *counts: int) -> ChangesRow:
    seeds, differing = counts or (None, None)
    return ChangesRow(
        run_a=beside.a.name,
        run_b=beside.b.name,
        kind=kind,
        name=name,
        value_a=value_a,
        value_b=value_b,
        seeds=seeds,
        differing=differing,
    )


def _findings(rows: Rows, seeds: Sequence[int]) -> dict[str, str]:
    """Each finding in a line, and the seeds that have it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if int(row["seed"]) in seeds:
            place = [row["severity"], row["route"] and f"route {row['route']}", row["where"], row["text"]]
            found.setdefault(": ".join(filter(None, place)), []).append(row["seed"])
    return {text: " ".join(own) for text, own in found.items()}


@dataclass(frozen=True, kw_only=True)
class FiguresRow:
    """A figure of one comparison that is not the same in both runs.

    key: the comparison; its configuration is that of run_b. configuration_a: that of run_a.
    seeds: that both have. differing: of them those in which the figure is another one, or defined in one run alone.
    mean_a, mean_b: over the seeds in which both have it; where there is none, over those of each.
    spread: of b - a in the same seed.
    """

    key: PairKey
    run_a: str
    run_b: str
    configuration_a: str
    metric: str
    seeds: int
    differing: int
    mean_a: float | None
    mean_b: float | None
    spread: Spread


def figures(beside: Beside) -> Iterator[FiguresRow]:
    """The figures that differ, comparison by comparison."""
    if not beside.seeds:
        return
    values = np.stack([_values(run, beside) for run in (beside.a, beside.b)])
    there = np.array(
        [[seed in run.pairs[pair] for pair in beside.pairs] for run in (beside.a, beside.b) for seed in beside.seeds]
    ).reshape(2, len(beside.seeds), len(beside.pairs))
    common = there[0] & there[1]
    same = (values[0] == values[1]) | np.isnan(values).all(axis=0)
    differing = np.count_nonzero(~same & common[:, :, np.newaxis], axis=0)
    paired = values[1] - values[0]
    unpaired = np.isnan(paired) & ~np.isnan(paired).all(axis=0)
    means = mean(np.where(unpaired, np.nan, values).swapaxes(0, 1)).value
    within = [(-1.0, 1.0) if RANGES[metric] == SHARES else REALS for metric in beside.metrics]
    lowest, highest = (np.array(ends, dtype=np.float64) for ends in zip(*within, strict=True))
    places = np.argwhere(differing)
    chosen = paired[:, places[:, 0], places[:, 1]]
    found = spreads(chosen, (lowest[places[:, 1]], highest[places[:, 1]]))
    for (pair, metric), spread in zip(places.tolist(), found, strict=True):
        a, b = (None if np.isnan(each) else float(each) for each in means[:, pair, metric])
        yield FiguresRow(
            key=_key(beside.b.configuration, beside.pairs[pair]),
            run_a=beside.a.name,
            run_b=beside.b.name,
            configuration_a=beside.a.configuration,
            metric=beside.metrics[metric],
            seeds=int(common[:, pair].sum()),
            differing=int(differing[pair, metric]),
            mean_a=a,
            mean_b=b,
            spread=spread,
        )


def _values(run: Run, beside: Beside) -> Array:
    """[seeds, comparisons, metrics]; NaN where a figure is undefined."""
    found = np.full((len(beside.seeds), len(beside.pairs), len(beside.metrics)), np.nan)
    for place, pair in enumerate(beside.pairs):
        for number, seed in enumerate(beside.seeds):
            if row := run.pairs[pair].get(seed):
                found[number, place] = [float(row[name] or "nan") for name in beside.metrics]
    return found


def _key(configuration: str, pair: Pair) -> PairKey:
    cells: dict[str, Any] = dict(zip(PAIR, pair, strict=True))
    return PairKey(configuration=configuration, **cells | {"step": int(cells["step"]) if cells["step"] else None})


def _of_all(rows: Any) -> Any:
    return lambda besides: (row for beside in besides for row in rows(beside))


CHANGES: Table[Sequence[Beside], ChangesRow] = Table(file="changes.csv", row=ChangesRow, rows=_of_all(changes))
CHANGED_FIGURES: Table[Sequence[Beside], FiguresRow] = Table(
    file="changed_figures.csv", row=FiguresRow, rows=_of_all(figures)
)
