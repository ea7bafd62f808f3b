"""The report is one valid page, whatever stands in a user's files."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest
from PIL import Image

from qcompare.analysis.differences import DIFFERENCES
from qcompare.analysis.findings import FINDINGS, FindingsRow
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.layers import LayerErrors
from qcompare.analysis.methods import METHODS
from qcompare.analysis.parameters import PARAMETERS
from qcompare.core.statement import Figure, Layer
from qcompare.report import html
from qcompare.report.templates import ANSWERS, REPORT, templates
from tests import rows as made
from tests.rows import row

EVIL = "<script>alert(1)</script>\"'&"
VOID = {"meta", "link", "img", "path", "circle", "wbr"}


class Page(HTMLParser):
    """Opens and closes in order; ids, references and texts."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        assert len(found) == len(attrs), f"{tag} has an attribute twice"
        if "id" in found:
            self.ids.append(found["id"])
        if (found.get("href") or "").startswith("#"):
            self.references.append(found["href"][1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def png():
    content = io.BytesIO()
    Image.new("RGB", (20, 10)).save(content, format="png", dpi=(200, 200))
    return content.getvalue()


def chapter(name="lstm-int8", evil="x", gates=()):
    rows = [row(0, mismatch_rate=0.1, max_lsb=3, sqnr_db=30.0), row(0, a="labels", top1_agreement=0.5)]
    summary = made.summary_of(rows)
    figure = Figure(value=1.0, file="tensors.csv", row=(), column="")
    finding = FindingsRow(configuration=name, seed=0, route="qat", severity="remark", where=evil, text=evil)
    layer = LayerErrors(
        route="given", tap=evil, op=evil, n=1, local_rmse=0.1, rmse=0.2, local_sqnr_db=30.0, sqnr_db=float("nan"),
        mismatch_rate=0.5,
    )  # fmt: skip
    return html.chapter(
        name=name,
        compared=f"A network of {evil}.",
        gates=gates,
        statements=(Layer(tap=evil, weights=figure, sqnr=figure),),
        layers=[layer],
        summary=summary,
        differences=DIFFERENCES.frame([]),
        rungs=LADDER_SUMMARY.frame([]),
        methods=METHODS.frame([]),
        parameters=PARAMETERS.frame([]),
        findings=FINDINGS.frame([finding]),
        plots={"labels.png": png(), "qat_seeds.png": png()},
        seed=0,
        seed_plots={"states.png": png(), "qat_histograms.png": png()},
        options={"data.file": evil, "model.units": [4]},
        understood={"labels": evil},
        provenance={"packages": {"numpy": "2"}, "trials": {"0": {"stages": {evil: "key"}}}, "cpu": evil},
        templates=templates(),
    )


def page(*chapters, **more):
    return html.page(chapters=chapters, templates=templates(), **more)


def test_the_page_is_whole_and_needs_nothing():
    found = Page(page(chapter())[REPORT])
    assert len(found.ids) == len(set(found.ids))
    assert set(found.references) <= set(found.ids)
    assert "script" not in {tag for tag, _ in found.tags}
    sources = [attrs[name] for _, attrs in found.tags for name in ("src", "href") if name in attrs]
    assert all(source.startswith(("data:", "#")) for source in sources)
    images = [attrs for tag, attrs in found.tags if tag == "img"]
    assert len(images) == 4
    assert all(len(image["alt"]) > 20 and image["width"] == "10" for image in images)


def test_headings_go_down_step_by_step():
    levels = [int(tag[1]) for tag, _ in Page(page(chapter())[REPORT]).tags if tag[0] == "h" and tag[1:].isdigit()]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_what_a_users_file_says_is_text():
    found = page(chapter(evil=EVIL))
    assert b"<script" not in found[REPORT]
    assert Page(found[REPORT]).text.count(EVIL) >= 8
    assert EVIL in found[ANSWERS].decode()


def test_several_configurations_are_a_chapter_each():
    files = page(chapter("a=1"), chapter("a=2"), title="2 configurations")
    found = Page(files[REPORT])
    assert len(found.ids) == len(set(found.ids))
    assert "a=1: what was found" in found.text
    assert files[ANSWERS].decode().splitlines()[0] == "a=1:"


def test_gates_stand_before_the_answers_each_in_a_line_and_without_any_there_is_nothing():
    told = [("passed", "check.max_lsb=1, at most 1 LSB: <all> hold"), ("failed", "check.sqnr_db=9: none")]
    found = page(chapter(gates=told))[REPORT].decode()
    first = found[: found.index('<dl class="answers">')]
    assert (
        '<li><span class="passed">passed</span>: check.max_lsb=1, at most 1\N{NO-BREAK SPACE}LSB: &lt;all&gt; hold</li>'
        in first
    )
    assert '<li><span class="failed">failed</span>: check.sqnr_db=9: none</li>' in first
    assert 'class="gates"' not in page(chapter())[REPORT].decode()


def test_no_line_ends_within_an_interval_or_before_a_unit():
    gate = "at most 1 LSB: 0.5 % [-0.2, +0.3], one LSBs (p = 0.6, Holm) [a] step = 2"
    found = page(chapter(gates=[("passed", gate)]))[REPORT].decode()
    assert gate.replace(" ", "~") not in found
    kept = "at most 1~LSB: 0.5~% [-0.2,~+0.3], one LSBs (p~=~0.6, Holm) [a] step = 2"
    assert kept.replace("~", "\N{NO-BREAK SPACE}") in found


def test_names_in_tables_may_break_and_are_copied_as_they_are():
    name = "given:a/b_c & <d:"
    found = page(chapter(evil=name))[REPORT]
    assert b"given:<wbr>a/<wbr>b_<wbr>c &amp; &lt;d:" in found
    assert name in Page(found).text


@pytest.mark.parametrize("name", ["Summary", "details"])
def test_long_tables_are_folded(name):
    assert name.lower() in {tag for tag, _ in Page(page(chapter())[REPORT]).tags}


def test_the_same_rows_give_the_same_bytes():
    assert page(chapter()) == page(chapter())
    assert isinstance(made.summary_of([row(0)]), pd.DataFrame)
