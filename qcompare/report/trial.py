"""The plots of one seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcompare.core.archive import Files
from qcompare.report.histograms import error_histograms
from qcompare.report.page import files
from qcompare.report.scatter import scatter

if TYPE_CHECKING:
    from qcompare.analysis.drawn import DrawnRoute


def draw(routes: Sequence[DrawnRoute], for_paper: bool) -> Files:
    """File name -> plot: for each route histograms of the differences and, where runtimes gave outputs, a scatter.
    for_paper: as PDF too."""
    drawn: dict[str, bytes] = {}
    for of in routes:
        histograms = error_histograms(of.histograms, title=of.title, about=of.about)
        drawn |= files(f"{of.route}_histograms", histograms, for_paper=for_paper)
        if of.others:
            page = scatter(
                of.base, of.values, of.others, scale=of.lsb, title=of.title, about=of.about, beside=of.beside
            )
            drawn |= files(f"{of.route}_scatter", page, for_paper=for_paper)
    return drawn
