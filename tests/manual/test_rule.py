"""The names of rules follow from their parts."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.manual.rule import MULTIPLY, Halves, Method, Precision, Rounding, Rule


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (Rounding.DOUBLE.by(Precision.FLOAT64), "DOUBLE"),
        (Rounding.DOUBLE.by(Precision.FLOAT32), "DOUBLE(f32)"),
        (Rounding.UP.by(Precision.MIXED), "UP(mixed)"),
        (Rounding.UP.by(Precision.FLOAT64, blocks=8), "UP(by8)"),
        (Rounding.UP.by(Precision.FLOAT32, blocks=16), "UP(f32,by16)"),
        (Rounding.RNE32.by(Precision.FLOAT32), "RNE32"),
        (Method("TABLE"), "TABLE"),
        (Method("TABLE", Halves.EVEN), "TABLE(even)"),
        (Method("NEAREST", Halves.EVEN, blocks=8), "NEAREST(even,by8)"),
        (Method("LUT", precision=Precision.FLOAT32), "LUT(f32)"),
        (Method("LUT", Halves.EVEN, Precision.FLOAT32), "LUT(even,f32)"),
    ],
)
def test_a_name_says_what_is_out_of_the_ordinary(rule: Rule, name: str) -> None:
    assert rule.name == name


def test_every_rounding_has_its_function() -> None:
    assert set(MULTIPLY) == set(Rounding)


def test_a_multiplier_depends_on_how_it_is_formed() -> None:
    x, weight, output = np.float32(0.1), np.float32(0.3), np.float32(0.7)
    exact = float(x) * float(weight) / float(output)
    assert Precision.FLOAT64.ratio((x, weight), output) == exact
    assert Precision.FLOAT32.ratio((x, weight), output) == x * weight / output
    assert Precision.MIXED.ratio((x, weight), output) == float(x * weight) / float(output)
    assert Precision.MIXED.ratio((x, weight), output) != exact


def test_a_multiplier_per_channel_is_float64_throughout_where_one_per_tensor_is_mixed() -> None:
    x, output = np.float32(0.1), np.float32(0.7)
    one, two = np.array([0.3], np.float32), np.array([0.3, 0.2], np.float32)
    assert Precision.MIXED.ratio((x, one), output)[0] == float(x * one[0]) / float(output)
    assert np.array_equal(Precision.MIXED.ratio((x, two), output), Precision.FLOAT64.ratio((x, two), output))
    assert Precision.FLOAT32.ratio((x, two), output).dtype == np.float32
