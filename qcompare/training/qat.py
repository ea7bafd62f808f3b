"""Quantization-aware training of any architecture by aligned fake quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from qcompare.config.options import Qat, Quant
from qcompare.core.grid import Grid
from qcompare.data.dataset import Dataset
from qcompare.models.network import Architecture
from qcompare.models.ops import GATES, Ops
from qcompare.training.exact import ExactOps
from qcompare.training.fake_quant import (
    AlignedOps,
    RangeObserver,
    WeightReaders,
    cell_range,
    cell_scale,
    gate_weight_scales,
    is_cell,
    weight_scale,
)
from qcompare.training.fit import as_variables, fit, outputs, values_of
from qcompare.training.number_format import FORMATS, INT8, NumberFormat


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


def calibrate(architecture: Architecture, weights: dict[str, np.ndarray], x: np.ndarray) -> dict[str, np.ndarray]:
    """Role -> [min, max] of the float model over the samples x."""
    constants = architecture.constants()

    @tf.function(autograph=False)
    def observe(samples: tf.Tensor) -> dict[str, tf.Tensor]:
        observer = RangeObserver({**weights, **constants})
        architecture.forward(observer, samples)
        return observer.ranges()

    ranges = {role: values.numpy() for role, values in observe(tf.constant(x)).items()}
    for role in ranges:
        if is_cell(role):
            ranges[role] = np.array(cell_range(float(np.abs(ranges[role]).max())), np.float32)
    return ranges


def train(
    architecture: Architecture,
    float_weights: dict[str, np.ndarray],
    dataset: Dataset,
    qat: Qat,
    quant: Quant,
    batch_size: int,
    seed: int,
) -> TrainedQat:
    """Fine-tune from the float weights: ranges calibrated first, then following the batches as moving averages.

    In the integers of a kernel set (`quant.simulate=exact`) the ranges stand still after the calibration.
    """
    weights = as_variables(float_weights)
    ranges = calibrate(architecture, float_weights, dataset.calibration)
    settings: dict[str, Any] = {
        "epochs": qat.epochs,
        "batch_size": batch_size,
        "learning_rate": qat.learning_rate,
        "seed": [seed, 2],
    }
    if quant.simulate == "exact":
        everything = {**weights, **architecture.constants()}
        fit(
            lambda x: architecture.forward(ExactOps(everything, ranges, quant.kernels), x),
            list(weights.values()),
            dataset,
            **settings,
        )
    else:
        ranges = _fit_fake_quant(architecture, weights, ranges, dataset, quant, qat.range_momentum, settings)
    return TrainedQat(
        weights=values_of(weights),
        ranges=ranges,
        kernels=quant.kernels,
        exact=quant.simulate != "fake_quant",
        number_format=FORMATS[quant.name],
    )


def _fit_fake_quant(
    architecture: Architecture,
    weights: dict[str, tf.Variable],
    calibrated: dict[str, np.ndarray],
    dataset: Dataset,
    quant: Quant,
    momentum: float,
    settings: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """Train the weights in place; the ranges as the batches have moved them."""
    ranges = as_variables({role: values for role, values in calibrated.items() if not is_cell(role)})
    everything = {**weights, **architecture.constants()}
    passes: list[AlignedOps] = []

    def forward(x: tf.Tensor) -> tf.Tensor:
        passes.append(AlignedOps(everything, {**calibrated, **ranges}, quant.kernels, FORMATS[quant.name]))
        return architecture.forward(passes[-1], x)

    fit(forward, list(weights.values()), dataset, after_step=lambda: follow(passes[-1], momentum), **settings)
    return {**calibrated, **values_of(ranges)}


def follow(passed: AlignedOps, momentum: float) -> None:
    """Move each range, a variable, towards what a pass has seen."""
    for role, seen in passed.ranges().items():
        passed.learned[role].assign(momentum * passed.learned[role] + (1 - momentum) * seen)


def evaluate(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs] of the quantized network, float32."""
    weights = {**trained.weights, **architecture.constants()}
    if trained.exact:
        ops: Ops = ExactOps(weights, trained.ranges, trained.kernels)
    else:
        ops = AlignedOps(weights, trained.ranges, trained.kernels, trained.number_format)
    return outputs(lambda samples: architecture.forward(ops, samples), x)


def learned_scales(
    architecture: Architecture, trained: TrainedQat, *, per_channel: bool
) -> tuple[dict[str, Grid], dict[str, str]]:
    """Scales by role and by weight, as the converter derives them; and role of a FULLY_CONNECTED -> its weight."""
    everything = {**trained.weights, **architecture.constants()}
    readers = WeightReaders(everything)
    architecture.forward(readers, tf.zeros([1, architecture.steps, architecture.features]))
    learned = {
        role: (cell_scale if is_cell(role) else trained.number_format.grid)(low, high)
        for role, (low, high) in trained.ranges.items()
    }
    for name in set(readers.weight_of.values()):
        learned[name] = weight_scale(everything[name], per_channel=per_channel)
    for name in readers.gate_weights:
        for gate, scale in zip(GATES, gate_weight_scales(everything[name]), strict=True):
            learned[f"{name}/{gate}"] = Grid.single(scale, 0, np.int8)
    return learned, readers.weight_of
