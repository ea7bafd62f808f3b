"""The plots of one seed, as files."""

import numpy as np

from qcompare.analysis.drawn import DrawnRoute
from qcompare.core.engine import DEQUANTIZED, MICRO, QAT
from qcompare.report import plots, trial
from qcompare.report.page import png

VALUES = np.array([[0.5, -1.0], [0.25, 2.0]])


def route(name, others):
    return DrawnRoute(
        route=name,
        title=f"lstm-int8, route {name}, seed 4",
        histograms={(QAT, DEQUANTIZED): (np.array([-1, 0]), np.array([1, 3]))},
        base=QAT,
        values=VALUES,
        others=others,
        lsb=0.25,
    )


def test_a_histogram_for_each_route_and_a_scatter_where_a_runtime_gave_outputs():
    run, without = route("trained", {MICRO: VALUES + 0.25}), route("after", {})
    files = trial.draw([run, without])
    assert list(files) == ["trained_histograms.png", "trained_scatter.png", "after_histograms.png"]
    for each in (run, without):
        page = plots.error_histograms(each.histograms, title=each.title)
        assert files[f"{each.route}_histograms.png"] == png(page)
    page = plots.scatter(QAT, VALUES, {MICRO: VALUES + 0.25}, scale=0.25, title="lstm-int8, route trained, seed 4")
    assert files["trained_scatter.png"] == png(page)


def test_no_route_is_no_file():
    assert trial.draw([]) == {}
