"""The dataset that a description asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qcompare.core.digest import file_digest
from qcompare.data.dataset import Dataset


def load(data: Mapping[str, Any]) -> Dataset:
    """data: the options of the group `data` as plain values, for data that are made here."""
    options = dict(data)
    match options.pop("name"):
        case "digits":
            from qcompare.data import digits

            return digits.rows(**options)
        case "digit_pixels":
            from qcompare.data import digits

            return digits.pixels(**options)
        case "sequence_sum":
            from qcompare.data import sequence_sum

            return sequence_sum.sequences(**options)
        case name:
            raise ValueError(f"data '{name}' is none that is made here")


def load_file(data: Mapping[str, Any], content: str) -> Dataset:
    """A file of the user's. content: its SHA-256. Raises DataFileError for one that cannot be used or has changed."""
    from qcompare.data import file

    options = {name: value for name, value in data.items() if name != "name"}
    path = Path(options.pop("file"))
    dataset = file.load(path, **options)
    if file_digest(path) != content:
        raise file.DataFileError(f"data.file={path}: the file was changed while the command ran; run it again")
    return dataset
