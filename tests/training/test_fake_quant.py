"""Fake quantization against exact arithmetic: grids, ranges, scales, gradients, the two roundings of MUL."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qcompare.core.tap import Tap
from qcompare.models.float_ops import FloatOps, Reals, Unrounded
from qcompare.models.ops import LOGISTIC_RANGE, TANH_RANGE
from qcompare.training.calibrate import RangeObserver
from qcompare.training.fake_quant import Aligned, FakeQuant
from qcompare.training.near_lstm import coarsened, exponent_of
from qcompare.training.number_format import INT8
from qcompare.training.scales import SMALLEST_RANGE, weight_scale

GENERATOR = np.random.default_rng(3)
RANGES = [(-1.0, 1.0), (-0.3, 2.7), (0.0, 5.9), (-12.0, 1e-6), (-1e-3, 3e-3), (-4.1, 0.02)]


def learned(low, high, role="layer/y"):
    return {role: np.array([low, high], np.float32)}


def rounded(kind, values, low, high):
    """Values as the operators hand them on, for the role layer/y."""
    rounding = kind({}, learned(low, high))
    return rounding.result("layer/y", tf.constant(values, tf.float32))


def integers(result, low, high):
    """The whole numbers q of values q * scale, zero point taken off; fails when a value is off the grid."""
    scale = np.float32(result.scale)
    values = np.asarray(result.tensor)
    q = np.round(values.astype(np.float64) / scale)
    np.testing.assert_array_equal(values, (q.astype(np.float32) * scale).astype(np.float32))
    return q.astype(np.int64)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_aligned_values_are_whole_multiples_of_the_scale(low, high):
    margin = 0.2 * (high - low)
    values = GENERATOR.uniform(low - margin, high + margin, 5000).astype(np.float32)
    q = integers(rounded(Aligned, values, low, high), low, high)
    zero_point = INT8.grid(np.float32(low), np.float32(high)).zero_point[0]
    assert (q + zero_point).min() >= -128
    assert (q + zero_point).max() <= 127
    assert len(set(q)) > 200


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_aligned_values_are_the_nearest_of_the_grid(low, high):
    scale = (np.float32(high) - np.float32(low)) / np.float32(255)
    zero_point = int(INT8.grid(np.float32(low), np.float32(high)).zero_point[0])
    margin = 0.2 * (high - low)
    values = GENERATOR.uniform(low - margin, high + margin, 400).astype(np.float32)
    q = integers(rounded(Aligned, values, low, high), low, high)
    for value, found in zip(values.tolist(), q.tolist(), strict=True):
        exact = Fraction(value) / Fraction(float(scale))
        inside = min(max(exact, -128 - zero_point), 127 - zero_point)
        assert abs(found - inside) <= Fraction(1, 2) + Fraction(1, 10**4)


def test_what_the_converter_sees_differs_from_the_aligned_grid_by_float_rounding_alone():
    low, high = np.float32(-0.7), np.float32(1.9)
    values = GENERATOR.uniform(-1, 2.2, 2000).astype(np.float32)
    aligned, plain = (np.asarray(rounded(kind, values, low, high).tensor) for kind in (Aligned, FakeQuant))
    scale = float(high - low) / 255
    gaps = np.abs(aligned.astype(np.float64) - plain) / scale
    assert np.minimum(gaps, np.abs(gaps - 1)).max() < 1e-3
    assert (gaps > 0.5).mean() < 1e-2


def test_zero_is_on_every_grid():
    for low, high in RANGES:
        assert np.asarray(rounded(Aligned, [0.0], low, high).tensor) == 0.0


@pytest.mark.parametrize("fixed", [TANH_RANGE, LOGISTIC_RANGE])
def test_prescribed_ranges_are_powers_of_two(fixed):
    result = Aligned({}, {}).result("layer/y", tf.constant([0.5, -7.0, 7.0]), fixed)
    assert float(result.scale) in (1 / 128, 1 / 256)
    np.testing.assert_array_equal(result.tensor, [0.5, *fixed])
    expected = INT8.grid(np.float32(fixed[0]), np.float32(fixed[1]))
    assert (float(expected.scale[0]), expected.zero_point[0]) == (
        (1 / 128, 0) if fixed is TANH_RANGE else (1 / 256, -128)
    )


@pytest.mark.parametrize("kind", [Aligned, FakeQuant])
def test_gradients_pass_inside_the_range_and_stop_outside(kind):
    values = tf.Variable([-5.0, -0.2, 0.0, 0.3, 9.0])
    with tf.GradientTape() as tape:
        result = kind({}, learned(-1.0, 1.0)).result("layer/y", values).tensor
        total = tf.reduce_sum(result * tf.constant([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(tape.gradient(total, values), [0, 2, 3, 4, 0])


def test_weights_lie_on_a_grid_of_their_own_column_as_it_is_now():
    weight = tf.Variable(GENERATOR.normal(size=(7, 5)).astype(np.float32) * np.array([1, 10, 0.1, 3, 0], np.float32))
    found = []
    for _ in range(2):
        values, expected = Aligned({"layer/w": weight}, {}).weight("layer/w").numpy(), weight.numpy()
        scale = weight_scale(expected, per_channel=True).scale
        q = values.astype(np.float64) / scale
        np.testing.assert_allclose(q, np.round(q), atol=1e-4)
        np.testing.assert_array_equal(np.round(q), np.round(expected.astype(np.float64) / scale))
        np.testing.assert_array_equal(np.abs(np.round(q)).max(axis=0), [127, 127, 127, 127, 0])
        found.append(values)
        weight.assign(weight * 3)
    np.testing.assert_allclose(found[1], 3 * found[0], rtol=1e-6)


def test_gradients_reach_weights_and_biases():
    weights = {
        "layer/w": tf.Variable(GENERATOR.normal(size=(4, 3)).astype(np.float32)),
        "layer/b": tf.Variable(GENERATOR.normal(size=3).astype(np.float32)),
    }
    ranges = learned(-8, 8) | learned(-3, 3, "x")
    with tf.GradientTape() as tape:
        ops = FloatOps(Aligned(weights, ranges))
        x = ops.input(tf.constant(GENERATOR.normal(size=(6, 4)).astype(np.float32)))
        with ops.scope("layer"):
            total = tf.reduce_sum(ops.fully_connected("y", x, "w", "b").tensor)
    for gradient in tape.gradient(total, list(weights.values())):
        assert np.abs(gradient).min() > 0


def test_biases_are_whole_multiples_of_the_products_scale():
    weights = {
        "layer/w": GENERATOR.normal(size=(4, 3)).astype(np.float32),
        "layer/b": np.array([0.3, -2.0, 11.0], np.float32),
    }
    rounding = Aligned(weights, learned(-3, 3, "x"))
    x = rounding.result("x", tf.zeros([1, 4]))
    bias = np.asarray(rounding.bias("layer/b", x, "layer/w"), np.float64)
    scale = float(x.scale) * weight_scale(weights["layer/w"], per_channel=True).scale.astype(np.float64)
    np.testing.assert_allclose(bias / scale, np.round(weights["layer/b"] / scale), rtol=1e-6)


def multiplier_of(ratio):
    """(mantissa, exponent) of a positive real: `ratio = mantissa * 2^(exponent - 31)`, as whole numbers."""
    fraction, exponent = np.frexp(np.float64(ratio))
    mantissa = int(np.floor(fraction * 2**31 + 0.5))
    return (mantissa // 2, int(exponent) + 1) if mantissa == 2**31 else (mantissa, int(exponent))


def mul_kernel(a, b, scale_a, scale_b, scale_out, zero_point):
    """The int8 MUL in Python's whole numbers: a rounding high product, then a rounding shift."""
    mantissa, exponent = multiplier_of(np.float32(scale_a) * np.float32(scale_b) / np.float32(scale_out))
    assert exponent <= 0
    product = int(a) * int(b) * mantissa
    high = (product + 2**30) // 2**31 if product >= 0 else -((-product + 2**30 - 1) // 2**31)
    shift = -exponent
    mask = (1 << shift) - 1
    result = (high >> shift) + ((high & mask) > (mask >> 1) + (high < 0))
    return min(max(result + zero_point, -128), 127) - zero_point


@pytest.mark.parametrize(
    ("range_a", "range_b", "range_out"),
    [
        (LOGISTIC_RANGE, (-2.31, 1.97), (-1.8, 1.9)),
        (LOGISTIC_RANGE, TANH_RANGE, (-0.93, 0.97)),
        ((-0.7, 0.9), (-3.0, 2.0), (-2.6, 1.1)),
        ((-1.0, 1.0), (-1.0, 1.0), (-0.25, 0.25)),
    ],
)
def test_mul_rounds_twice_as_the_kernel_does(range_a, range_b, range_out):
    ranges = [np.array(each, np.float32) for each in (range_a, range_b, range_out)]
    ops = FloatOps(Aligned({}, {"layer/y": ranges[2]}))
    grids = [INT8.grid(*each) for each in ranges]
    scales = [np.float32((high - low) / np.float32(255)) for low, high in ranges]
    zero_points = [int(grid.zero_point[0]) for grid in grids]
    a, b = (np.arange(-128, 128) - zero_point for zero_point in zero_points[:2])
    a, b = (each.ravel() for each in np.meshgrid(a, b))
    operands = [
        Reals(tensor=tf.constant(q.astype(np.float32) * scale), scale=tf.constant(scale))
        for q, scale in zip((a, b), scales, strict=False)
    ]
    with ops.scope("layer"):
        result = ops.multiply("y", *operands)
    found = integers(result, *range_out)
    expected = np.array(
        [mul_kernel(p, q, scales[0], scales[1], scales[2], zero_points[2]) for p, q in zip(a, b, strict=True)]
    )
    np.testing.assert_array_equal(found, expected)
    product = np.round(a * b * (scales[0] * scales[1] / scales[2]))
    once = np.clip(product, -128 - zero_points[2], 127 - zero_points[2])
    assert (once != expected).mean() > 1e-3


def test_the_shift_of_a_multiplier_is_frexps():
    powers = 2.0 ** np.arange(-30, 10)
    values = np.concatenate([powers, powers * (1 - 2**-20), powers * (1 + 2**-20), GENERATOR.uniform(1e-6, 2, 500)])
    values = values.astype(np.float32)
    np.testing.assert_array_equal(exponent_of(tf.constant(values)), np.frexp(values)[1])


def test_observed_ranges_cover_all_steps_and_zero():
    observer = RangeObserver()

    def see(role, values, fixed=None, step=None):
        observer.see(Tap(role, step), Reals(tensor=tf.constant(values)), fixed)

    for step, values in enumerate(([0.5, 2.0], [-3.0, 1.0])):
        see("layer/h", values, step=step)
    see("layer/positive", [3.0, 5.0])
    see("layer/negative", [-3.0, -5.0])
    see("layer/nothing", [0.0])
    see("layer/fixed", [9.0], TANH_RANGE)
    found = {role: span.numpy().tolist() for role, span in observer.ranges().items()}
    least = float(np.float32(SMALLEST_RANGE))
    assert found == {
        "layer/h": [-3.0, 2.0],
        "layer/positive": [0.0, 5.0],
        "layer/negative": [-5.0, least],
        "layer/nothing": [0.0, least],
    }


def test_what_reads_which_weight_is_told():
    read: dict[Any, Any] = {}
    rounding = Unrounded({"layer/w": tf.zeros([2, 3]), "layer/u": tf.zeros([3, 3])})
    ops = FloatOps(rounding, read=read.__setitem__)
    with ops.scope("layer"):
        y = ops.fully_connected("first", Reals(tensor=tf.zeros([1, 2])), "w")
        ops.fully_connected("second", y, "u")
    assert read == {"layer/first": "layer/w", "layer/second": "layer/u"}


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_activation_scales_against_exact_fractions(low, high):
    low, high = np.float32(low), np.float32(high)
    found = INT8.grid(low, high)
    exact = (Fraction(float(high)) - Fraction(float(low))) / 255
    nearest = min(
        (np.nextafter(found.scale[0], np.float32(side)) for side in (0, found.scale[0], np.inf)),
        key=lambda scale: abs(Fraction(float(scale)) - exact),
    )
    assert found.scale[0] == nearest
    assert found.scale.dtype == np.float32
    zero = -128 - Fraction(float(low)) / exact
    assert abs(found.zero_point[0] - min(max(zero, -128), 127)) <= Fraction(1, 2)


def test_weight_scales():
    weight = np.array([[1.0, -2.0, 0.0], [0.5, 1.27, 0.0]], np.float32)
    per_channel = weight_scale(weight, per_channel=True)
    np.testing.assert_array_equal(
        per_channel.scale, np.float32(np.array([1.0, 2.0, float(np.float32(SMALLEST_RANGE))]) / 127)
    )
    whole = weight_scale(weight, per_channel=False)
    np.testing.assert_array_equal(whole.scale, [np.float32(2.0 / 127)])
    assert not per_channel.zero_point.any()
    assert per_channel.zero_point.shape == per_channel.scale.shape


def test_coarser_steps_take_halves_away_from_zero():
    """As (8) does, for every number of finer steps that an int16 result leaves room for."""
    for shift in range(7):
        fine = np.arange(-(1 << 15 + min(shift, 3)), 1 << 15 + min(shift, 3), dtype=np.int64)
        expected = np.sign(fine) * ((2 * np.abs(fine) + (1 << shift)) // (2 << shift))
        found = coarsened(tf.constant(fine, tf.float32), tf.constant(2.0**shift)).numpy()
        np.testing.assert_array_equal(found, expected)
