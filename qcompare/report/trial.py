"""The plots of one seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcompare.core.archive import Files
from qcompare.report import plots
from qcompare.report.page import png

if TYPE_CHECKING:
    from qcompare.analysis.drawn import DrawnRoute


def draw(routes: Sequence[DrawnRoute]) -> Files:
    """File name -> PNG: for each route histograms of the differences and, where runtimes gave outputs, a scatter."""
    drawn = {}
    for route in routes:
        drawn[f"{route.route}_histograms.png"] = png(plots.error_histograms(route.histograms, title=route.title))
        if route.others:
            figure = plots.scatter(
                route.base, route.values, route.others, scale=route.lsb, title=route.title, beside=route.beside
            )
            drawn[f"{route.route}_scatter.png"] = png(figure)
    return drawn
