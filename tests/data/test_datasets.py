"""The built-in datasets: fixed by the split's seed, shuffled, disjoint, and what they say they are."""

from dataclasses import fields

import numpy as np
import pytest
from sklearn.datasets import load_digits

from qcompare.data import digits, sequence_sum
from qcompare.data.dataset import Dataset, assemble, split

DIGITS = {"test_samples": 360, "calibration_samples": 256, "split_seed": 0}
SUMS = {"samples": 100, "steps": 6, "features": 2, "test_samples": 30, "calibration_samples": 20, "split_seed": 0}
DATASETS = [(digits.rows, DIGITS), (digits.pixels, DIGITS), (sequence_sum.sequences, SUMS)]
NAMES = ["digits", "digit_pixels", "sequence_sum"]

every_dataset = pytest.mark.parametrize(("make", "options"), DATASETS, ids=NAMES)


CUT = [(digits.rows, DIGITS | {"shortest": 2}), (sequence_sum.sequences, SUMS | {"shortest": 3})]


def equal(one, other):
    return all(np.array_equal(getattr(one, item.name), getattr(other, item.name)) for item in fields(Dataset))


@pytest.mark.parametrize(("make", "options"), CUT)
def test_sequences_are_cut_to_their_first_steps(make, options):
    whole, dataset = make(**options | {"shortest": None}), make(**options)
    assert equal(dataset, make(**options))
    for part in ("train", "test"):
        x, lengths = getattr(dataset, f"x_{part}"), getattr(dataset, f"lengths_{part}")
        assert set(lengths.tolist()) == set(range(options["shortest"], dataset.steps + 1))
        for own, steps, all_steps in zip(x, lengths, getattr(whole, f"x_{part}"), strict=True):
            assert np.array_equal(own[-steps:], all_steps[:steps])
            assert not own[:-steps].any()
    assert whole.lengths_train is None
    assert len(dataset.lengths_calibration) == len(dataset.calibration)


def test_the_sum_is_of_what_is_left():
    dataset = sequence_sum.sequences(**SUMS | {"shortest": 3})
    np.testing.assert_allclose(dataset.y_test, dataset.x_test.sum(axis=1) / np.sqrt(6), rtol=1e-6)


def counts(samples):
    """How often each sample, as bytes, occurs."""
    rows, number = np.unique([sample.tobytes() for sample in samples], return_counts=True)
    return dict(zip(rows.tolist(), number.tolist(), strict=True))


@every_dataset
def test_the_split_is_fixed_by_its_seed(make, options):
    one = make(**options)
    assert equal(one, make(**options))
    other = make(**options | {"split_seed": 1})
    assert not np.array_equal(one.x_test, other.x_test)
    assert not np.array_equal(one.calibration, other.calibration)


@every_dataset
def test_neither_numpys_global_generator_nor_training_decides_the_split(make, options):
    np.random.seed(1)
    one = make(**options)
    np.random.seed(2)
    assert equal(one, make(**options))


@every_dataset
def test_shapes_and_dtypes(make, options):
    dataset = make(**options)
    total = options.get("samples", 1797)
    shape = (dataset.steps, dataset.features)
    assert dataset.x_test.shape == (options["test_samples"], *shape)
    assert dataset.x_train.shape == (total - options["test_samples"], *shape)
    assert len(dataset.y_train) == len(dataset.x_train)
    assert len(dataset.y_test) == len(dataset.x_test)
    assert dataset.calibration.shape == (options["calibration_samples"], *shape)
    for samples in (dataset.x_train, dataset.x_test, dataset.calibration):
        assert samples.dtype == np.float32


@every_dataset
def test_calibration_is_drawn_from_training(make, options):
    dataset = make(**options)
    training = counts(dataset.x_train)
    drawn = counts(dataset.calibration)
    assert all(number <= training.get(sample, 0) for sample, number in drawn.items())
    more = make(**options | {"calibration_samples": 10**6})
    assert counts(more.calibration) == training


@every_dataset
def test_the_size_of_the_calibration_set_does_not_move_the_split(make, options):
    other = make(**options | {"calibration_samples": 3})
    assert len(other.calibration) == 3
    assert np.array_equal(other.x_test, make(**options).x_test)


@pytest.mark.parametrize("make", [digits.rows, digits.pixels])
def test_digits_are_each_image_once_with_its_label(make):
    dataset = make(**DIGITS)
    assert dataset.classes == dataset.outputs == 10
    images, labels = load_digits(return_X_y=True)
    order = np.arange(64) if make is digits.rows else np.random.default_rng(8).permutation(64)
    expected = [
        (image.astype(np.float32)[order] / 16).tobytes() + bytes([label])
        for image, label in zip(images, labels, strict=True)
    ]
    pairs = [(dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)]
    found = [sample.tobytes() + bytes([y]) for xs, ys in pairs for sample, y in zip(xs, ys, strict=True)]
    assert sorted(found) == sorted(expected)


def test_digits_are_shuffled():
    dataset = digits.rows(**DIGITS)
    first = load_digits(return_X_y=True)[1][:100]
    assert not np.array_equal(dataset.y_test[:100], first)
    assert not np.array_equal(dataset.y_train[:100], first)
    # Every class is in the test set, near its share of a tenth.
    shares = np.bincount(dataset.y_test, minlength=10) / len(dataset.y_test)
    assert shares.min() > 0.05
    assert shares.max() < 0.16


def test_digit_pixels_are_the_digits_in_one_fixed_order():
    rows, pixels = digits.rows(**DIGITS), digits.pixels(**DIGITS)
    assert (rows.steps, rows.features, pixels.steps, pixels.features) == (8, 8, 64, 1)
    order = np.random.default_rng(8).permutation(64)
    assert not np.array_equal(order, np.arange(64))
    np.testing.assert_array_equal(rows.x_test.reshape(-1, 64)[:, order], pixels.x_test[:, :, 0])
    np.testing.assert_array_equal(rows.y_test, pixels.y_test)


def test_sequence_sum_is_the_sum_over_time():
    dataset = sequence_sum.sequences(**SUMS)
    assert (dataset.classes, dataset.outputs) == (None, 2)
    for x, y in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        assert y.dtype == np.float32
        assert np.abs(x).max() <= 1
        np.testing.assert_allclose(y, x.astype(np.float64).sum(axis=1) / np.sqrt(6), rtol=0, atol=1e-6)
    assert not set(counts(dataset.x_train)) & set(counts(dataset.x_test))


def test_a_split_is_a_shuffled_partition():
    x = np.arange(50).reshape(50, 1, 1)
    (x_train, y_train), (x_test, y_test) = split(x, np.arange(50), 20, split_seed=0)
    assert (len(x_train), len(x_test)) == (30, 20)
    assert sorted([*y_train, *y_test]) == list(range(50))
    assert list(y_test) != sorted(y_test)
    assert list(y_train) != sorted(y_train)
    np.testing.assert_array_equal(x_train[:, 0, 0], y_train)
    np.testing.assert_array_equal(x_test[:, 0, 0], y_test)


def test_calibration_samples_are_drawn_once_each():
    x = np.arange(40, dtype=np.float64).reshape(40, 1, 1)
    dataset = assemble((x, np.zeros(40, int)), (x[:1], np.zeros(1, int)), 2, 25, split_seed=3)
    drawn = dataset.calibration.ravel().tolist()
    assert len(drawn) == len(set(drawn)) == 25
    assert set(drawn) <= set(range(40))
    assert drawn != list(range(25))
