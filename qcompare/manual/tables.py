"""Functions of few bits as tables: one gather replaces the arithmetic of a rule.

A table is indexed by the bits of its argument read as an unsigned integer, so that no offset is added.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PAIRS = 1 << 16
"""How many pairs of int8 values there are; from so many results on a table of all pairs pays."""


def arguments(dtype: np.dtype | type) -> np.ndarray:
    """Every value of an integer dtype of 8 or 16 bits, int64, in the order in which a table is indexed."""
    dtype = np.dtype(dtype)
    return np.arange(1 << 8 * dtype.itemsize).astype(f"u{dtype.itemsize}").view(dtype).astype(np.int64)


def look_up(table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """table[x] for an int8 or int16 x, by its bits."""
    return table.take(x.view(f"u{x.dtype.itemsize}"))


def pair_table(f: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """f(a, b) of all pairs of int8 values (given to it as int64), for `look_up_pair`."""
    values = arguments(np.int8)
    return f(values[:, None], values[None, :]).reshape(-1)


def look_up_pair(table: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """table[a, b] for int8 arrays that broadcast against each other."""
    return table.take(a.view(np.uint8).astype(np.uint16) << np.uint16(8) | b.view(np.uint8))
