"""scikit-learn's 1,797 real images of handwritten digits, 8 x 8 pixels, as sequences."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from qcompare.data import sequences
from qcompare.data.dataset import Dataset, assemble, split

CLASSES = 10
PERMUTATION_SEED = 8


def rows(*, shortest: int | None = None, test_samples: int, calibration_samples: int, split_seed: int) -> Dataset:
    """Each image as 8 time steps, its rows, of 8 features in [0, 1]; cut to its first rows if `shortest` is given."""
    return _dataset(_images()[0], shortest, test_samples, calibration_samples, split_seed)


def pixels(*, shortest: int | None = None, test_samples: int, calibration_samples: int, split_seed: int) -> Dataset:
    """Each image as 64 time steps of one pixel, in one fixed random order: a test of memory; cut as `rows` are."""
    order = np.random.default_rng(PERMUTATION_SEED).permutation(64)
    x = _images()[0].reshape(-1, 64, 1)[:, order]
    return _dataset(x, shortest, test_samples, calibration_samples, split_seed)


def _dataset(
    x: np.ndarray, shortest: int | None, test_samples: int, calibration_samples: int, split_seed: int
) -> Dataset:
    train, test = split(x, _images()[1], test_samples, split_seed)
    own = sequences.cut(train[0], test[0], shortest, split_seed)
    return assemble(
        (own.train, train[1]), (own.test, test[1]), CLASSES, calibration_samples, split_seed, lengths=own.lengths
    )


def _images() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32).reshape(-1, 8, 8), labels.astype(np.int32)
