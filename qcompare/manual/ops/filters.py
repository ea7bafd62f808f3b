"""What the layers of weights, FULLY_CONNECTED and the convolutions, share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from qcompare.manual.call import Call, Demand, NotCoveredError, require_equal_dtypes

INT8, INT16 = np.dtype(np.int8), np.dtype(np.int16)

DECLARED: Mapping[str, np.dtype] = {"INT32": np.dtype(np.int32), "INT64": np.dtype(np.int64)}


def declared(call: Call) -> np.dtype | None:
    """The dtype of the accumulator, and of a bias, that the model declares by its option `quantized_bias_type`."""
    return DECLARED.get(call.option("quantized_bias_type", "FLOAT32"))


def layer_dtypes(data: int, weights: Collection[int], biases: Collection[int]) -> Demand:
    """The dtypes of a layer by the positions of its inputs: data and outputs are equal.

    Floats meet float or int8 weights and a float bias, integers int8 weights and an integer bias of no fewer bits
    than 16.
    """

    def demand(call: Call) -> None:
        x = call.input(data).tensor
        require_equal_dtypes(call, [x, *call.outputs])
        takes = (INT8, x.dtype) if x.dtype.kind == "f" else (INT8,)
        adds = (x.dtype,) if x.dtype.kind == "f" else (INT16, *DECLARED.values())
        for positions, allowed, what in ((weights, takes, "weights"), (biases, adds, "bias")):
            for operand in filter(None, map(call.optional, positions)):
                if operand.tensor.dtype not in allowed:
                    raise NotCoveredError(call.operator, f"{operand.tensor.dtype.name} {what} with {x.dtype.name} are")

    return demand


def filter_scales(call: Call, position: int, axis: int) -> np.ndarray:
    """The scales of a convolution's filter, float32, [1] or [channels] along that axis. Raises NotCoveredError."""
    grid = call.input(position).tensor.grid
    if grid is None or grid.zero_point.any():
        raise NotCoveredError(call.operator, "a filter with a zero point is")
    if grid.per_channel and grid.axis != axis:
        raise NotCoveredError(call.operator, f"a filter quantized along axis {grid.axis} is")
    return grid.scale


def require_channels(call: Call, scales: np.ndarray, channels: int) -> None:
    """Raises NotCoveredError for floats by a filter per tensor of several channels."""
    if scales.size == 1 and channels > 1:
        raise NotCoveredError(call.operator, "floats by a filter per tensor, beyond whose scale the kernel reads, are")
