"""What was understood of the data, and what about it makes figures to be read with care."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from qcompare.core.finding import Finding, remark, warning
from qcompare.data.dataset import Dataset

USUAL = 10.0
"""Reals that networks are fed with lie in [-10, 10]."""

IN_FRONT = "shorter ones padded with zeros in front"

FEW_VALUES = 20
"""A target with no more different values, all whole, may have been meant as classes."""


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A dataset in a few words.

    task: classification or regression. classes: how many; None for a regression. outputs: width of the output.
    labels: how classes stood in the file; "" where there is nothing to tell.
    x_train, x_test: [samples, steps, features]. x_range: smallest and largest of both.
    lengths: shortest and longest sequence. padding: what shorter ones have; "" where all have the same length.
    sha256: of the bytes of x_train, y_train, x_test and y_test, one after the other, as networks get them.
    """

    task: str
    classes: int | None
    outputs: int
    labels: str
    x_train: tuple[int, ...]
    x_test: tuple[int, ...]
    x_range: tuple[float, float]
    lengths: tuple[int, int]
    padding: str
    sha256: str

    def __str__(self) -> str:
        """One line."""
        what = f"{self.classes} classes" if self.classes is not None else _counted(self.outputs, "output")
        labels = f" (labels were {self.labels})" if self.labels else ""
        samples, _, features = self.x_train
        return (
            f"{self.task}, {what}{labels}; {samples} training and {self.x_test[0]} test samples of "
            f"{self._steps()} of {_counted(features, 'feature')}; "
            f"x from {self.x_range[0]:g} to {self.x_range[1]:g}"
        )

    def _steps(self) -> str:
        shortest, longest = self.lengths
        if not self.padding:
            return _counted(longest, "step")
        return f"variable length, {shortest} to {longest} steps ({self.padding})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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
        lengths=_lengths(dataset),
        padding=IN_FRONT if dataset.lengths_train is not None else "",
        sha256=_sha256(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test),
    )


def _sha256(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def findings(dataset: Dataset) -> tuple[Finding, ...]:
    """Warnings and remarks; those that NumPy mends say so between backquotes."""
    return (*_range(dataset), *_whole_reals(dataset), *_unseen(dataset), *_never_reached(dataset))


def _lengths(dataset: Dataset) -> tuple[int, int]:
    """Shortest and longest sequence of both parts."""
    if dataset.lengths_train is None or dataset.lengths_test is None:
        return dataset.steps, dataset.steps
    both = np.concatenate((dataset.lengths_train, dataset.lengths_test))
    return int(both.min()), int(both.max())


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


def _never_reached(dataset: Dataset) -> tuple[Finding, ...]:
    """The first steps, at which calibration has nothing but padding."""
    if dataset.lengths_calibration is None:
        return ()
    reached = int(dataset.lengths_calibration.max())
    if reached == dataset.steps:
        return ()
    text = (
        f"calibration has no sequence longer than {reached} of the {dataset.steps} steps: where each step has ranges "
        f"of its own (route ptq, model.lowering=unrolled), the first {dataset.steps - reached} have those of the "
        "padding, which XNNPACK may refuse; model.lowering=loop shares ranges"
    )
    return (remark("data", text),)
