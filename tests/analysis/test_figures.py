"""The figures against exact arithmetic and planted faults."""

import math
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest

from qcompare.analysis.figures import (
    TOLERANCE,
    Figures,
    compare,
    compare_with_labels,
    lsb_histogram,
    to_integers,
    to_reals,
    ulp_distance,
)
from qcompare.core.grid import Grid

GRID = Grid.single(0.1, -3, np.int8)
GRID16 = Grid.single(2**-15, 0, np.int16)
HALVES = Grid.single(0.5, 10, np.int8)
SOME = np.arange(-60, 60, dtype=np.int8).reshape(12, 10)


def names(figures):
    return {name for name, value in asdict(figures).items() if value is not None}


def test_equal_outputs_have_no_error_and_no_sqnr():
    figures = compare(SOME, SOME.copy(), GRID, classification=True)
    assert figures == Figures(
        n=120,
        mismatches=0,
        mismatch_rate=0.0,
        max_lsb=0,
        mean_lsb=0.0,
        max_abs_error=0.0,
        mean_abs_error=0.0,
        mean_error=0.0,
        rmse=0.0,
        max_relative_error=0.0,
        outside_tolerance=0.0,
        sqnr_db=None,
        cosine_similarity=1.0,
        saturation_rate=0.0,
        top1_agreement=1.0,
        non_finite=0,
    )


GRIDS = [
    Grid.single(0.1, -3, np.int8),
    Grid.single(0.0371, 127, np.int8),
    Grid.single(1 / 3, -128, np.int8),
    Grid.single(7e-5, 0, np.int16),
]


def products(q, grid):
    """Integers as a network hands them on: float32 products."""
    return (q.astype(np.float32) - np.float32(grid.zero)) * grid.lsb


def from_the_smallest(q, grid):
    """Integers as TensorFlow's fake quantization gives them: float32 steps above the smallest real."""
    smallest = (np.float32(grid.smallest) - np.float32(grid.zero)) * grid.lsb
    return (q.astype(np.float32) - np.float32(grid.smallest)) * grid.lsb + smallest


def every_integer(grid):
    return np.arange(grid.smallest, grid.largest + 1).astype(grid.dtype).reshape(-1, 16)


@pytest.mark.parametrize("given", [products, from_the_smallest])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_integers_stored_as_float32_products_are_those_integers(grid, given):
    q = every_integer(grid)
    for a, b in ((given(q, grid), q), (q, given(q, grid))):
        assert compare(a, b, grid, classification=False) == compare(q, q, grid, classification=False)


@pytest.mark.parametrize("given", [products, from_the_smallest])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_one_unequal_integer_among_products_is_the_only_noise(grid, given):
    q = every_integer(grid)
    other = q.copy()
    other[3, 5] += 1
    assert compare(given(q, grid), other, grid, classification=False) == compare(q, other, grid, classification=False)


def test_reals_between_the_integers_keep_their_sqnr_though_no_integer_is_unequal():
    q = every_integer(GRID)
    near = products(q, GRID)
    near[2, 2] += 0.01 * GRID.lsb
    figures = compare(near, q, GRID, classification=False)
    assert figures.mismatches == 0
    assert figures.max_abs_error == pytest.approx(0.01 * GRID.lsb, rel=1e-3)
    assert 80 < figures.sqnr_db < 110


@pytest.mark.parametrize("flip", [1, -1, 7])
def test_one_flipped_integer_is_one_mismatch(flip):
    b = SOME.copy()
    b[3, 4] += flip
    figures = compare(SOME, b, GRID, classification=False)
    scale = Fraction(float(GRID.lsb))
    assert (figures.n, figures.mismatches, figures.max_lsb) == (120, 1, abs(flip))
    assert figures.mismatch_rate == 1 / 120
    assert figures.mean_lsb == abs(flip) / 120
    assert Fraction(figures.max_abs_error) == abs(flip) * scale
    assert figures.mean_error == pytest.approx(float(flip * scale / 120), rel=1e-14)
    assert figures.mean_abs_error == pytest.approx(float(abs(flip) * scale / 120), rel=1e-14)
    assert figures.rmse == pytest.approx(math.sqrt(flip**2 * scale**2 / 120), rel=1e-14)
    assert figures.top1_agreement is None


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_random_integers_against_fractions(dtype):
    random = np.random.default_rng(5)
    ends = np.iinfo(dtype)
    grid = Grid.single(0.0371, -17, dtype)
    a, b = random.integers(ends.min, ends.max, (2, 7, 3, 5), endpoint=True).astype(dtype)
    b[0, 0, :2] = ends.min, ends.max
    figures = compare(a, b, grid, classification=True)

    scale = Fraction(float(grid.lsb))
    pairs = [(int(x), int(y)) for x, y in zip(a.ravel(), b.ravel(), strict=True)]
    steps = [y - x for x, y in pairs]
    signal = sum(((x + 17) * scale) ** 2 for x, _ in pairs)
    power = sum(((y + 17) * scale) ** 2 for _, y in pairs)
    product = sum((x + 17) * (y + 17) * scale**2 for x, y in pairs)
    noise = sum((step * scale) ** 2 for step in steps)
    assert figures.n == 105
    assert figures.mismatches == sum(step != 0 for step in steps)
    assert figures.max_lsb == max(map(abs, steps))
    assert figures.mean_lsb == sum(map(abs, steps)) / 105
    assert figures.mean_error == pytest.approx(float(sum(steps) * scale / 105), rel=1e-12)
    assert figures.rmse == pytest.approx(math.sqrt(noise / 105), rel=1e-12)
    assert figures.sqnr_db == pytest.approx(10 * math.log10(signal / noise), rel=1e-12)
    assert figures.cosine_similarity == pytest.approx(float(product) / math.sqrt(signal * power), rel=1e-12)
    assert figures.saturation_rate == sum(y in (ends.min, ends.max) for _, y in pairs) / 105
    assert figures.top1_agreement == float(np.mean(a.argmax(-1) == b.argmax(-1)))


def test_the_difference_of_int16_ends_does_not_wrap():
    a = np.full((1, 2), -32768, np.int16)
    b = np.full((1, 2), 32767, np.int16)
    figures = compare(a, b, GRID16, classification=False)
    assert figures.max_lsb == 65535
    assert figures.mean_lsb == 65535.0
    assert figures.max_abs_error == 65535 * 2.0**-15
    assert figures.saturation_rate == 1.0


@pytest.mark.parametrize(
    ("steps", "rounded"),
    [(0.5, 1), (-0.5, -1), (1.5, 2), (-1.5, -2), (2.5, 3), (-2.5, -3), (0.49999997, 0), (-0.49999997, 0), (0.75, 1)],
)
def test_reals_round_half_away_from_zero(steps, rounded):
    real = np.array([[steps * 0.5]], np.float32)
    assert to_integers(real, HALVES).item() == 10 + rounded


def test_halves_round_before_the_zero_point_is_added():
    # -0.5 steps: rounded away from zero it is -1 + 10; rounded after the zero point, 9.5, it would be 10.
    assert to_integers(np.array([-0.25], np.float32), HALVES).item() == 9


@pytest.mark.parametrize(("real", "end"), [(1e3, 127), (-1e3, -128), (3e38, 127), (-3e38, -128)])
def test_reals_beyond_the_range_are_clipped(real, end):
    small = Grid.single(1e-3, 4, np.int8)
    assert to_integers(np.array([real], np.float32), small).item() == end


def test_integers_survive_the_way_to_reals_and_back():
    every = np.arange(-128, 128).astype(np.int8)
    assert np.array_equal(to_integers(to_reals(every, GRID).astype(np.float32), GRID), every)
    assert [Fraction(v) for v in to_reals(every, GRID)] == [(int(q) + 3) * Fraction(float(GRID.lsb)) for q in every]


def test_a_float_engine_on_the_grid_has_no_mismatch_but_a_real_error():
    reals = (to_reals(SOME, GRID) + 0.04).astype(np.float32)
    figures = compare(reals, SOME, GRID, classification=True)
    assert (figures.mismatches, figures.max_lsb) == (0, 0)
    assert figures.mean_error == pytest.approx(-0.04, abs=1e-6)
    assert figures.top1_agreement == 1.0


def test_the_relative_error_is_that_of_a_where_a_is_not_zero():
    # On HALVES 10 is zero: a is 0, 1, -4, 0.5 and b 3, 1.5, -4, 0.5.
    a, b = (np.array([q], np.int8) for q in ([10, 12, 2, 11], [16, 13, 2, 11]))
    assert compare(a, b, HALVES, classification=False).max_relative_error == 0.5
    assert compare(b, a, HALVES, classification=False).max_relative_error == 1.0
    # Further than any float64, of a number that is not zero.
    tiny = np.array([[5e-324, 2.0]])
    assert compare(tiny, tiny + np.array([[4.0, 1.0]]), None, classification=False).max_relative_error == 0.5


@pytest.mark.parametrize("b", [0, 9])
def test_of_zeros_there_is_no_relative_error(b):
    zeros = np.full((2, 3), 10, np.int8)
    figures = compare(zeros, zeros + np.int8(b), HALVES, classification=False)
    assert figures.max_relative_error is None
    assert figures.outside_tolerance == (b > 0)


def test_the_tolerance_is_numpy_s_in_real_units():
    random = np.random.default_rng(2)
    a = random.normal(size=(50, 7)).astype(np.float32)
    b = (a + random.normal(scale=0.01, size=a.shape)).astype(np.float32)
    a[0, :4], b[0, :4] = 0.0, [0.01, -0.01, 0.0100001, 0.0099999]
    figures = compare(a, b, None, classification=False)
    outside = ~np.isclose(a.astype(np.float64), b.astype(np.float64), rtol=0, atol=TOLERANCE)
    assert figures.outside_tolerance == outside.mean()
    assert 0.2 < outside.mean() < 0.5


def test_one_lsb_is_within_the_tolerance_or_not_by_its_size():
    for lsb, outside in ((0.0099, 0.0), (0.0101, 1.0)):
        figures = compare(SOME, SOME + np.int8(1), Grid.single(lsb, 3, np.int8), classification=False)
        assert figures.outside_tolerance == outside


def test_mean_error_is_b_minus_a():
    assert compare(SOME, SOME + np.int8(2), GRID, classification=False).mean_error == pytest.approx(0.2)
    assert compare(SOME + np.int8(2), SOME, GRID, classification=False).mean_error == pytest.approx(-0.2)


def test_saturation_is_of_b_alone():
    a, b = np.full((1, 4), 127, np.int8), np.array([[127, -128, 126, 0]], np.int8)
    assert compare(a, b, GRID, classification=False).saturation_rate == 0.5
    assert compare(b, a, GRID, classification=False).saturation_rate == 1.0
    above = np.full((1, 4), 99, np.float32)
    assert compare(b, above, GRID, classification=False).saturation_rate == 1.0


def test_a_zero_vector_has_no_cosine_and_as_a_no_sqnr():
    zero = np.full((2, 3), GRID.zero, np.int8)
    one = zero + np.int8(1)
    assert compare(zero, one, GRID, classification=False).cosine_similarity is None
    assert compare(one, zero, GRID, classification=False).cosine_similarity is None
    assert compare(zero, one, GRID, classification=False).sqnr_db is None
    assert compare(one, zero, GRID, classification=False).sqnr_db == pytest.approx(0.0)


def test_cosine_is_over_the_outputs_of_all_samples_at_once():
    a = np.array([[1, 0], [0, 3]], np.float32)
    b = np.array([[1, 0], [3, 0]], np.float32)
    assert compare(a, b, None, classification=False).cosine_similarity == pytest.approx(0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_what_is_not_finite_is_counted_and_left_out(bad, side):
    outputs: list[np.ndarray] = [to_reals(SOME, GRID).astype(np.float32), SOME.copy()]
    if side:
        outputs.reverse()
    clean = compare(outputs[0][1:], outputs[1][1:], GRID, classification=True)
    outputs[side][0, :] = bad
    figures = compare(outputs[0], outputs[1], GRID, classification=True)
    assert figures.n == 110
    assert asdict(figures) == asdict(clean) | {"non_finite": 10}


def test_an_element_bad_in_both_is_counted_once():
    a = np.array([[np.nan, 1, 2], [3, 4, np.inf]], np.float32)
    b = np.array([[np.inf, 1, 2], [3, 4, 5]], np.float32)
    figures = compare(a, b, GRID, classification=True)
    assert (figures.n, figures.non_finite, figures.mismatches) == (4, 2, 0)
    assert figures.top1_agreement is None


def test_nothing_finite_leaves_only_the_counts():
    nothing = np.full((2, 3), np.nan, np.float32)
    figures = compare(nothing, nothing, GRID, classification=True)
    assert figures == Figures(n=0, non_finite=6)


def test_a_float_model_has_no_figures_over_integers():
    a = np.array([[1, 2]], np.float32)
    figures = compare(a, a + np.float32(0.5), None, classification=True)
    assert names(figures) == {
        "n", "non_finite", "max_abs_error", "mean_abs_error", "mean_error", "rmse", "max_relative_error",
        "outside_tolerance", "sqnr_db", "cosine_similarity", "top1_agreement",
    }  # fmt: skip
    assert figures.rmse == 0.5


def test_the_first_of_equal_outputs_wins_the_tie():
    a = np.array([[5, 5, 1]], np.int8)
    b = np.array([[4, 5, 1]], np.int8)
    assert compare(a, b, GRID, classification=True).top1_agreement == 0.0


@pytest.mark.parametrize(
    ("a", "b", "grid"),
    [
        (SOME, SOME[:, :1], GRID),
        (SOME, SOME.astype(np.int16), GRID),
        (SOME.astype(np.uint8), SOME, GRID),
        (SOME, SOME, None),
        (SOME, SOME > 0, GRID),
    ],
)
def test_what_does_not_fit_is_refused(a, b, grid):
    with pytest.raises(ValueError, match="output"):
        compare(a, b, grid, classification=False)


def test_accuracy():
    outputs = np.zeros((4, 3), np.int8)
    outputs[np.arange(4), [0, 1, 2, 2]] = 9
    figures = compare_with_labels(np.array([0, 1, 2, 0]), outputs, GRID, classification=True)
    assert figures == Figures(n=4, top1_agreement=0.75, non_finite=0)


def test_accuracy_leaves_out_samples_that_are_not_finite():
    outputs = np.eye(4, dtype=np.float32)
    outputs[1, 0] = np.nan
    figures = compare_with_labels(np.array([0, 1, 2, 0]), outputs, GRID, classification=True)
    assert figures == Figures(n=3, top1_agreement=2 / 3, non_finite=1)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_regression_against_targets(shape):
    targets = np.array([0.25, 1.0, -2.0], np.float32).reshape(shape)
    outputs = np.array([[10], [12], [7]], np.int8)
    figures = compare_with_labels(targets, outputs, HALVES, classification=False)
    assert names(figures) == {
        *("n", "non_finite", "max_abs_error", "mean_abs_error", "mean_error", "rmse"),
        *("max_relative_error", "outside_tolerance"),
    }
    assert (figures.max_relative_error, figures.outside_tolerance) == (1.0, 2 / 3)
    assert (figures.n, figures.max_abs_error, figures.mean_abs_error) == (3, 0.5, 0.25)
    assert figures.mean_error == pytest.approx(0.25 / 3)
    assert figures.rmse == math.sqrt((0.25**2 + 0.5**2) / 3)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="classes"):
        compare_with_labels(np.zeros(5, int), SOME, GRID, classification=True)
    with pytest.raises(ValueError, match="classes"):
        compare_with_labels(np.zeros(12, np.float32), SOME, GRID, classification=True)
    with pytest.raises(ValueError, match="shapes"):
        compare_with_labels(np.zeros(12, np.float32), SOME, GRID, classification=False)


def test_the_histogram_counts_every_difference():
    b = SOME.copy()
    b[0, :3] += np.array([1, 1, -4], np.int8)
    differences, counts = lsb_histogram(SOME, b, GRID)
    assert differences.tolist() == [-4, 0, 1]
    assert counts.tolist() == [1, 117, 2]
    reals = to_reals(SOME, GRID).astype(np.float32)
    reals[5, 5] = np.nan
    differences, counts = lsb_histogram(reals, SOME, GRID)
    assert (differences.tolist(), counts.tolist()) == ([0], [119])


def test_ulp_distance_counts_float32_steps():
    one = np.float32(1)
    up = np.nextafter(one, np.float32(2))
    assert ulp_distance(one, up) == 1
    assert ulp_distance(up, one) == 1
    assert ulp_distance(one, np.float32(2)) == 2**23
    assert ulp_distance(np.float32(0.0), np.float32(-0.0)) == 0
    tiny = np.nextafter(np.float32(0), one)
    assert ulp_distance(-tiny, tiny) == 2
    largest = np.finfo(np.float32).max
    # Every finite float32 of either sign: exponents 0 to 254, 2^23 mantissas.
    assert ulp_distance(-largest, largest) == 2 * (255 * 2**23 - 1)
    assert ulp_distance(largest, np.float32(np.inf)) == 1


def test_ulp_distance_by_walking():
    random = np.random.default_rng(2)
    start = (random.standard_normal(50) * 10.0 ** random.integers(-40, 30, 50)).astype(np.float32)
    walked = start.copy()
    for _ in range(37):
        walked = np.nextafter(walked, np.float32(np.inf))
    assert ulp_distance(start, walked).tolist() == [37] * 50


def test_ulp_distance_refuses_what_it_would_have_to_round():
    with pytest.raises(TypeError, match="float64"):
        ulp_distance(np.array([1.0]), np.array([1], np.float32))
    with pytest.raises(ValueError, match="NaN"):
        ulp_distance(np.array([np.nan], np.float32), np.array([1], np.float32))
