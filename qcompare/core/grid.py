"""The grid that a tensor's integers lie on: the one quantizer and dequantizer of the program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The affine map `real = (q - zero_point) * scale` between the integers of one tensor and real numbers.

    scale: float32, shape [1] (per tensor) or [channels] (per channel).
    zero_point: int64, same shape as scale.
    dtype: of the integers.
    axis: the dimension of the tensor that the channels run along; 0 when per tensor.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    dtype: np.dtype
    axis: int = 0

    @classmethod
    def single(cls, scale: float | np.floating, zero_point: int | np.integer, dtype: np.dtype | type) -> Grid:
        """A grid per tensor."""
        return cls(
            scale=np.array([scale], np.float32), zero_point=np.array([zero_point], np.int64), dtype=np.dtype(dtype)
        )

    @property
    def per_channel(self) -> bool:
        return self.scale.size > 1

    def same(self, other: Grid) -> bool:
        """Whether integers mean the same on both, bit for bit."""
        return (
            self.dtype == other.dtype
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
            and (self.axis == other.axis or not self.per_channel)
        )

    @property
    def lsb(self) -> np.float32:
        """The one scale of a grid per tensor: what one LSB is in real units. ValueError for one per channel."""
        self._require_single()
        return np.float32(self.scale[0])

    @property
    def zero(self) -> int:
        """The one zero point of a grid per tensor. ValueError for one per channel."""
        self._require_single()
        return int(self.zero_point[0])

    @property
    def smallest(self) -> int:
        """The smallest q."""
        return int(np.iinfo(self.dtype).min)

    @property
    def largest(self) -> int:
        """The largest q."""
        return int(np.iinfo(self.dtype).max)

    def channels(self, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """Scale (float32) and zero point (int64), shaped to broadcast over the last `rank` dimensions of an array."""
        shape = [1] * rank
        if self.per_channel:
            shape[self.axis] = self.scale.size
        return self.scale.reshape(shape), self.zero_point.reshape(shape)

    def quantize(self, real: np.ndarray, rank: int = 1) -> np.ndarray:
        """Finite real numbers as integers of this grid: halves away from zero, then the dtype's range.

        real: floats [..., *shape of the tensor], divided by the scale in their own dtype and rounded before the zero
            point is added. In float32 that is the QUANTIZE kernel (93) (tflite/kernels/internal/reference/quantize.h,
            AffineQuantize); in float64 it is (16).
        rank: of the tensor, for a grid per channel.
        """
        scale, zero_point = self.channels(rank)
        # A quotient beyond the dtype's range is Inf, which saturates like any other.
        with np.errstate(over="ignore", invalid="ignore"):
            steps = real / scale.astype(real.dtype)
            # Exact in float64, whatever the quotient's dtype: a float32 plus a half is.
            steps = steps.astype(np.float64)
            whole = np.trunc(steps)
            nearest = whole + np.copysign(np.abs(steps - whole) >= 0.5, steps)
        integers: np.ndarray = np.clip(nearest + zero_point, self.smallest, self.largest).astype(self.dtype)
        return integers

    def dequantize(self, q: np.ndarray, rank: int = 1) -> np.ndarray:
        """(15) Integers [..., *shape of the tensor] as real numbers, float64.

        The product of at most 17 bits and a float32 is exact in float64, and so is the difference of two of them.
        rank: of the tensor, for a grid per channel.
        """
        scale, zero_point = self.channels(rank)
        reals: np.ndarray = (q.astype(np.int64) - zero_point) * scale.astype(np.float64)
        return reals

    def _require_single(self) -> None:
        if self.per_channel:
            raise ValueError("a grid per channel has no single scale")
