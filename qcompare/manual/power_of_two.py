"""Scales that are powers of two, as the kernels recognise them."""

from __future__ import annotations

import numpy as np


def checked_log2(scale: np.float32) -> tuple[int, bool]:
    """The nearest integer logarithm of a scale, and whether it is within 1e-3: TFLite `CheckedLog2`."""
    log2 = np.float32(np.log(np.float32(scale))) * (np.float32(1) / np.float32(np.log(np.float32(2))))
    rounded = np.rint(log2)
    return int(rounded), bool(abs(log2 - rounded) < np.float32(1e-3))
