"""Dynamic range ("hybrid") operators: floats by int8 weights, the floats rounded to 8 bits on the way in.

Each run of the input (a row, or an image) is rounded by a scale of its own; the operator is then what it is in real
numbers. The runtimes multiply the integers and scale the sums, which differs by no more than float rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from qcompare.manual.affine import dequantize
from qcompare.manual.blocks import in_blocks
from qcompare.manual.call import Call, NotCoveredError
from qcompare.manual.rounding import round_half_away

KIND = "DYNAMIC"
"""Of the rules of these operators."""

OnGrids = Callable[[np.ndarray], np.ndarray]
"""float32 [runs, n] -> float32 of equal shape: each run on its own 8-bit grid."""


def symmetric(x: np.ndarray) -> np.ndarray:
    """(82) Steps of max|x| / 127, halves away from zero: TFLite `SymmetricQuantizeFloats`."""
    largest = np.abs(x).max(axis=-1, keepdims=True)
    largest = np.where(largest == 0, np.float32(1), largest)
    q = np.clip(_nearest(x * (np.float32(127) / largest)), -127, 127)
    reals: np.ndarray = q * (largest / np.float32(127))
    return reals


def asymmetric(x: np.ndarray) -> np.ndarray:
    """(83) 255 steps over [min, max] and zero, halves away from zero: TFLite `AsymmetricQuantizeFloats`."""
    low = np.minimum(x.min(axis=-1, keepdims=True), 0)
    high = np.maximum(x.max(axis=-1, keepdims=True), 0)
    empty = low == high
    scale = np.where(empty, 1.0, (high - low).astype(np.float64) / 255.0)
    below, above = low.astype(np.float64) / scale, high.astype(np.float64) / scale
    zero_point = np.where(128 + np.abs(below) < 127 + np.abs(above), -128 - below, 127 - above)
    zero_point = np.clip(round_half_away(zero_point), -128, 127).astype(np.float32)
    step = scale.astype(np.float32)
    q = np.clip(_nearest(x * (np.float32(1) / step)) + zero_point, -128, 127)
    return np.where(empty, np.float32(0), (q - zero_point) * step)


def asymmetric_even(x: np.ndarray) -> np.ndarray:
    """(84) 255 steps over [min, max] and zero, halves to even: XNNPACK `xnn_qd8_asymmetric_quantization_params`."""
    low = np.minimum(x.min(axis=-1, keepdims=True), 0)
    high = np.maximum(x.max(axis=-1, keepdims=True), 0)
    spread = np.where(low == high, np.float32(255), high - low)
    inverse = np.where(low == high, np.float32(1), np.float32(255) / spread)
    low, high = low * inverse, high * inverse
    zero_point = np.where((low - 128) + (high + 127) > 0, -128 - low, 127 - high)
    zero_point = np.rint(np.clip(zero_point, -128, 127))
    q = np.clip(np.rint(x * inverse) + zero_point, -128, 127)
    reals: np.ndarray = (q - zero_point) * (np.float32(1) / inverse)
    return reals


def by_options(call: Call) -> OnGrids:
    """(83) if the call's options say so, else (82)."""
    return asymmetric if call.option("asymmetric_quantize_inputs") else symmetric


def _nearest(x: np.ndarray) -> np.ndarray:
    """Halves away from zero; in whole groups of 8 by adding a half in float32 and truncating."""
    return in_blocks(8, lambda v: np.trunc(v + np.copysign(np.float32(0.5), v)), round_half_away, x)


def rounded(call: Call, data: int, weights: Collection[int], run: int, rounding: OnGrids) -> Call:
    """The call with its float input on an 8-bit grid and its int8 weights as floats. Raises NotCoveredError.

    data, weights: the positions of the input and of the weights.
    run: how many elements of the input share a scale.
    """
    x = call.input(data)
    if x.constant:
        raise NotCoveredError(call.operator, "a constant input is")
    inputs = list(float_weights(call, weights).inputs)
    inputs[data] = replace(x, value=rounding(x.value.reshape(-1, run)).reshape(x.value.shape))
    return replace(call, inputs=tuple(inputs))


def float_weights(call: Call, weights: Collection[int]) -> Call:
    """The call with the int8 weights at those positions as float32. Raises NotCoveredError."""
    inputs = list(call.inputs)
    for position in weights:
        operand = call.input(position)
        if not operand.constant:
            raise NotCoveredError(call.operator, "computed weights are")
        real = dequantize(operand.value, operand.tensor)
        inputs[position] = replace(operand, value=real.astype(np.float32))
    return replace(call, inputs=tuple(inputs))
