"""tensors.csv: a float model and an integer one of the same network, tensor by tensor, the worst layer first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qcompare.analysis.figures import Figures, compare
from qcompare.core.comparison import Side
from qcompare.core.finding import Finding, failure, remark
from qcompare.core.grid import Grid
from qcompare.core.key import RowKey
from qcompare.core.table import Table
from qcompare.core.tap import Tap
from qcompare.core.tensor_pairs import TensorPair, TensorPairs, Weights


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """The shared tensors of the models of two routes."""

    configuration: str
    seed: int
    route_a: str
    route_b: str
    tensors: TensorPairs


ROUNDED = 1.0
"""LSB that a weight may be off its real one: half by rounding, and more where another tool rounds otherwise."""


@dataclass(frozen=True, kw_only=True)
class Local:
    """An operator by itself, fed the same numbers in both models; its float results are put on the grid.

    weights_max_lsb: the furthest that a weight is from the float model's, in LSB of the weights; None without weights.
    """

    weights_max_lsb: float | None
    local_mismatch_rate: float | None
    local_max_lsb: int | None
    local_rmse: float | None
    local_sqnr_db: float | None

    @property
    def worst_first(self) -> tuple[bool, float]:
        """Other weights before coarse ones; then by the SQNR, which is infinite without noise, and minus infinite where
        there is nothing but noise."""
        rounded = self.weights_max_lsb is None or self.weights_max_lsb <= ROUNDED
        if not self.local_rmse:
            return rounded, math.inf
        return rounded, -math.inf if self.local_sqnr_db is None else self.local_sqnr_db


@dataclass(frozen=True, kw_only=True)
class Accumulated:
    """Computed from the models' inputs on, figures as those of errors.csv."""

    n: int | None
    mismatch_rate: float | None
    max_lsb: int | None
    mean_lsb: float | None
    max_abs_error: float | None
    mean_error: float | None
    rmse: float | None
    sqnr_db: float | None
    cosine_similarity: float | None
    saturation_rate: float | None
    non_finite: int | None


@dataclass(frozen=True, kw_only=True)
class TensorsRow:
    """One tensor. op, index: the operator that computes it in the integer model; empty for the model's input.

    growth: the accumulated RMS over that of the time step before. first_step: the first with an unequal integer.
    """

    key: RowKey
    tensor_a: str
    tensor_b: str
    matched_by: str
    op: str
    index: int | None
    local: Local
    accumulated: Accumulated
    growth: float | None = None
    first_step: int | None = None


def compared(configuration: str, seed: int, route_a: str, route_b: str, tensors: TensorPairs) -> Compared:
    """What `rows` are made of."""
    return Compared(configuration=configuration, seed=seed, route_a=route_a, route_b=route_b, tensors=tensors)


def rows(source: Compared) -> Iterator[TensorsRow]:
    """A row for each tensor, the worst layer first; in the model's order where equal.

    An operator whose weights are not the float model's rounded ones comes before all others; then the lower SQNR, when
    both models are fed the same numbers, which is the noise that arises there.
    """
    found = [_row(source, pair) for pair in source.tensors.pairs]
    yield from sorted(found, key=lambda row: row.local.worst_first)
    yield from (_unmatched(source, name, "") for name in source.tensors.left_a)
    yield from (_unmatched(source, "", name) for name in source.tensors.left_b)


def findings(tensors: TensorPairs) -> tuple[Finding, ...]:
    """What tensors.csv has no figures of."""
    if not tensors.pairs:
        return (failure("tensors", "not compared: the manual engine does not compute one of the models"),)
    sides = (("the float model", tensors.left_a), ("the integer model", tensors.left_b))
    missing = [f"{len(names)} of {model} ({names[0]}{', ...' if names[1:] else ''})" for model, names in sides if names]
    text = f"without a counterpart: {' and '.join(missing)}; the last rows of {TENSORS.file} name them"
    return (remark("tensors", text),) if missing else ()


def _unmatched(source: Compared, tensor_a: str, tensor_b: str) -> TensorsRow:
    """The row of a tensor that one model has; tensor_a, tensor_b: one of them is empty."""
    return TensorsRow(
        key=_key(source, Tap(tensor_a or tensor_b)),
        tensor_a=tensor_a,
        tensor_b=tensor_b,
        matched_by="",
        op="",
        index=None,
        local=local(None, Figures()),
        accumulated=accumulated(Figures()),
    )


def _key(source: Compared, tap: Tap) -> RowKey:
    engine = source.tensors.engine
    a, b = Side(source.route_a, engine), Side(source.route_b, engine)
    return RowKey.of(source.configuration, source.seed, a, b, tap)


def _row(source: Compared, pair: TensorPair) -> TensorsRow:
    alone = compare(on_grid(pair.local_a, pair.grid), pair.local_b, pair.grid, classification=False)
    whole = compare(pair.a, pair.b, pair.grid, classification=False)
    return TensorsRow(
        key=_key(source, pair.tap),
        tensor_a=pair.tensor_a,
        tensor_b=pair.tensor_b,
        matched_by=pair.matched_by,
        op=pair.op,
        index=pair.index,
        local=local(weights_off(pair.weights), alone),
        accumulated=accumulated(whole),
    )


def on_grid(reals: np.ndarray, grid: Grid | None) -> np.ndarray:
    """Reals as those of the grid that are nearest, within its range, float64; what is not finite as it is."""
    if grid is None:
        return reals
    finite = np.isfinite(reals)
    return np.where(finite, grid.dequantize(grid.quantize(np.where(finite, reals, 0))), reals)


def weights_off(weights: Sequence[Weights]) -> float | None:
    """How far the furthest of an operator's weights is from the float model's, in LSB; None without any."""
    furthest = []
    for each in weights:
        rank = each.b.ndim
        scale, _ = each.grid.channels(rank)
        furthest.append(float((np.abs(each.grid.dequantize(each.b, rank) - each.a) / scale).max(initial=0)))
    return max(furthest, default=None)


def local(furthest: float | None, figures: Figures) -> Local:
    return Local(
        weights_max_lsb=furthest,
        local_mismatch_rate=figures.mismatch_rate,
        local_max_lsb=figures.max_lsb,
        local_rmse=figures.rmse,
        local_sqnr_db=figures.sqnr_db,
    )


def accumulated(figures: Figures) -> Accumulated:
    return Accumulated(
        n=figures.n,
        mismatch_rate=figures.mismatch_rate,
        max_lsb=figures.max_lsb,
        mean_lsb=figures.mean_lsb,
        max_abs_error=figures.max_abs_error,
        mean_error=figures.mean_error,
        rmse=figures.rmse,
        sqnr_db=figures.sqnr_db,
        cosine_similarity=figures.cosine_similarity,
        saturation_rate=figures.saturation_rate,
        non_finite=figures.non_finite,
    )


TENSORS = Table(file="tensors.csv", row=TensorsRow, rows=rows)
