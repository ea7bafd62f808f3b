"""Where the windows of a convolution or pooling lie: output sizes, paddings, and the input as windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qcompare.manual.call import Call, NotCoveredError


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Height and width of the windows over an image, and how they move.

    paddings: ((top, bottom), (left, right)).
    """

    size: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    paddings: tuple[tuple[int, int], tuple[int, int]]
    output: tuple[int, int]


def windows_of(call: Call, image: tuple[int, int], size: tuple[int, int]) -> Windows:
    """(65) The call's windows over an image [height, width]: TFLite `ComputePaddingHeightWidth`.

    Raises NotCoveredError.
    """
    strides = (int(call.option("stride_h", 1)), int(call.option("stride_w", 1)))
    dilations = (int(call.option("dilation_h_factor", 1)), int(call.option("dilation_w_factor", 1)))
    if call.option("padding") not in ("SAME", "VALID"):
        raise NotCoveredError(call.operator, f"the padding {call.option('padding')} is")
    same = call.option("padding") == "SAME"
    output, paddings = [], []
    for pixels, extent, stride, dilation in zip(image, size, strides, dilations, strict=True):
        reach = (extent - 1) * dilation + 1
        count = (pixels + stride - 1) // stride if same else (pixels + stride - reach) // stride
        missing = max((count - 1) * stride + reach - pixels, 0) if same else 0
        output.append(count)
        paddings.append((missing // 2, missing - missing // 2))
    return Windows(
        size=size,
        strides=strides,
        dilations=dilations,
        paddings=(paddings[0], paddings[1]),
        output=(output[0], output[1]),
    )


def padded(images: np.ndarray, windows: Windows, value: int | float) -> np.ndarray:
    """Images [n, height, width, channels] with the value around them."""
    return np.pad(images, ((0, 0), *windows.paddings, (0, 0)), constant_values=value)


def taps(images: np.ndarray, windows: Windows) -> Iterator[tuple[int, int, np.ndarray]]:
    """For each position (y, x) of the window, what padded images [n, h, w, c] have there: a view [n, oh, ow, c]."""
    for y in range(windows.size[0]):
        for x in range(windows.size[1]):
            top, left = y * windows.dilations[0], x * windows.dilations[1]
            bottom = top + (windows.output[0] - 1) * windows.strides[0] + 1
            right = left + (windows.output[1] - 1) * windows.strides[1] + 1
            yield y, x, images[:, top : bottom : windows.strides[0], left : right : windows.strides[1]]


def patches(images: np.ndarray, windows: Windows) -> np.ndarray:
    """Padded images [n, h, w, c] as rows of their windows, [n * oh * ow, size * c]: im2col."""
    n, _, _, channels = images.shape
    rows = np.empty((n, *windows.output, *windows.size, channels), images.dtype)
    for y, x, part in taps(images, windows):
        rows[:, :, :, y, x] = part
    return rows.reshape(n * windows.output[0] * windows.output[1], -1)
