"""An .npz of the user's: what is read, and the one line that each kind of broken file gets."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from qcompare.data.error import DataFileError
from qcompare.data.file import load
from qcompare.data.targets import MOST_CLASSES

GENERATOR = np.random.default_rng(5)


def arrays(**changed):
    """A small classification, with some arrays replaced; None leaves one out."""
    x = GENERATOR.normal(size=(14, 3, 2))
    y = np.arange(14) % 3
    whole = {"x_train": x[:10], "y_train": y[:10], "x_test": x[10:], "y_test": y[10:]} | changed
    return {name: value for name, value in whole.items() if value is not None}


def saved(folder, **stored):
    np.savez(folder / "mine.npz", allow_pickle=True, **stored)
    return folder / "mine.npz"


def read(path, **options):
    return load(path, **{"calibration_samples": 4, "split_seed": 0} | options)


def refusal(path):
    with pytest.raises(DataFileError) as caught:
        read(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"data.file={path}: ")
    return message.removeprefix(f"data.file={path}: ")


def test_a_classification(tmp_path):
    whole = arrays()
    dataset = read(saved(tmp_path, **whole))
    assert (dataset.classes, dataset.outputs, dataset.steps, dataset.features) == (3, 3, 3, 2)
    assert dataset.y_train.dtype == np.int32
    np.testing.assert_array_equal(dataset.x_train, whole["x_train"].astype(np.float32))
    np.testing.assert_array_equal(dataset.y_test, whole["y_test"])
    assert dataset.calibration.shape == (4, 3, 2)
    training = {sample.tobytes() for sample in dataset.x_train}
    assert {sample.tobytes() for sample in dataset.calibration} <= training


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, np.bool_])
def test_whole_numbers_and_booleans_are_classes(dtype, tmp_path):
    y = (np.arange(14) % 2).astype(dtype)
    dataset = read(saved(tmp_path, **arrays(y_train=y[:10], y_test=y[10:])))
    assert dataset.classes == 2
    np.testing.assert_array_equal(dataset.y_train, y[:10])


def test_a_class_that_only_the_test_has_counts(tmp_path):
    dataset = read(saved(tmp_path, **arrays(y_test=np.array([0, 1, 2, 3]))))
    assert dataset.classes == 4


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_reals_are_a_regression(shape, tmp_path):
    y = GENERATOR.normal(size=(14, *shape))
    dataset = read(saved(tmp_path, **arrays(y_train=y[:10], y_test=y[10:])))
    assert dataset.classes is None
    assert dataset.outputs == (shape or (1,))[0]
    assert dataset.y_train.dtype == np.float32
    np.testing.assert_array_equal(dataset.y_test, y[10:].reshape(4, -1).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float64, np.bool_])
def test_x_of_any_numeric_dtype(dtype, tmp_path):
    x = GENERATOR.integers(0, 2, (14, 3, 2)).astype(dtype)
    dataset = read(saved(tmp_path, **arrays(x_train=x[:10], x_test=x[10:])))
    assert dataset.x_train.dtype == np.float32
    np.testing.assert_array_equal(dataset.x_test, x[10:])


def test_what_else_the_file_holds_is_left_alone(tmp_path):
    assert read(saved(tmp_path, **arrays(), notes=np.array(["by hand"]))).classes == 3


def test_the_split_seed_draws_the_calibration(tmp_path):
    path = saved(tmp_path, **arrays())
    np.testing.assert_array_equal(read(path).calibration, read(path).calibration)
    assert not np.array_equal(read(path).calibration, read(path, split_seed=1).calibration)


NAN = np.full((10, 3, 2), np.nan)
ONE_INFINITE = np.where(np.arange(60).reshape(10, 3, 2) == 7, np.inf, 0.0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y_test": None}, "y_test missing; the file must hold x_train, y_train, x_test, y_test"),
        ({"x_train": None, "y_train": None}, "x_train, y_train missing"),
        ({"x_train": np.zeros((10, 3))}, "x_train has shape (10, 3); it must be [samples, steps, features]"),
        ({"x_test": np.zeros((4, 3, 2, 1))}, "x_test has shape (4, 3, 2, 1); it must be"),
        ({"x_train": np.array(1.0)}, "x_train has shape (); it must be"),
        (
            {"x_test": np.zeros((4, 5, 2))},
            "x_train has 3 steps and x_test 5; steps must be equal, or lengths_train and",
        ),
        ({"x_train": np.zeros((10, 0, 2)), "x_test": np.zeros((4, 0, 2))}, "x_train has shape (10, 0, 2); it must"),
        ({"x_train": np.zeros((10, 3, 0)), "x_test": np.zeros((4, 3, 0))}, "x_train has shape (10, 3, 0); it must"),
        ({"x_train": np.zeros((9, 3, 2))}, "x_train has 9 samples and y_train 10; both need the same, at least one"),
        ({"x_test": np.zeros((0, 3, 2)), "y_test": np.zeros(0, int)}, "x_test has 0 samples and y_test 0"),
        ({"y_train": np.array(1)}, "y_train has shape (); it must be [samples] or [samples, outputs]"),
        ({"y_train": np.array(1.5)}, "y_train has shape (); it must be [samples] or [samples, outputs]"),
        ({"y_train": np.zeros((10, 2, 2))}, "y_train has shape (10, 2, 2); it must be [samples] or"),
        ({"y_train": np.zeros((10, 0)), "y_test": np.zeros((4, 0))}, "y_train has shape (10, 0); it must be"),
        ({"y_train": np.zeros((10, 2)), "y_test": np.zeros((4, 3))}, "y_train and y_test have 2 and 3 outputs"),
        ({"y_train": np.arange(10) - 1}, "y holds a negative class; classes are numbered from 0"),
        ({"y_train": np.zeros(10, int), "y_test": np.zeros(4, int)}, "y holds one class only"),
        (
            {"y_train": np.arange(10) + MOST_CLASSES},
            f"y holds the class {MOST_CLASSES + 9}; there may be {MOST_CLASSES} classes; a regression has real y",
        ),
        ({"y_train": np.full(10, 2**63, np.uint64)}, f"y holds the class {2**63}; there may be"),
        ({"x_train": NAN}, "x_train holds 60 NaN or infinite values; all must be finite"),
        ({"x_train": ONE_INFINITE}, "x_train holds 1 NaN or infinite values"),
        ({"y_test": np.array([0.5, np.nan, 1, 2])}, "y_test holds 1 NaN or infinite values"),
        ({"x_test": np.full((4, 3, 2), 1e300)}, "x_test holds 24 values too large for float32"),
        ({"y_train": np.full(10, -1e39)}, "y_train holds 10 values too large for float32"),
        ({"x_train": np.full((10, 3, 2), "a")}, "x_train has dtype <U1; it must be numeric"),
        ({"x_train": np.zeros((10, 3, 2), complex)}, "x_train has dtype complex128; it must be numeric"),
        ({"x_train": np.zeros((10, 3, 2), "m8[s]")}, "x_train has dtype timedelta64[s]; it must be numeric"),
        ({"y_train": np.zeros(10, [("a", int)])}, "y_train has dtype [('a', '<i8')]; it must be numeric"),
        ({"y_train": np.full(10, None)}, "y_train holds Python objects, which are not read"),
        ({"y_test": np.zeros(4)}, "y_train is int64 and y_test float64; whole numbers are classes and reals a"),
        ({"y_train": np.eye(10, 5)}, "y_train and y_test have 5 and 1 outputs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_array_is_one_line_that_names_it(changed, says, tmp_path):
    assert refusal(saved(tmp_path, **arrays(**changed))).startswith(says)


def npy(folder):
    np.save(folder / "mine.npy", np.zeros((3, 3)))
    return (folder / "mine.npy").read_bytes()


def zipped(folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as file:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            file.writestr(f"{name}.npy", b"no array")
    return (folder / "a.zip").read_bytes()


def unknown_compression(folder):
    content = bytearray(saved(folder, **arrays()).read_bytes())
    for at in range(len(content)):
        if content[at : at + 4] == b"PK\x01\x02":
            content[at + 10] = 99
    return bytes(content)


def encrypted(folder):
    content = bytearray(saved(folder, **arrays()).read_bytes())
    for at in range(len(content)):
        if content[at : at + 4] in (b"PK\x01\x02", b"PK\x03\x04"):
            content[at + (8 if content[at + 2] == 1 else 6)] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        lambda folder: b"",
        lambda folder: b"x,y\n1,2\n",
        lambda folder: b"PK\x03\x04",
        lambda folder: pickle.dumps({"x_train": 1}),
        lambda folder: saved(folder, **arrays()).read_bytes()[:300],
        npy,
        zipped,
        unknown_compression,
        encrypted,
    ],
    ids=["empty", "text", "start of zip", "pickle", "truncated", "npy", "zip of others", "compression", "encrypted"],
)
def test_what_is_no_npz_is_one_line(content, tmp_path):
    path = tmp_path / "other.npz"
    path.write_bytes(content(tmp_path))
    assert "write it with numpy.savez" in refusal(path)


def test_no_file(tmp_path):
    assert refusal(tmp_path / "nowhere.npz") == "no such file; give the path of an .npz file"
    assert refusal(tmp_path) == "no such file; give the path of an .npz file"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_read_or_refused_in_one_line(save, tmp_path):
    buffer = io.BytesIO()
    save(buffer, **arrays())
    whole = buffer.getvalue()
    path = tmp_path / "damaged.npz"
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for at in GENERATOR.integers(0, len(content), 3):
            content[at] = GENERATOR.integers(0, 256)
        path.write_bytes(content)
        try:
            read(path)
        except DataFileError:
            refused += 1
            refusal(path)
    assert refused > 100
