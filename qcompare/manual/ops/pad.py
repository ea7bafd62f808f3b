"""PAD, PADV2 and MIRROR_PAD with constant paddings."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, equal_dtypes, of_output
from qcompare.manual.ops.movement import COPY, moves, require_equal_quantization, sampled


def _widths(call: Call) -> list[tuple[int, int]]:
    """Elements before and after, along the sample axis and each axis of the input."""
    paddings = call.parameter(1)
    if (paddings < 0).any():
        raise NotCoveredError(call.operator, "a negative padding is")
    return [(0, 0), *((int(before), int(after)) for before, after in paddings)]


def _padded(call: Call, value: np.ndarray | int | float) -> Outputs:
    return [np.pad(sampled(call.input(0), call.samples), _widths(call), constant_values=value)]


def _real(call: Call) -> Outputs:
    # Real zero.
    value = call.optional(2)
    return _padded(call, 0 if value is None else value.value.reshape(-1)[0])


def _integers(call: Call) -> Outputs:
    """The value, or without one the output's zero point, as it is stored."""
    require_equal_quantization(call)
    value, output = call.optional(2), call.outputs[0]
    if value is not None:
        if not value.constant:
            raise NotCoveredError(call.operator, "a computed value is")
        return _padded(call, value.value.reshape(-1)[0])
    return _padded(call, output.zero_point if output.grid is not None else 0)


def _mirror(call: Call) -> Outputs:
    value, widths = sampled(call.input(0), call.samples), _widths(call)
    if call.option("mode") == "REFLECT":
        return [np.pad(value, widths, mode="reflect")]
    return [np.pad(value, widths, mode="symmetric")]


PAD = Op(real=_real, rules={COPY: _integers}, variant=of_output, dtypes=equal_dtypes(0, 2))
MIRROR_PAD = moves(_mirror, 0)
