"""A table's columns and dtypes follow from the fields of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from qcompare.core.comparison import Side
from qcompare.core.engine import DEQUANTIZED, LABELS, interpreter
from qcompare.core.key import RowKey
from qcompare.core.table import Table, values_of
from qcompare.core.tap import OUTPUT, Tap


@dataclass(frozen=True)
class Place:
    name: str
    floor: int | None = None


@dataclass(frozen=True)
class Row:
    place: Place
    count: int
    share: float | None = None
    scale: np.float32 | None = None
    exact: bool | None = None
    text: str = ""


def rows_of(names):
    return (Row(Place(name), len(name)) for name in names)


TABLE = Table(file="rows.csv", row=Row, rows=rows_of)
FULL = Row(Place("attic", 3), 7, 0.25, np.float32(0.1), True, "dusty")


def test_columns_stand_in_the_order_of_the_fields_those_of_a_part_in_its_place():
    assert list(TABLE.dtypes.items()) == [
        ("name", "str"),
        ("floor", "Int64"),
        ("count", "Int64"),
        ("share", "float64"),
        ("scale", "float32"),
        ("exact", "boolean"),
        ("text", "str"),
    ]
    assert list(values_of(FULL)) == ["attic", 3, 7, 0.25, np.float32(0.1), True, "dusty"]


def test_a_frame_has_the_columns_and_dtypes_whatever_the_rows():
    for rows in ([], [FULL], [Row(Place("cellar"), 0)], [FULL, Row(Place("cellar"), 0)]):
        frame = TABLE.frame(iter(rows))
        assert len(frame) == len(rows)
        assert [(name, str(dtype)) for name, dtype in frame.dtypes.items()] == list(TABLE.dtypes.items())


def test_none_is_an_empty_cell_and_empty_text_is_text():
    frame = TABLE.frame([FULL, Row(Place("cellar"), 0)])
    assert frame.loc[1, ["floor", "share", "scale", "exact"]].isna().all()
    assert frame["floor"].tolist() == [3, pd.NA]
    assert frame["text"].tolist() == ["dusty", ""]
    assert not frame.loc[0].isna().any()


def test_values_are_kept_as_they_are():
    large = 2**53 + 1
    awkward = np.nextafter(np.float32(0.1), np.float32(1))
    frame = TABLE.frame([Row(Place("attic", -large), large, 5e-324, awkward, False)])
    assert (frame["count"][0], frame["floor"][0]) == (large, -large)
    assert frame["share"][0] == 5e-324
    assert frame["scale"].to_numpy().view(np.int32) == awkward.view(np.int32)
    assert frame["exact"].tolist() == [False]


def test_the_frame_is_made_of_the_rows_of_what_the_table_is_made_from():
    made = TABLE.made(["attic", "cellar"])
    pd.testing.assert_frame_equal(made, TABLE.frame(rows_of(["attic", "cellar"])))
    assert made["count"].tolist() == [5, 6]


def test_a_field_of_a_type_that_has_no_dtype_is_refused():
    @dataclass(frozen=True)
    class Odd:
        numbers: list = field(default_factory=list)

    with pytest.raises(KeyError, match="list"):
        _ = Table(file="odd.csv", row=Odd, rows=lambda source: ()).dtypes


def test_the_key_of_a_row_names_both_sides_and_the_tap():
    a, b = Side("", LABELS), Side("ptq", interpreter("xnnpack"))
    assert RowKey.of("lstm-int8", 3, a, b, OUTPUT) == RowKey(
        configuration="lstm-int8",
        seed=3,
        route_a="",
        engine_a="labels",
        route_b="ptq",
        engine_b="interpreter:xnnpack",
        tap="output",
        step=None,
    )
    key = RowKey.of("lstm-int8", 3, Side("qat", DEQUANTIZED), b, Tap("recurrent_0/h", 0))
    assert (key.route_a, key.engine_a, key.tap, key.step) == ("qat", "manual:dequantized", "recurrent_0/h", 0)
