"""The stages that give a table its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from qcompare.core.stage import Codec, Stage
from qcompare.core.table import Table
from qcompare.report import csv

if TYPE_CHECKING:
    import pandas as pd

Source = TypeVar("Source")


def rows(table: Table[Source, Any], source: Stage[Source], *, kept: bool = True) -> Stage[pd.DataFrame]:
    """The rows of a table. kept: whether they are stored."""
    codec = Codec(
        dump=lambda frame: {table.file: csv.written(frame)},
        load=lambda files: csv.read(files[table.file], table.dtypes),
    )
    return Stage(
        name=f"rows of {table.file}",
        compute=table.made,
        inputs={"source": source},
        codec=codec if kept else None,
        source=table.rows.__module__,
    )


def no_rows(table: Table[Any, Any]) -> Stage[pd.DataFrame]:
    """The rows of a table that has none."""
    return Stage(name=f"no rows of {table.file}", compute=_empty, inputs={"dtypes": table.dtypes}, codec=None)


def _empty(dtypes: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=list(dtypes), dtype=object).astype(dict(dtypes))
