"""The plots over the seeds, as files."""

from typing import Any

from qcompare.report import seeds
from qcompare.report.page import files as plotted
from tests.rows import errors_of, row, summary_of

FIGURES: dict[str, Any] = {
    "n": 100,
    "mismatch_rate": 0.1,
    "max_lsb": 2,
    "max_abs_error": 0.1,
    "sqnr_db": 40.0,
    "non_finite": 0,
}
ROWS = [
    each
    for seed in range(2)
    for each in (
        row(seed, "labels", "float", "plain", n=100, top1_agreement=0.9),
        row(seed, "float", "qat", "trained", **FIGURES),
        row(seed, "qat", "micro", "trained", **FIGURES),
        row(seed, "float", "micro", "after", **FIGURES | {"max_lsb": 7}),
        row(seed, "labels", "micro", "after", n=100, top1_agreement=0.8),
    )
]


def test_a_file_for_each_route_that_compares_engines_and_one_for_the_labels():
    about = "data digits, seeds 0..1, 100 test samples"
    files = seeds.draw("lstm-int8", about, errors_of(ROWS), summary_of(ROWS))
    names = ("trained_seeds", "after_seeds", "labels")
    assert list(files) == [f"{name}.{kind}" for name in names for kind in ("png", "pdf")]
    for route in ("trained", "after"):
        rows = [each for each in ROWS if each.key.route_b == route]
        page = seeds.over_seeds(errors_of(rows), summary_of(rows), title=f"lstm-int8, route {route}", about=about)
        assert files.items() >= plotted(f"{route}_seeds", page).items()
    page = seeds.against_labels(errors_of(ROWS), summary_of(ROWS), title="lstm-int8", about=about)
    assert files.items() >= plotted("labels", page).items()


def test_rows_without_figures_are_drawn():
    rows = [row(0, route="ptq"), row(0, "labels", route="ptq")]
    files = seeds.draw("lstm-int8", "", errors_of(rows), summary_of(rows))
    assert {"ptq_seeds.png", "labels.png"} < set(files)
