"""The plots over the seeds of one configuration."""

from __future__ import annotations

import pandas as pd

from qcompare.core.archive import Files
from qcompare.report import plots
from qcompare.report.page import png


def draw(name: str, errors: pd.DataFrame, summary: pd.DataFrame) -> Files:
    """File name -> PNG: the differences, a route each, and how right every engine is.

    errors, summary: the rows of errors.csv and summary.csv.
    """
    drawn = {}
    for route in plots.compared_routes(errors):
        of_route = [frame[frame["route_b"] == route] for frame in (errors, summary)]
        drawn[f"{route}_seeds.png"] = png(plots.over_seeds(*of_route, title=f"{name}, route {route}"))
    drawn["labels.png"] = png(plots.against_labels(errors, summary, title=name))
    return drawn
