"""Exact products of integer matrices through BLAS.

A sum of integer products in floating point is exact while no partial sum can leave the integers that the format holds:
|sum| <= 2^24 in float32, 2^53 in float64. NumPy's own integer matrix product does not use BLAS and is far slower.
"""

from __future__ import annotations

import numpy as np

EXACT32 = 1 << 24
"""float32 holds every integer up to here."""

EXACT64 = 1 << 53
"""float64 holds every integer up to here."""


def float_for(terms: int, largest_left: int, largest_right: int) -> type[np.floating]:
    """The narrowest float in which a sum of that many products is exact. OverflowError when neither is."""
    bound = terms * largest_left * largest_right
    if bound <= EXACT32:
        return np.float32
    if bound <= EXACT64:
        return np.float64
    raise OverflowError(f"a sum of {terms} products up to {largest_left * largest_right} exceeds float64's integers")


def largest(x: np.ndarray, zero_point: int = 0) -> int:
    """The largest magnitude that `x - zero_point` can have, from the dtype of x."""
    limits = np.iinfo(x.dtype)
    return max(limits.max - zero_point, zero_point - limits.min)


def matmul(x: np.ndarray, y: np.ndarray, x_zero_point: int = 0, y_zero_point: int = 0) -> np.ndarray:
    """`(x - x_zero_point) @ (y - y_zero_point)` of integer arrays, exact, as int64."""
    float_ = float_for(x.shape[-1], largest(x, x_zero_point), largest(y, y_zero_point))
    left, right = (a.astype(float_) - float_(z) for a, z in ((x, x_zero_point), (y, y_zero_point)))
    product: np.ndarray = (left @ right).astype(np.int64)
    return product
