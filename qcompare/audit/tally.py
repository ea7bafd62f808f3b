"""Which values of a tensor differ, and how far: what the audit counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-4
"""A float counts as unequal when it is further off than this part of the largest magnitude in its tensor and sample."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Values compared. max_lsb: of |b - a| over integers; None for floats, which have no LSB, and for no values."""

    n: int = 0
    mismatches: int = 0
    max_lsb: int | None = None

    def __add__(self, other: Tally) -> Tally:
        found = [tally.max_lsb for tally in (self, other) if tally.max_lsb is not None]
        return Tally(
            n=self.n + other.n, mismatches=self.mismatches + other.mismatches, max_lsb=max(found, default=None)
        )


NOTHING = Tally()
"""No values compared."""


def tally(expected: np.ndarray, found: np.ndarray) -> Tally:
    """Two arrays [samples, ...] of one shape and dtype, counted."""
    wrong = unequal(expected, found)
    largest = None if expected.dtype.kind == "f" else _largest_gap(expected[wrong], found[wrong])
    return Tally(n=wrong.size, mismatches=int(np.count_nonzero(wrong)), max_lsb=largest)


def unequal(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Which values differ, bool [samples, ...].

    expected, found: [samples, ...] of one dtype. Floats differ beyond TOLERANCE; NaN and Inf equal themselves.
    """
    if expected.dtype.kind != "f":
        return np.asarray(expected != found)
    with np.errstate(invalid="ignore", over="ignore"):
        a, b = expected.astype(np.float64), found.astype(np.float64)
        size = np.abs(np.where(np.isfinite(a), a, 0)).max(axis=tuple(range(1, a.ndim)), keepdims=True, initial=0)
        same: np.ndarray = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= TOLERANCE * size)
    return ~same


def differing_samples(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Which samples of two arrays [samples, ...] differ anywhere, bool [samples]."""
    return np.asarray(unequal(expected, found).reshape(len(expected), -1).any(axis=1))


def _largest_gap(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0))
