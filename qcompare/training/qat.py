"""Quantization-aware training of any architecture, by aligned fake quantization or in a kernel set's integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf

from qcompare.core.layers import dense_name
from qcompare.data.dataset import Dataset
from qcompare.models.float_ops import FloatOps
from qcompare.models.network import Architecture
from qcompare.training.calibrate import calibrate, extremes
from qcompare.training.exact import ExactOps
from qcompare.training.fake_quant import Aligned
from qcompare.training.fit import Forward, as_variables, fit, outputs, values_of
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import NumberFormat
from qcompare.training.scales import is_cell
from qcompare.training.softmax import softmax


def train(
    architecture: Architecture,
    float_weights: Mapping[str, np.ndarray],
    dataset: Dataset,
    *,
    simulate: str,
    kernels: str,
    number_format: NumberFormat,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    range_momentum: float | None,
    keep_zeros: bool = False,
    seed: int,
) -> TrainedQat:
    """Fine-tune from the float weights, on ranges that are calibrated first.

    keep_zeros: whether elements of matrices that are zero stay so.

    simulate: `fake_quant`; `exact`, in the integers of `kernels`, whose ranges stand still after the calibration; or
        `mixed`, trained by fake quantization and evaluated in these integers.
    kernels: reference, optimized, xnnpack or micro.
    range_momentum: the share that a range keeps of itself at each step, following the batches as a moving average.
        None: ranges hold all values of the training set. They are calibrated on all of it, widen in training by what
        they do not hold, and are at last the extremes that `seen` finds in it; those of `exact` stay as calibrated.
    """
    weights = as_variables(float_weights)
    zeros = {name: tf.constant(value != 0, tf.float32) for name, value in float_weights.items() if value.ndim > 1}
    everything = {**weights, **architecture.constants()}
    calibrated = calibrate(
        architecture, float_weights, dataset.x_train if range_momentum is None else dataset.calibration
    )
    moving = as_variables({} if simulate == "exact" else _moving(calibrated))
    passes: list[Aligned] = []

    def exact(x: tf.Tensor) -> tf.Tensor:
        ops = ExactOps(everything, calibrated, kernels, per_channel=number_format.per_channel)
        return architecture.forward(ops, x)

    def fake_quantized(x: tf.Tensor) -> tf.Tensor:
        passes.append(Aligned(everything, {**calibrated, **moving}, kernels, number_format))
        return architecture.forward(FloatOps(passes[-1]), x)

    def after_step() -> None:
        if simulate != "exact":
            _renew(passes[-1], range_momentum)
        for name, mask in zeros.items() if keep_zeros else ():
            weights[name].assign(weights[name] * mask)

    forward: Forward = exact if simulate == "exact" else fake_quantized
    fit(
        forward,
        list(weights.values()),
        dataset,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=[seed, 2],
        after_step=after_step,
    )
    trained = TrainedQat(
        weights=values_of(weights),
        ranges={**calibrated, **values_of(moving)},
        kernels=kernels,
        exact=simulate != "fake_quant",
        number_format=number_format,
    )
    if range_momentum is None and simulate != "exact":
        return replace(trained, ranges={**trained.ranges, **seen(architecture, trained, dataset.x_train)})
    return trained


def _moving(ranges: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The ranges that follow the batches: all but the cell's."""
    return {role: values for role, values in ranges.items() if not is_cell(role)}


def _renew(passed: Aligned, momentum: float | None) -> None:
    """Change each range, a variable, by what a pass has seen: a step towards it, or as far as it is outside."""
    for role, found in passed.ranges().items():
        range_ = passed.learned[role]
        if momentum is None:
            range_.assign(tf.stack([tf.minimum(range_[0], found[0]), tf.maximum(range_[1], found[1])]))
        else:
            range_.assign(momentum * range_ + (1 - momentum) * found)


def seen(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> dict[str, np.ndarray]:
    """Role -> [min, max], float32, of the results of one pass of the samples x before they are rounded.

    The pass is that of the fake-quantized network: weights, biases and what an operator reads are rounded, the latter
    on the ranges that training left. The cell's ranges, which do not move, are left out.
    """
    weights = {**trained.weights, **architecture.constants()}

    def observe(samples: tf.Tensor) -> dict[str, tf.Tensor]:
        rounding = Aligned(weights, trained.ranges, trained.kernels, trained.number_format)
        architecture.forward(FloatOps(rounding), samples)
        return rounding.ranges()

    return extremes(observe, x)


def evaluate(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs] of the quantized network for x [samples, steps, features], float32."""
    weights = {**trained.weights, **architecture.constants()}

    def forward(samples: tf.Tensor) -> tf.Tensor:
        if trained.exact:
            per_channel = trained.number_format.per_channel
            ops = ExactOps(weights, trained.ranges, trained.kernels, per_channel=per_channel)
            return architecture.forward(ops, samples)
        rounding = Aligned(weights, trained.ranges, trained.kernels, trained.number_format)
        return architecture.forward(FloatOps(rounding), samples)

    found = outputs(forward, x)
    if architecture.output_activation == "linear":
        return found
    last = f"{dense_name(len(architecture.dense_units) - 1)}/output"
    grid = trained.number_format.grid(*trained.ranges[last])
    return softmax(found, grid, trained.number_format, trained.kernels)
