"""Random sequences and their sum: a regression whose answer is known."""

from __future__ import annotations

import numpy as np

from qcompare.data.dataset import Dataset, assemble, split


def sequences(
    *, samples: int, steps: int, features: int, test_samples: int, calibration_samples: int, split_seed: int
) -> Dataset:
    """x uniform in [-1, 1]; y its sum over time for each feature, divided by sqrt(steps), so that y has one size
    at every length."""
    generator = np.random.default_rng([split_seed, 2])
    x = generator.uniform(-1, 1, (samples, steps, features)).astype(np.float32)
    y = (x.sum(axis=1) / np.sqrt(steps)).astype(np.float32)
    train, test = split(x, y, test_samples, split_seed)
    return assemble(train, test, None, calibration_samples, split_seed)
