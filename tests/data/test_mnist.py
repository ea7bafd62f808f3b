"""MNIST from Keras's file: rows of pixels in [0, 1], a subset by the split's seed, and the line when it is missing."""

import numpy as np
import pytest

from qcompare.config.compose import compose
from qcompare.config.options import MnistData, content, parse
from qcompare.data.error import DataFileError
from qcompare.data.mnist import GET, load

GENERATOR = np.random.default_rng(3)
TRAIN, TEST = 30, 7


def arrays(**changed):
    """A tiny file as Keras's; some arrays replaced, None leaves one out."""
    images = GENERATOR.integers(0, 256, (TRAIN + TEST, 28, 28), np.uint8)
    labels = (np.arange(TRAIN + TEST) % 10).astype(np.uint8)
    whole = {"x_train": images[:TRAIN], "y_train": labels[:TRAIN], "x_test": images[TRAIN:], "y_test": labels[TRAIN:]}
    return {name: value for name, value in (whole | changed).items() if value is not None}


def saved(folder, **changed):
    stored = arrays(**changed)
    np.savez(folder / "mnist.npz", allow_pickle=True, **stored)
    return folder / "mnist.npz", stored


def read(path, **options):
    return load(path, **{"train_samples": 60_000, "calibration_samples": 9, "split_seed": 0} | options)


def test_an_image_is_28_steps_of_28_features(tmp_path):
    path, stored = saved(tmp_path)
    dataset = read(path)
    assert (dataset.steps, dataset.features, dataset.classes) == (28, 28, 10)
    assert dataset.x_train.dtype == np.float32
    assert dataset.y_train.dtype == np.int32
    for part in ("train", "test"):
        x, y = getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
        np.testing.assert_array_equal(np.round(x * 255), stored[f"x_{part}"])
        assert x.min() >= 0
        assert x.max() <= 1
        np.testing.assert_array_equal(y, stored[f"y_{part}"])
    assert dataset.lengths_test is None


def test_fewer_training_samples_are_a_subset_by_the_split_seed(tmp_path):
    path, _ = saved(tmp_path)
    whole, some, other = read(path), read(path, train_samples=12), read(path, train_samples=12, split_seed=1)
    pairs = {(x.tobytes(), int(y)) for x, y in zip(whole.x_train, whole.y_train, strict=True)}
    for dataset in (some, other):
        found = {(x.tobytes(), int(y)) for x, y in zip(dataset.x_train, dataset.y_train, strict=True)}
        assert len(found) == 12
        assert found < pairs
        np.testing.assert_array_equal(dataset.x_test, whole.x_test)
    assert not np.array_equal(some.x_train, other.x_train)
    np.testing.assert_array_equal(some.x_train, read(path, train_samples=12).x_train)
    drawn = {x.tobytes() for x in some.calibration}
    assert drawn < {x.tobytes() for x in some.x_train}


def test_no_file_is_one_line_that_says_how_to_get_it(tmp_path):
    with pytest.raises(DataFileError) as caught:
        read(tmp_path / "mnist.npz")
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(f"data=mnist: there is no {tmp_path / 'mnist.npz'}; `{GET}` downloads")


@pytest.mark.parametrize(
    "changed",
    [
        {"y_test": None},
        {"x_train": np.zeros((TRAIN, 784), np.uint8)},
        {"x_train": np.zeros((TRAIN, 28, 28), np.float32)},
        {"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, np.uint8)},
        {"y_test": np.full(TEST, 10, np.uint8)},
        {"y_test": np.zeros(TEST + 1, np.uint8)},
        {"y_train": np.zeros(TRAIN)},
        {"x_train": np.full(TRAIN, None)},
    ],
    ids=str,
)
def test_another_file_is_one_line(changed, tmp_path):
    path, _ = saved(tmp_path, **changed)
    with pytest.raises(DataFileError, match=r"^data=mnist: .*mnist\.npz is not Keras's mnist\.npz[,;] [^\n]*$"):
        read(path)


def test_a_damaged_file_is_one_line(tmp_path):
    path, _ = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataFileError, match="is not Keras's"):
        read(path)


def test_without_a_path_it_is_looked_for_where_keras_puts_it(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    data = parse(compose(["data=mnist"])).data
    assert isinstance(data, MnistData)
    assert data.files == (tmp_path / ".keras" / "datasets" / "mnist.npz",)
    assert content(data) == ""
    monkeypatch.setenv("KERAS_HOME", "/somewhere")
    assert str(data.files[0]) == "/somewhere/datasets/mnist.npz"
    given = parse(compose(["data=mnist", "data.path=mine/mnist.npz"])).data
    assert isinstance(given, MnistData)
    assert [str(path) for path in given.files] == ["mine/mnist.npz"]
