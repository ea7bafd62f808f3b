"""The output pipeline, stage by stage."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import Tensor
from qcompare.core.grid import Grid
from qcompare.manual.blocks import in_blocks
from qcompare.manual.pipeline import AddZeroPoint, Clamp, Requantize, clamp_to, saturating, through
from qcompare.manual.rounding import double, up
from qcompare.manual.rule import Halves, Precision, Rounding

INT8 = np.dtype(np.int8)


def tensor(scale: float, zero_point: int) -> Tensor:
    return Tensor(index=0, name="y", shape=(1, 4), dtype=INT8, grid=Grid.single(scale, zero_point, INT8))


def test_stages_run_in_their_order() -> None:
    x = np.array([-9, 6, 1000], np.int64)
    rule = Rounding.DOUBLE.by(Precision.FLOAT64)
    stored = through(x, Requantize(rule, 0.5), AddZeroPoint(-3), Clamp(-7, 100, INT8))
    assert stored.tolist() == [-7, 0, 100]
    assert stored.dtype == np.int8


def test_blocks_are_of_the_last_axis() -> None:
    x = np.full((2, 11), -1, np.int64)
    found = Requantize(Rounding.UP.by(Precision.FLOAT64, blocks=4), 0.25)(x * 2)
    assert found.tolist() == [[*[0] * 8, *[-1] * 3]] * 2
    each = np.linspace(0.01, 0.9, 11)
    wide = np.arange(-11, 11, dtype=np.int64).reshape(2, 11) * 37
    found = Requantize(Rounding.UP.by(Precision.FLOAT64, blocks=4), each)(wide)
    assert np.array_equal(found[:, :8], up(wide[:, :8], each[:8]))
    assert np.array_equal(found[:, 8:], double(wide[:, 8:], each[8:]))


def test_blocks_of_no_rest_and_of_rest_alone() -> None:
    def whole(x: np.ndarray) -> np.ndarray:
        return x + 1

    def rest(x: np.ndarray) -> np.ndarray:
        return x - 1

    x = np.zeros(6)
    assert in_blocks(3, whole, rest, x).tolist() == [1] * 6
    assert in_blocks(4, whole, rest, x).tolist() == [1, 1, 1, 1, -1, -1]
    assert in_blocks(8, whole, rest, x).tolist() == [-1] * 6


def test_bounds_half_way_between_two_integers() -> None:
    # 6 / 4 is half-way between 1 and 2.
    assert clamp_to(tensor(4.0, -7), 0.0, 6.0).high == -5
    assert clamp_to(tensor(4.0, -7), 0.0, 6.0, Halves.EVEN).high == -6
    assert clamp_to(tensor(4.0, -7), 0.0, np.inf) == Clamp(-7, 127, INT8)


def test_saturating_takes_the_range_of_the_dtype() -> None:
    assert saturating(tensor(4.0, -7)) == (AddZeroPoint(-7), Clamp(-128, 127, INT8))
