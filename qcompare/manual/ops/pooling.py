"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

import numpy as np

from qcompare.manual.activation import activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.ops.movement import require_equal_quantization
from qcompare.manual.ops.windows import Windows, padded, taps, windows_of
from qcompare.manual.pipeline import clamp_of
from qcompare.manual.rule import Halves, Method


def _images(call: Call) -> tuple[np.ndarray, Windows]:
    """The input as [samples * batch, height, width, channels], and the windows over it."""
    data = call.input(0)
    if len(data.shape) != 4 or data.constant:
        raise NotCoveredError(call.operator, f"a constant input or one of {len(data.shape)} dimensions is")
    height, width = data.shape[1:3]
    size = (int(call.option("filter_height", 1)), int(call.option("filter_width", 1)))
    windows = windows_of(call, (height, width), size)
    if 0 in windows.output or min(windows.output) < 0:
        raise NotCoveredError(call.operator, "an empty output is")
    return data.value.reshape(-1, *data.shape[1:]), windows


def _counts(images: np.ndarray, windows: Windows) -> np.ndarray:
    """How many elements of the image each window covers, shape [1, oh, ow, 1]."""
    ones = padded(np.ones((1, *images.shape[1:3], 1), np.int64), windows, 0)
    return np.asarray(sum(part for _, _, part in taps(ones, windows)))


def _sum(images: np.ndarray, windows: Windows) -> np.ndarray:
    total = np.zeros((len(images), *windows.output, images.shape[-1]), images.dtype)
    for _, _, part in taps(padded(images, windows, 0), windows):
        total += part
    return total


def _maximum(images: np.ndarray, windows: Windows, lowest: int | float) -> np.ndarray:
    largest = np.full((len(images), *windows.output, images.shape[-1]), lowest, images.dtype)
    for _, _, part in taps(padded(images, windows, lowest), windows):
        np.maximum(largest, part, out=largest)
    return largest


def _shaped(call: Call, value: np.ndarray) -> np.ndarray:
    return value.reshape(call.samples, *call.outputs[0].shape)


def _real_average(call: Call) -> Outputs:
    images, windows = _images(call)
    mean = _sum(images, windows) / _counts(images, windows).astype(images.dtype)
    return [activate(_shaped(call, mean), call)]


def _real_maximum(call: Call) -> Outputs:
    images, windows = _images(call)
    return [activate(_shaped(call, _maximum(images, windows, -np.inf)), call)]


def _average(call: Call) -> Outputs:
    """(66) The sum over the count, halves away from zero, both without the zero point."""
    require_equal_quantization(call)
    images, windows = _images(call)
    total, count = _sum(images.astype(np.int32), windows), _counts(images, windows).astype(np.int32)
    # The zero point is not taken out: it is the stored integer that is rounded away from zero.
    mean = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return [clamp_of(call)(_shaped(call, mean))]


def _integer_maximum(call: Call) -> np.ndarray:
    require_equal_quantization(call)
    images, windows = _images(call)
    return _shaped(call, _maximum(images, windows, np.iinfo(images.dtype).min))


def _clamped(call: Call) -> Outputs:
    return [clamp_of(call)(_integer_maximum(call))]


def _clamped_even(call: Call) -> Outputs:
    return [clamp_of(call, Halves.EVEN)(_integer_maximum(call))]


def _delegated(call: Call) -> bool:
    """The delegate takes int8, windows that do not leave pixels out, and no strided copy."""
    size = (call.option("filter_height", 1), call.option("filter_width", 1))
    strides = (call.option("stride_h", 1), call.option("stride_w", 1))
    return call.input(0).tensor.dtype == np.int8 and strides[0] <= size[0] and strides[1] <= size[1]


AVERAGE_POOL_2D = Op(real=_real_average, rules={Method("INTEGER_MEAN"): _average})
MAX_POOL_2D = Op(
    real=_real_maximum,
    rules={Method("CLAMP"): _clamped, Method("CLAMP", Halves.EVEN): _clamped_even},
    delegated=_delegated,
)
