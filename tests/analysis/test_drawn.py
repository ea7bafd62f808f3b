"""What the plots of one seed are given."""

import numpy as np
import pytest

from qcompare.analysis import drawn
from qcompare.analysis.comparisons import TRUTH, comparisons
from qcompare.analysis.result import Result
from qcompare.core.comparison import Side
from qcompare.core.engine import DEQUANTIZED, FLOAT, LABELS, LEARNED, MICRO, QAT, interpreter, manual
from qcompare.core.finding import failure
from qcompare.core.grid import Grid
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from tests.analysis.test_comparisons import BARE, PLAIN, TRAINED

GRID = Grid.single(0.5, 10, np.int8)
REFERENCE = interpreter("reference")
ENGINES = (REFERENCE, MICRO, manual("reference"), manual("micro"))
REALS = np.array([[0.2, 1.0], [-2.0, 3.3]], np.float32)
INTEGERS = np.array([[10, 12], [6, 18]], np.int8)
TRACES = {
    TRUTH: Trace(engine=LABELS, values={OUTPUT: np.array([1, 1], np.int32)}),
    Side("plain", FLOAT): Trace(engine=FLOAT, values={OUTPUT: REALS}),
    Side("trained", QAT): Trace(engine=QAT, values={OUTPUT: REALS + np.float32(0.5)}),
    # On a grid of its own, 0.25 and -3: the reals of INTEGERS.
    Side("trained", LEARNED): Trace(
        engine=LEARNED,
        values={OUTPUT: np.array([[-3, 1], [-11, 13]], np.int8)},
        grids={OUTPUT: Grid.single(0.25, -3, np.int8)},
    ),
} | {
    Side(route, engine): Trace(engine=engine, values={OUTPUT: INTEGERS}, grids={OUTPUT: GRID})
    for route in ("trained", "bare")
    for engine in (*ENGINES, DEQUANTIZED)
}


def routes(*fallen):
    """What is drawn by route when some sides have no values."""
    traces = dict(TRACES)
    for side in fallen:
        traces[side] = Trace(engine=side.engine, findings=(failure(str(side.engine), "crashed"),))
    pairs = comparisons([PLAIN, BARE, TRAINED], ENGINES)
    result = Result(
        configuration="lstm-int8",
        seed=4,
        classification=True,
        comparisons=pairs,
        artifacts={},
        traces=traces,
    )
    return {route.route: route for route in drawn.of(result, "digits")}


def test_routes_with_a_model_are_drawn_with_every_pair_but_the_labels():
    found = routes()
    assert list(found) == ["bare", "trained"]
    pairs = comparisons([PLAIN, BARE, TRAINED], ENGINES)
    for name, route in found.items():
        expected = [(each.a.engine, each.b.engine) for each in pairs if each.b.route == name and each.a != TRUTH]
        assert list(route.histograms) == expected
        assert route.title == f"lstm-int8, route {name}, seed 4"
        assert route.lsb == 0.5


def test_the_twin_stands_along_the_axis_and_the_float_network_where_there_is_none():
    found = routes()
    assert (found["trained"].base, found["bare"].base) == (QAT, FLOAT)
    assert np.array_equal(found["trained"].values, REALS + np.float32(0.5))
    assert np.array_equal(found["bare"].values, REALS)


def test_runtimes_are_drawn_in_real_units():
    for route in routes().values():
        assert list(route.others) == [REFERENCE, MICRO]
        for values in route.others.values():
            assert np.array_equal(values, [[0, 1], [-2, 4]])


def test_differences_are_counted_on_the_grid():
    route = routes()["bare"]
    # 0.2, 1, -2 and 3.3 are 10, 12, 6 and 17.
    differences, counts = route.histograms[FLOAT, MICRO]
    assert (differences.tolist(), counts.tolist()) == ([0, 1], [3, 1])
    differences, counts = route.histograms[DEQUANTIZED, MICRO]
    assert (differences.tolist(), counts.tolist()) == ([0], [4])
    differences, counts = routes()["trained"].histograms[LEARNED, MICRO]
    assert (differences.tolist(), counts.tolist()) == ([0], [4])


def test_a_side_that_fell_is_left_out():
    route = routes(Side("trained", MICRO))["trained"]
    assert list(route.others) == [REFERENCE]
    assert not [pair for pair in route.histograms if MICRO in pair]
    route = routes(Side("trained", QAT))["trained"]
    assert route.base == FLOAT


@pytest.mark.parametrize("name", ["trained", "bare"])
def test_a_route_of_which_every_runtime_fell_is_drawn_without_them(name):
    route = routes(*(Side(name, engine) for engine in (REFERENCE, MICRO)))[name]
    assert route.others == {}
    assert route.base in {"trained": (QAT, FLOAT), "bare": (FLOAT,)}[name]
    assert (route.base, DEQUANTIZED) in route.histograms or (route.base, QAT) in route.histograms


def test_a_route_without_any_network_is_drawn_from_what_was_computed_by_hand():
    route = routes(Side("plain", FLOAT), Side("trained", QAT))["bare"]
    assert list(route.others) == [REFERENCE, MICRO]
    assert route.base == DEQUANTIZED
    assert all((route.base, engine) in route.histograms for engine in route.others)


def test_a_route_without_integers_is_not_drawn():
    fallen = [side for side in TRACES if side.route == "bare"]
    assert list(routes(*fallen)) == ["trained"]
