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
    "undefined": "undefined",
    "unseen": "not seen",
    "refused": "not run",
    "crashed": "not run",
}
"""Verdict -> how a cell says it. One of DIFFERING shows its figures."""

DIFFERING = ("differs", "amplified")

QUIET = ("exact", "close", "local", "amplified", "refused", "crashed")
"""Verdicts that are no finding about one operator."""


def operators_table(rows: pd.DataFrame, kernel_sets: Sequence[str]) -> Table:
    """One line a kind of operator and dtype with the number of its tensors, one column a kernel set, the free-running
    model's outputs below.

    rows: the columns of audit.csv, and `verdict` (a key of WORDS, or one of DIFFERING) and `output` (whether the
        tensor is an output of the model).
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
    """The operators that differ, are not emulated or not seen, the first SHOWN lines; None when there is none.

    rows: as in `operators_table`. Kernel sets with the same finding share a line, and so do operators of one kind with
    the same finding.
    """
    found = rows[~rows["verdict"].isin(QUIET)]
    if found.empty:
        return None
    kernels_of: dict[tuple[str, int, str, str], list[str]] = {}
    for at, row in found.iterrows():
        compared = [(kind, key) for kind, key in KINDS if pd.notna(row[f"{key}_mismatches"])]
        figures = [f"{kind} {_figures(found.loc[[at]], key)}" for kind, key in compared]
        text = "; ".join([*figures, *filter(None, [row["note"]])])
        kernels_of.setdefault((row["op"], int(row["index"]), row["tensor"], text), []).append(row["kernels"])
    lines: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for (op, index, _, text), kernels in kernels_of.items():
        lines.setdefault((op, text, tuple(kernels)), []).append(index)
    table = _table("operator", "kernels", "finding")
    for (op, text, together), indices in list(lines.items())[:SHOWN]:
        table.add_row(escape(f"{_ranges(indices)} {op}"), ", ".join(together), escape(text))
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


def _ranges(indices: Sequence[int]) -> str:
    """Such as `0-7, 9`."""
    runs: list[list[int]] = []
    for index in sorted(set(indices)):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _cell(rows: pd.DataFrame) -> str:
    lines = []
    differing = rows[rows["verdict"].isin(DIFFERING)]
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
    if compared["accumulated_mismatches"].sum():
        return _figures(compared, "accumulated")
    return "close" if compared["dtype"].str.startswith("float").any() else "exact"


def _figures(rows: pd.DataFrame, kind: str) -> str:
    """The share of unequal values among those compared and the largest difference in LSB, such as `0.42 % ≤1`."""
    compared = rows[rows[f"{kind}_mismatches"].notna()]
    if compared.empty:
        return "-"
    unequal, largest = int(compared[f"{kind}_mismatches"].sum()), compared[f"{kind}_max_lsb"].max()
    if unequal == 0:
        return "0"
    share = 100 * unequal / int(compared["n"].sum())
    shown = f"{share:.0f} %" if share >= 10 else f"{share:.2g} %" if share >= 0.01 else "<0.01 %"
    return shown if pd.isna(largest) else f"{shown} ≤{int(largest)}"
