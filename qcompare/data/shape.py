"""Samples in the shape that a model takes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qcompare.data.dataset import Dataset


class ShapeError(ValueError):
    """Samples that have other numbers of elements; the message is one line."""


def rows(shape: tuple[int, ...]) -> tuple[int, int]:
    """How a sample of a shape stands in a dataset: (steps, features). A vector is one step."""
    return (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, shape[0])


def in_rows(name: str, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """x [samples, ...] as [samples, steps, features] of samples of that shape, in the same order of elements.

    Raises ShapeError where they have other numbers of elements.
    """
    if x.ndim < 2 or math.prod(x.shape[1:]) != math.prod(shape):
        raise ShapeError(f"{name} has shape {x.shape}; the model takes [samples, {', '.join(map(str, shape))}]")
    return x.reshape(len(x), *rows(shape))


def shaped(dataset: Dataset, shape: tuple[int, ...]) -> Dataset:
    """The dataset with samples of that shape. Raises ShapeError."""
    shape = tuple(shape)
    return replace(
        dataset,
        x_train=in_rows("x_train", dataset.x_train, shape),
        x_test=in_rows("x_test", dataset.x_test, shape),
        calibration=in_rows("calibration", dataset.calibration, shape),
    )
