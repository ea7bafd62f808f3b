"""A problem of the UCR/UEA archive of time series, as its `.ts` files have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qcompare.data import ts
from qcompare.data.dataset import Dataset, assemble
from qcompare.data.error import DataFileError
from qcompare.data.sequences import padded

WHERE = (
    "problems of the UCR/UEA archive are at timeseriesclassification.com; some are in aeon's wheel, below "
    "aeon/datasets/data: `pip download aeon --no-deps`, then unzip"
)

SHOWN = 5
"""Labels of so many classes are named."""


def load(train: Path, test: Path, *, calibration_samples: int, split_seed: int) -> Dataset:
    """The archive's own split; values as they are: nothing is normalised. Classes are numbered in the order of the
    header. train, test: NAME_TRAIN.ts and NAME_TEST.ts of one folder. Raises DataFileError."""
    missing = [path.name for path in (train, test) if not path.is_file()]
    if missing:
        folder = "such folder" if not train.parent.is_dir() else " or ".join(missing)
        raise _error(train.parent, f"no {folder}; it must hold {train.name} and {test.name}; {WHERE}")
    parts = [_read(path) for path in (train, test)]
    widths = [part.sequences[0].shape[1] for part in parts]
    if widths[0] != widths[1]:
        raise _error(train.parent, f"{train.name} has {widths[0]} dimensions and {test.name} {widths[1]}")
    classes = parts[0].classes
    if set(parts[1].classes) != set(classes):
        raise _error(train.parent, f"{train.name} and {test.name} name different labels in @classLabel")
    x = padded(parts[0].sequences, parts[1].sequences)
    y_train, y_test = (_targets(part, classes) for part in parts)
    return assemble(
        (x.train, y_train),
        (x.test, y_test),
        len(classes) or None,
        calibration_samples,
        split_seed,
        lengths=x.lengths,
        stored_as=_shown(classes),
    )


def _read(path: Path) -> ts.Series:
    try:
        return ts.read(path)
    except ts.TsError as error:
        raise _error(path.parent, f"{path.name}: {error}") from error


def _targets(part: ts.Series, classes: tuple[str, ...]) -> np.ndarray:
    """int32 [samples], or float32 [samples, 1] for real targets."""
    if not classes:
        return np.array([[label] for label in part.labels], np.float32)
    return np.array([classes.index(label) for label in part.labels], np.int32)


def _shown(classes: tuple[str, ...]) -> str:
    if len(classes) <= SHOWN:
        return ", ".join(classes)
    return f"{', '.join(classes[: SHOWN - 1])}, ..., {classes[-1]}"


def _error(folder: Path, problem: str) -> DataFileError:
    return DataFileError(f"data.path={folder}: {problem}")
