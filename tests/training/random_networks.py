"""Networks with random weights and ranges, in which clipping, saturation and extreme zero points bite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompare.models.lstm import FusedLSTM
from qcompare.models.network import Architecture
from qcompare.training.scales import cell_range


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    architecture: Architecture
    weights: dict[str, np.ndarray]
    ranges: dict[str, np.ndarray]
    samples: np.ndarray


def random_range(rng: np.random.Generator, scale: float) -> np.ndarray:
    """A range that holds zero; one in three has it at an end, so that the zero point is one of int8's."""
    low, high = -scale * rng.uniform(0.02, 1), scale * rng.uniform(0.02, 1)
    kind = rng.integers(6)
    return np.array([0 if kind == 0 else low, 1e-3 * scale if kind == 1 else high], np.float32)


def fused_network(
    rng: np.random.Generator, steps: int, layers: int, features: int | None = None, strength: float | None = None
) -> Network:
    """LSTM layers and a dense head. strength: of the weights, about one in a trained network."""
    architecture = Architecture(
        cells=tuple(FusedLSTM(units=int(rng.integers(1, 40))) for _ in range(layers)),
        dense_units=(*[int(rng.integers(1, 20))] * int(rng.integers(2)), int(rng.integers(1, 12))),
        activation="relu",
        steps=steps,
        features=features or int(rng.integers(1, 24)),
    )
    strength = strength or np.exp(rng.uniform(np.log(0.3), np.log(12)))
    weights = {
        name: (rng.normal(0, strength if "kernel" in name else 1, value.shape) / np.sqrt(len(value))).astype(np.float32)
        for name, value in architecture.initial_weights(rng).items()
    }
    ranges = {"x": random_range(rng, 3)}
    for index in range(layers):
        ranges[f"recurrent_{index}/h"] = random_range(rng, 1)
        largest = float(np.exp(rng.uniform(np.log(0.5), np.log(30))))
        ranges[f"recurrent_{index}/cell_state"] = np.array(cell_range(largest), np.float32)
    for index in range(len(architecture.dense_units)):
        ranges[f"dense_{index}/output"] = random_range(rng, 4)
    samples = rng.normal(0, 2, (40, steps, architecture.features)).astype(np.float32)
    return Network(architecture=architecture, weights=weights, ranges=ranges, samples=samples)
