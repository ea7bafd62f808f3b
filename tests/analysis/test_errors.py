"""The rows of errors.csv, from traces made by hand."""

from dataclasses import fields

import numpy as np
import pytest

from qcompare.analysis.errors import ERRORS, ErrorsRow, route_grid, rows
from qcompare.analysis.figures import FIGURES, Figures, compare, compare_with_labels
from qcompare.analysis.result import Result, assembled, fallen
from qcompare.core.comparison import Comparison, Side
from qcompare.core.engine import DEQUANTIZED, FLOAT, LABELS, LEARNED, MICRO, QAT, interpreter
from qcompare.core.finding import failure
from qcompare.core.grid import Grid
from qcompare.core.key import RowKey
from qcompare.core.tap import OUTPUT, Tap
from qcompare.core.trace import Trace

GRID = Grid.single(0.5, 10, np.int8)
OTHER = Grid.single(0.125, -3, np.int8)
REALS = np.array([[0.2, 1.0, -2.0], [3.3, 0.0, 0.7]], np.float32)
TWIN = np.array([[0.4, 1.0, -2.3], [3.0, 0.1, 0.7]], np.float32)
INTEGERS = np.array([[11, 12, 6], [16, 10, 11]], np.int8)
NEAR = INTEGERS + np.array([[0, 1, 0], [-2, 0, 0]], np.int8)
CLASSES = np.array([1, 2], np.int32)

TRUTH = Side("", LABELS)
PLAIN = Side("plain", FLOAT)
TRAINED = Side("trained", QAT)
DEVICE = Side("trained", MICRO)
BY_HAND = Side("trained", DEQUANTIZED)
KERNELS = Side("trained", interpreter("reference"))
STEPPED = tuple(Tap("recurrent_0/h", step) for step in range(2))


def reals(side, values=REALS):
    return Trace(engine=side.engine, values={OUTPUT: values})


def integers(side, values, grid=GRID):
    return Trace(engine=side.engine, values={OUTPUT: values}, grids={OUTPUT: grid})


TRACES = {
    PLAIN: reals(PLAIN),
    TRAINED: reals(TRAINED, TWIN),
    DEVICE: integers(DEVICE, INTEGERS),
    BY_HAND: integers(BY_HAND, NEAR),
    TRUTH: reals(TRUTH, CLASSES),
}


def result(*pairs, traces=TRACES, classification=True, taps=(OUTPUT,)):
    return Result(
        configuration="lstm-int8",
        seed=4,
        classification=classification,
        comparisons=tuple(Comparison(a=a, b=b, question="how far?", taps=taps) for a, b in pairs),
        artifacts={},
        traces=traces,
    )


def figures_of(a, b, **described):
    (row,) = rows(result((a, b), **described))
    return row.figures


def test_the_columns_of_the_file():
    assert ",".join(ERRORS.dtypes) == (
        "configuration,seed,route_a,engine_a,route_b,engine_b,tap,step,n,mismatches,mismatch_rate,max_lsb,mean_lsb,"
        "max_abs_error,mean_abs_error,mean_error,rmse,max_relative_error,outside_tolerance,sqnr_db,cosine_similarity,"
        "saturation_rate,top1_agreement,non_finite"
    )
    assert ERRORS.file == "errors.csv"


def test_whole_numbers_are_counts_and_all_others_are_reals():
    counts = {"seed", "step", "n", "mismatches", "max_lsb", "non_finite"}
    keys = {field.name for field in fields(RowKey)}
    expected = {name: "Int64" if name in counts else "str" if name in keys else "float64" for name in ERRORS.dtypes}
    assert ERRORS.dtypes == expected


def test_a_row_for_each_comparison_and_tap_in_their_order():
    pairs = ((TRUTH, PLAIN), (PLAIN, DEVICE), (BY_HAND, DEVICE))
    found = list(rows(result(*pairs, taps=(OUTPUT, *STEPPED))))
    assert [row.key for row in found] == [
        RowKey.of("lstm-int8", 4, a, b, tap) for a, b in pairs for tap in (OUTPUT, *STEPPED)
    ]


@pytest.mark.parametrize(("a", "b"), [(BY_HAND, DEVICE), (PLAIN, DEVICE), (TRAINED, DEVICE), (TRAINED, BY_HAND)])
def test_the_figures_are_those_of_b_against_a_on_the_model_s_grid(a, b):
    of_a, of_b = (TRACES[side].values[OUTPUT] for side in (a, b))
    assert figures_of(a, b) == compare(of_a, of_b, GRID, classification=True)
    assert figures_of(a, b) != compare(of_b, of_a, GRID, classification=True)


def test_integers_are_counted_by_hand():
    figures = figures_of(DEVICE, BY_HAND)
    assert (figures.n, figures.mismatches, figures.max_lsb, figures.mean_lsb) == (6, 2, 2, 0.5)
    assert (figures.max_abs_error, figures.mean_error) == (1.0, (0.5 - 1.0) / 6)


def test_reals_are_put_on_the_grid_of_the_integers_whichever_side_they_are():
    # In halves, away from zero: 0.2 0, 1 2, -2 -4, 3.3 7, 0 0, 0.7 1; and the zero point.
    ours = np.array([[10, 12, 6], [17, 10, 11]])
    expected = np.abs(INTEGERS - ours)
    for a, b in ((PLAIN, DEVICE), (DEVICE, PLAIN)):
        figures = figures_of(a, b)
        assert figures.mismatches == np.count_nonzero(expected) == 2
        assert (figures.max_lsb, figures.mean_lsb) == (expected.max(), expected.mean())


def test_two_float_sides_are_put_on_the_grid_of_the_route_of_b():
    assert figures_of(PLAIN, TRAINED) == compare(REALS, TWIN, GRID, classification=True)
    elsewhere = {Side("other", MICRO): integers(DEVICE, INTEGERS, OTHER)}
    assert figures_of(PLAIN, TRAINED, traces=elsewhere | TRACES) == compare(REALS, TWIN, GRID, classification=True)


def test_two_float_sides_of_a_route_without_a_model_have_no_figures_over_integers():
    figures = figures_of(TRAINED, PLAIN)
    assert figures == compare(TWIN, REALS, None, classification=True)
    assert (figures.n, figures.mismatches, figures.max_lsb, figures.saturation_rate) == (6, None, None, None)


def test_each_side_is_read_on_its_own_route():
    other = Side("other", MICRO)
    traces = TRACES | {other: integers(other, INTEGERS, OTHER)}
    assert figures_of(PLAIN, other, traces=traces) == compare(REALS, INTEGERS, OTHER, classification=True)
    assert figures_of(PLAIN, DEVICE, traces=traces) == compare(REALS, INTEGERS, GRID, classification=True)


def test_integers_of_another_grid_are_compared_as_the_reals_that_they_stand_for():
    learned = Side("trained", LEARNED)
    q = np.array([[5, 13, -35], [53, -3, 4]], np.int8)
    traces = {learned: integers(learned, q, OTHER)} | TRACES
    figures = figures_of(learned, DEVICE, traces=traces)
    assert figures == compare(OTHER.dequantize(q), INTEGERS, GRID, classification=True)
    # 8, 16, -32, 56, 0, 7 eighths are 2, 4, -8, 14, 0 and 1.75 halves: the integers 12, 14, 2, 24, 10, 12.
    assert (figures.mismatches, figures.max_lsb) == (5, 8)
    back = figures_of(DEVICE, learned, traces=traces)
    assert back == compare(GRID.dequantize(INTEGERS), q, OTHER, classification=True)
    alike = figures_of(learned, DEVICE, traces=TRACES | {learned: integers(learned, NEAR, GRID)})
    assert alike == figures_of(BY_HAND, DEVICE)


def test_two_float_sides_are_never_put_on_a_grid_that_is_not_the_model_s():
    learned = Side("trained", LEARNED)
    traces = {learned: integers(learned, INTEGERS, OTHER)} | TRACES
    assert figures_of(PLAIN, TRAINED, traces=traces) == compare(REALS, TWIN, GRID, classification=True)


def test_the_grid_of_a_route_is_that_of_any_of_its_engines_that_has_one():
    found = result((PLAIN, DEVICE))
    assert route_grid(found, "trained", OUTPUT) is GRID
    assert route_grid(found, "plain", OUTPUT) is None
    assert route_grid(found, "nowhere", OUTPUT) is None
    assert route_grid(found, "trained", Tap("x")) is None


@pytest.mark.parametrize("missing", [TRUTH, DEVICE])
@pytest.mark.parametrize("how", ["no trace", "no values", "no such tap"])
def test_a_side_without_values_leaves_the_row_without_figures(missing, how):
    traces = dict(TRACES)
    del traces[missing]
    if how == "no values":
        traces[missing] = Trace(engine=missing.engine, findings=(failure(str(missing.engine), "crashed"),))
    if how == "no such tap":
        traces[missing] = Trace(engine=missing.engine, values={STEPPED[0]: REALS})
    found = result((TRUTH, DEVICE), (PLAIN, TRAINED), traces=traces)
    assert [row.figures == Figures() for row in rows(found)] == [True, False]
    frame = ERRORS.made(found)
    assert frame.loc[0, list(FIGURES)].isna().all()
    assert frame["n"].tolist()[1] == 6
    keys = ["configuration", "seed", "route_a", "engine_a", "route_b", "engine_b", "tap"]
    assert frame[keys].iloc[0].tolist() == ["lstm-int8", 4, "", "labels", "trained", "micro", "output"]
    assert frame["step"].isna().all()


def test_a_tap_is_compared_at_its_own_step():
    one, two = ({tap: REALS + np.float32(by * tap.step) for tap in STEPPED} for by in (0, 1))
    traces = {PLAIN: Trace(engine=FLOAT, values=one), TRAINED: Trace(engine=QAT, values=two)}
    found = ERRORS.made(result((PLAIN, TRAINED), traces=traces, taps=STEPPED))
    assert found["tap"].tolist() == ["recurrent_0/h"] * 2
    assert found["step"].tolist() == [0, 1]
    assert found["mean_error"].tolist() == [0.0, pytest.approx(1.0)]


def test_classes_are_labels_of_what_is_largest():
    for side in (PLAIN, DEVICE):
        figures = figures_of(TRUTH, side)
        assert figures == compare_with_labels(CLASSES, TRACES[side].values[OUTPUT], GRID, classification=True)
        assert figures == Figures(n=2, top1_agreement=0.5, non_finite=0)


def test_the_targets_of_a_regression_are_labels_in_real_units():
    targets = np.array([[0.5, 1.0, -2.0], [3.5, 0.0, 0.5]], np.float32)
    traces = TRACES | {TRUTH: reals(TRUTH, targets)}
    figures = figures_of(TRUTH, DEVICE, traces=traces, classification=False)
    # The integers read as halves: 0.5 1 -2, 3 0 0.5.
    assert (figures.n, figures.max_abs_error, figures.mean_error) == (6, 0.5, -0.5 / 6)
    assert (figures.mismatches, figures.max_lsb, figures.sqnr_db, figures.top1_agreement) == (None,) * 4


def test_only_a_classification_has_an_agreement():
    assert figures_of(PLAIN, DEVICE).top1_agreement == 1.0
    assert figures_of(PLAIN, DEVICE, classification=False).top1_agreement is None


@pytest.mark.parametrize(("truth", "classification"), [(CLASSES, True), (REALS, False)])
def test_a_result_is_assembled_of_traces_in_the_order_of_their_sides(truth, classification):
    pairs = tuple(Comparison(a=a, b=b, question="how far?") for a, b in ((TRUTH, DEVICE), (PLAIN, DEVICE)))
    sides = (DEVICE, PLAIN)
    traces = tuple(TRACES[side] for side in sides)
    found = assembled("lstm-int8", 4, pairs, sides, traces, reals(TRUTH, truth), ())
    assert found.classification is classification
    assert {side: trace.engine for side, trace in found.traces.items()} == {
        DEVICE: MICRO,
        PLAIN: FLOAT,
        TRUTH: LABELS,
    }
    assert [row.figures.n for row in rows(found)] == [2 if classification else 6, 6]


def test_a_trial_that_fell_has_every_row_and_no_figures():
    pairs = tuple(Comparison(a=a, b=b, question="how far?") for a, b in ((TRUTH, DEVICE), (PLAIN, KERNELS)))
    found = list(rows(fallen("lstm-int8", 4, pairs, failure("", "out of memory"))))
    assert found == [
        ErrorsRow(key=RowKey.of("lstm-int8", 4, pair.a, pair.b, OUTPUT), figures=Figures()) for pair in pairs
    ]
