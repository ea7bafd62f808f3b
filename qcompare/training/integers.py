"""What training learned, as the integers and scales that are deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core.grid import Grid
from qcompare.training.number_format import NumberFormat
from qcompare.training.scales import weight_scale


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Constant:
    """Integers and their scales. real: what they were rounded from, float32 of their shape."""

    data: np.ndarray
    grid: Grid
    real: np.ndarray


def integer_weight(weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """round(W / s) in float64, halves to even, within -127 to 127; int8. scale: a number or one a column."""
    steps = np.rint(weight.astype(np.float64) / scale.astype(np.float64))
    return np.clip(steps, -127, 127).astype(np.int8)


def integer_bias(bias: np.ndarray, x_scale: np.float32, weight_scale: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """round(b / (s_x s_W)) in float64, halves to even, within int32's range."""
    limits = np.iinfo(np.int32)
    steps = np.rint(bias.astype(np.float64) / (np.float64(x_scale) * weight_scale.astype(np.float64)))
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def weight_constant(weight: np.ndarray, *, per_channel: bool) -> Constant:
    """A matrix [inputs, units] as int8 [units, inputs], with a scale a unit or one in all."""
    grid = weight_scale(weight, per_channel=per_channel)
    data, real = (np.ascontiguousarray(each.T) for each in (integer_weight(weight, grid.scale), weight))
    return Constant(data=data, grid=grid, real=real)


def bias_constant(bias: np.ndarray, x: Grid, weight: Constant, number_format: NumberFormat) -> Constant:
    """A bias [units] in steps of the products of an input on the grid x with the weight."""
    scale = weight.grid.scale
    grid = Grid(scale=x.scale[0] * scale, zero_point=np.zeros(scale.shape, np.int64), dtype=number_format.bias)
    return Constant(data=integer_bias(bias, x.scale[0], scale, number_format.bias), grid=grid, real=bias)


def laid_out(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A weight [..., inputs, outputs] as it lies in a model: outputs first, of a depthwise kernel both at the end."""
    outputs_first = np.moveaxis(weight, -1, 0)
    return outputs_first if outputs_first.shape == shape else weight.reshape(shape)
