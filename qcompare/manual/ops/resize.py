"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: height and width of four dimensions to a constant size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, UndefinedError, equal_dtypes, of_output
from qcompare.manual.ops.movement import require_equal_quantization, sampled
from qcompare.manual.rounding import rdbp, round_half_away, shift_half_up
from qcompare.manual.rule import Method

HEIGHT, WIDTH = 2, 3
"""The resized axes of a value over samples."""


def _sizes(call: Call) -> tuple[tuple[int, int], tuple[int, int]]:
    """Size before and after, of height and of width. Raises NotCoveredError."""
    before, after = call.input(0).shape, call.parameter(1).reshape(-1)
    if len(before) != 4 or after.size != 2 or (after < 1).any():
        raise NotCoveredError(call.operator, f"{list(before)} resized to {after.tolist()} is")
    return (before[1], int(after[0])), (before[2], int(after[1]))


def _corners(call: Call) -> bool:
    return bool(call.option("align_corners", False))


def _centers(call: Call) -> bool:
    return bool(call.option("half_pixel_centers", False))


def _ratio(call: Call, before: int, after: int, float_: type[np.floating] = np.float32) -> np.floating:
    """Input steps an output step."""
    if _corners(call) and after > 1:
        return float_(before - 1) / float_(after - 1)
    return float_(before) / float_(after)


def _nearest(call: Call, before: int, after: int) -> np.ndarray:
    """(109) In float32: TFLite `GetNearestNeighbor` (reference/resize_nearest_neighbor.h)."""
    at = (np.arange(after).astype(np.float32) + np.float32(0.5 if _centers(call) else 0)) * _ratio(call, before, after)
    nearest: np.ndarray = np.clip(round_half_away(at) if _corners(call) else np.floor(at), 0, before - 1)
    return nearest.astype(np.int64)


def _nearest_fixed(call: Call, before: int, after: int) -> np.ndarray:
    """(110) By a ratio of 16 fraction bits: TFLite `ResizeNearestNeighbor` (optimized/optimized_ops.h)."""
    if _corners(call) or _centers(call):
        return _nearest(call, before, after)
    nearest: np.ndarray = np.minimum((np.arange(after) * ((before << 16) // after + 1)) >> 16, before - 1)
    return nearest


def _taken(call: Call, nearest: Callable[[Call, int, int], np.ndarray]) -> Outputs:
    height, width = (nearest(call, *sizes) for sizes in _sizes(call))
    return [sampled(call.input(0), call.samples)[:, :, height[:, None], width]]


def _real_nearest(call: Call) -> Outputs:
    return _taken(call, _nearest)


def _float_nearest(call: Call) -> Outputs:
    require_equal_quantization(call)
    return _taken(call, _nearest)


def _integer_nearest(call: Call) -> Outputs:
    require_equal_quantization(call)
    return _taken(call, _nearest_fixed)


Interpolation = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Along one axis: the elements below and above each result, and the weight of the one above."""


def _require_one_way(call: Call) -> None:
    if _corners(call) and _centers(call):
        raise NotCoveredError(call.operator, "align_corners with half_pixel_centers is")


def _along(call: Call, before: int, after: int, float_: type[np.floating]) -> Interpolation:
    """(112) Places within the input, in floats: XNNPACK `xnn_indirection_init_resize_bilinear2d_hwc_q11`."""
    ratio, half = _ratio(call, before, after, float_), float_(0.5)
    at = np.arange(after).astype(float_) * ratio
    if _centers(call):
        at = at + (half * ratio - half)
    at = np.clip(at, float_(0), float_(before - 1))
    low = np.floor(at)
    below = low.astype(np.int64)
    return below, np.minimum(below + 1, before - 1), at - low


def _along_by_10(call: Call, before: int, after: int) -> Interpolation:
    """(111) Places of 10 fraction bits: TFLite `ComputeInterpolationValuesInteger` (reference/resize_bilinear.h)."""
    corner = int(_corners(call) and after > 1)
    before_, after_ = before - corner, after - corner
    ratio = ((before_ << 10) + after_ // 2) // after_
    at = np.arange(after) * ratio + (ratio // 2 - (1 << 9) if _centers(call) else 0)
    # C's division, towards zero, of which nothing below zero is left by the maximum.
    below = np.maximum(at, 0) >> 10
    above = np.minimum(np.maximum(at + 1023, 0) >> 10, before - 1)
    if below[-1] >= before:
        # The ratio's rounding adds up to an element, and the kernel reads behind the last.
        raise UndefinedError(call.operator, f"{before} elements resized to {after}, of which it reads others, are")
    return below, above, at - (below << 10)


def _mixed(x: np.ndarray, axis: int, along: Interpolation, one: int) -> np.ndarray:
    """Both neighbours of each result along an axis by their weights, which make one."""
    below, above, weight = along
    weight = weight.reshape(-1, *(1,) * (x.ndim - axis - 1))
    mixed: np.ndarray = np.take(x, below, axis) * (one - weight) + np.take(x, above, axis) * weight
    return mixed


def _weighed(value: np.ndarray, rows: Interpolation, columns: Interpolation, one: int) -> np.ndarray:
    """The four neighbours of each result by their weights, which make one**2."""
    return _mixed(_mixed(value, HEIGHT, rows, one), WIDTH, columns, one)


def _real_bilinear(call: Call) -> Outputs:
    _require_one_way(call)
    value = sampled(call.input(0), call.samples)
    rows, columns = (_along(call, *sizes, value.dtype.type) for sizes in _sizes(call))
    return [_weighed(value, rows, columns, 1)]


def _by_10(call: Call) -> Outputs:
    """(111) Weights of 10 bits, the product of two rounded half away: TFLite `ResizeBilinearInteger`."""
    _require_one_way(call)
    require_equal_quantization(call)
    value = sampled(call.input(0), call.samples).astype(np.int64)
    rows, columns = (_along_by_10(call, *sizes) for sizes in _sizes(call))
    return [rdbp(_weighed(value, rows, columns, 1 << 10), 20).astype(call.outputs[0].dtype)]


def _by_11(call: Call) -> Outputs:
    """(112) Weights of 11 bits, the product of two rounded half up: XNNPACK `xnn_s8_ibilinear_ukernel`."""
    _require_one_way(call)
    require_equal_quantization(call)
    value = sampled(call.input(0), call.samples).astype(np.int64)

    def rounded(before: int, after: int) -> Interpolation:
        below, above, weight = _along(call, before, after, np.float32)
        return below, above, np.rint(weight * np.float32(1 << 11)).astype(np.int64)

    rows, columns = (rounded(*sizes) for sizes in _sizes(call))
    return [shift_half_up(_weighed(value, rows, columns, 1 << 11), 22).astype(call.outputs[0].dtype)]


def _delegated(call: Call) -> bool:
    """The delegate takes int8, to a size that the file holds."""
    return call.outputs[0].dtype == np.int8 and call.input(1).stored


RESIZE_BILINEAR = Op(
    real=_real_bilinear,
    rules={Method("FIXED10"): _by_10, Method("FIXED11"): _by_11},
    variant=of_output,
    delegated=_delegated,
    dtypes=equal_dtypes(0),
)
RESIZE_NEAREST_NEIGHBOR = Op(
    real=_real_nearest,
    rules={Method("FLOAT32"): _float_nearest, Method("FIXED16"): _integer_nearest},
    variant=of_output,
    dtypes=equal_dtypes(0),
)
