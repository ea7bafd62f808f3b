"""What an audit found, as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

SHOWN = 20
"""Findings in the terminal; the rest stand in audit.csv."""

WORDS = {
    "exact": "exact",
    "close": "close",
    "local": "local only",
    "uncovered": "not emulated",
    "unseen": "not seen",
    "refused": "not run",
}
"""Verdict -> how a cell says it. One that differs shows its figures."""

QUIET = ("exact", "close", "local", "refused")
"""Verdicts that are no finding about one operator."""


def operators_table(rows: pd.DataFrame, kernel_sets: Sequence[str]) -> Table:
    """One line a kind of operator and dtype with the number of its tensors, one column a kernel set, the free-running
    model's outputs below.

    rows: the columns of audit.csv, and `verdict` (a key of WORDS, or `differs`) and `output` (whether the tensor is an
        output of the model).
    """
    table = _table("operator", "no.", *kernel_sets)
    for (op, dtype), group in rows.groupby(["op", "dtype"], sort=False):
        cells = [_cell(group[group["kernels"] == kernels]) for kernels in kernel_sets]
        table.add_row(escape(f"{op} {dtype}"), str(group["tensor"].nunique()), *cells)
    table.add_section()
    outputs = rows[rows["output"]]
    cells = [_output_cell(outputs[outputs["kernels"] == kernels]) for kernels in kernel_sets]
    table.add_row("model output, free", str(outputs["tensor"].nunique()), *cells)
    return table


def findings_table(rows: pd.DataFrame) -> Table | None:
    """The operators that differ, are not emulated or not seen, the first SHOWN of them; None when there is none.

    rows: as in `operators_table`. Kernel sets with the same finding share a line.
    """
    found = rows[~rows["verdict"].isin(QUIET)]
    if found.empty:
        return None
    lines: dict[tuple[str, str, str], list[str]] = {}
    for at, row in found.iterrows():
        compared = [(kind, key) for kind, key in KINDS if pd.notna(row[f"{key}_mismatches"])]
        figures = [f"{kind} {_figures(found.loc[[at]], key)}" for kind, key in compared]
        text = "; ".join([*figures, *filter(None, [row["note"]])])
        lines.setdefault((f"{row['index']} {row['op']}", row["tensor"], text), []).append(row["kernels"])
    table = _table("operator", "kernels", "finding")
    for (operator, _, text), kernels in list(lines.items())[:SHOWN]:
        table.add_row(escape(operator), ", ".join(kernels), escape(text))
    if len(lines) > SHOWN:
        table.add_row("", "", f"and {len(lines) - SHOWN} more in audit.csv")
    return table


KINDS = (("local", "local"), ("free", "accumulated"))
"""The word in the terminal and the start of the column's name."""


def _table(first: str, *headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right" if heading == "no." else "left", overflow="fold")
    return table


def _cell(rows: pd.DataFrame) -> str:
    lines = []
    differing = rows[rows["verdict"] == "differs"]
    if len(differing):
        lines = [f"{kind} {_figures(differing, key)}" for kind, key in KINDS]
    for verdict, word in WORDS.items():
        count = int((rows["verdict"] == verdict).sum())
        if count:
            lines.append(word if count == len(rows) else f"{count} {word}")
    return "\n".join(lines)


def _output_cell(rows: pd.DataFrame) -> str:
    compared = rows[rows["accumulated_mismatches"].notna()]
    if compared.empty:
        return "-"
    return _figures(compared, "accumulated") if compared["accumulated_mismatches"].sum() else "exact"


def _figures(rows: pd.DataFrame, kind: str) -> str:
    """The share of unequal values among those compared and the largest difference in LSB, such as `0.42 % ≤1`."""
    compared = rows[rows[f"{kind}_mismatches"].notna()]
    if compared.empty:
        return "-"
    unequal, largest = int(compared[f"{kind}_mismatches"].sum()), compared[f"{kind}_max_lsb"].max()
    if unequal == 0:
        return "0"
    share = 100 * unequal / int(compared["n"].sum())
    shown = f"{share:.2g} %" if share >= 0.01 else "<0.01 %"
    return shown if pd.isna(largest) else f"{shown} ≤{int(largest)}"
