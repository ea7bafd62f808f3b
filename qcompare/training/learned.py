"""What quantization-aware training learned, and the grids that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.grid import Grid
from qcompare.core.lstm import GATES
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture, SequenceLayer
from qcompare.models.ops import GATE_MATRICES
from qcompare.training.number_format import INT8, NumberFormat
from qcompare.training.scales import cell_scale, gate_weight_scales, is_cell, weight_scale


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedQat:
    """What quantization-aware training learned.

    weights: trainable float32 weights by `layer/name`. ranges: role -> float32 [min, max].
    kernels: the kernel set that was followed. exact: whether it is evaluated in that set's integers.
    """

    weights: dict[str, np.ndarray]
    ranges: dict[str, np.ndarray]
    kernels: str = "reference"
    exact: bool = False
    number_format: NumberFormat = INT8


def learned_scales(architecture: Architecture, trained: TrainedQat) -> tuple[dict[str, Grid], dict[str, str]]:
    """Grids by role and by weight, as the converter derives them; and role of a FULLY_CONNECTED -> its weight.

    A fused LSTM's matrices have a grid for each gate, `layer/kernel/i`.
    """
    weights = {**trained.weights, **architecture.constants()}
    weight_of = weights_by_reader(architecture, trained)
    learned = {
        role: (cell_scale if is_cell(role) else trained.number_format.grid)(low, high)
        for role, (low, high) in trained.ranges.items()
    }
    for name in dict.fromkeys(weight_of.values()):
        learned[name] = weight_scale(weights[name], per_channel=trained.number_format.per_channel)
    for scope, layer in architecture.one_way_layers().items():
        if isinstance(layer, SequenceLayer):
            for matrix in GATE_MATRICES:
                name = f"{scope}/{matrix}"
                for gate, scale in zip(GATES, gate_weight_scales(weights[name]), strict=True):
                    learned[f"{name}/{gate}"] = Grid.single(scale, 0, np.int8)
    return learned, weight_of


def weights_by_reader(architecture: Architecture, trained: TrainedQat) -> dict[str, str]:
    """Role of each FULLY_CONNECTED -> the weight that it reads; both are `layer/name`."""
    found: dict[str, str] = {}
    rounding = Unrounded({**trained.weights, **architecture.constants()})
    ops = FloatOps(rounding, read=found.__setitem__)
    architecture.forward(ops, tf.zeros([1, architecture.steps, architecture.features]))
    return found
