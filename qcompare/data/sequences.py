"""Sequences of different lengths: how they are stored, and how they become arrays of one length.

Every shorter sequence gets zeros in front, in training and in every model of a fixed number of steps alike: the
network reads them as any other input, so that no engine needs a mask, and the last step stays the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LENGTHS = ("lengths_train", "lengths_test")
"""The arrays of an .npz that say how many steps of each padded sequence are its own."""


class SequencesError(ValueError):
    """The sequences cannot be used; the message is one line, with NumPy that mends it between backquotes."""


Sequences = np.ndarray | Sequence[np.ndarray]
"""Numbers [steps, features], so many times."""

Lengths = tuple[np.ndarray, np.ndarray]
"""Of training and of test: int64 [samples], the steps that are a sequence's own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Padded:
    """train, test: float32 [samples, longest, features], shorter sequences with zeros in front.

    lengths: None where all are equal.
    """

    train: np.ndarray
    test: np.ndarray
    lengths: Lengths | None


def padded(train: Sequences, test: Sequences) -> Padded:
    """Sequences [steps, features] as arrays whose steps are those of the longest of both parts."""
    own = [np.array([len(sequence) for sequence in part], np.int64) for part in (train, test)]
    longest = max(int(lengths.max()) for lengths in own)
    equal = all((lengths == longest).all() for lengths in own)
    x_train, x_test = (_in_front(part, longest) for part in (train, test))
    return Padded(train=x_train, test=x_test, lengths=None if equal else (own[0], own[1]))


def _in_front(sequences: Sequences, steps: int) -> np.ndarray:
    x = np.zeros((len(sequences), steps, sequences[0].shape[1]), np.float32)
    for row, sequence in zip(x, sequences, strict=True):
        row[steps - len(sequence) :] = sequence
    return x


def cut(train: np.ndarray, test: np.ndarray, shortest: int | None, split_seed: int) -> Padded:
    """Sequences [samples, steps, features] cut to their first steps, how many of each is drawn from `shortest` on.

    None cuts nothing.
    """
    if shortest is None:
        return Padded(train=train, test=test, lengths=None)
    generator = np.random.default_rng([split_seed, 3])
    return padded(
        *(
            [
                x[:steps]
                for x, steps in zip(part, generator.integers(shortest, part.shape[1] + 1, len(part)), strict=True)
            ]
            for part in (train, test)
        )
    )


def of_objects(name: str, array: np.ndarray) -> list[np.ndarray]:
    """The sequences of an array of objects, each an array or lists of numbers [steps, features]. Raises
    SequencesError."""
    sequences = [_numbers(f"{name}[{index}]", entry) for index, entry in enumerate(array)]
    for index, sequence in enumerate(sequences):
        if sequence.ndim == 1:
            mend = f"`{name}[:] = [np.reshape(s, (-1, 1)) for s in {name}]` is 1 feature a step"
            raise SequencesError(f"{name}[{index}] has shape {sequence.shape}; it must be [steps, features]: {mend}")
        if sequence.ndim != 2 or 0 in sequence.shape:
            raise SequencesError(
                f"{name}[{index}] has shape {sequence.shape}; it must be [steps, features], at least one of each"
            )
    widths = sorted({sequence.shape[1] for sequence in sequences})
    if len(widths) > 1:
        raise SequencesError(f"{name} holds sequences of {widths[0]} and of {widths[-1]} features; all need the same")
    return sequences


def _numbers(name: str, entry: Any) -> np.ndarray:
    try:
        array = np.asarray(entry)
        if array.dtype == object:
            array = np.asarray(array.tolist())
    except ValueError as error:
        raise SequencesError(f"{name} is no array [steps, features]: its steps differ in width") from error
    if array.dtype.kind not in "biuf":
        raise SequencesError(f"{name} holds no numbers; each sequence is an array of numbers [steps, features]")
    return array


def of_lengths(name: str, x: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """The sequences of a padded array [samples, steps, features], whose zeros stand at the end or in front.

    lengths: whole numbers [samples], the steps that are a sequence's own. Raises SequencesError.
    """
    own = f"lengths_{name[2:]}"
    samples, steps, _ = x.shape
    if lengths.shape != (samples,) or lengths.dtype.kind not in "iu":
        raise SequencesError(
            f"{own} has shape {lengths.shape} and dtype {lengths.dtype}; it must be one whole number for each of "
            f"the {samples} samples"
        )
    if lengths.min() < 1 or lengths.max() > steps:
        raise SequencesError(
            f"{own} holds {lengths.min()} to {lengths.max()}; a length is from 1 to the {steps} steps of {name}"
        )
    step = np.arange(steps)
    counts = lengths.astype(np.int64)[:, np.newaxis]
    other = (x != 0).any(axis=2)
    if not (other & (step < steps - counts)).any():
        return [sample[steps - count :] for sample, (count,) in zip(x, counts, strict=True)]
    if not (other & (step >= counts)).any():
        return [sample[:count] for sample, (count,) in zip(x, counts, strict=True)]
    mend = f"{name}[np.arange({steps}) >= {own}[:, np.newaxis]] = 0"
    raise SequencesError(
        f"{name} is not zero beyond {own}, neither at the end nor in front; `{mend}` where a sequence's own steps "
        "come first"
    )
