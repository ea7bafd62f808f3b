"""The plots of one seed, as files."""

import numpy as np

from qcompare.analysis.drawn import DrawnRoute
from qcompare.core.engine import DEQUANTIZED, MICRO, QAT
from qcompare.report import trial
from qcompare.report.histograms import error_histograms
from qcompare.report.page import pdf, png
from qcompare.report.scatter import scatter

VALUES = np.array([[0.5, -1.0], [0.25, 2.0]])


def route(name, others):
    return DrawnRoute(
        route=name,
        title=f"lstm-int8, route {name}, seed 4",
        about="data digits, 2 test samples",
        histograms={(QAT, DEQUANTIZED): (np.array([-1, 0]), np.array([1, 3]))},
        base=QAT,
        values=VALUES,
        others=others,
        lsb=0.25,
    )


def test_a_histogram_for_each_route_and_a_scatter_where_a_runtime_gave_outputs():
    run, without = route("trained", {MICRO: VALUES + 0.25}), route("after", {})
    files = trial.draw([run, without], for_paper=False)
    assert list(files) == ["trained_histograms.png", "trained_scatter.png", "after_histograms.png"]
    for each in (run, without):
        page = error_histograms(each.histograms, title=each.title, about=each.about)
        assert files[f"{each.route}_histograms.png"] == png(page)
    page = scatter(QAT, VALUES, {MICRO: VALUES + 0.25}, scale=0.25, title=run.title, about=run.about)
    assert files["trained_scatter.png"] == png(page)
    both = trial.draw([run], for_paper=True)
    assert list(both) == [
        f"trained_{kind}" for kind in ("histograms.png", "histograms.pdf", "scatter.png", "scatter.pdf")
    ]
    assert both["trained_scatter.pdf"] == pdf(page)


def test_no_route_is_no_file():
    assert trial.draw([], for_paper=True) == {}
