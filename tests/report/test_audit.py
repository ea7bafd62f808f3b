"""The audit's tables: what shares a line, and how figures are said."""

import io
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from qcompare.report.audit import findings_table, operators_table


def frame(*rows):
    """Rows of (index, op, kernels, verdict, note), one float tensor each."""
    columns = ["index", "op", "kernels", "verdict", "note"]
    table = pd.DataFrame([dict(zip(columns, row, strict=True)) for row in rows])
    figures: dict[str, Any] = {
        f"{kind}_{figure}": pd.NA for kind in ("local", "accumulated") for figure in ("mismatches", "max_lsb")
    }
    return table.assign(tensor=[f"t{i}" for i in table["index"]], dtype="float32", n=200, output=False, **figures)


@pytest.fixture
def shown():
    """The lines of a table, blanks as one, without its head."""

    def show(table):
        written = io.StringIO()
        Console(width=200, file=written).print(table)
        lines = [" ".join(line.split()) for line in written.getvalue().splitlines()]
        return [line for line in lines[1:] if line and "─" not in line]

    return show


def test_operators_with_the_same_finding_share_a_line(shown):
    rows = frame(
        *((index, "DEQUANTIZE", "xnnpack", "unseen", "left out") for index in (0, 1, 2, 3, 5, 8, 9)),
        (4, "DEQUANTIZE", "xnnpack", "unseen", "another"),
        (6, "DEQUANTIZE", "reference", "unseen", "left out"),
        (6, "DEQUANTIZE", "xnnpack", "unseen", "left out"),
        (7, "TANH", "xnnpack", "unseen", "left out"),
    )
    assert shown(findings_table(rows)) == [
        "0-3, 5, 8-9 DEQUANTIZE xnnpack left out",
        "4 DEQUANTIZE xnnpack another",
        "6 DEQUANTIZE reference, xnnpack left out",
        "7 TANH xnnpack left out",
    ]


def test_what_is_explained_is_no_finding_but_shows_its_figures(shown):
    rows = frame((0, "FULLY_CONNECTED", "xnnpack", "amplified", "rule DYNAMIC"))
    rows = rows.assign(local_mismatches=0, accumulated_mismatches=200, output=True)
    assert findings_table(rows) is None
    assert shown(operators_table(rows, ["xnnpack"])) == [
        "FULLY_CONNECTED float32 1 local 0",
        "free 100 %",
        "model output, free 1 100 %",
    ]
