"""The one quantizer, against exact arithmetic and against the kernel that it follows."""

from fractions import Fraction

import numpy as np
import pytest

from qcompare.core.grid import Grid

PER_CHANNEL = Grid(
    scale=np.array([0.25, 0.5], np.float32), zero_point=np.array([0, 3], np.int64), dtype=np.dtype(np.int8), axis=1
)


def half_away(x: Fraction) -> int:
    return int(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_reals_are_divided_in_float32_and_rounded_half_away(dtype):
    grid = Grid.single(0.0371, 5, dtype)
    x = np.random.default_rng(0).normal(scale=3, size=1000).astype(np.float32)
    halves = ((np.arange(-40, 40) + 0.5).astype(np.float32) * grid.lsb).astype(np.float32)
    x = np.concatenate([x, halves])
    expected = [
        min(max(half_away(Fraction(float(np.float32(value) / grid.lsb))) + 5, grid.smallest), grid.largest)
        for value in x
    ]
    found = grid.quantize(x)
    assert found.dtype == dtype
    assert found.tolist() == expected


def test_float64_is_divided_in_float64():
    grid = Grid.single(0.1, 0, np.int8)
    x = np.array([2.5 * float(np.float32(0.1)) - 1e-12])
    assert grid.quantize(x).tolist() == [2]
    assert grid.quantize(x.astype(np.float32)).tolist() == [3]


@pytest.mark.filterwarnings("error")
def test_a_quotient_beyond_float32_saturates():
    found = Grid.single(1e-3, 3, np.int8).quantize(np.array([1e38, -1e38], np.float32))
    assert found.tolist() == [127, -128]


def test_a_grid_per_channel_goes_along_its_axis():
    q = PER_CHANNEL.quantize(np.ones((4, 3, 2), np.float32), rank=2)
    assert (q[..., 0] == 4).all()
    assert (q[..., 1] == 5).all()
    assert (PER_CHANNEL.dequantize(q, rank=2) == 1).all()


def test_integers_are_read_exactly():
    grid = Grid.single(0.1, -3, np.int8)
    every = np.arange(-128, 128, dtype=np.int8)
    assert [Fraction(v) for v in grid.dequantize(every)] == [(int(q) + 3) * Fraction(float(grid.lsb)) for q in every]


def test_only_a_grid_per_tensor_has_one_scale():
    assert (Grid.single(0.5, 7, np.int8).lsb, Grid.single(0.5, 7, np.int8).zero) == (0.5, 7)
    with pytest.raises(ValueError, match="per channel"):
        _ = PER_CHANNEL.lsb
    with pytest.raises(ValueError, match="per channel"):
        _ = PER_CHANNEL.zero
