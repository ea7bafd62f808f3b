"""The fused LSTM as TFLite's operator lays it out: its inputs, its gates, and the cells that its kernels take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from qcompare.core.grid import Grid

OPERATOR = "UNIDIRECTIONAL_SEQUENCE_LSTM"

GATES = ("i", "f", "g", "o")
"""In the order in which inputs and matrices hold them; g is the cell candidate."""

X = 0
X_WEIGHTS, H_WEIGHTS, BIASES = 1, 5, 12
"""The first of four inputs, one a gate."""

HIDDEN, CELL = 18, 19
"""The states h and c."""

PEEPHOLES, PROJECTION, NORMALIZATION = range(9, 12), range(16, 18), range(20, 24)
"""What a plain LSTM leaves out."""

HIDDEN_INTERMEDIATE = 4
"""The intermediate tensor with the grid that int8 h is computed on."""

CELL_EXPONENTS = range(-15, -8)
"""Of the cell's scale, a power of two: those that the int8 kernels compute with. Beyond them they run on and give
meaningless numbers."""

CELL_ADVICE = (
    f"it takes powers of two from 2^{CELL_EXPONENTS[0]} to 2^{CELL_EXPONENTS[-1]}: retrain with the cell clipped to "
    f"{2 ** (CELL_EXPONENTS[-1] + 15)}, or convert anew with a representative dataset that spans the cell"
)
"""What to do about another scale of the kernel's; the largest holds cells up to 2^15 times itself."""

T = TypeVar("T")


def of_gates(first: int) -> range:
    """The four inputs, one a gate, of which that is the first."""
    return range(first, first + len(GATES))


def arranged(
    *, x: T, x_weights: Sequence[T], h_weights: Sequence[T], biases: Sequence[T], hidden: T, cell: T, absent: T
) -> list[T]:
    """The operator's inputs in their order. x_weights, h_weights, biases: one a gate."""
    inputs = [absent] * NORMALIZATION.stop
    inputs[X], inputs[HIDDEN], inputs[CELL] = x, hidden, cell
    for first, parts in ((X_WEIGHTS, x_weights), (H_WEIGHTS, h_weights), (BIASES, biases)):
        for position, part in zip(of_gates(first), parts, strict=True):
            inputs[position] = part
    return inputs


def takes_cell(scale: np.floating) -> bool:
    """Whether the int8 kernels compute with that scale of the cell: a power of two in CELL_EXPONENTS."""
    mantissa, exponent = np.frexp(np.float64(scale))
    return bool(mantissa == 0.5) and int(exponent) - 1 in CELL_EXPONENTS


def check_cell(cell: Grid, name: str) -> None:
    """ValueError unless the int8 kernels take the cell's scale."""
    if not takes_cell(cell.lsb):
        raise ValueError(
            f"{name}: the cell scale {float(cell.lsb):g} must be a power of two from 2^{CELL_EXPONENTS[0]} "
            f"to 2^{CELL_EXPONENTS[-1]}; the kernel gives meaningless numbers with any other"
        )
