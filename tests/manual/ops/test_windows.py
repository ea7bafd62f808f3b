"""Convolutions against their definition, written with loops over Python integers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from qcompare.manual.ops.conv import convolve, convolve_depthwise
from qcompare.manual.ops.windows import Windows, padded, patches, taps

WINDOWS = [
    Windows(size=(1, 1), strides=(1, 1), dilations=(1, 1), paddings=((0, 0), (0, 0)), output=(6, 5)),
    Windows(size=(3, 2), strides=(1, 1), dilations=(1, 1), paddings=((1, 1), (0, 1)), output=(6, 5)),
    Windows(size=(3, 3), strides=(2, 3), dilations=(1, 1), paddings=((0, 1), (1, 1)), output=(3, 2)),
    Windows(size=(2, 3), strides=(1, 1), dilations=(3, 2), paddings=((0, 0), (0, 0)), output=(3, 1)),
]


def at(image: np.ndarray, y: int, x: int, channel: int, outside: int) -> int:
    inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
    return int(image[y, x, channel]) if inside else outside


def by_definition(images: np.ndarray, weights: np.ndarray, windows: Windows, outside: int) -> np.ndarray:
    outputs, height, width, channels = weights.shape
    groups = images.shape[3] // channels
    result = np.zeros((len(images), *windows.output, outputs), np.int64)
    for n, oy, ox, o, fy, fx, c in product(
        *map(range, (len(images), *windows.output, outputs, height, width, channels))
    ):
        y = oy * windows.strides[0] + fy * windows.dilations[0] - windows.paddings[0][0]
        x = ox * windows.strides[1] + fx * windows.dilations[1] - windows.paddings[1][0]
        channel = o // (outputs // groups) * channels + c
        result[n, oy, ox, o] += at(images[n], y, x, channel, outside) * int(weights[o, fy, fx, c])
    return result


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution(windows: Windows, groups: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(-128, 128, (3, 6, 5, 4))
    weights = rng.integers(-128, 128, (6, *windows.size, 4 // groups))
    found = convolve(images.astype(np.float32), weights.astype(np.float32), windows, -7)
    assert (found == by_definition(images, weights, windows, -7)).all()


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize(("channels", "multiplier"), [(4, 1), (3, 2), (1, 5)])
def test_depthwise_convolution(windows: Windows, channels: int, multiplier: int) -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(-128, 128, (2, 6, 5, channels))
    weights = rng.integers(-128, 128, (1, *windows.size, channels * multiplier))
    found = convolve_depthwise(images.astype(np.float32), weights.astype(np.float32), windows, 9)
    grouped = weights.transpose(3, 1, 2, 0)
    assert (found == by_definition(images, grouped, windows, 9)).all()


def test_the_result_does_not_depend_on_how_many_images_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    images = rng.integers(-128, 128, (7, 6, 5, 4)).astype(np.float32)
    weights = rng.integers(-128, 128, (3, 3, 2, 4)).astype(np.float32)
    together = convolve(images, weights, WINDOWS[1], 0)
    monkeypatch.setattr("qcompare.manual.ops.conv.PATCH_BYTES", 1)
    assert (convolve(images, weights, WINDOWS[1], 0) == together).all()


def test_patches_hold_what_the_taps_see() -> None:
    images = padded(np.arange(2 * 6 * 5 * 3).reshape(2, 6, 5, 3), WINDOWS[2], -1)
    rows = patches(images, WINDOWS[2]).reshape(2, 3, 2, 3, 3, 3)
    for y, x, view in taps(images, WINDOWS[2]):
        assert (rows[:, :, :, y, x] == view).all()
