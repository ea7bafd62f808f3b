"""The `.ts` files of the UCR/UEA archive of time series.

A header of tags, each a line that begins with `@`; after `@data` a line for each sequence, its dimensions separated by
`:`, the values of each by `,`, the label last (as aeon's and sktime's documentation of the format has it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class TsError(ValueError):
    """The file cannot be used; the message is one line, with the number of the line that is wrong."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """What one file holds.

    sequences: float32 [steps, dimensions] each. labels: the label of each as it is written.
    classes: the labels that there are, in the order of the header; () where labels are real numbers.
    """

    sequences: list[np.ndarray]
    labels: list[str]
    classes: tuple[str, ...]


def read(path: Path) -> Series:
    """The sequences of a file. Raises TsError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TsError("cannot be read as text") from error
    tags, begin = _header(lines)
    classes = _classes(tags)
    sequences: list[np.ndarray] = []
    labels: list[str] = []
    for number, line in enumerate(lines[begin:], begin + 1):
        if not line.strip():
            continue
        *dimensions, label = line.split(":")
        sequence = _sequence(dimensions, number)
        _check(sequence, sequences, tags, number)
        sequences.append(sequence)
        labels.append(_label(label.strip(), classes, number))
    if not sequences:
        raise TsError("holds no sequence: a line for each follows after @data")
    return Series(sequences=sequences, labels=labels, classes=classes)


def _header(lines: Sequence[str]) -> tuple[dict[str, list[str]], int]:
    """The words of each tag by its name in lower case, and where the data begin."""
    tags: dict[str, list[str]] = {}
    for index, line in enumerate(lines):
        words = line.split()
        if words and words[0].startswith("@"):
            name = words[0][1:].lower()
            if name == "data":
                return tags, index + 1
            tags[name] = words[1:]
    raise TsError("has no line @data; a .ts file has a header of tags, then @data, then a line for each sequence")


def _says(tags: Mapping[str, Sequence[str]], name: str) -> bool:
    return [word.lower() for word in tags.get(name, [])[:1]] == ["true"]


def _classes(tags: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The labels that the header promises; () for real numbers. Raises TsError for what is not read."""
    if _says(tags, "timestamps"):
        raise TsError("@timeStamps true: values with time stamps are not read; write the values alone")
    if _says(tags, "targetlabel"):
        return ()
    classes = tuple(tags.get("classlabel", [])[1:])
    if not _says(tags, "classlabel") or len(set(classes)) < 2:
        raise TsError("without the labels of at least two classes in `@classLabel true ...`, nor `@targetLabel true`")
    return classes


def _sequence(dimensions: Sequence[str], number: int) -> np.ndarray:
    """float32 [steps, dimensions]. number: of the line."""
    if not dimensions:
        raise TsError(f"line {number} has no `:`; the label stands last, after a `:`")
    values = [text.split(",") for text in dimensions]
    if len({len(each) for each in values}) > 1:
        lengths = ", ".join(str(len(each)) for each in values)
        raise TsError(f"line {number} has dimensions of {lengths} values; a sequence has the same number in each")
    missing = sum(value.strip().lower() in ("?", "nan", "") for each in values for value in each)
    if missing:
        raise TsError(
            f"line {number} misses {missing} values (`?`, NaN or nothing); there is no option for missing values: fill "
            "them in, or take a problem without"
        )
    try:
        sequence = np.array(values, np.float64)
    except ValueError as error:
        raise TsError(f"line {number} holds something that is no number: {error}") from error
    if not (np.abs(sequence) <= np.finfo(np.float32).max).all():
        raise TsError(f"line {number} holds infinite values, or some too large for float32")
    return sequence.T.astype(np.float32)


def _check(sequence: np.ndarray, others: Sequence[np.ndarray], tags: Mapping[str, Sequence[str]], number: int) -> None:
    """Raises TsError for a sequence unlike the first one, or unlike what the header says."""
    steps, width = sequence.shape
    wanted = others[0].shape[1] if others else width
    if width != wanted:
        raise TsError(f"line {number} has {width} dimensions, the first one {wanted}; all need the same")
    promised = {"dimensions": width, "dimension": width}
    if _says(tags, "equallength"):
        promised["seriesLength"] = steps
        if others and steps != len(others[0]):
            raise TsError(f"@equalLength true, but line {number} has {steps} steps and the first one {len(others[0])}")
    for name, found in promised.items():
        if (words := tags.get(name.lower())) and words[0] != str(found):
            raise TsError(f"@{name} {words[0]}, but line {number} has {found}")


def _label(label: str, classes: Sequence[str], number: int) -> str:
    if classes and label not in classes:
        raise TsError(f"line {number} has the label '{label}', which @classLabel does not name")
    if not classes:
        try:
            finite = np.isfinite(np.float32(label))
        except ValueError:
            finite = False
        if not finite:
            raise TsError(f"line {number} has the target '{label}'; with @targetLabel true it is a finite number")
    return label
