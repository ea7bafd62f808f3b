"""TRANSPOSE_CONV: the gradient of CONV_2D with respect to its input, as an operator of its own."""

from __future__ import annotations

import numpy as np

from qcompare.manual import variant
from qcompare.manual.activation import activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, of_weights, requantizations
from qcompare.manual.exact import float_for, largest
from qcompare.manual.hybrid import OnGrids, asymmetric, asymmetric_even, rounded
from qcompare.manual.ops.filters import declared, filter_scales, layer_dtypes, require_channels
from qcompare.manual.ops.windows import windows_of
from qcompare.manual.pipeline import requantized
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding
from qcompare.manual.variant import Variant

SHAPE, FILTER, INPUT, BIAS = range(4)


def _spread(call: Call, images: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(79) Images [n, h, w, c] times a filter [o, y, x, c], each product added where it falls: [n, oh, ow, o]."""
    output = call.outputs[0].shape
    height, width = weights.shape[1:3]
    windows = windows_of(call, (output[1], output[2]), (height, width))
    top, left = windows.paddings[0][0], windows.paddings[1][0]
    n, rows, columns, channels = images.shape
    vertical, horizontal = windows.strides
    extent = (
        max((rows - 1) * vertical + height, top + output[1]),
        max((columns - 1) * horizontal + width, left + output[2]),
    )
    canvas = np.zeros((n, *extent, weights.shape[0]), images.dtype)
    flat = images.reshape(-1, channels)
    for y in range(height):
        for x in range(width):
            product = (flat @ weights[:, y, x].T).reshape(n, rows, columns, -1)
            bottom, right = y + (rows - 1) * vertical + 1, x + (columns - 1) * horizontal + 1
            canvas[:, y:bottom:vertical, x:right:horizontal] += product
    return canvas[:, top : top + output[1], left : left + output[2]]


def _operands(call: Call) -> tuple[np.ndarray, np.ndarray]:
    data, weights = call.input(INPUT), call.input(FILTER)
    if data.constant or not weights.constant:
        raise NotCoveredError(call.operator, "a constant input or a computed filter is")
    return data.value.reshape(-1, *data.shape[1:]), weights.value


def _real(call: Call) -> Outputs:
    images, weights = _operands(call)
    y = _spread(call, images, weights.astype(images.dtype))
    bias = call.optional(BIAS)
    if bias is not None:
        y = y + bias.value
    return [activate(y, call).reshape(call.samples, *call.outputs[0].shape)]


def _accumulators(call: Call) -> np.ndarray:
    """(79) of the centred integers, bias included, int64."""
    images, weights = _operands(call)
    zero_point = call.input(INPUT).tensor.zero_point
    float_ = float_for(int(np.prod(weights.shape[1:])), largest(images, zero_point), largest(weights))
    centred = images.astype(float_) - float_(zero_point)
    sums = _spread(call, centred, weights.astype(float_)).astype(np.int64)
    bias = call.optional(BIAS)
    return sums if bias is None else sums + bias.value.astype(np.int64)


def _scales(call: Call) -> np.ndarray:
    return filter_scales(call, FILTER, 0)


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(58)"""
    multiplier = rule.multiplier.ratio((call.input(INPUT).tensor.scale, _scales(call)), call.outputs[0].scale)
    return [requantized(call, _accumulators(call), rule, multiplier)]


def _dynamic(call: Call) -> Outputs:
    """Each image on an 8-bit grid of its own: (83); TFLite `EvalHybrid`."""
    require_channels(call, _scales(call), call.input(FILTER).shape[0])
    return _real(_rounded(call, asymmetric))


def _dynamic_even(call: Call) -> Outputs:
    """Each image on an 8-bit grid of its own: (84)."""
    _scales(call)
    return _real(_rounded(call, asymmetric_even))


def _rounded(call: Call, rounding: OnGrids) -> Call:
    return rounded(call, INPUT, (FILTER,), int(np.prod(call.input(INPUT).shape[1:])), rounding)


def _variant(call: Call) -> Variant:
    """The input's dtype; in int16 with the bias's, and the accumulator's where a model declares 32 bits."""
    data, bias = call.input(INPUT).tensor, call.optional(BIAS)
    if data.dtype != np.int16:
        return of_weights(data, call.input(FILTER).tensor)
    narrow = np.int32 if declared(call) == np.int32 else None
    if bias is None:
        return variant.of(np.int16, declared=narrow)
    return variant.of(np.int16, bias=bias.tensor.dtype, declared=narrow if bias.tensor.dtype == np.int32 else None)


def _delegated(call: Call) -> bool:
    """The delegate takes int8 and floats by int8, with SAME padding where the filter is no smaller than the stride,
    to a size that the file holds."""
    size = call.input(FILTER).shape[1:3]
    strides = (call.option("stride_h", 1), call.option("stride_w", 1))
    wide = call.option("padding") != "SAME" or (size[0] >= strides[0] and size[1] >= strides[1])
    return call.input(INPUT).tensor.dtype in (np.int8, np.float32) and wide and call.input(SHAPE).stored


TRANSPOSE_CONV = Op(
    real=_real,
    rules={
        **requantizations(
            _compute,
            Rounding.DOUBLE.by(Precision.FLOAT64),
            Rounding.M64.by(Precision.FLOAT64),
            # (59)
            Rounding.UP.by(Precision.FLOAT64, blocks=8),
            Rounding.RNE32.by(Precision.FLOAT32),
        ),
        Method("DYNAMIC"): _dynamic,
        Method("DYNAMIC", Halves.EVEN): _dynamic_even,
    },
    variant=_variant,
    dtypes=layer_dtypes(INPUT, (FILTER,), (BIAS,)),
    delegated=_delegated,
)
