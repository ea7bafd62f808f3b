"""A training step in float, by fake quantization and in a kernel set's integers, side by side in one process.

    python benchmarks/training_step.py [repeats]

Medians in milliseconds, batches of 50, one thread; and the ratios to a float step.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras

from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, Cell
from qcompare.models.simple_rnn import SimpleRNNCell
from qcompare.training.calibrate import calibrate
from qcompare.training.exact import ExactOps
from qcompare.training.fake_quant import Aligned
from qcompare.training.fit import as_variables
from qcompare.training.qat import follow
from qcompare.training.runtime import prepare
from qcompare.training.scales import is_cell

Operators = FloatOps | ExactOps

BATCH = 50
MOMENTUM = 0.99
SHAPES: dict[str, tuple[Cell, int, int]] = {
    "fused LSTM(32), 8 steps": (FusedLSTM(units=32), 8, 8),
    "fused LSTM(64), 28 steps": (FusedLSTM(units=64), 28, 28),
    "fused LSTM(48), 64 steps": (FusedLSTM(units=48), 64, 1),
    "SimpleRNN(32), 8 steps": (SimpleRNNCell(units=32, activation="tanh"), 8, 8),
    "unrolled LSTM(32), 8 steps": (LSTMCell(units=32), 8, 8),
}


def training_step(
    architecture: Architecture, ops: Callable[[dict[str, tf.Variable]], Operators], weights: dict[str, np.ndarray]
) -> Callable[[tf.Tensor, tf.Tensor], None]:
    """Forward, backward, Adam; with fake quantization also the ranges that follow the batch."""
    variables = as_variables(weights)
    trained = list(variables.values())
    optimizer = tf_keras.optimizers.Adam(1e-4)
    optimizer.build(trained)

    @tf.function(autograph=False)
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        operators = ops(variables)
        with tf.GradientTape() as tape:
            outputs = architecture.forward(operators, x)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, outputs))
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))
        if isinstance(operators, FloatOps) and isinstance(operators.rounding, Aligned):
            follow(operators.rounding, MOMENTUM)

    return step


def moving(ranges: dict[str, np.ndarray]) -> dict[str, Any]:
    """Ranges as training holds them: variables, but for the cell's."""
    return ranges | as_variables({role: values for role, values in ranges.items() if not is_cell(role)})


def unrounded(weights: dict[str, tf.Variable]) -> FloatOps:
    return FloatOps(Unrounded(weights))


def fake_quantized(weights: dict[str, tf.Variable], learned: dict[str, Any]) -> FloatOps:
    return FloatOps(Aligned(weights, learned))


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    prepare()
    rng = np.random.default_rng(0)
    print(f"{'network':28s}{'float':>9s}{'fake quant':>12s}{'exact':>9s}{'ratios':>16s}")
    for name, (cell, steps, features) in SHAPES.items():
        architecture = Architecture(cells=(cell,), dense_units=(10,), activation="relu", steps=steps, features=features)
        weights = architecture.initial_weights(rng)
        x = rng.normal(size=(BATCH, steps, features)).astype(np.float32)
        ranges = calibrate(architecture, weights, x)
        kinds: list[Callable[[dict[str, tf.Variable]], Operators]] = [
            unrounded,
            partial(fake_quantized, learned=moving(ranges)),
            partial(ExactOps, learned=ranges, kernels="reference"),
        ]
        steps_ = [training_step(architecture, kind, weights) for kind in kinds]
        batch = tf.constant(x), tf.constant(rng.integers(0, 10, BATCH))
        times: list[list[float]] = [[], [], []]
        for repeat in range(repeats + 5):
            for kept, step in zip(times, steps_, strict=True):
                start = time.perf_counter()
                step(*batch)
                if repeat >= 5:
                    kept.append(1e3 * (time.perf_counter() - start))
        medians = [float(np.median(kept)) for kept in times]
        ratios = " ".join(f"{median / medians[0]:7.2f}" for median in medians[1:])
        print(f"{name:28s}{medians[0]:9.2f}{medians[1]:12.2f}{medians[2]:9.2f} {ratios:>15s}", flush=True)


if __name__ == "__main__":
    main()
