"""The texts that the report is rendered from; what is stored of a report depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

REPORT, ANSWERS = "report.html", "answers.txt"
"""What a page is: the file, and the answers alone, a line each, as the terminal has them."""


@cache
def templates() -> Mapping[str, str]:
    """File name -> text, of every template and style beside this module."""
    folder = files(__package__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith((".jinja", ".css")))
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}
