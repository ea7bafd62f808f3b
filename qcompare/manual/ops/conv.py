"""CONV_2D and DEPTHWISE_CONV_2D."""

from __future__ import annotations

import numpy as np

from qcompare.manual import variant
from qcompare.manual.activation import activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, of_weights, requantizations
from qcompare.manual.exact import float_for, largest
from qcompare.manual.hybrid import OnGrids, asymmetric, asymmetric_even, rounded, symmetric
from qcompare.manual.ops.filters import declared, filter_scales, layer_dtypes, require_channels
from qcompare.manual.ops.windows import Windows, padded, patches, taps, windows_of
from qcompare.manual.pipeline import requantized
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding, Scale
from qcompare.manual.variant import Variant

PATCH_BYTES = 16 << 20
"""What the windows of the images convolved together may take."""


def _images(call: Call) -> tuple[np.ndarray, np.ndarray, Windows]:
    """The input as [samples * batch, height, width, channels], the filter, and the windows. Raises NotCoveredError."""
    data, weights = call.input(0), call.input(1)
    if data.constant or not weights.constant:
        raise NotCoveredError(call.operator, "a constant input or a computed filter is")
    size = (weights.shape[1], weights.shape[2])
    windows = windows_of(call, (data.shape[1], data.shape[2]), size)
    if min(windows.output) < 1:
        raise NotCoveredError(call.operator, "an empty output is")
    return data.value.reshape(-1, *data.shape[1:]), weights.value, windows


def _parts(images: np.ndarray, windows: Windows, itemsize: int) -> list[slice]:
    """The images in runs whose windows take PATCH_BYTES at most."""
    taken = np.prod(windows.output) * np.prod(windows.size) * images.shape[-1] * itemsize
    step = max(1, int(PATCH_BYTES // max(taken, 1)))
    return [slice(start, start + step) for start in range(0, len(images), step)]


def convolve(images: np.ndarray, weights: np.ndarray, windows: Windows, pad: int | float) -> np.ndarray:
    """Images [n, h, w, groups * c] with a filter [o, y, x, c] of their own float dtype: [n, oh, ow, o].

    pad: what stands around the images.
    """
    outputs, channels = weights.shape[0], weights.shape[3]
    groups = images.shape[3] // channels
    result = np.empty((len(images), *windows.output, outputs), images.dtype)
    plain = windows.size == (1, 1) and windows.strides == (1, 1)
    for part in _parts(images, windows, images.itemsize):
        around = padded(images[part], windows, pad)
        for group in range(groups):
            own = slice(group * outputs // groups, (group + 1) * outputs // groups)
            mine = around if groups == 1 else around[..., group * channels : (group + 1) * channels]
            rows = mine.reshape(-1, channels) if plain else patches(mine, windows)
            product = rows @ weights[own].reshape(outputs // groups, -1).T
            result[part][..., own] = product.reshape(-1, *windows.output, outputs // groups)
    return result


def convolve_depthwise(images: np.ndarray, weights: np.ndarray, windows: Windows, pad: int | float) -> np.ndarray:
    """Images [n, h, w, c] with a filter [1, y, x, c * m] of their own float dtype: [n, oh, ow, c * m].

    pad: what stands around the images.
    """
    channels = images.shape[3]
    if channels == 1:
        return convolve(images, np.ascontiguousarray(weights.transpose(3, 1, 2, 0)), windows, pad)
    multiplier = weights.shape[3] // channels
    result = np.empty((len(images), *windows.output, channels, multiplier), images.dtype)
    for part in _parts(images, windows, images.itemsize):
        total = np.zeros((len(images[part]), *windows.output, channels, multiplier), images.dtype)
        for y, x, view in taps(padded(images[part], windows, pad), windows):
            total += view[..., None] * weights[0, y, x].reshape(channels, multiplier)
        result[part] = total
    return result.reshape(len(images), *windows.output, channels * multiplier)


def _depthwise(call: Call) -> bool:
    return call.operator.name == "DEPTHWISE_CONV_2D"


def _real(call: Call) -> Outputs:
    images, weights, windows = _images(call)
    compute = convolve_depthwise if _depthwise(call) else convolve
    y = compute(images, weights.astype(images.dtype), windows, 0)
    bias = call.optional(2)
    if bias is not None:
        y = y + bias.value
    return [activate(y, call).reshape(call.samples, *call.outputs[0].shape)]


def _accumulators(call: Call) -> np.ndarray:
    """(57) The exact sums of products of centred integers plus the bias, int64 [n, oh, ow, channels].

    The zero point goes in through the bias: the image is surrounded by it.
    """
    images, weights, windows = _images(call)
    terms = int(np.prod(weights.shape[1:3])) * (1 if _depthwise(call) else weights.shape[3])
    float_ = float_for(terms, largest(images), largest(weights))
    zero_point = call.input(0).tensor.zero_point
    compute = convolve_depthwise if _depthwise(call) else convolve
    sums = compute(images.astype(float_), weights.astype(float_), windows, zero_point).astype(np.int64)
    over = (0, 1, 2) if _depthwise(call) else (1, 2, 3)
    offset = -zero_point * weights.sum(axis=over, dtype=np.int64)
    bias = call.optional(2)
    biased: np.ndarray = sums + (offset if bias is None else offset + bias.value.astype(np.int64))
    return biased


def _scales(call: Call) -> np.ndarray:
    return filter_scales(call, 1, 3 if _depthwise(call) else 0)


def _multiplier(call: Call, precision: Precision) -> Scale:
    """(58) s_in s_w / s_out, [1] or [channels]."""
    return precision.ratio((call.input(0).tensor.scale, _scales(call)), call.outputs[0].scale)


def _compute(call: Call, rule: Requantization) -> Outputs:
    if rule.rounding is Rounding.UP and _groups(call) > 1:
        # A convolution in groups runs in the reference kernel.
        return _compute(call, Rounding.DOUBLE.by(Precision.FLOAT64))
    multiplier = _multiplier(call, rule.multiplier)
    if rule.rounding is Rounding.RNE32 and np.any(multiplier >= 256):
        raise NotCoveredError(call.operator, "a multiplier of 256 or more is")
    return [requantized(call, _accumulators(call), rule, multiplier)]


def _dynamic(call: Call) -> Outputs:
    """Each image on an 8-bit grid of its own: (83) with a filter per channel, else (82); TFLite `EvalHybrid`."""
    scales = _scales(call)
    if _depthwise(call):
        require_channels(call, scales, call.input(1).shape[3])
    by_channel = _depthwise(call) or (scales != scales[0]).any() or _groups(call) > 1
    return _real(_rounded(call, asymmetric if by_channel else symmetric))


def _dynamic_even(call: Call) -> Outputs:
    """Each image on an 8-bit grid of its own, or each pixel where the delegate makes it a FULLY_CONNECTED: (84)."""
    _scales(call)
    shape, one = call.input(1).shape, (1, 1)
    strides = (call.option("stride_h", 1), call.option("stride_w", 1))
    if shape[1:3] == strides == one and _groups(call) == 1:
        return _real(rounded(call, 0, (1,), shape[3], asymmetric_even))
    return _real(_rounded(call, asymmetric_even))


def _rounded(call: Call, rounding: OnGrids) -> Call:
    return rounded(call, 0, (1,), int(np.prod(call.input(0).shape[1:])), rounding)


def _groups(call: Call) -> int:
    return 1 if _depthwise(call) else call.input(0).shape[3] // call.input(1).shape[3]


def _variant(call: Call) -> Variant:
    """The input's dtype; in int16 with the bias's, and the accumulator's where a model has to declare it."""
    data, bias = call.input(0).tensor, call.optional(2)
    if data.dtype != np.int16:
        return of_weights(data, call.input(1).tensor)
    stored = np.dtype(np.int64) if bias is None else bias.tensor.dtype
    # TFLite reads 64 bits an element whatever the tensor says; TFLite Micro goes by the tensor.
    decides = stored == declared(call) == np.int32 and not _depthwise(call)
    return variant.of(np.int16, bias=stored, declared=stored if decides else None)


def _delegated(call: Call) -> bool:
    """The delegate takes int8, and floats by int8 but for DEPTHWISE_CONV_2D."""
    return call.input(0).tensor.dtype == np.int8 or (call.input(0).tensor.dtype == np.float32 and not _depthwise(call))


CONV_2D = Op(
    real=_real,
    rules={
        **requantizations(
            _compute,
            # TFLite and TFLite Micro `ConvPerChannel` (reference/integer_ops/conv.h).
            Rounding.DOUBLE.by(Precision.FLOAT64),
            Rounding.M64.by(Precision.FLOAT64),
            # TFLite `optimized_integer_ops::ConvPerChannel` through ruy's x86 kernels.
            Rounding.UP.by(Precision.FLOAT64),
            # XNNPACK.
            Rounding.RNE32.by(Precision.FLOAT32),
        ),
        Method("DYNAMIC"): _dynamic,
        Method("DYNAMIC", Halves.EVEN): _dynamic_even,
    },
    variant=_variant,
    dtypes=layer_dtypes(0, (1,), (2,)),
    delegated=_delegated,
)
DEPTHWISE_CONV_2D = Op(
    real=_real,
    rules={
        **requantizations(
            _compute,
            Rounding.DOUBLE.by(Precision.FLOAT64),
            Rounding.M64.by(Precision.FLOAT64),
            # (59) TFLite `optimized_ops::Quantize`.
            Rounding.UP.by(Precision.FLOAT64, blocks=8),
            Rounding.RNE32.by(Precision.FLOAT32),
        ),
        Method("DYNAMIC"): _dynamic,
    },
    variant=_variant,
    dtypes=layer_dtypes(0, (1,), (2,)),
    delegated=_delegated,
)
