"""The primitives against the tables of docs/arithmetic.md, and against exact integers and fractions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcompare.manual import rounding

DOCUMENT = Path(__file__).parents[2] / "docs" / "arithmetic.md"
COLUMNS: dict[str, Any] = {
    "half away": rounding.round_half_away,
    "half up": rounding.round_half_up,
    "half even": rounding.round_half_even,
    "RDBP": rounding.rdbp,
    "shift half up": rounding.shift_half_up,
    "DOUBLE": rounding.double,
    "UP": rounding.up,
    "M64": rounding.m64,
    "F64": rounding.f64,
    "RNE32": rounding.rne32,
    "Q8": rounding.q8,
}
INT32 = st.integers(-(2**31), 2**31 - 1)
SCALES = st.floats(2.0**-20, 2.0**4)


def documented() -> list[tuple[str, tuple[str, ...], str]]:
    """(rule, arguments, result) of every cell in the document's tables of sample numbers."""
    cells = []
    for table in re.findall(r"(?:^\|.*\|\n)+", DOCUMENT.read_text(), re.M):
        header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
        rules = [re.sub(r" \(\d+\)$", "", name) for name in header]
        results = [i for i, name in enumerate(rules) if name in COLUMNS]
        if header[0] not in ("r", "x"):
            continue
        for row in rows:
            arguments = tuple(cell for i, cell in enumerate(row) if i not in results)
            cells += [(rules[i], arguments, row[i]) for i in results]
    return cells


def test_the_document_has_samples_of_every_rule() -> None:
    assert {rule for rule, _, _ in documented()} == set(COLUMNS)


@pytest.mark.parametrize(("rule", "arguments", "result"), documented())
def test_documented_sample(rule: str, arguments: tuple[str, ...], result: str) -> None:
    if len(arguments) == 1:
        values: list[Any] = [np.array([float(arguments[0])])]
    else:
        second = np.array([float(arguments[1])]) if "." in arguments[1] else int(arguments[1])
        values = [np.array([int(arguments[0])]), second]
    assert COLUMNS[rule](*values)[0] == int(result)


def away(x: Fraction) -> int:
    return math.floor(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1)


def up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def multiplier(real: float) -> tuple[int, int]:
    m, s = rounding.quantize_multiplier(real)
    return int(m), int(s)


@given(st.floats(-(2.0**52), 2.0**52))
def test_roundings_of_reals(x: float) -> None:
    exact = Fraction(x)
    assert int(rounding.round_half_away(np.array([x]))[0]) == away(exact)
    assert int(rounding.round_half_up(np.array([x]))[0]) == up(exact)
    assert int(rounding.round_half_even(np.array([x]))[0]) == round(exact)


@given(st.floats(-(2.0**23), 2.0**23, width=32))
def test_roundings_of_float32(x: float) -> None:
    assert int(rounding.round_half_away(np.array([x], np.float32))[0]) == away(Fraction(x))


@given(SCALES)
def test_quantize_multiplier_is_nearest(real: float) -> None:
    m, s = multiplier(real)
    assert 2**30 <= m < 2**31
    assert abs(Fraction(m) * Fraction(2) ** (s - 31) - Fraction(real)) <= Fraction(2) ** (s - 32)


@pytest.mark.parametrize(
    ("real", "expected"),
    [(0.0, (0, 0)), (0.5, (2**30, 0)), (1.0, (2**30, 1)), (1 - 2.0**-40, (2**30, 1)), (2.0**-32, (2**30, -31)),
     (2.0**-33, (0, 0))],
)  # fmt: skip
def test_quantize_multiplier_at_its_edges(real: float, expected: tuple[int, int]) -> None:
    assert multiplier(real) == expected


def gemmlowp_srdhm(a: int, b: int) -> int:
    """As gemmlowp writes it: a nudge by the sign, then a division that truncates."""
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    quotient = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)
    return min(quotient, 2**31 - 1)


@given(INT32, INT32)
def test_srdhm(a: int, b: int) -> None:
    assert int(rounding.srdhm(np.array([a]), b)[0]) == gemmlowp_srdhm(a, b)


def test_srdhm_saturates() -> None:
    assert int(rounding.srdhm(np.array([-(2**31)]), -(2**31))[0]) == 2**31 - 1


@given(INT32, st.integers(0, 31))
def test_shifts(x: int, exponent: int) -> None:
    exact = Fraction(x, 2**exponent)
    for form in (exponent, np.array([exponent])):
        assert int(rounding.rdbp(np.array([x]), form)[0]) == away(exact)
        assert int(rounding.shift_half_up(np.array([x]), form)[0]) == up(exact)


@given(st.lists(st.tuples(INT32, st.integers(0, 31)), min_size=1, max_size=8))
def test_shifts_by_an_exponent_each(pairs: list[tuple[int, int]]) -> None:
    x, exponents = (np.array(values) for values in zip(*pairs, strict=True))
    assert rounding.rdbp(x, exponents).tolist() == [away(Fraction(a, 2**e)) for a, e in pairs]


@given(st.integers(-(2**30), 2**30), st.integers(1, 21))
def test_rdbp_of_int32_stays_int32(x: int, exponent: int) -> None:
    result = rounding.rdbp(np.array([x], np.int32), exponent)
    assert result.dtype == np.int32
    assert int(result[0]) == away(Fraction(x, 2**exponent))


def wrap(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


@given(INT32, SCALES)
def test_fixed_point_rules(x: int, real: float) -> None:
    m, s = multiplier(real)
    high = gemmlowp_srdhm(wrap(x << max(s, 0)), m)
    right = Fraction(high, 2 ** max(-s, 0))
    reduced = (m + 2**15) >> 16 if m < 0x7FFF0000 else 0x7FFF
    given_x, given_real = np.array([x]), np.array([real])
    assert int(rounding.double(given_x, given_real)[0]) == away(right)
    assert int(rounding.up(given_x, given_real)[0]) == up(right)
    assert int(rounding.m64(given_x, given_real)[0]) == wrap(up(Fraction(x * reduced, 2 ** (15 - s))))


@given(st.integers(-(2**24), 2**24), SCALES)
def test_floating_rules(x: int, real: float) -> None:
    assert int(rounding.f64(np.array([x]), np.array([real]))[0]) == away(Fraction(x * real))
    single = np.float32(x) * np.float32(real)
    assert int(rounding.rne32(np.array([x]), np.array([real]))[0]) == round(Fraction(float(single)))
    steps = round(256 * Fraction(float(np.float32(real))))
    assert int(rounding.q8(np.array([x]), np.array([real]))[0]) == up(Fraction(x * steps, 256))


@given(st.lists(st.tuples(st.integers(-(2**24), 2**24), SCALES), min_size=2, max_size=6))
def test_a_multiplier_for_each_channel(pairs: list[tuple[int, float]]) -> None:
    x, reals = (np.array(values) for values in zip(*pairs, strict=True))
    rules: list[Callable] = [rounding.double, rounding.up, rounding.m64, rounding.f64, rounding.rne32, rounding.q8]
    for rule in rules:
        assert rule(x, reals).tolist() == [int(rule(x[i : i + 1], reals[i])[0]) for i in range(len(pairs))]


@given(st.integers(-(2**40), 2**40))
def test_saturate_and_wrap(x: int) -> None:
    assert int(rounding.saturate(np.array([x]), np.int8)[0]) == max(-128, min(127, x))
    assert int(rounding.wrap32(np.array([x]))[0]) == wrap(x)


@given(INT32, SCALES)
def test_once_is_the_exact_product_rounded_once(x: int, real: float) -> None:
    m, s = multiplier(real)
    reduced = min((m + (1 << 15)) >> 16, 0x7FFF)
    eighths = round(Fraction(256) * Fraction(float(np.float32(real))))
    accumulators = np.array([x])
    assert int(rounding.once(accumulators, real)[0]) == away(x * Fraction(m) * Fraction(2) ** (s - 31))
    assert int(rounding.m64_once(accumulators, real)[0]) == away(x * Fraction(reduced) * Fraction(2) ** (s - 15))
    assert int(rounding.q8_once(accumulators, real)[0]) == away(x * Fraction(eighths, 256))


@given(st.integers(-(2**29) + 1, 2**29 - 1), SCALES)
def test_once_by_a_float32_multiplier(x: int, real: float) -> None:
    assert int(rounding.f32_once(np.array([x]), real)[0]) == away(x * Fraction(float(np.float32(real))))
