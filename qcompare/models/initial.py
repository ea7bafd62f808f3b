"""Initial weights, drawn by NumPy so that a seed gives the same ones everywhere."""

from __future__ import annotations

import numpy as np


def glorot_uniform(shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Glorot and Bengio's uniform initial weights, float32 [inputs, outputs]."""
    limit = np.sqrt(6.0 / sum(shape))
    return generator.uniform(-limit, limit, shape).astype(np.float32)


def orthonormal_rows(shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """A random matrix of orthonormal rows, float32 [rows, columns], as Keras's Orthogonal makes it; rows <= columns."""
    q, r = np.linalg.qr(generator.standard_normal(shape[::-1]))
    return np.ascontiguousarray((q * np.sign(np.diag(r))).T, np.float32)


def orthogonal(size: int, generator: np.random.Generator) -> np.ndarray:
    """A random orthogonal matrix, float32 [size, size], uniform over the orthogonal group."""
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    return (q * np.sign(np.diag(r))).astype(np.float32)
