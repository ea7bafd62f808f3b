"""The 16-bit fixed-point functions and the interpolated tables against the functions themselves."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.manual import gemmlowp16, gemmlowp32, sigmoid16
from qcompare.manual.tables import arguments, look_up, look_up_pair, pair_table

VALUES = arguments(np.int16)


@pytest.mark.parametrize("integer_bits", range(7))
def test_functions_are_near_the_real_ones(integer_bits: int) -> None:
    real = VALUES * 2.0 ** (integer_bits - 15)
    assert np.abs(gemmlowp16.tanh(VALUES, integer_bits) / 2**15 - np.tanh(real)).max() < 17 / 2**15
    assert np.abs(gemmlowp16.logistic(VALUES, integer_bits) / 2**15 - 1 / (1 + np.exp(-real))).max() < 9 / 2**15


def test_exp_below_minus_32_is_zero() -> None:
    x = np.array([-(1 << 15), -(1 << 13) - 1])
    assert gemmlowp16.exp_on_negative_values(x, 7).tolist() == [0, 0]


def test_functions_of_32_bits_are_near_the_real_ones() -> None:
    x = np.linspace(-(2**31), 2**31 - 1, 5001).astype(np.int64)
    real = x / 2.0**27
    assert np.abs(gemmlowp32.tanh(x, 4) / 2**31 - np.tanh(real)).max() < 1e-6
    assert np.abs(gemmlowp32.logistic(x, 4) / 2**31 - 1 / (1 + np.exp(-real))).max() < 1e-6


def test_samples_start_at_a_half_and_rise() -> None:
    assert sigmoid16.SAMPLES[:4].tolist() == [32768, 33451, 34133, 34813]
    assert sigmoid16.SAMPLES[-4:].tolist() == [65534, 65534, 65534, 65535]
    assert (np.diff(sigmoid16.SAMPLES) >= 0).all()


@pytest.mark.parametrize("scale", [2.0**-12, 2.0**-11, 2.0**-13, 0.0003, 0.0001])
def test_interpolation_is_near_the_real_functions(scale: float) -> None:
    real = VALUES * float(np.float32(scale))
    tanh = sigmoid16.table_tanh(VALUES, *sigmoid16.scaling(np.float32(scale), (0, 1)))
    logistic = sigmoid16.table_logistic(VALUES, *sigmoid16.scaling(np.float32(scale), (0,)))
    assert np.abs(tanh / 2**15 - np.tanh(real)).max() < 10 / 2**15
    assert np.abs(logistic / 2**15 - 1 / (1 + np.exp(-real))).max() < 3 / 2**15


def test_tables_are_indexed_by_bits() -> None:
    x = np.array([-128, -1, 0, 127], np.int8)
    assert look_up(arguments(np.int8) * 10, x).tolist() == [-1280, -10, 0, 1270]
    table = pair_table(lambda a, b: 1000 * a + b)
    assert look_up_pair(table, x, np.array([5, -128, 127, -1], np.int8)).tolist() == [-127995, -1128, 127, 126999]
