"""The answer of a run: what is to be said of its figures, each with the cell that it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcompare.analysis.differences import DIFFERENCES
from qcompare.analysis.drawn_ladder import chosen
from qcompare.analysis.ladder import LADDER, WHOLE
from qcompare.analysis.ladder_summary import LADDER_SUMMARY, SHARE
from qcompare.analysis.methods import METHODS
from qcompare.analysis.statistics import ACCURACY, SUMMARY
from qcompare.analysis.tensors import TENSORS
from qcompare.core.comparison import FLOAT_SIDE, Side
from qcompare.core.engine import LABELS, EngineId, Family
from qcompare.core.ladder import Fed
from qcompare.core.statement import (
    Cause,
    Equality,
    Figure,
    Layer,
    OverSeeds,
    Place,
    Question,
    Share,
    Size,
    Statement,
    Worth,
)
from qcompare.core.tap import OUTPUT

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The rows of a CSV file of one configuration, and the file's name."""

    file: str
    rows: pd.DataFrame

    def where(self, **cells: str) -> Frame:
        """The rows with these texts in these columns."""
        chosen = np.ones(len(self.rows), dtype=bool)
        for column, text in cells.items():
            chosen &= (self.rows[column] == text).to_numpy(bool)
        return Frame(file=self.file, rows=self.rows[chosen])

    def figure(self, column: str, **cells: str) -> Figure | None:
        """The figure in a column of the one row with these cells, all text; None where there is none."""
        found = self._figures({column: column}, cells)
        return None if found is None else found[column]

    def over_seeds(self, **cells: str) -> OverSeeds | None:
        """The figures of a row of the columns that all tables over the seeds have."""
        names = {"n": "n", "mean": "mean", "low": "ci95_low", "high": "ci95_high", "min": "min", "max": "max"}
        found = self._figures(names, cells)
        return None if found is None else OverSeeds(**found)

    def _figures(self, columns: Mapping[str, str], cells: Mapping[str, str]) -> dict[str, Figure] | None:
        """The figures of the one row with these cells, columns by name; None where there is none."""
        found = self.where(**cells).rows
        if found.empty:
            return None
        (values,) = found[list(columns.values())].to_numpy(np.float64, na_value=np.nan).tolist()
        return {
            name: Figure(value=value, file=self.file, row=tuple(cells.items()), column=column)
            for (name, column), value in zip(columns.items(), values, strict=True)
        }


def statements(
    *,
    device: EngineId,
    summary: pd.DataFrame,
    differences: pd.DataFrame,
    ladder: pd.DataFrame,
    rungs: pd.DataFrame,
    tensors: pd.DataFrame,
    methods: pd.DataFrame,
) -> tuple[Statement, ...]:
    """What is to be said of one configuration, in the order in which people ask.

    device: the runtime that is spoken of; where a route was not run by it, the first that did. The frames are the rows
    of summary.csv, differences.csv, ladder.csv, ladder_summary.csv (rungs), tensors.csv and methods.csv.
    """
    over = Frame(file=SUMMARY.file, rows=summary)
    return (
        *equalities(over, device),
        *worth(Frame(file=DIFFERENCES.file, rows=differences), device),
        *causes(Frame(file=LADDER_SUMMARY.file, rows=rungs), Frame(file=LADDER.file, rows=ladder), device),
        *worst_layers(Frame(file=TENSORS.file, rows=tensors)),
        *sizes(Frame(file=METHODS.file, rows=methods)),
    )


def equalities(summary: Frame, device: EngineId) -> Iterator[Equality]:
    """Does the device give what was trained; is its arithmetic understood; and, of what was not trained so, what does
    all of it change. In this order, route by route."""
    ends = Frame(file=summary.file, rows=summary.rows[summary.rows["tap"] == OUTPUT.role])
    found = [
        equality
        for b in devices(ends.rows, device)
        for a, question in _held_against(ends.rows, b)
        if (equality := _equality(ends, question, a, b)) is not None
    ]
    order = list(Question)
    yield from sorted(found, key=lambda equality: order.index(equality.question))


def devices(rows: pd.DataFrame, device: EngineId) -> list[Side]:
    """The runtime that is spoken of on each route that has one, in the order of the rows."""
    runtimes: dict[str, list[EngineId]] = {}
    for route, name in dict.fromkeys(zip(rows["route_b"], rows["engine_b"], strict=True)):
        if (engine := EngineId.parse(name)).measured:
            runtimes.setdefault(route, []).append(engine)
    return [Side(route, device if device in own else own[0]) for route, own in runtimes.items()]


def _held_against(rows: pd.DataFrame, b: Side) -> Iterator[tuple[Side, Question]]:
    """What a runtime on a route is spoken of against: its route's own trainable network, the float network or model
    where it has none, and the same arithmetic by hand."""
    own = rows[(rows["route_b"] == b.route) & (rows["engine_b"] == str(b.engine))]
    sides = [Side(*pair) for pair in _sides(own, "a")]
    trained = [side for side in sides if side.route == b.route and side.engine.family is Family.QAT]
    begun = [side for side in sides if side == FLOAT_SIDE or (side.engine == b.engine and side.route != b.route)]
    yield from ((side, Question.TRAINED) for side in trained)
    yield from ((side, Question.CHANGED) for side in begun[:1] if not trained)
    yield from ((side, Question.UNDERSTOOD) for side in sides if side == Side(b.route, b.engine.emulation))


def _sides(rows: pd.DataFrame, side: str) -> list[tuple[str, EngineId]]:
    names = dict.fromkeys(zip(rows[f"route_{side}"], rows[f"engine_{side}"], strict=True))
    return [(route, EngineId.parse(engine)) for route, engine in names]


def _key(a: Side, b: Side) -> dict[str, str]:
    return {"route_a": a.route, "engine_a": str(a.engine), "route_b": b.route, "engine_b": str(b.engine)}


def _equality(summary: Frame, question: Question, a: Side, b: Side) -> Equality | None:
    own = summary.where(**(key := _key(a, b)))
    names = {"unequal": "mismatch_rate", "lsb": "max_lsb", "error": "max_abs_error"}
    found = {name: own.over_seeds(**key, tap=OUTPUT.role, metric=metric) for name, metric in names.items()}
    there = {name: figures for name, figures in found.items() if figures is not None}
    if len(there) < len(names):
        return None
    bound = own.figure("bound_of_elements", **key, tap=OUTPUT.role, metric="mismatch_rate")
    none_seen = bound is not None and bound.defined and there["unequal"].max.value == 0
    return Equality(question=question, a=a, b=b, bound=bound if none_seen else None, **there)


def worth(differences: Frame, device: EngineId) -> Iterator[Worth]:
    """How right each route is on the device, less the float network and less each other route, in the same seeds."""
    rows = differences.rows
    rows = rows[(rows["reference"] == str(LABELS)) & (rows["configuration"] == rows["configuration_a"])]
    between = Frame(file=differences.file, rows=rows[rows["route_a"] != rows["route_b"]])
    spoken = {FLOAT_SIDE, *devices(rows, device)}
    metrics = [name for name in (ACCURACY, "rmse") if name in set(rows["metric"])]
    pairs = [
        (Side(route_a, EngineId.parse(engine_a)), Side(route_b, EngineId.parse(engine_b)))
        for route_a, engine_a, route_b, engine_b in dict.fromkeys(
            zip(*(between.rows[name] for name in ("route_a", "engine_a", "route_b", "engine_b")), strict=True)
        )
    ]
    told = [(a, b) for a, b in pairs if a in spoken and b in spoken]
    # Routes against each other first.
    for a, b in sorted(told, key=lambda pair: pair[0] == FLOAT_SIDE):
        cells = _key(a, b) | {"reference": str(LABELS), "metric": metrics[0]}
        difference = between.over_seeds(**cells)
        p = between.figure("p_holm", **cells)
        if difference is not None:
            yield Worth(
                metric=metrics[0], a=a, b=b, difference=difference, p=p if p is not None and p.defined else None
            )


def causes(rungs: Frame, ladder: Frame, device: EngineId) -> Iterator[Cause]:
    """Where the difference from the float network to the device comes from, route by route."""
    for route in dict.fromkeys(rungs.rows["route_b"]):
        own = rungs.where(route_b=route, metric=SHARE)
        sets = list(dict.fromkeys(own.rows["kernels"]))
        kernels = device.emulation.kernels if device.emulation.kernels in sets else chosen(sets)
        names = dict.fromkeys(own.where(kernels=kernels).rows["rung"])
        shares = []
        for name in names:
            found = own.over_seeds(route_b=route, kernels=kernels, rung=name, metric=SHARE)
            if name != WHOLE and found is not None and found.mean.defined:
                shares.append(Share(rung=name, share=found))
        if not shares:
            continue
        shares.sort(key=lambda each: -each.share.mean.value)
        local = ladder.where(route_b=route, kernels=kernels, fed=Fed.REFERENCE.value)
        within = [each.rung for each in shares if each.rung in set(local.rows["rung"])]
        yield Cause(
            route=route,
            kernels=kernels,
            shares=tuple(shares),
            rung=within[0] if within else "",
            place=_place(local.where(rung=within[0])) if within else None,
        )


def _place(local: Frame) -> Place | None:
    """The tensor at which a rung's own change is largest against the signal, on average over the seeds. local: the
    rung's rows that were fed the same."""
    rows = local.rows[local.rows["step"].isna() & local.rows["sqnr_db"].notna()]
    if rows.empty:
        return None
    lowest = rows.groupby("tap", sort=False)["sqnr_db"].mean().idxmin()
    ordered = rows[rows["tap"] == lowest].sort_values("sqnr_db", kind="stable").to_dict("records")
    columns = ("seed", "route_b", "tap", "fed", "kernels", "rung")
    figures = [
        Figure(
            value=float(row["sqnr_db"]),
            file=local.file,
            row=(*((name, str(row[name])) for name in columns), ("step", "")),
            column="sqnr_db",
        )
        for row in (ordered[0], ordered[-1])
    ]
    return Place(tap=str(lowest), lowest=figures[0], highest=figures[1])


def worst_layers(tensors: Frame) -> Iterator[Layer]:
    """Of a user's pair of models the layer that stands first in the first seed."""
    rows = tensors.rows[(tensors.rows["matched_by"] != "") & tensors.rows["n"].notna()]
    if rows.empty:
        return
    first = rows.iloc[0]
    cells = {name: str(first[name]) for name in ("seed", "route_b", "tap", "tensor_a", "tensor_b")}
    figures = [
        Figure(
            value=value,
            file=tensors.file,
            row=tuple(cells.items()),
            column=column,
        )
        for column in ("weights_max_lsb", "local_sqnr_db")
        for value in rows[column].iloc[:1].to_numpy(np.float64, na_value=np.nan).tolist()
    ]
    yield Layer(tap=str(first["tap"]), weights=figures[0], sqnr=figures[1])


def sizes(methods: Frame) -> Iterator[Size]:
    """What the file of each route takes."""
    rows = methods.rows[methods.rows["file_bytes"].notna()]
    for route, own in rows.groupby("route", sort=False):
        ordered = own.sort_values("file_bytes", kind="stable").to_dict("records")
        ends = [
            Figure(
                value=float(row["file_bytes"]),
                file=methods.file,
                row=(("seed", str(row["seed"])), ("route", str(route))),
                column="file_bytes",
            )
            for row in (ordered[0], ordered[-1])
        ]
        yield Size(route=str(route), smallest=ends[0], largest=ends[1])
