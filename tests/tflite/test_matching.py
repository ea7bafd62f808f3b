"""Tensors of two graphs of one network, made by hand."""

import numpy as np
import pytest

from qcompare.core.grid import Grid
from qcompare.tflite.builder import Builder
from qcompare.tflite.matching import last, matched

GRID = Grid.single(0.1, 0, np.int8)


def chain(*operators, integer, inputs=(), start="x", ends=False):
    """A graph of operators one after another: (kind, name of the result, its width).

    ends: whether an integer graph has a QUANTIZE before it and a DEQUANTIZE behind it.
    """
    build = Builder()
    dtype, grid = (np.int8, GRID) if integer else (np.float32, None)
    width = operators[0][2] if not inputs else inputs[0]
    x = build.activation(start, (1, width), np.float32 if ends else dtype, None if ends else grid)
    inner = x
    if ends:
        inner = build.activation("quantized", (1, width), dtype, grid)
        build.operator("QUANTIZE", (x,), (inner,))
    for kind, name, size in operators:
        y = build.activation(name, (1, size), dtype, grid)
        build.operator(kind, (inner,), (y,))
        inner = y
    if ends:
        out = build.activation("dequantized", (1, operators[-1][2]), np.float32)
        build.operator("DEQUANTIZE", (inner,), (out,))
        inner = out
    return build.graph((x,), (inner,))


def pairs(a, b):
    found = matched(a, b)
    return [(a.tensors[each.a].name, b.tensors[each.b].name, each.by) for each in found.matches]


def left(a, b):
    found = matched(a, b)
    return [a.tensors[i].name for i in found.left_a], [b.tensors[i].name for i in found.left_b]


def test_ends_are_seen_through_their_operators_and_names_found():
    operators = [("FULLY_CONNECTED", "h", 4), ("TANH", "t", 4), ("FULLY_CONNECTED", "y", 4)]
    a = chain(*operators, integer=False)
    b = chain(*operators[:2], ("FULLY_CONNECTED", "y1", 4), integer=True, ends=True)
    assert pairs(a, b) == [("x", "quantized", "end"), ("h", "h", "name"), ("t", "t", "name"), ("y", "y1", "end")]
    assert left(a, b) == ([], [])


def test_other_names_are_matched_by_place():
    a = chain(("FULLY_CONNECTED", "h", 4), ("TANH", "t", 4), ("FULLY_CONNECTED", "y", 4), integer=False)
    b = chain(("FULLY_CONNECTED", "p", 4), ("TANH", "q", 4), ("FULLY_CONNECTED", "r", 4), integer=True, start="z")
    assert pairs(a, b) == [("x", "z", "end"), ("h", "p", "place"), ("t", "q", "place"), ("y", "r", "end")]


def test_an_operator_of_one_side_alone_is_left_and_what_follows_matched_by_number():
    a = chain(("FULLY_CONNECTED", "h", 4), ("TANH", "t", 4), ("MEAN", "m", 2), ("SOFTMAX", "y", 2), integer=False)
    b = chain(("FULLY_CONNECTED", "p", 4), ("RELU", "q", 4), ("MEAN", "n", 2), ("SOFTMAX", "y", 2), integer=True)
    assert ("m", "n", "place") in pairs(a, b)
    assert left(a, b) == (["t"], ["q"])


def test_a_name_of_another_size_is_no_match():
    a = chain(("CONV_2D", "h", 4), ("MEAN", "y", 2), integer=False)
    b = chain(("CONV_2D", "h", 6), ("MEAN", "y", 2), integer=True, inputs=(4,))
    assert left(a, b) == (["h"], ["h"])


@pytest.mark.parametrize("ends", [False, True])
def test_the_last_operator_is_seen_through_the_end(ends):
    operator = last(chain(("FULLY_CONNECTED", "h", 4), ("SOFTMAX", "y", 4), integer=True, ends=ends))
    assert operator is not None
    assert operator.name == "SOFTMAX"
