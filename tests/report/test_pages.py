"""What the plots draw, read back from the pages, and the bytes of the files."""

import io
import re
import struct
import subprocess
import sys
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from qcompare.core.engine import EngineId
from qcompare.core.tap import Tap
from qcompare.report.histograms import error_histograms
from qcompare.report.looks import COLOURS, MARKERS
from qcompare.report.page import MANY, TICK, Dots, Lines, Polygons, Words, pdf, png, text_width
from qcompare.report.scales import FEWEST_SAMPLES, accuracy_ends
from qcompare.report.scatter import scatter
from qcompare.report.seed_rows import BAND, LINK
from qcompare.report.seeds import BORDER, against_labels, compared_routes, over_seeds
from tests import rows as by_hand
from tests.rows import errors_of, summary_of


def row(seed, *keys, **described):
    return by_hand.row(seed, *keys, **{"n": 100, "non_finite": 0} | described)


def failed(seed, **keys):
    return by_hand.row(seed, **keys)


def differing(seed, *keys, **described):
    figures = {"mismatch_rate": 0.01 * (seed + 1), "max_lsb": seed + 1, "max_abs_error": 0.1, "sqnr_db": 40.0 + seed}
    return row(seed, *keys, **figures | described)


def exact(seed, **keys):
    return row(seed, **keys, mismatch_rate=0.0, max_lsb=0, max_abs_error=0.0)


def drawn(rows):
    return over_seeds(errors_of(rows), summary_of(rows), title="lstm int8")


def beside_labels(rows):
    return against_labels(errors_of(rows), summary_of(rows), title="lstm int8")


def panels_of(page):
    """The panels that are no part of a legend."""
    return [panel for panel in page.panels if panel.framed]


def marks(panel, kind):
    return [mark for mark in panel.marks if isinstance(mark, kind)]


def points(panel):
    """Every dot of a panel."""
    return np.concatenate([np.stack([mark.x, mark.y], axis=1) for mark in marks(panel, Dots)])


def value(panel, x):
    """What stands at x of a panel over the seeds."""
    if panel.x.label == "SQNR (dB)":
        return x
    zero = min(at for at, text in panel.x.ticks.items() if text == "0")
    return 0 if x == zero else 10**x


def dots(panel):
    """The values of every dot on a panel, by row."""
    found: dict[Any, Any] = {}
    for x, y in points(panel):
        found.setdefault(round(y), []).append(value(panel, x))
    return {row: sorted(values) for row, values in found.items()}


def means(panel):
    """The values at the black lines."""
    lines = [mark.points for mark in marks(panel, Lines) if mark.colour == "black"]
    return [value(panel, line[0, 0]) for line in np.concatenate(lines)] if lines else []


def texts(panel):
    return [mark.text for mark in marks(panel, Words)]


def labels(axis):
    """The labels of an axis' ticks from its low to its high end."""
    return [axis.ticks[at] for at in sorted(axis.ticks)]


def engines(by_name):
    """The same mapping with engines in place of their names."""
    return {
        tuple(map(EngineId.parse, name)) if isinstance(name, tuple) else EngineId.parse(name): item
        for name, item in by_name.items()
    }


def links(panel):
    """The lines that join the dots of a seed: from (value, row), to (value, row)."""
    lines = [mark.points for mark in marks(panel, Lines) if mark.colour == LINK]
    ends = np.concatenate(lines).tolist() if lines else []
    return [[(value(panel, x), round(y)) for x, y in line] for line in ends]


def test_every_seed_is_a_dot_and_the_mean_and_its_interval_are_the_summary_s():
    rows = [differing(seed, b=b) for seed in range(5) for b in ("interpreter:reference", "micro")]
    rate, largest, sqnr = panels_of(drawn(rows))
    assert dots(rate) == {line: pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05]) for line in (0, 1)}
    assert dots(largest) == {line: pytest.approx([1, 2, 3, 4, 5]) for line in (0, 1)}
    assert dots(sqnr) == {line: [40, 41, 42, 43, 44] for line in (0, 1)}
    assert means(largest) == pytest.approx([3, 3])
    summary = summary_of(rows)
    own = summary[summary["metric"] == "max_lsb"].iloc[0]
    (bands,) = [mark.corners for mark in marks(largest, Polygons) if mark.face == BAND]
    assert [value(largest, x) for x in np.unique(bands[..., 0])] == pytest.approx([own["ci95_low"], own["ci95_high"]])
    assert len(bands) == 2
    assert labels(rate.y) == ["qat vs interpreter:reference", "qat vs micro"]


def test_zero_and_exact_have_lanes_and_are_inside_the_axes():
    rate, largest, sqnr = panels_of(drawn([exact(0), differing(1), differing(2)]))
    assert dots(rate)[0][0] == 0
    assert dots(largest)[0][0] == 0
    assert len(dots(sqnr)[0]) == 3
    for panel in (rate, largest, sqnr):
        assert panel.x.low < points(panel)[:, 0].min()
        assert points(panel)[:, 0].max() < panel.x.high
        (lane,) = panel.under
        inside = [lane.corners[..., 0].min() < x < lane.corners[..., 0].max() for x in points(panel)[:, 0]]
        assert sum(inside) == 1
    assert labels(sqnr.x)[-1] == "exact"
    # The exact seed has no SQNR, so a mean of the other two would not be that of the seeds.
    assert len(means(largest)) == 1
    assert means(sqnr) == []


def test_lines_join_the_dots_of_a_seed_in_rows_of_one_kind():
    rows = [row(seed, b=b, max_lsb=1 + seed + (b == "micro"), max_abs_error=0.1, mismatch_rate=0.1, sqnr_db=40.0)
            for seed in range(3) for b in ("interpreter:reference", "micro")]  # fmt: skip
    rows += [differing(seed, "float", "micro") for seed in range(3)] + [failed(3, b="micro")]
    _, largest, _ = panels_of(drawn(rows))
    found = sorted(links(largest))
    assert [[place for _, place in line] for line in found] == [[0, 1]] * 3
    assert [x for line in found for x, _ in line] == pytest.approx([1, 2, 2, 3, 3, 4])


def test_what_lanes_lines_and_bands_are_is_told():
    page = drawn([exact(0), differing(1), differing(0, b="micro"), differing(1, b="micro")])
    told = " ".join(words.text for words in page.words)
    assert "0 is no unequal integer" in told
    assert "exact is every output equal" in told
    assert "95 % interval" in told
    assert "join the same seed" in told
    told = " ".join(words.text for words in drawn([differing(0)]).words)
    assert "interval" not in told
    assert "join" not in told
    assert "exact" not in told


def test_all_exact_is_drawn():
    rate, _, sqnr = panels_of(drawn([exact(seed) for seed in range(3)]))
    assert dots(rate) == {0: [0, 0, 0]}
    assert len(dots(sqnr)[0]) == 3
    assert labels(sqnr.x) == ["exact"]


def test_an_undefined_sqnr_of_a_zero_signal_is_not_called_exact():
    *_, sqnr = panels_of(drawn([differing(0, sqnr_db=None), differing(1)]))
    assert dots(sqnr) == {0: [41]}


def test_a_pair_without_figures_says_so():
    rows = [differing(0), differing(1), failed(0, b="micro"), failed(1, b="micro")]
    rows += [row(0, b="interpreter:xnnpack", n=0, non_finite=100), differing(1, b="interpreter:xnnpack")]
    rate, *_ = panels_of(drawn(rows))
    assert texts(rate) == ["no figures"]
    assert labels(rate.y) == [
        "qat vs interpreter:reference",
        "qat vs micro (0 of 2)",
        "qat vs interpreter:xnnpack (1 of 2)",
    ]


def test_a_route_without_figures_says_why():
    page = drawn([failed(0), failed(1)])
    assert [words.text for words in page.words] == ["no figures in any seed: findings.csv says why"]
    page = beside_labels([failed(0, a="labels"), failed(1, a="labels")])
    assert [words.text for words in page.words] == ["no figures in any seed: findings.csv says why"]


def test_only_the_output_is_drawn():
    inner = [differing(seed, tap=Tap("recurrent_0/h", step)) for seed in range(2) for step in range(3)]
    rate, *_ = panels_of(drawn([*inner, exact(0), exact(1)]))
    assert dots(rate) == {0: [0, 0]}
    truth = [row(0, "labels", top1_agreement=0.5), row(0, "labels", tap=Tap("recurrent_0/h"), top1_agreement=0.1)]
    (panel,) = panels_of(beside_labels(truth))
    assert points(panel).tolist() == [[50, 0]]


def test_pairs_of_one_kind_stand_between_lines():
    kinds = [("qat", "interpreter:reference"), ("qat", "micro"), ("manual:micro", "micro"), ("float", "micro")]
    for panel in panels_of(drawn([differing(0, *pair) for pair in kinds])):
        borders = [mark.points for mark in marks(panel, Lines) if mark.colour == BORDER]
        assert np.concatenate(borders)[:, 0, 1].tolist() == [1.5, 2.5]


def test_a_runtime_against_its_own_arithmetic_is_another_kind():
    pairs = [("manual:micro", "micro"), ("manual:dequantized", "micro")]
    panel, *_ = panels_of(drawn([differing(0, *pair) for pair in pairs]))
    borders = [mark.points for mark in marks(panel, Lines) if mark.colour == BORDER]
    assert np.concatenate(borders)[:, 0, 1].tolist() == [0.5]


def test_a_runtime_on_another_route_is_told_apart():
    pair = ("interpreter:reference", "interpreter:reference")
    rows = [differing(0, *pair, beside="ptq"), differing(0, *pair, beside="other")]
    rows += [differing(0, "qat", pair[1], beside="other")]
    rate, *_ = panels_of(drawn(rows))
    assert [rate.y.ticks[at] for at in sorted(rate.y.ticks)] == [
        "ptq interpreter:reference vs interpreter:reference",
        "other interpreter:reference vs interpreter:reference",
        "qat vs interpreter:reference",
    ]


def test_routes_are_drawn_that_compare_more_than_the_labels():
    rows = [
        row(0, "labels", "float", "float"),
        differing(0, route="qat"),
        differing(0, "float", route="ptq"),
        row(0, "labels", "micro", "device"),
        row(0, "labels", "micro", "ptq"),
        differing(1, route="qat"),
    ]
    assert compared_routes(errors_of(rows)) == ["qat", "ptq"]
    assert compared_routes(errors_of([])) == []


def test_one_seed_has_no_mean():
    assert all(means(panel) == [] for panel in panels_of(drawn([differing(4)])))


@pytest.mark.parametrize("metric", ["top1_agreement", "rmse"])
def test_engines_against_the_labels(metric):
    values = {"float": 0.9, "interpreter:reference": 0.8, "manual:reference": 0.7}
    rows = [
        row(0, "labels", engine, route, **{metric: value})
        for route in ("qat", "ptq")
        for engine, value in values.items()
    ]
    rows += [differing(0)]
    (panel,) = panels_of(beside_labels(rows))
    times = 1 if metric == "rmse" else 100
    found = [times * value for value in values.values()] * 2
    assert {round(y): x for x, y in points(panel)} == pytest.approx(dict(enumerate(found)))
    assert labels(panel.y) == [f"{route} {engine}" for route in ("ptq", "qat") for engine in values]
    assert ("RMSE" in panel.x.label) == (metric == "rmse")
    borders = [mark.points for mark in marks(panel, Lines) if mark.colour == BORDER]
    assert np.concatenate(borders)[:, 0, 1].tolist() == [2.5]


def test_seeds_are_joined_over_all_routes():
    rows = [row(seed, "labels", "float", "float", top1_agreement=0.5 + 0.1 * seed) for seed in range(2)]
    rows += [row(seed, "labels", "micro", route, top1_agreement=0.4) for route in ("ptq", "qat") for seed in range(2)]
    (panel,) = panels_of(beside_labels(rows))
    lines = np.concatenate([mark.points for mark in marks(panel, Lines) if mark.colour == LINK])
    assert lines[..., 0].tolist() == pytest.approx(np.array([[50, 40], [60, 40], [40, 40], [40, 40]]))
    assert labels(panel.y)[0] == "float"


@pytest.mark.parametrize(
    ("values", "samples"),
    [([0.9], 100), ([1.0], 100), ([0.0], 100), ([0.99, 1.0], 360), ([0.2, 0.9], 50), ([0.5], 10), ([0.97], 10_000)],
)
def test_one_sample_is_no_cliff(values, samples):
    low, high = accuracy_ends(np.array(values), samples)
    assert low < min(values)
    assert max(values) < high
    assert high - low >= min(1, FEWEST_SAMPLES / samples)
    assert low > -0.06
    assert high < 1.06


def test_an_axis_of_accuracies_says_what_one_sample_is():
    (panel,) = panels_of(beside_labels([row(0, "labels", top1_agreement=0.9725, n=400)]))
    assert panel.x.label == "accuracy (%; one of 400 samples is 0.25)"
    assert all(0 <= at <= 100 for at in panel.x.ticks)


def test_histograms_show_every_count():
    page = error_histograms(
        engines(
            {
                ("qat", "interpreter:reference"): (np.array([-2, 0, 1]), np.array([1, 90, 9])),
                ("qat", "manual:reference"): (np.array([0]), np.array([100])),
                ("float", "micro"): (np.array([], int), np.array([], int)),
            }
        ),
        title="seed 0",
    )
    bars = [
        {(box[0, 0] + box[2, 0]) / 2: 10 ** box[2, 1] for mark in marks(panel, Polygons) for box in mark.corners}
        for panel in page.panels
    ]
    assert bars == [pytest.approx({-2: 1, 0: 90, 1: 9}), pytest.approx({0: 100}), {}]
    assert [panel.title for panel in page.panels] == ["interpreter:reference", "manual:reference", "micro"]
    assert [words.text for words in page.words][:2] == ["minus qat", "minus float"]
    assert texts(page.panels[2]) == ["no figures"]
    solid, hollow = (marks(panel, Polygons)[0] for panel in page.panels[:2])
    assert solid.face == hollow.edge == COLOURS["reference"]
    assert hollow.face == "white"


def test_histograms_of_differences_from_one_engine_share_their_range():
    counts = {reach: (np.array([-reach, 0]), np.array([1, 9])) for reach in (1, 7, 40)}
    pairs = {
        ("float", "micro"): counts[40],
        ("qat", "interpreter:reference"): counts[1],
        ("manual:reference", "interpreter:reference"): counts[1],
        ("qat", "micro"): counts[7],
        ("manual:micro", "micro"): counts[1],
        ("manual:dequantized", "micro"): counts[1],
    }
    page = error_histograms(engines(pairs), title="seed 0")
    headings = [words.text for words in page.words[:-2]]
    assert headings == ["minus float", "minus qat", "minus manual in the same arithmetic", "minus manual:dequantized"]
    ends = [panel.x.high for panel in page.panels]
    assert ends == pytest.approx([41, 7.8, 7.8, 3.8, 3.8, 3.8])
    assert len({(panel.y.low, panel.y.high) for panel in page.panels}) == 1


def test_the_scatter_keeps_the_rare_point():
    values = np.zeros((1000, 2))
    outputs = values.copy()
    outputs[417, 1] = 0.75
    outputs[3, 0] = np.nan
    others = engines({"interpreter:reference": outputs, "micro": values})
    page = scatter(EngineId.parse("qat"), values, others, scale=0.25, title="seed 0")
    found = [points(panel).tolist() for panel in panels_of(page)]
    assert found == [[[0, 0], [0, 0.75]], [[0, 0]], [[0, 0], [0, 3]], [[0, 0]]]


LONG = ("manual:dequantized@aarch64", "interpreter:reference@aarch64")


def counted(rng, reach):
    return np.unique(np.round(rng.normal(0, reach / 3, 2000)).astype(int), return_counts=True)


def some_pages():
    """Pages of every kind, of few and of many panels, with long names and awkward values."""
    rng = np.random.default_rng(0)
    pages = {}
    for count, reach in ((1, 1), (3, 70000), (7, 300), (20, 40)):
        pairs = {(LONG[0], f"interpreter:kernels{n}@aarch64"): counted(rng, reach) for n in range(count)}
        pages[f"{count} histograms"] = error_histograms(engines(pairs), title="a title that is long " * 8)
    values = rng.normal(size=(50, 10)).round(1)
    for factor, offset, scale in ((1, 0, 0.1), (1e5, 0, 1), (0, 0, 1e-6), (0, 3, 1e-5), (np.nan, 0, 0.1)):
        x = values * factor + offset
        others = engines(dict.fromkeys(("micro", LONG[1]), x + scale))
        pages[f"scatter {factor} {offset}"] = scatter(EngineId.parse("qat"), x, others, scale=scale, title="seed 0")
    everywhere = {"mismatch_rate": 1.0, "max_lsb": 60000, "max_abs_error": 9.0, "sqnr_db": -12.0}
    rare = {"mismatch_rate": 1e-6, "max_lsb": 1, "max_abs_error": 0.1, "sqnr_db": 150.0}
    for name, rows in {
        "one": [differing(0)],
        "exact": [exact(0)],
        "rare": [row(seed, *LONG, **rare) for seed in range(2)],
        "all": [row(seed, *LONG, **everywhere) for seed in range(10)] + [exact(0), differing(1), failed(2, b="micro")],
        "rare and all": [row(0, *LONG, **rare), row(0, **everywhere), exact(1)],
        "none": [failed(0)],
    }.items():
        pages[f"seeds, {name}"] = drawn(rows)
    for shares in ((0.0, 1.0), (0.9725,), (0.97, 0.98)):
        rows = [row(seed, "labels", LONG[1], top1_agreement=share) for seed, share in enumerate(shares)]
        pages[f"labels {shares}"] = beside_labels(rows)
    return pages


PAGES = some_pages()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_or_overlaps(name):
    page = PAGES[name]
    image = np.asarray(Image.open(io.BytesIO(png(page))))
    assert min(edge.min() for edge in (image[:4], image[-4:], image[:, :4], image[:, -4:])) == 255
    for panel in panels_of(page):
        places = [(at - panel.x.low) / (panel.x.high - panel.x.low) * panel.width for at in sorted(panel.x.ticks)]
        for (left, right), (a, b) in zip(pairwise(places), pairwise(labels(panel.x)), strict=True):
            assert right - left >= (text_width(a, TICK) + text_width(b, TICK)) / 2
        for mark in marks(panel, Dots):
            assert ((panel.x.low < mark.x) & (mark.x < panel.x.high)).all()
            assert ((mark.y - panel.y.low) * (mark.y - panel.y.high) < 0).all()
        titles = [other for other in panels_of(page) if other.bottom == panel.bottom and other.left > panel.left]
        right = min((other.left for other in titles), default=page.width)
        assert panel.left + text_width(panel.title, panel.title_size) < right
    for words in page.words:
        assert words.upright or text_width(words.text, words.size) <= page.width
    rows = {(panel.bottom, panel.bottom + panel.height) for panel in panels_of(page)}
    assert all(upper[0] > lower[1] for lower, upper in pairwise(sorted(rows)))


def test_each_kernel_set_has_its_own_colour_and_marker():
    assert set(COLOURS) == set(MARKERS)
    assert len(set(COLOURS.values())) == len(set(MARKERS.values())) == len(COLOURS)


def test_the_same_figure_gives_the_same_bytes_whatever_the_user_s_style():
    rows = [differing(seed) for seed in range(3)]
    content = png(drawn(rows))
    with mpl.rc_context({"font.size": 30, "figure.facecolor": "red", "savefig.dpi": 7, "lines.linewidth": 9}):
        assert png(drawn(rows)) == content
    assert chunks(content) <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_a_pdf_has_no_fonts_and_no_date_and_the_same_bytes():
    rows = [differing(seed) for seed in range(3)]
    content = pdf(drawn(rows))
    with mpl.rc_context({"font.size": 30, "figure.facecolor": "red", "pdf.fonttype": 3, "lines.linewidth": 9}):
        assert pdf(drawn(rows)) == content
    assert content.startswith(b"%PDF-")
    assert not any(word in content for word in (b"/Font\n", b"/FontFile", b"/BaseFont", b"/CreationDate", b"/Producer"))
    page = drawn(rows)
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ([0-9.]+) \]", content)
    assert [float(size) for size in box.groups()] == pytest.approx([72 * page.width, 72 * page.height], rel=1e-4)


def test_a_pdf_has_few_dots_as_shapes_and_many_as_an_image():
    few, many = (
        scatter(EngineId.parse("qat"), x, engines({"micro": x + 0.1}), scale=0.1, title="seed 0")
        for x in (np.arange(10) / 7, np.arange(MANY + 1) / 7)
    )
    assert b"/Subtype /Image" not in pdf(few)
    assert b"/Subtype /Image" in pdf(many)
    assert len(pdf(many)) < 300_000


def chunks(content):
    """The kinds of chunk in a PNG: text chunks would hold versions or dates."""
    kinds, at = set(), 8
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        kinds.add(kind)
        at += 12 + size
    return kinds


def test_no_pyplot_and_no_tensorflow_is_imported():
    drawing = "qcompare.report.seeds, qcompare.report.trial, qcompare.report.csv, qcompare.report.terminal"
    program = f"import {drawing}, qcompare.analysis.statistics, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "matplotlib" in modules
    assert not {"matplotlib.pyplot", "tensorflow", "tf_keras", "keras"} & set(modules)
