"""TANH and LOGISTIC of int16 by interpolation in one table of the logistic function.

Source: TFLite `sigmoid_table_uint16` (kernels/internal/common.h), `TanhPrepare`, `SigmoidPrepare`
(kernels/activations.cc), `Tanh`, `Logistic` (reference/integer_ops/tanh.h, logistic.h).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from qcompare.manual.power_of_two import checked_log2
from qcompare.manual.rounding import shift_half_up


def _samples() -> np.ndarray:
    """(37) 2^16 / (1 + exp(-i / 24)) for i from 0 to 255, moved by half of the error of linear interpolation."""

    def sigmoid(i: np.ndarray) -> np.ndarray:
        return 65536 / (1 + np.exp(-i / 24))

    i = np.arange(256)
    error = sigmoid(i + 0.5) - (sigmoid(i) + sigmoid(i + 1)) / 2
    samples: np.ndarray = np.floor(sigmoid(i) + error / 2 + 0.5).astype(np.int64)
    samples[255] = 65535
    return samples


SAMPLES = _samples()


def scaling(scale: np.float32, shifts: Collection[int]) -> tuple[int, int]:
    """(38) Multiplier and right shift that bring an int16 input to steps of 2^-12 / 3.

    shifts: the exponents s for which a scale of 2^(s - 12) is taken as it is, 3 * 2^s.
    """
    log2, exact = checked_log2(scale)
    if exact and log2 + 12 in shifts:
        return 3 << (log2 + 12), 0
    multiplier, shift = float(scale) * 4096.0 * 3.0, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return int(multiplier), shift


def table_logistic(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """(39) The logistic function with 15 fraction bits; x int64 in int16's range."""
    scaled = shift_half_up(x * multiplier, shift)
    size = np.abs(scaled)
    index, rest = size >> 9, size & 0x1FF
    base = SAMPLES[np.minimum(index, 254)]
    value = np.where(index >= 255, 0x7FFF << 10, (base << 9) + rest * (SAMPLES[np.minimum(index, 254) + 1] - base))
    return np.where(scaled >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10


def table_tanh(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """(39) tanh(x) = 2 logistic(2 x) - 1 with 15 fraction bits; x int64 in int16's range."""
    scaled = shift_half_up(x * multiplier, shift)
    size = np.abs(scaled)
    index, rest = size >> 8, size & 0xFF
    base = SAMPLES[np.minimum(index, 254)]
    value = np.where(index >= 255, 0xFFFF << 8, (base << 8) + rest * (SAMPLES[np.minimum(index, 254) + 1] - base))
    return np.where(scaled >= 0, value - (1 << 23) + (1 << 7), -value + (1 << 23) + (1 << 7) - 1) >> 8
