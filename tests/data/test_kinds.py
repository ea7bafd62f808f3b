"""Data as people have them: each kind is taken and named, or refused in one line whose NumPy mends it."""

import re

import numpy as np
import pytest

from qcompare.core.finding import Severity
from qcompare.data.error import DataFileError
from qcompare.data.file import load
from qcompare.data.understood import findings, understood

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
TRAIN, TEST = 40, 20
CLASSES = np.arange(TRAIN + TEST) % 3


def images(*shape):
    return np.random.default_rng(7).uniform(0, 1, (TRAIN + TEST, *shape)).astype(np.float32)


def data(*, x=None, y=CLASSES):
    """The four arrays of all samples."""
    x = images(8, 4) if x is None else x
    return {"x_train": x[:TRAIN], "y_train": y[:TRAIN], "x_test": x[TRAIN:], "y_test": y[TRAIN:]}


def with_nan():
    x = images(8, 4)
    x[[3, 50], 2, 1] = np.nan
    return x


def ragged():
    lengths = 2 + CLASSES
    x = np.empty(TRAIN + TEST, object)
    x[:] = [np.full((length, 4), length, np.float32) for length in lengths]
    return x


def padded():
    """`ragged` as arrays with zeros at the end, and the lengths."""
    x = np.stack([np.pad(sequence, ((0, 4 - len(sequence)), (0, 0))) for sequence in ragged()])
    return data(x=x) | {"lengths_train": 2 + CLASSES[:TRAIN], "lengths_test": 2 + CLASSES[TRAIN:]}


def read(folder, arrays):
    """(what was understood, findings) of a file."""
    np.savez(folder / "mine.npz", allow_pickle=True, **arrays)
    dataset = load(folder / "mine.npz", calibration_samples=8, split_seed=0)
    return dataset, str(understood(dataset)), [(found.severity, found.text) for found in findings(dataset)]


def refused(folder, arrays):
    with pytest.raises(DataFileError) as caught:
        read(folder, arrays)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).removeprefix(f"data.file={folder / 'mine.npz'}: ")


def mended(arrays, *lines):
    """The arrays after NumPy was run on them."""
    names = {"np": np, **arrays}
    for text in lines:
        exec(text, names)
    return {name: names[name] for name in ARRAYS}


def lines_of(text):
    return re.findall(r"`([^`]*)`", text)


TAKEN = {
    "one-hot integers": (data(y=np.eye(3, dtype=int)[CLASSES]), "classification, 3 classes (labels were one-hot, "),
    "one-hot reals": (data(y=np.eye(3)[CLASSES]), "classification, 3 classes (labels were one-hot, [samples, 3]); "),
    "[N, 1]": (data(y=CLASSES[:, None]), "classification, 3 classes (labels were [samples, 1]); 40 training and 20 "),
    "plain": (data(), "classification, 3 classes; 40 training and 20 test samples of 8 steps of 4 features; x from "),
    "real labels": (data(y=images()), "regression, 1 output; 40 training"),
    "ragged": (
        data(x=ragged()),
        "classification, 3 classes; 40 training and 20 test samples of variable length, 2 to ",
    ),
    "padded": (padded(), "classification, 3 classes; 40 training and 20 test samples of variable length, 2 to 4 steps"),
    "reals in columns": (data(y=images(8)), "regression, 8 outputs; 40 training"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_taken_is_named(kind, tmp_path):
    arrays, named = TAKEN[kind]
    dataset, text, found = read(tmp_path, arrays)
    assert text.startswith(named)
    assert found == []
    if dataset.classes:
        np.testing.assert_array_equal(dataset.y_train, CLASSES[:TRAIN])
        np.testing.assert_array_equal(dataset.y_test, CLASSES[TRAIN:])
        assert dataset.y_train.dtype == np.int32


WARNED = {
    "0..255 unscaled": (
        data(x=np.round(images(8, 4) * 255).astype(np.uint8)),
        "x lies in [0, 255], beyond [-10, 10], where training goes badly: ",
    ),
    "far from zero": (data(x=images(8, 4) * 1e4 - 5e3), "x lies in [-"),
    "whole reals": (data(y=CLASSES.astype(float)), "y holds 3 different values, all whole, as reals: taken as a"),
    "whole reals [N, 1]": (data(y=CLASSES[:, None] * 1.0), "y holds 3 different values, all whole, as reals: taken as"),
}


@pytest.mark.parametrize("kind", WARNED)
def test_what_is_doubtful_is_warned_of_and_mended(kind, tmp_path):
    arrays, said = WARNED[kind]
    _, _, ((severity, text),) = read(tmp_path, arrays)
    assert severity is Severity.WARNING
    assert text.startswith(said)
    after, named, found = read(tmp_path, mended(arrays, *lines_of(text)))
    assert found == []
    assert named.startswith("classification, 3 classes")
    assert np.abs(after.x_train).max() <= 10


REFUSED = {
    "labels from 1": (data(y=CLASSES + 1), "y holds 3 classes, 1, 2, 3; they are numbered 0 to 2 without a gap: "),
    "labels from 1, [N, 1]": (data(y=CLASSES[:, None] + 1), "y holds 3 classes, 1, 2, 3; "),
    "gaps": (data(y=CLASSES * 100), "y holds 3 classes, 0, 100, 200; they are numbered 0 to 2 without a gap: "),
    "identities": (data(y=CLASSES * 10**6), "y holds the class 2000000; there may be 4096 classes; "),
    "minus one": (data(y=CLASSES - 1), "y holds a negative class; classes are numbered from 0: "),
    "text": (data(y=np.array(["ant", "bee", "cat"])[CLASSES]), "y_train holds text; classes are whole numbers from 0"),
    "text as objects": (data(y=np.array(["ant", "bee", "cat"], object)[CLASSES]), "y_train holds Python objects"),
    "28x28x1": (data(x=images(28, 28, 1)), "x_train has shape (40, 28, 28, 1); it must be [samples, steps, features]"),
    "32x32x3": (data(x=images(32, 32, 3)), "x_train has shape (40, 32, 32, 3); it must be [samples, steps, features]"),
    "2-D": (data(x=images(64)), "x_train has shape (40, 64); it must be [samples, steps, features]: "),
    "NaN": (data(x=with_nan()), "x_train holds 1 NaN or infinite values; all must be finite: "),
    "a class a step": (data(y=np.tile(CLASSES[:, None], 8)), "y holds whole numbers in 8 columns that are not one-hot"),
    "a class a step, 3-D": (data(y=np.tile(CLASSES[:, None, None], (8, 1))), "y_train has shape (40, 8, 1); it must "),
    "one real, one whole": (data() | {"y_test": CLASSES[TRAIN:] * 1.0}, "y_train is int64 and y_test float64; "),
}
FIRST, LAST = slice(0, 1), slice(-1, None)
ONE_OF_SEVERAL = {"28x28x1": FIRST, "2-D": FIRST, "a class a step": FIRST, "gaps": FIRST, "labels from 1": FIRST}
ONE_OF_SEVERAL |= {"labels from 1, [N, 1]": FIRST, "identities": LAST}
"""Kinds that the text mends in several ways -> which of its lines are tried."""


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_mended_by_what_the_line_says(kind, tmp_path):
    arrays, said = REFUSED[kind]
    text = refused(tmp_path, arrays)
    assert text.startswith(said)
    arrays = mended(arrays, *lines_of(text)[ONE_OF_SEVERAL.get(kind, slice(None))])
    if kind == "NaN":  # x_test has one as well
        arrays = mended(arrays, *lines_of(refused(tmp_path, arrays)))
    dataset, named, found = read(tmp_path, arrays)
    assert named.startswith("classification, 3 classes")
    assert found == []
    if kind != "NaN":
        np.testing.assert_array_equal(dataset.y_train, CLASSES[:TRAIN])
        np.testing.assert_array_equal(dataset.y_test, CLASSES[TRAIN:])


@pytest.mark.parametrize(("kind", "shape"), [("28x28x1", (28, 28)), ("32x32x3", (32, 96)), ("2-D", (64, 1))])
def test_a_mended_x_has_the_steps_and_features_that_were_promised(kind, shape, tmp_path):
    text = refused(tmp_path, REFUSED[kind][0])
    dataset, _, _ = read(tmp_path, mended(REFUSED[kind][0], lines_of(text)[0]))
    assert (dataset.steps, dataset.features) == shape


def test_the_other_readings_of_a_line_hold_too(tmp_path):
    text = refused(tmp_path, REFUSED["2-D"][0])
    dataset, _, _ = read(tmp_path, mended(REFUSED["2-D"][0], lines_of(text)[1]))
    assert (dataset.steps, dataset.features) == (1, 64)
    for kind in ("gaps", "a class a step"):
        text = refused(tmp_path, REFUSED[kind][0])
        dataset, _, _ = read(tmp_path, mended(REFUSED[kind][0], lines_of(text)[1]))
        assert dataset.classes is None


def test_one_class_is_refused_as_numbers_and_as_one_hot(tmp_path):
    y = np.zeros(TRAIN + TEST, int)
    for labels in (y, np.eye(3, dtype=int)[y]):
        assert refused(tmp_path, data(y=labels)).startswith("y holds one class only; a classification needs at least")
    for arrays in (data(y=y),):
        assert read(tmp_path, mended(arrays, *lines_of(refused(tmp_path, arrays))))[0].classes is None


def test_a_class_that_training_has_not_is_warned_of(tmp_path):
    arrays = data() | {"y_test": np.arange(TEST) % 4}
    _, named, ((_, text),) = read(tmp_path, arrays)
    assert named.startswith("classification, 4 classes")
    assert text == "the test has classes that training has no sample of: 3"


def test_the_limit_of_x_is_ten_itself(tmp_path):
    for limit, count in ((10.0, 0), (10.001, 1), (-10.0, 0), (-10.001, 1)):
        x = images(8, 4)
        x[TRAIN + 1, 2, 3] = limit
        assert len(read(tmp_path, data(x=x))[2]) == count


def test_the_range_is_over_training_and_test(tmp_path):
    x = images(8, 4)
    x[0, 0, 0], x[-1, 0, 0] = -0.3, 1.7
    assert understood(read(tmp_path, data(x=x))[0]).x_range == (-0.3, 1.7)
