"""Random sequences and their sum: a regression whose answer is known."""

from __future__ import annotations

import numpy as np

from qcompare.data.dataset import Dataset, assemble, split
from qcompare.data.sequences import cut


def sequences(
    *,
    samples: int,
    steps: int,
    features: int,
    shortest: int | None = None,
    test_samples: int,
    calibration_samples: int,
    split_seed: int,
) -> Dataset:
    """x uniform in [-1, 1]; y its sum over time for each feature, divided by sqrt(steps), so that y has one size
    at every number of steps. Sequences are cut to their first steps if `shortest` is given."""
    generator = np.random.default_rng([split_seed, 2])
    x = generator.uniform(-1, 1, (samples, steps, features)).astype(np.float32)
    (train, _), (test, _) = split(x, x, test_samples, split_seed)
    own = cut(train, test, shortest, split_seed)
    sums = [(part.sum(axis=1) / np.sqrt(steps)).astype(np.float32) for part in (own.train, own.test)]
    return assemble(
        (own.train, sums[0]), (own.test, sums[1]), None, calibration_samples, split_seed, lengths=own.lengths
    )
