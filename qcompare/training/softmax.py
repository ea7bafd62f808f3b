"""The SOFTMAX at the end of a network: its operator, and what a kernel set makes of trained outputs."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.manual import executor
from qcompare.tflite.builder import Builder
from qcompare.training.number_format import NumberFormat


def softmax_grid(number_format: NumberFormat) -> Grid:
    """What SOFTMAX hands on: steps of 2^-8 from 0 on in int8, of 2^-15 in int16, as the kernels prescribe."""
    if number_format.symmetric:
        return Grid.single(2.0**-15, 0, number_format.activation)
    return Grid.single(2.0**-8, number_format.lowest, number_format.activation)


def add_softmax(builder: Builder, x: int, y: int) -> None:
    """The operator from tensor x to tensor y."""
    version = 3 if builder.tensors[x].dtype == np.int16 else 2
    builder.operator("SOFTMAX", [x], [y], "SoftmaxOptions", {"beta": 1.0}, version=version)


def softmax(logits: np.ndarray, grid: Grid, number_format: NumberFormat, kernels: str) -> np.ndarray:
    """The softmax of a kernel set, float32 [samples, outputs], of real logits that lie on a grid."""
    builder, after = Builder(), softmax_grid(number_format)
    shape = (1, logits.shape[1])
    x, y = builder.activation("x", shape, grid.dtype, grid), builder.activation("y", shape, after.dtype, after)
    add_softmax(builder, x, y)
    found = executor.run(model_of(builder.graph([x], [y])), {x: grid.quantize(logits)[:, None]}, kernels)
    return after.dequantize(found.result).astype(np.float32)
