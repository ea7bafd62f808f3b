"""What the plots draw, read back from the figures, and the bytes of the files."""

import struct
import subprocess
import sys
from dataclasses import asdict

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from qcompare.analysis.figures import Figures, errors_frame
from qcompare.analysis.statistics import summarise
from qcompare.report.plots import COLOURS, MARKERS, against_labels, error_histograms, over_seeds, save_png, scatter


def row(seed, a="qat", b="interpreter:reference", route="qat", **figures):
    keys = {"model": "lstm", "quant": "int8", "lowering": "unrolled", "route": route, "a": a, "b": b}
    return keys | {"seed": seed, "scope": "output"} | asdict(Figures(n=100, non_finite=0)) | figures


def failed(seed, **keys):
    return row(seed, **keys) | asdict(Figures()) | {"note": "the converter crashed"}


def differing(seed, **keys):
    figures = {"mismatch_rate": 0.01 * (seed + 1), "max_lsb": seed + 1, "max_abs_error": 0.1, "sqnr_db": 40.0 + seed}
    return row(seed, **keys, **figures)


def exact(seed, **keys):
    return row(seed, **keys, mismatch_rate=0.0, max_lsb=0, max_abs_error=0.0)


def drawn(rows):
    errors = errors_frame(rows)
    return over_seeds(errors, summarise(errors), title="lstm int8")


def points(panel):
    """Every finite dot of a panel."""
    sets = [np.ma.filled(item.get_offsets(), np.nan) for item in panel.collections if isinstance(item, PathCollection)]
    found = np.concatenate(sets)
    return found[np.isfinite(found).all(axis=1)]


def dots(panel):
    """The finite x of every dot on a panel, by row."""
    rows = np.round(points(panel)[:, 1])
    return {number: sorted(points(panel)[rows == number, 0]) for number in set(rows)}


def medians(panel):
    return [item.get_segments()[0][0][0] for item in panel.collections if isinstance(item, LineCollection)]


def texts(panel):
    return [text.get_text() for text in panel.texts]


def test_every_seed_is_a_dot_and_the_median_is_the_summary_s():
    rows = [differing(seed, b=b) for seed in range(5) for b in ("interpreter:reference", "micro")]
    rate, largest, sqnr = drawn(rows).axes
    assert dots(rate) == {line: pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05]) for line in (0, 1)}
    assert dots(largest) == {line: [1, 2, 3, 4, 5] for line in (0, 1)}
    assert dots(sqnr) == {line: [40, 41, 42, 43, 44] for line in (0, 1)}
    assert medians(largest) == [3, 3]
    assert [label.get_text() for label in rate.get_yticklabels()] == ["qat vs interpreter:reference", "qat vs micro"]


def test_zero_and_exact_have_lanes_and_are_inside_the_axes():
    rate, largest, sqnr = drawn([exact(0), differing(1), differing(2)]).axes
    assert dots(rate)[0][0] == 0
    assert dots(largest)[0][0] == 0
    assert len(dots(sqnr)[0]) == 3
    for panel in (rate, largest, sqnr):
        low, high = panel.get_xlim()
        assert low < min(dots(panel)[0])
        assert max(dots(panel)[0]) < high
    assert sqnr.get_xticklabels()[-1].get_text() == "exact"
    # The exact seed has no SQNR, so a median of the other two would not be that of the seeds.
    assert len(medians(largest)) == 1
    assert medians(sqnr) == []


def test_all_exact_is_drawn():
    rate, _, sqnr = drawn([exact(seed) for seed in range(3)]).axes
    assert dots(rate) == {0: [0, 0, 0]}
    assert len(dots(sqnr)[0]) == 3
    assert [label.get_text() for label in sqnr.get_xticklabels()] == ["exact"]


def test_an_undefined_sqnr_of_a_zero_signal_is_not_called_exact():
    *_, sqnr = drawn([differing(0) | {"sqnr_db": None}, differing(1)]).axes
    assert dots(sqnr) == {0: [41]}


def test_a_pair_without_figures_says_so():
    rows = [differing(0), differing(1), failed(0, b="micro"), failed(1, b="micro")]
    rows += [row(0, b="interpreter:xnnpack", n=0, non_finite=100), differing(1, b="interpreter:xnnpack")]
    rate, *_ = drawn(rows).axes
    assert texts(rate) == ["no figures"]
    labels = [label.get_text() for label in rate.get_yticklabels()]
    assert labels == ["qat vs interpreter:reference", "qat vs micro (0 of 2)", "qat vs interpreter:xnnpack (1 of 2)"]


def test_a_route_without_figures_says_why():
    (panel,) = drawn([failed(0), failed(1)]).axes
    assert texts(panel) == ["no figures in any seed\nthe converter crashed"]


def test_one_seed_has_no_median():
    assert all(medians(panel) == [] for panel in drawn([differing(4)]).axes)


@pytest.mark.parametrize("metric", ["top1_agreement", "rmse"])
def test_engines_against_the_labels(metric):
    values = {"float": 0.9, "interpreter:reference": 0.8, "manual:reference": 0.7}
    rows = [
        row(0, "labels", engine, route, **{metric: value})
        for route in ("qat", "ptq")
        for engine, value in values.items()
    ]
    rows += [differing(0)]
    errors = errors_frame(rows)
    figure = against_labels(errors, summarise(errors), title="lstm int8")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["route ptq", "route qat"]
    for panel in figure.axes:
        assert dots(panel) == {0: [0.9], 1: [0.8], 2: [0.7]}
        assert [label.get_text() for label in panel.get_yticklabels()] == list(values)
    assert ("RMSE" in figure.axes[-1].get_xlabel()) == (metric == "rmse")


def test_histograms_show_every_count():
    figure = error_histograms(
        {
            ("qat", "interpreter:reference"): (np.array([-2, 0, 1]), np.array([1, 90, 9])),
            ("qat", "manual:reference"): (np.array([0]), np.array([100])),
            ("float", "micro"): (np.array([], int), np.array([], int)),
        },
        title="seed 0",
    )
    bars = [{bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in panel.patches} for panel in figure.axes]
    assert bars == [{-2: 1, 0: 90, 1: 9}, {0: 100}, {}]
    assert figure.axes[0].get_title(loc="left") == "interpreter:reference\nminus qat"
    assert texts(figure.axes[2]) == ["no figures"]
    solid, hollow = (panel.patches[0] for panel in figure.axes[:2])
    assert to_hex(solid.get_facecolor()) == to_hex(hollow.get_edgecolor()) == COLOURS["reference"].lower()
    assert to_hex(hollow.get_facecolor()) == "#ffffff"


def test_the_scatter_keeps_the_rare_point():
    values = np.zeros((1000, 2))
    outputs = values.copy()
    outputs[417, 1] = 0.75
    outputs[3, 0] = np.nan
    figure = scatter("qat", values, {"interpreter:reference": outputs, "micro": values}, scale=0.25, title="seed 0")
    found = [points(panel).tolist() for panel in figure.axes]
    assert found == [[[0, 0], [0, 0.75]], [[0, 0]], [[0, 0], [0, 3]], [[0, 0]]]


def test_each_kernel_set_has_its_own_colour_and_marker():
    assert set(COLOURS) == set(MARKERS)
    assert len(set(COLOURS.values())) == len(set(MARKERS.values())) == len(COLOURS)


def test_the_same_figure_gives_the_same_bytes_whatever_the_user_s_style(tmp_path):
    rows = [differing(seed) for seed in range(3)]
    save_png(drawn(rows), tmp_path / "a.png")
    with mpl.rc_context({"font.size": 30, "figure.facecolor": "red", "savefig.dpi": 7, "lines.linewidth": 9}):
        save_png(drawn(rows), tmp_path / "b.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert chunks(content) <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def chunks(png):
    """The kinds of chunk in a PNG: text chunks would hold versions or dates."""
    kinds, at = set(), 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        kinds.add(kind)
        at += 12 + size
    return kinds


def test_no_pyplot_and_no_tensorflow_is_imported():
    program = (
        "import qcompare.report.plots, qcompare.report.tables, qcompare.analysis.statistics, sys; print(*sys.modules)"
    )
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib.pyplot", "tensorflow", "tf_keras", "keras"} & set(modules)
