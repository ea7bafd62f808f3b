"""Float32 functions of the C library, which the runtimes call.

They are not rounded correctly, and their last bit differs between versions of the library; where a table entry lies
next to the middle of two integers that bit decides. The process's own library is the one that the runtime uses.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping

import numpy as np

IN_FLOAT64: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanhf": np.tanh,
    "expf": np.exp,
    "expm1f": np.expm1,
    "logf": np.log,
    "erfcf": np.vectorize(math.erfc, otypes=[np.float64]),
}
"""What stands in, rounded to float32, where the process has no such symbol."""


def apply(name: str, x: np.ndarray) -> np.ndarray:
    """One of IN_FLOAT64 of a small float32 array."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return np.asarray(IN_FLOAT64[name](x.astype(np.float64)), np.float32)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return np.array([function(value) for value in x.ravel().tolist()], np.float32).reshape(x.shape)
