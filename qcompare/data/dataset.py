"""Samples to train and test on, whatever they come from."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from qcompare.core.archive import Files, arrays_packed, arrays_unpacked
from qcompare.data.sequences import Lengths

Samples = tuple[np.ndarray, np.ndarray]
"""x and y."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """One fixed split of samples into training and test.

    x_train, x_test: float32 [samples, steps, features]; shorter sequences have zeros in front.
    y_train, y_test: int32 [samples], the class; or float32 [samples, outputs] for regression.
    classes: number of classes; None for regression.
    calibration: float32 [samples, steps, features], drawn from x_train.
    lengths_train, lengths_test, lengths_calibration: int64 [samples], how many of the steps, the last ones, are a
        sequence's own; None where all sequences have the same length.
    stored_as: how classes stood in a user's file, where that was another way; else "".
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int | None
    calibration: np.ndarray
    lengths_train: np.ndarray | None = None
    lengths_test: np.ndarray | None = None
    lengths_calibration: np.ndarray | None = None
    stored_as: str = ""

    @property
    def steps(self) -> int:
        return int(self.x_train.shape[1])

    @property
    def features(self) -> int:
        return int(self.x_train.shape[2])

    @property
    def outputs(self) -> int:
        """Width of the network's output."""
        return self.classes if self.classes is not None else int(self.y_train.shape[1])


def assemble(
    train: Samples,
    test: Samples,
    classes: int | None,
    calibration_samples: int,
    split_seed: int,
    *,
    lengths: Lengths | None = None,
    stored_as: str = "",
) -> Dataset:
    """A Dataset whose calibration samples are drawn from the training samples by the split's own seed."""
    x_train, y_train = train
    lengths_train, lengths_test = lengths or (None, None)
    count = min(calibration_samples, len(x_train))
    chosen = np.sort(np.random.default_rng([split_seed, 1]).permutation(len(x_train))[:count])
    return Dataset(
        x_train=x_train.astype(np.float32, copy=False),
        y_train=y_train,
        x_test=test[0].astype(np.float32, copy=False),
        y_test=test[1],
        classes=classes,
        calibration=x_train[chosen].astype(np.float32),
        lengths_train=lengths_train,
        lengths_test=lengths_test,
        lengths_calibration=None if lengths_train is None else lengths_train[chosen],
        stored_as=stored_as,
    )


def split(x: np.ndarray, y: np.ndarray, test_samples: int, split_seed: int) -> tuple[Samples, Samples]:
    """(x, y) shuffled by the split's seed and cut into training and test."""
    order = np.random.default_rng([split_seed, 0]).permutation(len(x))
    test, train = order[:test_samples], order[test_samples:]
    return (x[train], y[train]), (x[test], y[test])


def dump(dataset: Dataset) -> Files:
    """A dataset as files."""
    values = {item.name: getattr(dataset, item.name) for item in fields(dataset)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    described = {"classes": dataset.classes, "stored_as": dataset.stored_as}
    return {"dataset.json": json.dumps(described).encode(), "dataset.npz": arrays_packed(arrays)}


def load(files: Files) -> Dataset:
    """The dataset of `dump`."""
    values: dict[str, Any] = {**arrays_unpacked(files["dataset.npz"]), **json.loads(files["dataset.json"])}
    return Dataset(**values)


def calibration_samples(dataset: Dataset) -> np.ndarray:
    """The samples that ranges are calibrated on, float32 [samples, steps, features]."""
    return dataset.calibration


def calibration_sequences(dataset: Dataset) -> list[np.ndarray]:
    """As `calibration_samples`, each float32 [steps, features] without the zeros in front."""
    return own_steps(dataset.calibration, dataset.lengths_calibration)


def own_steps(x: np.ndarray, lengths: np.ndarray | None) -> list[np.ndarray]:
    """What is left of [samples, steps, features] without the zeros in front. lengths: None where there are none."""
    if lengths is None:
        return list(x)
    return [sequence[len(sequence) - steps :] for sequence, steps in zip(x, lengths, strict=True)]
