"""The rungs of the ladder from a float network to what a device computes: each one named thing that changes."""

from __future__ import annotations

from enum import Enum


class Rung(Enum):
    """What the manual engine applies, one after the other, in the order of the ladder."""

    WEIGHTS = "weights"
    """Quantized weights and other constants in place of the float ones, biases left aside."""

    CLIPPING = "clipping"
    """Activations within the range of their tensors' grids."""

    ROUNDING = "rounding"
    """Activations on the integers of their grids, halves away from zero."""

    BIAS = "bias"
    """Biases on the integers of their grids."""

    ACCUMULATION = "accumulation"
    """Integers in place of their real numbers: accumulators, times a multiplier in float64, rounded once."""

    MULTIPLIER = "multiplier"
    """The multiplier as the kernel holds it, in fixed point or float32, the product still rounded once."""

    KERNEL_ROUNDING = "kernel_rounding"
    """The kernel set's own rounding of products, sums and means."""

    LSTM_GATES = "lstm_gates"
    """The arguments of a fused LSTM's gates, of 16 bits, as the kernel rounds them."""

    FUNCTIONS = "functions"
    """Activation functions by the kernel set's tables or fixed-point arithmetic, a fused LSTM's included."""

    LSTM_CELL = "lstm_cell"
    """The cell of a fused LSTM as the kernel rounds what is kept and what is added."""

    LSTM_OUTPUT = "lstm_output"
    """The output of a fused LSTM as the kernel rounds the product of gate and tanh."""


IN_REALS = (Rung.WEIGHTS, Rung.CLIPPING, Rung.ROUNDING, Rung.BIAS)
"""Those that change a computation in reals, in any order; the others are of integers, on top of all four."""

FUSED = (Rung.LSTM_GATES, Rung.LSTM_CELL, Rung.LSTM_OUTPUT)
"""Those within a fused LSTM."""
