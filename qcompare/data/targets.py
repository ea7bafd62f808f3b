"""What the targets of a user's file are: classes or reals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_CLASSES = 4096
"""More are a mistake, such as a regression's target stored as whole numbers."""

NUMBERED = (
    "`labels = np.unique(np.r_[y_train, y_test]); "
    "y_train, y_test = (np.searchsorted(labels, y) for y in (y_train, y_test))`"
)
"""NumPy that numbers any labels from 0 on; labels[i] is then the label of class i."""

REALS = "`y_train, y_test = y_train.astype(np.float32), y_test.astype(np.float32)`"
"""NumPy that makes whole numbers a regression."""


class TargetsError(ValueError):
    """The targets cannot be used; the message is one line with the NumPy that mends them, between backquotes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """train, test: int32 [samples], the class; or float32 [samples, outputs].

    classes: how many; None for a regression.
    stored_as: how classes stood in the file, where that was not as whole numbers [samples]; else "".
    """

    train: np.ndarray
    test: np.ndarray
    classes: int | None
    stored_as: str = ""


def read(train: np.ndarray, test: np.ndarray, outputs: int | None = None) -> Targets:
    """Targets from y_train and y_test, of finite numbers.

    Whole numbers and booleans, [samples] or [samples, 1], are classes numbered from 0 without a gap; numbers of any
    dtype that are one-hot, [samples, classes], are classes; reals, [samples] or [samples, outputs], are a regression.
    outputs: of a trained model, as many as it has classes, of which some may not occur.
    Raises TargetsError for anything else.
    """
    for name, y in (("y_train", train), ("y_test", test)):
        if y.ndim not in (1, 2) or 0 in y.shape[1:]:
            raise TargetsError(f"{name} has shape {y.shape}; it must be [samples] or [samples, outputs]{_steps(y)}")
    columns = [y.reshape(len(y), -1) for y in (train, test)]
    width, other = (y.shape[1] for y in columns)
    if width != other:
        raise TargetsError(f"y_train and y_test have {width} and {other} outputs; they must have the same")
    whole = [y.dtype.kind in "biu" for y in columns]
    if whole[0] != whole[1]:
        raise TargetsError(
            f"y_train is {train.dtype} and y_test {test.dtype}; whole numbers are classes and reals a regression: "
            "`y_test = y_test.astype(y_train.dtype)`"
        )
    if all(_one_hot(y) for y in columns):
        hot, other_hot = (y.argmax(axis=1) for y in columns)
        return _classes(hot, other_hot, f"one-hot, [samples, {width}]", width)
    if not all(whole):
        reals = [y.astype(np.float32) for y in columns]
        return Targets(train=reals[0], test=reals[1], classes=None)
    if width > 1:
        raise TargetsError(
            f"y holds whole numbers in {width} columns that are not one-hot; there is no option for several labels a "
            f"sample or one a step: `y_train, y_test = y_train[:, -1], y_test[:, -1]` takes one; {REALS} a regression"
        )
    stored_as = "[samples, 1]" if 2 in (train.ndim, test.ndim) else ""
    return _numbered(columns[0][:, 0], columns[1][:, 0], stored_as, outputs or 0)


def _steps(y: np.ndarray) -> str:
    """What becomes of a target for each step."""
    if y.ndim < 3 or 0 in y.shape:
        return ""
    return "; there is no option for a target a step: `y_train, y_test = y_train[:, -1], y_test[:, -1]` takes the last"


def _one_hot(y: np.ndarray) -> bool:
    return y.shape[1] > 1 and bool(((y == 0) | (y == 1)).all()) and bool((y.sum(axis=1) == 1).all())


def _numbered(train: np.ndarray, test: np.ndarray, stored_as: str, outputs: int) -> Targets:
    """Classes of whole numbers, [samples]. outputs: of a model that knows so many; 0 for none."""
    smallest, largest = (int(limit) for limit in (min(train.min(), test.min()), max(train.max(), test.max())))
    if smallest < 0:
        raise TargetsError(f"y holds a negative class; classes are numbered from 0: {NUMBERED}")
    if largest >= MOST_CLASSES:
        raise TargetsError(
            f"y holds the class {largest}; there may be {MOST_CLASSES} classes; a regression has real y: {REALS}; "
            f"classes are numbered from 0: {NUMBERED}"
        )
    train, test = train.astype(np.int32), test.astype(np.int32)
    present = np.union1d(train, test).tolist()
    if largest < outputs:
        return _classes(train, test, stored_as, outputs)
    if len(present) > 1 and largest >= len(present):
        shown = [*map(str, present)] if len(present) < 5 else [*map(str, present[:3]), "...", str(present[-1])]
        raise TargetsError(
            f"y holds {len(present)} classes, {', '.join(shown)}; they are numbered 0 to {len(present) - 1} without a "
            f"gap: {NUMBERED}; a regression has real y: {REALS}"
        )
    return _classes(train, test, stored_as, largest + 1)


def _classes(train: np.ndarray, test: np.ndarray, stored_as: str, classes: int) -> Targets:
    if len(np.union1d(train, test)) < 2:
        raise TargetsError(
            f"y holds one class only; a classification needs at least two; a regression has real y: {REALS}"
        )
    return Targets(train=train.astype(np.int32), test=test.astype(np.int32), classes=classes, stored_as=stored_as)
