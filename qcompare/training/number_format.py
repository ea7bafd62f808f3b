"""The number formats of deployed models: how a range becomes a scale and a zero point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from qcompare.core.grid import Grid


@final
@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """Activations on an affine int8 or a symmetric int16 grid; weights are int8.

    activation, bias: the integers that hold them. per_channel: whether the weights of a FULLY_CONNECTED have a scale
        for each of its outputs, else one in all. A fused LSTM's have one for each gate.
    """

    name: str
    activation: np.dtype
    bias: np.dtype
    per_channel: bool = True

    @property
    def lowest(self) -> int:
        """The smallest q."""
        return int(np.iinfo(self.activation).min)

    @property
    def highest(self) -> int:
        return int(np.iinfo(self.activation).max)

    @property
    def symmetric(self) -> bool:
        """Whether zero points are 0: what the 16-bit kernels compute with."""
        return self.activation == np.int16

    def grid(self, low: float | np.floating, high: float | np.floating) -> Grid:
        """The scale and zero point of the range [low, high], float32; formed in float64, as the converter does."""
        if self.symmetric:
            scale, zero_point = max(-np.float64(low), np.float64(high)) / self.highest, 0.0
        else:
            scale = (np.float64(high) - np.float64(low)) / (self.highest - self.lowest)
            zero_point = np.clip(np.floor(self.lowest - np.float64(low) / scale + 0.5), self.lowest, self.highest)
        return Grid.single(np.float32(scale), np.int64(zero_point), self.activation)

    def prescribed(self, fixed: tuple[float, float]) -> Grid:
        """What TANH and LOGISTIC hand on, whose int8 range is `fixed`: the 16-bit kernels write steps of 2^-15."""
        if self.symmetric:
            return Grid.single(2.0**-15, 0, self.activation)
        return self.grid(*(np.float32(end) for end in fixed))


INT8 = NumberFormat(name="int8", activation=np.dtype(np.int8), bias=np.dtype(np.int32))
INT16X8 = NumberFormat(name="int16x8", activation=np.dtype(np.int16), bias=np.dtype(np.int64))


def number_format(name: str, *, per_channel: bool) -> NumberFormat:
    """The format of that name. KeyError for one that is not trained."""
    return replace({form.name: form for form in (INT8, INT16X8)}[name], per_channel=per_channel)
