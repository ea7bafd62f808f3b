"""The rows of tensors.csv from values made by hand."""

import math

import numpy as np
import pytest

from qcompare.analysis.tensors import TENSORS, compared, findings, on_grid, rows, weights_off
from qcompare.core.engine import manual
from qcompare.core.finding import Severity
from qcompare.core.grid import Grid
from qcompare.core.tap import Tap
from qcompare.core.tensor_pairs import TensorPair, TensorPairs, Weights

GRID = Grid.single(0.5, 0, np.int8)
SIGNAL = np.array([[4, -4, 8, 2]], np.float32)


def pair(name, off=0, accumulated=0, weights=()):
    """A tensor whose operator alone is `off` LSB away in one element. accumulated: the same from the input on."""
    integers = GRID.quantize(SIGNAL)
    step = np.array([[1, 0, 0, 0]], np.int8)
    return TensorPair(
        tap=Tap(name),
        tensor_a=name,
        tensor_b=name,
        matched_by="name",
        op="FULLY_CONNECTED",
        index=0,
        grid=GRID,
        a=SIGNAL,
        b=integers + accumulated * step,
        # A third of an LSB beside the grid: rounding is no error of the operator.
        local_a=SIGNAL + np.float32(0.16),
        local_b=integers + off * step,
        weights=weights,
    )


def weight(off):
    grid = Grid(scale=np.array([0.5, 0.25], np.float32), zero_point=np.zeros(2, np.int64), dtype=np.dtype(np.int8))
    b = np.array([[10, -20], [30, 40]], np.int8)
    a = grid.dequantize(b, 2).astype(np.float32)
    a[1, 0] += off * 0.25
    return Weights(a=a, b=b, grid=grid)


def source(*pairs, left_a=(), left_b=()):
    tensors = TensorPairs(engine=manual("xnnpack"), pairs=pairs, left_a=left_a, left_b=left_b)
    return compared("given-int8", 0, "float", "given", tensors)


def taps(*pairs, **names):
    return [row.key.tap for row in rows(source(*pairs, **names))]


def test_the_noise_that_arises_in_a_layer_decides_not_what_it_was_handed():
    assert taps(pair("first", off=1), pair("worst", off=3), pair("after", accumulated=9)) == ["worst", "first", "after"]


def test_figures_are_those_of_the_operator_alone_and_from_the_input_on():
    (row,) = rows(source(pair("h", off=2, accumulated=4)))
    assert (row.local.local_max_lsb, row.local.local_mismatch_rate, row.local.local_rmse) == (2, 0.25, 0.5)
    assert row.local.local_sqnr_db == pytest.approx(10 * math.log10(100 / 1))
    assert (row.accumulated.n, row.accumulated.max_lsb, row.accumulated.max_abs_error) == (4, 4, 2.0)
    assert (row.key.route_a, row.key.engine_a, row.key.route_b) == ("float", "manual:xnnpack", "given")


def test_other_weights_come_before_coarse_roundings():
    wrong, rounded = pair("wrong", off=1, weights=(weight(6),)), pair("coarse", off=9, weights=(weight(0.5),))
    assert taps(rounded, wrong) == ["wrong", "coarse"]
    assert [row.local.weights_max_lsb for row in rows(source(rounded, wrong))] == [6, 0.5]


def test_weights_are_off_by_the_furthest_in_steps_of_its_own_channel():
    assert weights_off([weight(0), weight(-3)]) == 3
    assert weights_off([]) is None


def test_what_has_no_counterpart_is_named_behind_all_others():
    frame = TENSORS.made(source(pair("h"), left_a=("loop",), left_b=("p", "q")))
    assert frame["tap"].tolist() == ["h", "loop", "p", "q"]
    assert frame["tensor_a"].tolist() == ["h", "loop", "", ""]
    assert frame["n"].isna().tolist() == [False, True, True, True]
    (told,) = findings(source(pair("h"), left_a=("loop",), left_b=("p", "q")).tensors)
    assert told.text == (
        "without a counterpart: 1 of the float model (loop) and 2 of the integer model (p, ...); "
        "the last rows of tensors.csv name them"
    )
    assert findings(source(pair("h")).tensors) == ()


def test_a_model_that_is_not_computed_is_a_failure():
    (told,) = findings(TensorPairs(engine=manual("xnnpack")))
    assert told.severity is Severity.FAILURE


def test_what_is_not_finite_stays_so():
    assert np.array_equal(on_grid(np.array([0.3, np.nan, np.inf]), GRID), [0.5, np.nan, np.inf], equal_nan=True)
