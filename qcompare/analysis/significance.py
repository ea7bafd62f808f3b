"""Whether paired differences may be chance: plain arrays in and out, the seed on the first axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

MOST_EXACT = 14
"""Seeds up to which all signs are tried."""

DRAWS = 19_999
"""Signs that are tried of more seeds."""


def sign_flip(differences: ArrayLike) -> Array:
    """Two-sided p values of Fisher's sign-flip test: how often a mean is as far from zero as the one found, when each
    difference might as well have had the other sign. Assumes that of the differences, and nothing of their
    distribution.

    Exact up to MOST_EXACT seeds, where the smallest is 2 / 2^seeds, 0.00195 for ten. Of more seeds DRAWS signs are
    drawn, always the same ones, and p is (1 + hits) / (1 + DRAWS).

    differences: shape [seeds, ...], float64; NaN, a seed without a pair, is left out. Returns the shape without the
    seeds; NaN where no seed has a pair.
    """
    given = np.asarray(differences, dtype=np.float64)
    flat = given.reshape(len(given), -1)
    # A zero has no sign: it counts for nothing, as if it were left out.
    magnitudes = np.abs(np.nan_to_num(flat))
    # Sums that are equal in real numbers may differ in the last bits.
    reached = np.abs(np.nansum(flat, axis=0)) - 1e-12 * magnitudes.sum(axis=0)
    exact = len(given) <= MOST_EXACT
    signs = _all_signs(len(given)) if exact else _drawn_signs(len(given))
    hits = np.count_nonzero(np.abs(signs @ magnitudes) >= reached, axis=0)
    p = hits / len(signs) if exact else (1 + hits) / (1 + len(signs))
    return np.where(np.isnan(flat).all(axis=0), np.nan, p).reshape(given.shape[1:])


def holm(p: ArrayLike) -> Array:
    """p values of one family, corrected by Holm's step-down method: each is to be held against the level itself, and
    the chance of any false one among all is at most that level (S. Holm, Scand. J. Statist. 6, 1979).

    p: shape [comparisons]; NaN stays and does not count.
    """
    given = np.asarray(p, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    left = np.count_nonzero(~np.isnan(given)) - np.arange(len(given))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(given[order] * np.maximum(left, 1)), 1.0)
    return corrected


def _all_signs(seeds: int) -> Array:
    """Each way to choose signs, the first one plus: with the others turned, all sums only change their sign."""
    chosen = np.arange(2 ** max(seeds - 1, 0))[:, np.newaxis] >> np.arange(max(seeds - 1, 0)) & 1
    return np.concatenate([np.ones((len(chosen), min(seeds, 1))), np.where(chosen == 1, -1.0, 1.0)], axis=1)


def _drawn_signs(seeds: int) -> Array:
    random = np.random.default_rng(0)
    return np.where(random.integers(2, size=(DRAWS, seeds)) == 1, 1.0, -1.0)
