"""How weights become scales and ranges become grids, in NumPy: what training, export and reports agree on."""

from __future__ import annotations

import numpy as np

from qcompare.core.grid import Grid
from qcompare.core.lstm import GATES

SMALLEST_RANGE = 1e-6
"""A weight column or an activation that is all zero still needs a scale."""


def weight_scale(weight: np.ndarray, *, per_channel: bool) -> Grid:
    """The int8 scales of a weight [inputs, outputs], one for each output channel or one in all; zero points are 0."""
    largest = np.abs(weight).max(axis=0 if per_channel else (0, 1), keepdims=not per_channel).reshape(-1)
    scale = (np.maximum(largest, np.float32(SMALLEST_RANGE)).astype(np.float64) / 127).astype(np.float32)
    return Grid(scale=scale, zero_point=np.zeros(scale.shape, np.int64), dtype=np.dtype(np.int8))


def gate_weight_scales(weight: np.ndarray) -> np.ndarray:
    """The scale of each gate of an LSTM's matrix [inputs, 4 units], float32 [4]."""
    gates = np.split(weight, len(GATES), axis=1)
    return np.concatenate([weight_scale(gate, per_channel=False).scale for gate in gates])


def is_cell(role: str) -> bool:
    """Whether a role is the fused LSTM's cell, whose range is a power of two and does not move."""
    return role.endswith("/cell_state")


def cell_range(largest: float) -> tuple[float, float]:
    """The range [min, max] of the fused LSTM's int16 cell: the power of two that holds the largest magnitude.

    The exponent of its scale must be one of CELL_EXPONENTS, or the kernel gives meaningless numbers; the clip keeps it
    below the largest, and a smaller cell gets the finest grid there is.
    """
    mantissa, exponent = np.frexp(max(largest, 1.0))
    bound = float(np.ldexp(1.0, int(exponent) - (mantissa == 0.5)))
    return -bound, bound * (1 - 2.0**-15)


def cell_scale(low: np.float32, high: np.float32) -> Grid:
    """The int16 scale of the fused LSTM's cell in the range [low, high] of `cell_range`."""
    return Grid.single(-low / np.float32(32768), 0, np.int16)
