"""What was understood of the data, and what about it makes figures to be read with care."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompare.core.finding import Finding, warning
from qcompare.data.dataset import Dataset

USUAL = 10.0
"""Reals that networks are fed with lie in [-10, 10]."""

FEW_VALUES = 20
"""A target with no more different values, all whole, may have been meant as classes."""


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A dataset in a few words.

    task: classification or regression. classes: how many; None for a regression. outputs: width of the output.
    labels: how classes stood in the file; "" where there is nothing to tell.
    x_train, x_test: [samples, steps, features]. x_range: smallest and largest of both.
    """

    task: str
    classes: int | None
    outputs: int
    labels: str
    x_train: tuple[int, ...]
    x_test: tuple[int, ...]
    x_range: tuple[float, float]

    def __str__(self) -> str:
        """One line."""
        what = f"{self.classes} classes" if self.classes is not None else f"{self.outputs} outputs"
        labels = f" (labels were {self.labels})" if self.labels else ""
        samples, steps, features = self.x_train
        return (
            f"{self.task}, {what}{labels}; {samples} training and {self.x_test[0]} test samples of {steps} steps of "
            f"{features} features; x from {self.x_range[0]:g} to {self.x_range[1]:g}"
        )


def understood(dataset: Dataset) -> Understood:
    """What a dataset is taken for."""
    low, high = _limits(dataset)
    return Understood(
        task="regression" if dataset.classes is None else "classification",
        classes=dataset.classes,
        outputs=dataset.outputs,
        labels=dataset.stored_as,
        x_train=dataset.x_train.shape,
        x_test=dataset.x_test.shape,
        # The fewest digits that read back as the same float32.
        x_range=(float(str(low)), float(str(high))),
    )


def findings(dataset: Dataset) -> tuple[Finding, ...]:
    """Warnings; those that NumPy mends say so between backquotes."""
    return (*_range(dataset), *_whole_reals(dataset), *_unseen(dataset))


def _limits(dataset: Dataset) -> tuple[np.float32, np.float32]:
    both = (dataset.x_train, dataset.x_test)
    return min(x.min() for x in both), max(x.max() for x in both)


def _range(dataset: Dataset) -> tuple[Finding, ...]:
    low, high = _limits(dataset)
    if low >= -USUAL and high <= USUAL:
        return ()
    mend = "x_train, x_test = x_train / 255, x_test / 255"
    if low < 0 or high > 255:
        mend = "low, high = x_train.min(), x_train.max(); x_train, x_test = "
        mend += "((x - low) / (high - low) for x in (x_train, x_test))"
    text = f"x lies in [{low:g}, {high:g}], beyond [-{USUAL:g}, {USUAL:g}], where training goes badly: `{mend}`"
    return (warning("data", text),)


def _whole_reals(dataset: Dataset) -> tuple[Finding, ...]:
    if dataset.classes is not None or dataset.outputs > 1:
        return ()
    values = np.union1d(dataset.y_train, dataset.y_test)
    if len(values) > FEW_VALUES or (values != np.round(values)).any():
        return ()
    mend = "`y_train, y_test = y_train.astype(int), y_test.astype(int)`"
    text = f"y holds {len(values)} different values, all whole, as reals: taken as a regression; for classes {mend}"
    return (warning("data", text),)


def _unseen(dataset: Dataset) -> tuple[Finding, ...]:
    if dataset.classes is None:
        return ()
    unseen = np.setdiff1d(dataset.y_test, dataset.y_train).tolist()
    if not unseen:
        return ()
    shown = ", ".join(map(str, unseen[:3])) + (", ..." if len(unseen) > 3 else "")
    return (warning("data", f"the test has classes that training has no sample of: {shown}"),)
