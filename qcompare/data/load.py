"""The dataset that a description asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qcompare.core.digest import files_digest
from qcompare.core.ends import Ends
from qcompare.data.dataset import Dataset
from qcompare.data.error import DataFileError
from qcompare.data.shape import ShapeError, shaped


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


def load_files(data: Mapping[str, Any], files: Sequence[str], content: str, ends: Ends | None = None) -> Dataset:
    """Data of files. data: as for `load`. files: their paths. content: their digest. ends: of a model
    that asks for them. Raises DataFileError for files that cannot be used, do not fit or have changed."""
    from qcompare.data import file, mnist, ucr

    paths = [Path(text) for text in files]
    options = {name: value for name, value in data.items() if name not in ("name", "file", "path")}
    match data["name"]:
        case "file":
            dataset = file.load(*paths, **options, ends=ends)
        case "ucr":
            dataset = ucr.load(*paths, **options)
        case "mnist":
            dataset = mnist.load(*paths, **options)
        case name:
            raise ValueError(f"data '{name}' is not read from files")
    if ends is not None:
        try:
            dataset = shaped(dataset, ends.shape)
        except ShapeError as error:
            raise DataFileError(f"data={data['name']}: {paths[0]}: {error}") from error
    if files_digest(paths) != content:
        raise DataFileError(f"data={data['name']}: {paths[0]} was changed while the command ran; run it again")
    return dataset
