"""The plots of the ladders, read back from the pages."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.analysis.drawn_ladder import Drawn, DrawnState, drawn
from qcompare.analysis.intervals import mean
from qcompare.report.ladder import LESS, MORE, TOTAL, draw_seeds, draw_trial, heat, waterfall
from qcompare.report.page import Cells, Dots, Lines, Page, Panel, Polygons, Words, png

ADDED = np.array([[4.0, 2.0, 0.0, -1.0], [2.0, 4.0, 0.0, -2.0]])
LADDER = drawn(
    route="ptq",
    kernels="xnnpack",
    rungs=("operators", "weights", "bias", "functions"),
    added=ADDED,
    rms=np.array([[2.0, 1.5, 0.0, 1e-3], [1.5, 2.0, 0.0, 1e-9]]),
)
STATE = DrawnState(
    route="ptq", kernels="xnnpack", role="recurrent_0/h", first=0, rms=np.array([[0.0, 1.0], [2.0, 4.0]])
)


def panels(page: Page) -> list[Panel]:
    return [panel for panel in page.panels if panel.framed]


def bars(panel: Panel) -> dict[str, list[list[float]]]:
    """Colour -> [left, right, row] of each."""
    found: dict[str, list[list[float]]] = {}
    for mark in panel.marks:
        if isinstance(mark, Polygons):
            x, y = mark.corners[..., 0], mark.corners[..., 1]
            ends = zip(x.min(axis=1).tolist(), x.max(axis=1).tolist(), y.mean(axis=1).tolist(), strict=True)
            found[mark.face] = [[*end] for end in ends]
    return found


def test_a_bar_begins_where_the_one_above_ends_and_the_last_is_all_of_them():
    left, _ = panels(waterfall([LADDER], title="lstm-int8"))
    assert bars(left) == {MORE: [[0, 3, 0], [3, 6, 1]], LESS: [[4.5, 6, 3]], TOTAL: [[0, 4.5, 4]]}
    assert list(left.y.ticks.values()) == ["operators", "weights", "bias", "functions", "whole"]


def test_a_dot_is_what_a_rung_adds_in_a_seed():
    left, _ = panels(waterfall([LADDER], title="lstm-int8"))
    (dots,) = [mark for mark in left.marks if isinstance(mark, Dots)]
    assert np.array_equal(dots.x.reshape(2, 5), [[4, 5, 6, 5, 5], [2, 7, 6, 4, 4]])


def test_shares_and_their_intervals_stand_beside_the_bars():
    left, _ = panels(waterfall([LADDER], title="lstm-int8"))
    texts = [mark.text for mark in left.marks if isinstance(mark, Words)]
    shares = mean(ADDED / ADDED.sum(axis=1, keepdims=True))
    low, high = (f"{100 * end[0]:.0f}".replace("-", "\N{MINUS SIGN}") for end in (shares.low, shares.high))
    assert texts[:2] == ["mean share", f"65 % [{low}, {high}]"]
    assert texts[2].startswith("70 % [")
    assert texts[4].startswith("\N{MINUS SIGN}35 % [")
    assert texts[3::2] == ["0 %", "100 %"]


def test_lines_over_the_bars_are_the_intervals_of_their_means():
    left, _ = panels(waterfall([LADDER], title="lstm-int8"))
    (lines,) = [mark.points for mark in left.marks if isinstance(mark, Lines) and mark.colour == "black"]
    added, whole = mean(ADDED), mean(ADDED.sum(axis=1, keepdims=True), within=(0, np.inf))
    begins = np.array([0, 3, 6])
    expected = np.stack([added.low, added.high], axis=1)[[0, 1, 3]] + begins[:, np.newaxis]
    assert lines[:3, :, 0] == pytest.approx(expected)
    assert lines[3, :, 0] == pytest.approx([whole.low[0], whole.high[0]])
    assert lines[..., 1].tolist() == [[0, 0], [1, 1], [3, 3], [4, 4]]
    assert lines[..., 0].max() < left.x.high
    assert lines[..., 0].min() > left.x.low


def test_changes_stand_on_a_log_axis_and_what_is_none_in_a_place_of_its_own():
    _, right = panels(waterfall([LADDER], title="lstm-int8"))
    (dots,) = [mark for mark in right.marks if isinstance(mark, Dots)]
    at = dots.x.reshape(2, 5)
    assert at[0, :2] == pytest.approx(np.log10([2.0, 1.5]))
    lane = min(right.x.ticks)
    assert (at[:, 2] == lane).all()
    assert at[1, 3] == lane < at[0, 3]


def test_one_seed_has_no_dots_over_its_bars():
    one = drawn(route="ptq", kernels="micro", rungs=LADDER.rungs, added=ADDED[:1], rms=LADDER.rms[:1])
    left, _ = panels(waterfall([one], title="lstm-int8"))
    assert not [mark for mark in left.marks if isinstance(mark, Dots)]


def test_no_error_at_all_is_drawn_too():
    none = drawn(route="ptq", kernels="micro", rungs=("operators",), added=np.zeros((2, 1)), rms=np.zeros((2, 1)))
    assert png(waterfall([none], title="lstm-int8"))


def test_cells_are_units_upwards_and_time_steps_to_the_right():
    longer = DrawnState(route="qat", kernels="xnnpack", role="recurrent_0/h", first=1, rms=np.array([[8.0, 0.0]]))
    left, right = panels(heat([STATE, longer], title="lstm-int8"))
    first, second = (mark for panel in (left, right) for mark in panel.marks if isinstance(mark, Cells))
    assert np.array_equal(first.values, [[0, 2], [1, 4]])
    assert (first.left, second.left) == (-0.5, 0.5)
    assert first.highest == second.highest == 8
    assert (left.x.low, left.x.high) == (right.x.low, right.x.high) == (-0.5, 1.5)


def test_files_are_what_there_is_to_draw():
    def names(for_paper=False, **drawn_parts):
        shown = Drawn(title="lstm-int8", about="data digits", **{"ladders": (), "states": ()} | drawn_parts)
        return list(draw_trial(shown, for_paper))

    assert names(ladders=(LADDER,), states=(STATE,)) == ["ladder.png", "states.png"]
    assert names(ladders=(LADDER,)) == ["ladder.png"]
    assert names(for_paper=True, ladders=(LADDER,)) == ["ladder.png", "ladder.pdf"]
    assert names() == []
    assert draw_seeds("dense-float32", "", []) == {}
    assert list(draw_seeds("dense-int8", "", [LADDER])) == ["ladder.png", "ladder.pdf"]
