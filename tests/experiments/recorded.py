"""An experiment's analysis, and the tables of its README."""

from __future__ import annotations

import importlib.util
import re
from itertools import pairwise
from types import ModuleType

from tests.commands import ROOT


def analysis(experiment: str) -> ModuleType:
    """The module analyse.py of an experiment."""
    path = ROOT / "experiments" / experiment / "analyse.py"
    spec = importlib.util.spec_from_file_location(f"{experiment}_analyse", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(experiment: str, heading: str) -> list[list[str]]:
    """The cells of the README's table that begins with a heading; an empty first cell is as the one above."""
    text = (ROOT / "experiments" / experiment / "README.md").read_text()
    found = re.search(rf"^\| {re.escape(heading)}.*\n\|[ -|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found is not None
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    for above, own in pairwise(cells):
        own[0] = own[0] or above[0]
    return cells
