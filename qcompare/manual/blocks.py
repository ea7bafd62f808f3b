"""Vector loops: whole blocks of elements are computed one way, those that are left over another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def in_blocks(
    size: int, whole: Callable[..., np.ndarray], rest: Callable[..., np.ndarray], *arrays: np.ndarray
) -> np.ndarray:
    """`whole` of the elements in whole blocks of `size` along the last axis, `rest` of those behind them.

    arrays: the arguments of both, with last axes of equal length.
    """
    length = arrays[0].shape[-1]
    cut = length // size * size
    if cut == length:
        return whole(*arrays)
    body, tail = whole(*(x[..., :cut] for x in arrays)), rest(*(x[..., cut:] for x in arrays))
    return np.concatenate([body, tail], axis=-1)
