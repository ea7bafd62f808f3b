"""Sequences of different lengths: zeros in front, lengths kept, and the one line that each kind of mistake gets."""

import pickle
import re
import warnings

import numpy as np
import pytest

from qcompare.core.finding import Severity
from qcompare.data import dataset as datasets
from qcompare.data import digits
from qcompare.data.error import DataFileError
from qcompare.data.file import load
from qcompare.data.objects import ObjectsError
from qcompare.data.objects import read as read_objects
from qcompare.data.sequences import padded
from qcompare.data.understood import findings, understood

GENERATOR = np.random.default_rng(17)
TRAIN, TEST = 9, 5
LENGTHS = np.array([3, 5, 2, 4, 2, 3, 5, 4, 2, 6, 1, 2, 6, 3])
SEQUENCES = [GENERATOR.normal(size=(length, 2)).astype(np.float32) for length in LENGTHS]
Y = np.arange(TRAIN + TEST) % 3
FRONT = np.stack([np.pad(sequence, ((6 - len(sequence), 0), (0, 0))) for sequence in SEQUENCES])
END = np.stack([np.pad(sequence, ((0, 6 - len(sequence)), (0, 0))) for sequence in SEQUENCES])


def objects(sequences):
    """A list of arrays of different lengths, as NumPy saves one."""
    return np.array([*sequences, None], object)[:-1]


def parts(x, lengths=None, **changed):
    whole = {"x_train": x[:TRAIN], "y_train": Y[:TRAIN], "x_test": x[TRAIN:], "y_test": Y[TRAIN:]}
    if lengths is not None:
        whole |= {"lengths_train": lengths[:TRAIN], "lengths_test": lengths[TRAIN:]}
    return {name: value for name, value in (whole | changed).items() if value is not None}


def read(folder, arrays):
    np.savez(folder / "mine.npz", allow_pickle=True, **arrays)
    return load(folder / "mine.npz", calibration_samples=4, split_seed=0)


def refusal(folder, arrays):
    with pytest.raises(DataFileError) as caught:
        read(folder, arrays)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).removeprefix(f"data.file={folder / 'mine.npz'}: ")


STORED = {
    "objects": parts(objects(SEQUENCES)),
    "lists": parts(objects([sequence.tolist() for sequence in SEQUENCES])),
    "zeros at the end": parts(END, LENGTHS),
    "zeros in front": parts(FRONT, LENGTHS),
    "wider than the longest": parts(np.pad(END, ((0, 0), (0, 3), (0, 0))), LENGTHS.astype(np.uint8)),
    "each part by its own": parts(END, LENGTHS, x_train=END[:TRAIN, :5]),
    "one part as objects": parts(objects(SEQUENCES), x_test=objects(SEQUENCES[TRAIN:])),
}


@pytest.mark.parametrize("kind", STORED)
def test_shorter_sequences_have_zeros_in_front(kind, tmp_path):
    dataset = read(tmp_path, STORED[kind])
    np.testing.assert_array_equal(dataset.x_train, FRONT[:TRAIN])
    np.testing.assert_array_equal(dataset.x_test, FRONT[TRAIN:])
    np.testing.assert_array_equal(dataset.lengths_train, LENGTHS[:TRAIN])
    np.testing.assert_array_equal(dataset.lengths_test, LENGTHS[TRAIN:])
    assert dataset.x_train.dtype == dataset.x_test.dtype == np.float32
    assert dataset.lengths_train.dtype == dataset.lengths_test.dtype == np.int64


def test_the_lengths_of_calibration_are_those_of_its_samples(tmp_path):
    dataset = read(tmp_path, STORED["objects"])
    assert dataset.lengths_calibration.dtype == np.int64
    for sample, length in zip(dataset.calibration, dataset.lengths_calibration, strict=True):
        (of,) = (index for index, other in enumerate(dataset.x_train) if np.array_equal(other, sample))
        assert length == LENGTHS[of]


@pytest.mark.parametrize(
    "arrays",
    [parts(END[:, :3]), parts(END, np.full(14, 3)), parts(objects(sequence for sequence in END[:, :3]))],
    ids=["array", "lengths", "objects"],
)
def test_equal_lengths_are_none(arrays, tmp_path):
    if "lengths_train" in arrays:
        arrays |= {name: arrays[name] * (np.arange(6) < 3)[:, np.newaxis] for name in ("x_train", "x_test")}
    dataset = read(tmp_path, arrays)
    assert dataset.steps == 3
    assert dataset.lengths_train is dataset.lengths_test is dataset.lengths_calibration is None
    assert understood(dataset).padding == ""
    assert understood(dataset).lengths == (3, 3)
    assert "test samples of 3 steps of 2 features" in str(understood(dataset))


def test_the_longest_of_both_parts_decides():
    found = padded([np.ones((2, 1)), np.ones((3, 1))], [np.ones((5, 1))])
    assert found.train.shape == (2, 5, 1)
    np.testing.assert_array_equal(found.train[..., 0], [[0, 0, 0, 1, 1], [0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(found.test, np.ones((1, 5, 1)))
    np.testing.assert_array_equal(found.lengths[0], [2, 3])


def test_what_was_understood_says_so(tmp_path):
    found = understood(read(tmp_path, STORED["objects"]))
    assert (found.lengths, found.padding) == ((1, 6), "shorter ones padded with zeros in front")
    assert "samples of variable length, 1 to 6 steps (shorter ones padded with zeros in front) of 2 fea" in str(found)


@pytest.mark.parametrize("kind", ["variable", "equal"])
def test_a_dataset_is_stored_with_its_lengths(kind, tmp_path):
    equal = digits.rows(test_samples=1700, calibration_samples=5, split_seed=0)
    dataset = read(tmp_path, STORED["objects"]) if kind == "variable" else equal
    again = datasets.load(datasets.dump(dataset))
    for name, value in vars(dataset).items():
        assert type(getattr(again, name)) is type(value)
        np.testing.assert_array_equal(getattr(again, name), value)


def changed(index, value):
    return parts(objects([*SEQUENCES[:index], value, *SEQUENCES[index + 1 :]]))


REFUSED = {
    "one lengths": (parts(END, LENGTHS, lengths_test=None), "lengths_test missing beside lengths_train; the "),
    "too few": (
        parts(END, LENGTHS, lengths_train=LENGTHS[:4]),
        "lengths_train has shape (4,) and dtype int64; it must",
    ),
    "reals": (
        parts(END, LENGTHS * 1.0),
        "lengths_train has shape (9,) and dtype float64; it must be one whole number ",
    ),
    "too long": (parts(END, LENGTHS + 3), "lengths_train holds 5 to 8; a length is from 1 to the 6 steps of x_train"),
    "none": (
        parts(END, LENGTHS, lengths_test=LENGTHS[TRAIN:] - 1),
        "lengths_test holds 0 to 5; a length is from 1 to the 6 steps of x_test",
    ),
    "both": (parts(objects(SEQUENCES), LENGTHS), "x_train holds sequences of different lengths by themselves; leave "),
    "objects as lengths": (
        parts(END, LENGTHS, lengths_test=np.array([1, None])),
        "lengths_test has shape (2,) and dtype ob",
    ),
    "no padding": (parts(FRONT, LENGTHS - (LENGTHS > 1)), "x_train is not zero beyond lengths_train, neither at the "),
    "other steps": (parts(END, x_test=END[TRAIN:, :4]), "x_train has 6 steps and x_test 4; steps must be equal, or "),
    "no steps": (changed(3, np.zeros((0, 2))), "x_train[3] has shape (0, 2); it must be [steps, features], at least"),
    "1-D": (changed(3, np.zeros(4)), "x_train[3] has shape (4,); it must be [steps, features]: `"),
    "3-D": (changed(2, np.zeros((4, 1, 2))), "x_train[2] has shape (4, 1, 2); it must be [steps, features]"),
    "widths": (changed(12, np.zeros((4, 3))), "x_test holds sequences of 2 and of 3 features; all need the same"),
    "a ragged one": (changed(0, [[1.0, 2.0], [3.0]]), "x_train[0] is no array [steps, features]: its steps differ"),
    "text": (changed(0, np.array([["a"]])), "x_train[0] holds no numbers; each sequence is an array of numbers"),
    "nothing": (changed(0, None), "x_train[0] holds no numbers"),
    "NaN": (changed(1, np.full((2, 2), np.nan)), "x_train holds 4 NaN or infinite values; all must be finite: `keep"),
    "large": (changed(1, np.full((2, 2), 1e300)), "x_train holds 4 values too large for float32"),
    "a class": (changed(0, pytest.approx(1)), "x_train holds Python objects that are no arrays of numbers; each "),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_sequence_is_one_line(kind, tmp_path):
    arrays, said = REFUSED[kind]
    assert refusal(tmp_path, arrays).startswith(said)


@pytest.mark.parametrize("kind", ["NaN", "1-D", "no padding"])
def test_what_is_refused_is_mended_by_what_the_line_says(kind, tmp_path):
    arrays, _ = REFUSED[kind]
    if kind == "1-D":
        arrays = parts(objects(sequence[:, 0] for sequence in SEQUENCES))
    if kind == "no padding":
        arrays = parts(END + (END == 0), LENGTHS)
    for _ in range(2 - (kind == "NaN")):  # each part by itself
        (mend,) = re.findall(r"`([^`]*)`", refusal(tmp_path, arrays))
        names = {"np": np, **arrays}
        exec(mend, names)
        arrays = {name: names[name] for name in arrays}
    dataset = read(tmp_path, arrays)
    if kind == "no padding":
        np.testing.assert_array_equal(dataset.x_test, FRONT[TRAIN:])
    assert len(dataset.x_train) == (TRAIN - 1 if kind == "NaN" else TRAIN)
    assert dataset.features == (1 if kind == "1-D" else 2)


RAN: list[str] = []


class Runs:
    """A pickle that runs something."""

    def __reduce__(self):
        return RAN.append, ("ran",)


def test_a_pickle_is_not_run(tmp_path):
    assert refusal(tmp_path, changed(0, Runs())).startswith("x_train holds Python objects that are no arrays")
    assert RAN == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("numpy", ["numpy._core", "numpy.core"])
def test_every_protocol_and_numpy_is_read(protocol, numpy, tmp_path):
    array = objects(SEQUENCES[:3])
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    header = (tmp_path / "a.npy").read_bytes()[:128]
    content = pickle.dumps(array, protocol)
    if protocol < 4:  # later ones state the length of each text
        content = content.replace(b"numpy._core", numpy.encode())
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        found = read_objects(header + content)
    assert all(np.array_equal(one, other) for one, other in zip(found, array, strict=True))


def test_an_array_of_objects_is_an_array(tmp_path):
    np.save(tmp_path / "a.npy", objects(SEQUENCES), allow_pickle=True)
    header = (tmp_path / "a.npy").read_bytes()[:128]
    with pytest.raises(ObjectsError, match="an array was expected, not list"):
        read_objects(header + pickle.dumps([1, 2]))


def test_steps_that_calibration_does_not_reach_are_told(tmp_path):
    np.savez(tmp_path / "mine.npz", allow_pickle=True, **STORED["objects"])
    (found,) = findings(load(tmp_path / "mine.npz", calibration_samples=TRAIN, split_seed=0))
    assert found.severity is Severity.REMARK
    assert found.text.startswith(
        "calibration has no sequence longer than 5 of the 6 steps: where each step has ranges of"
    )
    assert "the first 1 have those of the padding" in found.text
    all_reached = parts(objects([*SEQUENCES[TRAIN:], *SEQUENCES[:TRAIN]]))
    np.savez(tmp_path / "mine.npz", allow_pickle=True, **all_reached)
    assert findings(load(tmp_path / "mine.npz", calibration_samples=TRAIN, split_seed=0)) == ()
