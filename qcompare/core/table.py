"""Tables of rows that are dataclasses: columns and dtypes follow from the fields, and nowhere else are they named."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_type_hints

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Row = TypeVar("Row")
Source = TypeVar("Source")

DTYPES: dict[type, str] = {str: "str", int: "Int64", float: "float64", bool: "boolean", np.float32: "float32"}
"""Type of a field -> pandas dtype; all of them but text may be empty."""


@dataclass(frozen=True, kw_only=True)
class Table(Generic[Source, Row]):
    """A CSV file: its name, the dataclass of a row, and the rows of what it is made from."""

    file: str
    row: type[Row]
    rows: Callable[[Source], Iterable[Row]]

    @property
    def dtypes(self) -> dict[str, str]:
        """Column -> pandas dtype, in the order of the fields; a field that is a dataclass gives its own fields."""
        return dict(_columns(self.row))

    def made(self, source: Source) -> pd.DataFrame:
        """The frame of what the table is made from."""
        return self.frame(self.rows(source))

    def frame(self, rows: Iterable[Row]) -> pd.DataFrame:
        """Rows as a frame; None is an empty cell."""
        import pandas as pd

        columns = list(self.dtypes)
        flat = [list(values_of(row)) for row in rows]
        return pd.DataFrame(flat, columns=columns, dtype=object).astype(self.dtypes)


def _columns(row: Any) -> Iterator[tuple[str, str]]:
    hints = get_type_hints(row)
    for item in fields(row):
        kind = _plain(hints[item.name])
        if is_dataclass(kind):
            yield from _columns(kind)
        else:
            yield item.name, DTYPES[kind]


def _plain(kind: Any) -> Any:
    """X of `X | None`."""
    if isinstance(kind, types.UnionType):
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    return kind


def values_of(row: Any) -> Iterator[Any]:
    """The values of a row in the order of its table's columns."""
    for item in fields(row):
        value = getattr(row, item.name)
        if is_dataclass(value) and not isinstance(value, type):
            yield from values_of(value)
        else:
            yield value
