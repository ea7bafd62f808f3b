"""Rows as CSV files: frames written and read, and files as they stand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def written(frame: pd.DataFrame) -> bytes:
    """The frame as a CSV file; the same frame always gives the same bytes.

    Floats are written as float64 in the fewest digits that read back as the same float64 (a float32 is widened
    first, so nothing is lost); what is missing is an empty cell; lines end in LF.
    """
    exact = frame.astype({name: np.float64 for name in frame.columns if frame[name].dtype == np.float32})
    return exact.to_csv(index=False, lineterminator="\n").encode()


def lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    """A CSV file of plain values, float64 as `written` has it, without a frame; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def read(content: bytes, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """The frame of a CSV file of `written`; an empty cell of text is an empty text.

    dtypes: column -> pandas dtype. Raises ValueError when the file has other columns.
    """
    # Imported here: a command that finds everything stored makes no frame.
    import pandas as pd

    frame = pd.read_csv(
        io.BytesIO(content), dtype=dict(dtypes), keep_default_na=False, na_values=[""], lineterminator="\n"
    )
    if list(frame.columns) != list(dtypes):
        raise ValueError(f"its columns are not {', '.join(dtypes)}")
    text = [name for name, dtype in dtypes.items() if dtype == "str"]
    frame[text] = frame[text].fillna("")
    return frame


def joined(parts: Sequence[bytes]) -> bytes:
    """The rows of CSV files that have the same columns, one file after another."""
    header = parts[0].partition(b"\n")[0] + b"\n"
    return header + b"".join(part.removeprefix(header) for part in parts)


def texts(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file as they stand in it, by column."""
    return list(csv.DictReader(io.StringIO(content.decode())))
