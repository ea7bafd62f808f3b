"""What a run found, as data of which sentences are made; every figure knows the cell of a CSV file that it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from qcompare.core.comparison import Side

Where = tuple[tuple[str, str], ...]
"""Columns and what stands in them: they choose one row."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number and where it stands. value: as in the file; NaN for an empty cell. row: which row of the file."""

    value: float
    file: str
    row: Where
    column: str

    @property
    def defined(self) -> bool:
        return not math.isnan(self.value)


@dataclass(frozen=True, kw_only=True)
class OverSeeds:
    """A figure over the seeds: how many have it, its mean, the mean's 95 % interval, the smallest and the largest."""

    n: Figure
    mean: Figure
    low: Figure
    high: Figure
    min: Figure
    max: Figure

    @property
    def seeds(self) -> int:
        return int(self.n.value)


class Question(Enum):
    """What two sides of a comparison are held against each other for."""

    TRAINED = "trained"
    UNDERSTOOD = "understood"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Equality:
    """How many integers of b are not those of a at the output.

    unequal: their share, the mismatch_rate. lsb: the largest difference. bound: where no integer of any seed is
    unequal, how common unequal ones may be; None elsewhere. error: the largest difference in real units.
    """

    question: Question
    a: Side
    b: Side
    unequal: OverSeeds
    lsb: OverSeeds
    bound: Figure | None
    error: OverSeeds


@dataclass(frozen=True, kw_only=True)
class Worth:
    """How right b is less how right a is, in the same seeds. metric: `top1_agreement` or an error, against the labels.
    p: that of the test, corrected; None for too few seeds."""

    metric: str
    a: Side
    b: Side
    difference: OverSeeds
    p: Figure | None

    @property
    def shown(self) -> bool:
        """Whether a difference is shown: the interval leaves out 0, and so does the corrected test."""
        low, high = self.difference.low, self.difference.high
        beyond = low.defined and high.defined and not low.value <= 0 <= high.value
        return beyond and self.p is not None and self.p.value < LEVEL


LEVEL = 0.05
"""Of tests; that of intervals is the rest."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """A rung's share of the squared error from the float network to the device."""

    rung: str
    share: OverSeeds


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a rung changes most against the signal. lowest, highest: the local SQNR (dB) among the seeds."""

    tap: str
    lowest: Figure
    highest: Figure


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Where the difference from the float network to a kernel set's integers comes from on a route.

    shares: the largest first. place: of the largest of them within the model, `rung`; None where no tensor tells.
    """

    route: str
    kernels: str
    shares: tuple[Share, ...]
    rung: str
    place: Place | None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The worst of a user's pair of models. weights: how far the furthest weight is (LSB). sqnr: alone (dB)."""

    tap: str
    weights: Figure
    sqnr: Figure


@dataclass(frozen=True, kw_only=True)
class Size:
    """What the file of a route's model takes in bytes, the smallest and the largest of the seeds."""

    route: str
    smallest: Figure
    largest: Figure


Statement = Equality | Worth | Cause | Layer | Size
