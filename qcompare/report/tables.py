"""Frames as CSV files and as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from qcompare.core.files import write_whole


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """The frame as a CSV file, whole or not at all; the same frame always gives the same bytes.

    Floats are written as float64 in the fewest digits that read back as the same float64 (a float32 is widened
    first, so nothing is lost); what is missing is an empty cell; lines end in LF.
    """
    exact = frame.astype({name: np.float64 for name in frame.columns if frame[name].dtype == np.float32})
    write_whole(path, exact.to_csv(index=False, lineterminator="\n").encode())


def read_csv(path: Path, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """A CSV file of `write_csv`, every float as it was written; an empty cell of text is an empty text.

    dtypes: column -> pandas dtype, such as `ERRORS_DTYPES`. Raises OSError when there is no such file and ValueError
    when it has other columns.
    """
    frame = pd.read_csv(path, dtype=dict(dtypes), keep_default_na=False, na_values=[""])
    if list(frame.columns) != list(dtypes):
        raise ValueError(f"{path}: its columns are not {', '.join(dtypes)}")
    text = [name for name, dtype in dtypes.items() if dtype == "str"]
    frame[text] = frame[text].fillna("")
    return frame


def summary_table(summary: pd.DataFrame) -> Table:
    """What differs, one line a pair: means over the seeds of the output's comparisons. Readable in 80 columns.

    summary: the rows of summary.csv. A dash stands for a figure that no seed has; an SQNR that only some seeds have
    says how many.
    """
    table = _table("Difference of the outputs, mean over the seeds")
    for heading in ("route", "a", "b"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "unequal", "max LSB", "SQNR dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for (route, a, b), metrics in _pairs(summary[summary["a"] != "labels"]):
        if previous not in (None, route):
            table.add_section()
        seeds = max(found["n"] for found in metrics.values())
        sqnr = metrics["sqnr_db"]
        some = f" ({sqnr['n']})" if 0 < sqnr["n"] < seeds else ""
        table.add_row(
            "" if route == previous else route,
            a,
            b,
            str(seeds),
            _percent(metrics["mismatch_rate"]["mean"]),
            _number(metrics["max_lsb"]["mean"], ".1f"),
            _number(sqnr["mean"], ".1f") + some,
        )
        previous = route
    return table


def labels_table(summary: pd.DataFrame) -> Table:
    """How right each engine is, one line an engine: accuracy, or for a regression the RMSE, over the seeds.

    summary: the rows of summary.csv, of which those against the labels are shown.
    """
    rows = summary[summary["a"] == "labels"]
    classification = bool((rows.loc[rows["metric"] == "top1_agreement", "n"] > 0).any())
    metric, title, form = ("top1_agreement", "Accuracy", ".4f") if classification else ("rmse", "RMSE", ".4g")
    table = _table(f"{title} against the labels")
    for heading in ("route", "engine"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "mean", "std", "min", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for (route, _, engine), metrics in _pairs(rows):
        if previous not in (None, route):
            table.add_section()
        found = metrics[metric]
        shown = [_number(found[name], form) for name in ("mean", "std", "min", "max")]
        table.add_row("" if route == previous else route, engine, str(found["n"]), *shown)
        previous = route
    return table


def _table(title: str) -> Table:
    return Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)


def _pairs(summary: pd.DataFrame) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """(route, a, b) and its statistics by metric, for the model's output, routes side by side."""
    output = summary[summary["scope"] == "output"].sort_values("route", kind="stable")
    return [
        (tuple(map(str, key)), {str(found["metric"]): found for found in group.to_dict("records")})
        for key, group in output.groupby(["route", "a", "b"], sort=False)
    ]


def _percent(share: float) -> str:
    """A share in percent; a rare mismatch is never shown as none."""
    if pd.isna(share):
        return "-"
    if share == 0:
        return "0 %"
    return "<0.01 %" if share < 0.0001 else f"{100 * share:.2f} %"


def _number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)
