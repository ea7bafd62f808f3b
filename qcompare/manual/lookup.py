"""The interpolated table by which the runtimes evaluate a function of 16 bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompare.manual.rounding import round_half_away, saturate16, wrap16

STEPS = 512


def table16(
    f: Callable[[np.ndarray], np.ndarray],
    dtype: type[np.floating],
    *,
    input_scale: float | np.floating,
    input_zero_point: int,
    output_scale: float | np.floating,
    output_zero_point: int = 0,
) -> np.ndarray:
    """(40) 513 samples of f for (41), int64: TFLite `LUTPopulateInt16` (kernels/internal/common.h).

    Each sample is moved by half of the error that linear interpolation makes in the middle of its interval.

    f: from and to arrays of `dtype`.
    dtype: float64 in TFLite's SOFTMAX, float32 elsewhere; every step rounds to it.
    """
    x_scale, y_scale = dtype(input_scale), dtype(output_scale)
    low, high = (x_scale * dtype(limit - input_zero_point) for limit in (-32768, 32767))
    y_low, y_high = (y_scale * dtype(limit - output_zero_point) for limit in (-32768, 32767))
    step = (high - low) / dtype(STEPS)
    inverse = dtype(65536) / (y_high - y_low)
    i = np.arange(STEPS).astype(dtype)
    at = (low + i * step, low + i * step + step / dtype(2), low + (i + dtype(1)) * step)
    here, middle, after = (f(x) * inverse for x in at)
    interpolated = round_half_away((after + round_half_away(here)) / dtype(2))
    bias = round_half_away((interpolated - round_half_away(middle)) / dtype(2))
    samples = np.append(round_half_away(here) - bias, round_half_away(f(np.array([high], dtype)) * inverse))
    return saturate16(samples).astype(np.int64)


def look_up16(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(41) The function of an int16 x (as int64) by its table: 9 bits choose a sample, 7 bits interpolate.

    TFLite `LUTLookup` (kernels/internal/common.h); slope and sum are int16 and wrap.
    """
    index, offset = (x >> 7) + 256, x & 0x7F
    base = table[index]
    slope = wrap16(table[index + 1] - base)
    return wrap16(base + ((slope * offset + 64) >> 7))
