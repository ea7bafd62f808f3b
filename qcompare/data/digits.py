"""scikit-learn's 1,797 real images of handwritten digits, 8 x 8 pixels, as sequences."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from qcompare.data.dataset import Dataset, assemble, split

CLASSES = 10
PERMUTATION_SEED = 8


def rows(*, test_samples: int, calibration_samples: int, split_seed: int) -> Dataset:
    """Each image as 8 time steps, its rows, of 8 features in [0, 1]."""
    images, labels = _images()
    train, test = split(images, labels, test_samples, split_seed)
    return assemble(train, test, CLASSES, calibration_samples, split_seed)


def pixels(*, test_samples: int, calibration_samples: int, split_seed: int) -> Dataset:
    """Each image as 64 time steps of one pixel, in one fixed random order: a test of memory."""
    images, labels = _images()
    order = np.random.default_rng(PERMUTATION_SEED).permutation(64)
    train, test = split(images.reshape(-1, 64, 1)[:, order], labels, test_samples, split_seed)
    return assemble(train, test, CLASSES, calibration_samples, split_seed)


def _images() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32).reshape(-1, 8, 8), labels.astype(np.int32)
