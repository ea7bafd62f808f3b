"""The page on two runs says what changed and what did not, in the figures of changes.csv and changed_figures.csv."""

import re

from qcompare.analysis.side_by_side import CHANGED_FIGURES, CHANGES, Beside
from qcompare.report import csv, html
from qcompare.report.side_by_side_page import answers, chapter, lead
from qcompare.report.templates import REPORT, templates
from tests.analysis.test_side_by_side import run
from tests.report.test_html import EVIL, Page
from tests.rows import row

B = "interpreter:xnnpack"
COUNTS = {
    **{"seeds": 10, "comparisons": 3, "figures": 45, "computed": 7, "only_a": 0, "only_b": 0},
    **{"right": 1, "integers": 2},
}


def made(change=0.0, seeds=range(10), **figures):
    """Seeds of one engine whose accuracy, and share of unequal integers, is another by `change`, not alike in all."""
    return [
        row(seed, a, B, **dict.fromkeys(names, 0.5 + change * (0.9 + seed / 50)), **figures)
        for seed in seeds
        for a, names in (
            ("labels", ["top1_agreement"]),
            ("qat", ["mismatch_rate"]),
            ("manual:xnnpack", ["mismatch_rate"]),
        )
    ]


def rows_of(a, b, /, **parts):
    beside = Beside(a=run(a, **parts.get("a", {})), b=run(b, "b", **parts.get("b", {})))
    return [csv.texts(csv.written(table.made([beside]))) for table in (CHANGES, CHANGED_FIGURES)]


def said(a, b, /, worth="top1_agreement", counts=COUNTS, **parts):
    return [each.text for each in answers(counts, worth, *rows_of(a, b, **parts))]


def test_what_is_the_same_is_said_to_be():
    assert said(made(), made()) == [
        "Yes: by the same source of qcompare, the same versions of all packages, and on the same kind of machine.",
        "Yes: all options and data are the same.",
        "Yes: all 7 weights, models and outputs are the same in ten seeds, bit for bit.",
        "Yes: the accuracy against the labels of it 1 engine is the same in every seed.",
        "Yes: the share of unequal integers of all 2 comparisons is the same in every seed.",
        "None of 45 figures of errors.csv.",
    ]


def test_versions_options_and_what_was_computed_are_named():
    a = {
        "made_with": {
            ("package", "zipp"): "1",
            ("package", "ai-edge-litert"): "2.1.0",
            ("option", "model.units"): "[8]",
        },
        "computed": {("outputs", f"{B} on qat"): dict.fromkeys(range(10), "one")},
        "findings": [{"seed": "0", "severity": "remark", "route": "", "where": "micro", "text": "so"}],
    }
    b = {
        "made_with": {
            ("package", "ai-edge-litert"): "9.0",
            ("qcompare", "source"): "f" * 64,
            ("option", "model.units"): "[9]",
        },
        "computed": {("outputs", f"{B} on qat"): {seed: "one" if seed > 2 else "other" for seed in range(10)}},
    }
    versions, options, computed, *_, found = said(made(), made(), a=a, b=b)
    assert versions == (
        "No: ai-edge-litert 2.1.0 in a, 9.0 in b; the source of qcompare none in a, ffffffffffff in b; zipp 1 in a, "
        "none in b."
    )
    assert options == "No: model.units [8] in a, [9] in b."
    assert computed == (
        f"No: 1 of 7 weights, models and outputs differ: outputs of {B} on qat in 3 of 10 seeds. The other 6 are the "
        "same, bit for bit."
    )
    assert found == "No: remark: micro: so (in a seed 0, in b no seed)."


def test_the_furthest_figure_has_its_means_its_interval_and_what_that_shows():
    changes, figures = rows_of(made(), made(change=-0.1))
    *_, right, unequal, many = (each.text for each in answers(COUNTS, "top1_agreement", changes, figures))
    assert right.startswith(
        f"No: 1 of 1 engine has another accuracy against the labels. On average it changed most for {B} on route qat: "
        "50 % in a, 40.1 % in b, b less a -9.9 points [-10.3, -9.47], ten seeds: the interval leaves out 0."
    )
    assert unequal.startswith("No: 2 of 2 comparisons have another share of unequal integers. On average")
    assert f"{B} on route qat and the QAT network: " in unequal
    assert many == "3 of 45 figures of errors.csv, in 3 of 3 comparisons."
    cells = {float(row[name]) for row in figures for name in ("mean_a", "mean_b", "mean", "ci95_low", "ci95_high")}
    known = {form for cell in cells for form in (f"{100 * cell:.4g}", f"{100 * cell:+.3g}")} | {"0"}
    for text in (right, unequal):
        numbers = re.findall(r"(?<= )\[?([+-]?\d[\d.]*)(?= %| points|,|\])", text)
        assert len(numbers) == 5
        assert set(numbers) <= known


def test_an_interval_that_holds_0_and_few_seeds_show_no_difference():
    mixed = [*made(seeds=range(5), change=0.02), *made(seeds=range(5, 10), change=-0.02)]
    assert said(made(), mixed)[3].endswith(", ten seeds: the interval holds 0, no difference shown.")
    few = said(made(seeds=range(3)), made(seeds=range(3), change=-0.1))[3]
    assert few.endswith(
        "b less a -9.2 points, each seed from -9.4 to -9; three seeds are too few for an interval: no difference shown."
    )
    assert said(made(seeds=[0]), made(seeds=[0], change=-0.1))[3].endswith(
        " in one seed, too few for an interval: no difference shown."
    )


def test_what_neither_or_only_one_has_is_no_equality():
    assert said(made(), made(), counts=COUNTS | {"right": 0})[3] == (
        "It cannot be said: neither has the accuracy against the labels."
    )
    without = [row(0, "labels", B), row(0, "qat", B, mismatch_rate=0.5)]
    assert said(made(seeds=[0]), without)[3] == (
        "No: 1 of 1 engine has another accuracy against the labels, and no seed has both figures."
    )
    assert said(made(), made(), counts=COUNTS | {"only_b": 4})[-1] == (
        "None of 45 figures of errors.csv; left out are 4 comparisons that b alone has."
    )


def test_of_several_pairs_it_is_said_first_which_computed_something_else_and_by_which_versions():
    by = {"a": {"made_with": {("package", "numpy"): "1"}}, "b": {"made_with": {("package", "numpy"): "2"}}}
    pairs = [("new/one", *rows_of(made(), made(change=0.1), **by)), ("new/two", *rows_of(made(), made(), **by))]
    which, versions = (each.text for each in lead(pairs))
    assert which == "1 of 2: new/one. The same, bit for bit, is what new/two computed."
    assert versions == "No: numpy 1 in a, 2 in b."
    which, versions = (each.text for each in lead([("new/two", *rows_of(made(), made()))] * 2))
    assert which == "None of 2: whatever they computed is the same, bit for bit."
    assert versions.startswith("Yes: by the same source")
    many, _ = lead([(f"new/{number}", *rows_of(made(), made(change=0.1))) for number in range(10)])
    assert many.text.endswith("new/7 and 2 more.")


def test_the_page_is_whole_and_escapes_names():
    changes, figures = rows_of(made(), made(change=0.1), a={"made_with": {("option", "data.file"): EVIL}})
    chapters = [
        chapter(place, names, COUNTS, "top1_agreement", changes, figures, templates())
        for place, names in enumerate([("old", "new"), (EVIL, "b")], 1)
    ]
    found = Page(html.page(chapters=chapters, templates=templates(), title="2 pairs of runs")[REPORT])
    assert "script" not in {tag for tag, _ in found.tags}
    assert found.text.count(EVIL) > 3
    assert len(found.ids) == len(set(found.ids))
    assert set(found.references) <= set(found.ids)
