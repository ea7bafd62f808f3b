"""The names of rules follow from their parts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from qcompare.manual.rule import MULTIPLY, Halves, Method, Precision, Rounding, Rule
from qcompare.manual.rules import KERNEL_SETS, RULES
from qcompare.manual.variant import Variant, of

DOCUMENT = Path(__file__).parents[2] / "docs" / "arithmetic.md"


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
    assert np.ravel(Precision.MIXED.ratio((x, one), output))[0] == float(x * one[0]) / float(output)
    assert np.array_equal(Precision.MIXED.ratio((x, two), output), Precision.FLOAT64.ratio((x, two), output))
    assert Precision.FLOAT32.ratio((x, two), output).dtype == np.float32


EQUATIONS = {"26": Precision.FLOAT64, "27": Precision.MIXED, "28": Precision.FLOAT32}
LAYERS = {
    "int8": (of("int8"),),
    "int16, int32": (of("int16", bias="int32", declared="int32"),),
    "int16, int64": (of("int16", bias="int64"), of("int16", declared="int64")),
    "int16, none": (of("int16"),),
}


@pytest.mark.parametrize(("layer", "variants"), LAYERS.items())
def test_the_documented_rules_of_fully_connected_are_the_tables(layer: str, variants: tuple[Variant, ...]) -> None:
    (line,) = (line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {layer} | F64"))
    documented = [Rounding[rounding].by(EQUATIONS[n]) for rounding, n in re.findall(r"(\w+) \((\d+)\)", line)]
    for variant in variants:
        row = RULES["FULLY_CONNECTED", variant]
        assert [row.rule(kernel_set) for kernel_set in KERNEL_SETS] == documented


def test_a_variant_says_what_decides() -> None:
    assert str(of("int8", "int16")) == "int8-int16"
    assert str(of("int16", bias="int32", declared="int32")) == "int16, int32 bias, int32 declared"
    assert str(of()) == "any"
    assert of("float32").real
    assert not of("float32", "int8").real
    assert [of("int16", bias="int64").wide, of("int16", declared="int64").wide, of("int16").wide] == [True, True, False]
