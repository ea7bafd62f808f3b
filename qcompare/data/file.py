"""An .npz file of the user's own."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qcompare.core.ends import Ends
from qcompare.data import objects, sequences, targets
from qcompare.data.dataset import Dataset, assemble
from qcompare.data.error import DataFileError
from qcompare.data.sequences import LENGTHS, Padded, Sequences
from qcompare.data.shape import ShapeError, in_rows

ARRAYS = ("x_train", "y_train", "x_test", "y_test")

SAVED = "write it with numpy.savez: `np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)`"


def load(path: Path, *, calibration_samples: int, split_seed: int, ends: Ends | None = None) -> Dataset:
    """The four arrays of an .npz: x as `_sequences` takes it, y as `targets.read` takes it. Raises DataFileError,
    with the NumPy that mends it where there is such a line. ends: of a model that asks for them."""
    arrays = _read(path)
    if ends is not None:
        arrays |= {name: _in_shape(path, name, arrays[name], ends.shape) for name in ("x_train", "x_test")}
    for name in ("y_train", "y_test"):
        _check_numbers(path, name, arrays[name])
    try:
        x = _sequences(path, arrays)
    except sequences.SequencesError as error:
        raise _error(path, str(error)) from error
    for part, samples in (("train", x.train), ("test", x.test)):
        y = arrays[f"y_{part}"]
        if y.ndim and len(samples) != len(y):
            raise _error(path, _counts(part, len(samples), len(y)))
    try:
        found = targets.read(arrays["y_train"], arrays["y_test"], ends.outputs if ends else None)
    except targets.TargetsError as error:
        raise _error(path, str(error)) from error
    return assemble(
        (x.train, found.train),
        (x.test, found.test),
        found.classes,
        calibration_samples,
        split_seed,
        lengths=x.lengths,
        stored_as=found.stored_as,
    )


def _in_shape(path: Path, name: str, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers [samples, ...] in that shape's rows; objects as they are."""
    if x.dtype == object:
        return x
    try:
        return in_rows(name, x, shape)
    except ShapeError as error:
        raise _error(path, str(error)) from error


def _counts(part: str, x: int, y: int) -> str:
    return f"x_{part} has {x} samples and y_{part} {y}; both need the same, at least one"


def _sequences(path: Path, arrays: Mapping[str, np.ndarray]) -> Padded:
    """x of both parts: arrays [samples, steps, features]; the same with their lengths; or objects, each a sequence
    [steps, features]. Raises DataFileError and SequencesError."""
    lengths = [name for name in LENGTHS if name in arrays]
    if len(lengths) == 1:
        (missing,) = set(LENGTHS) - set(lengths)
        raise _error(path, f"{missing} missing beside {lengths[0]}; the lengths of both parts are needed, or none")
    for name in ("x_train", "x_test"):
        x = arrays[name]
        if x.dtype != object:
            _check_numbers(path, name, x)
            if x.ndim != 3 or 0 in x.shape[1:]:
                mend = _reshaped(arrays)
                raise _error(path, f"{name} has shape {x.shape}; it must be [samples, steps, features]{mend}")
        if x.ndim == 0 or len(x) == 0:
            raise _error(path, _counts(name[2:], 0, arrays[f"y_{name[2:]}"].size))
    parts = [
        _part(path, name, arrays, arrays.get(own)) for name, own in zip(("x_train", "x_test"), LENGTHS, strict=True)
    ]
    train, test = parts
    if train[0].shape[1] != test[0].shape[1]:
        a, b = (part[0].shape[1] for part in parts)
        raise _error(path, f"x_train has {a} features and x_test {b}; features must be equal")
    plain = not lengths and all(arrays[name].dtype != object for name in ("x_train", "x_test"))
    if plain and len(train[0]) != len(test[0]):
        steps = f"x_train has {len(train[0])} steps and x_test {len(test[0])}"
        raise _error(path, f"{steps}; steps must be equal, or lengths_train and lengths_test given")
    return sequences.padded(train, test)


def _part(path: Path, name: str, arrays: Mapping[str, np.ndarray], lengths: np.ndarray | None) -> Sequences:
    """The sequences of one part, each [steps, features]."""
    x = arrays[name]
    if x.dtype != object:
        return x if lengths is None else sequences.of_lengths(name, x, lengths)
    if lengths is not None:
        raise _error(
            path, f"{name} holds sequences of different lengths by themselves; leave {' and '.join(LENGTHS)} out"
        )
    found = sequences.of_objects(name, x)
    _check_values(path, name, found)
    return found


def _reshaped(arrays: Mapping[str, np.ndarray]) -> str:
    """The NumPy that makes x what it must be; "" where there is no telling."""
    names = [name for name in ("x_train", "x_test") if arrays[name].ndim != 3]
    wrong = [arrays[name] for name in names]
    if not wrong or any(x.ndim < 2 or 0 in x.shape for x in wrong):
        return ""

    def line(text: str) -> str:
        return "`" + "; ".join(f"{name} = {text.format(x=name)}" for name in names) + "`"

    if all(x.ndim == 2 for x in wrong):
        width = wrong[0].shape[1]
        steps, features = line("{x}[:, :, np.newaxis]"), line("{x}[:, np.newaxis]")
        return f": {steps} is {width} steps of 1 feature, {features} 1 step of {width} features"
    if all(x.ndim > 3 and x.shape[3:] == (1,) for x in wrong):
        return ": " + line("{x}[..., 0]")
    return ": " + line("{x}.reshape(*{x}.shape[:2], -1)") if all(x.ndim > 3 for x in wrong) else ""


def _read(path: Path) -> dict[str, np.ndarray]:
    """What of ARRAYS and LENGTHS the file holds; all of ARRAYS."""
    if not path.is_file():
        raise _error(path, "no such file; give the path of an .npz file")
    arrays = _stored(path)
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise _error(path, f"{', '.join(missing)} missing; the file must hold {', '.join(ARRAYS)}")
    return arrays


def _check_numbers(path: Path, name: str, array: np.ndarray) -> None:
    """Raises DataFileError unless all are finite numbers of float32."""
    if array.dtype == object:
        raise _error(path, _objects(name))
    if array.dtype.kind not in "biuf":
        raise _error(path, _no_number(name, array.dtype))
    _check_values(path, name, array[np.newaxis])


def _check_values(path: Path, name: str, arrays: Sequences) -> None:
    """Raises DataFileError unless all numbers are finite ones of float32. arrays: of numbers; several are sequences."""
    bad = sum(int((~np.isfinite(array)).sum()) for array in arrays)
    if bad:
        x, y = (f"{axis}_{name[2:]}" for axis in "xy")
        one = f"np.isfinite({name}).reshape(len({name}), -1).all(axis=1)"
        each = f"np.array([np.isfinite(s).all() for s in {name}])"
        mend = f"keep = {one if isinstance(arrays, np.ndarray) else each}; {x}, {y} = {x}[keep], {y}[keep]"
        raise _error(path, f"{name} holds {bad} NaN or infinite values; all must be finite: `{mend}` leaves them out")
    # Only reals wider than float32 can be too large for it.
    wide = [array for array in arrays if array.dtype.kind == "f" and array.dtype.itemsize > 4]
    large = sum(int((np.abs(array) > np.finfo(np.float32).max).sum()) for array in wide)
    if large:
        raise _error(path, f"{name} holds {large} values too large for float32")


def _stored(path: Path) -> dict[str, np.ndarray]:
    """Those of ARRAYS and LENGTHS that the file holds."""
    arrays: dict[str, np.ndarray] = {}
    reading = ""
    try:
        with zipfile.ZipFile(path):  # np.load reads .npy and, as an error, pickles too
            pass
        with np.load(path, allow_pickle=False) as stored:
            for reading in (*ARRAYS, *LENGTHS):
                if reading in stored.files:
                    arrays[reading] = _array(stored, reading)
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} is no array")
    except objects.ObjectsError as error:
        raise _error(path, _objects(reading)) from error
    except Exception as error:  # a damaged file raises whatever zip, decompression and header reading raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise _error(path, f"not a readable .npz file ({reason}); {SAVED}") from error
    return arrays


def _array(stored: Any, name: str) -> np.ndarray:
    """One array of an opened .npz, of objects too."""
    try:
        return stored[name]
    except ValueError as error:
        if not str(error).startswith("Object arrays"):
            raise
        return objects.read(stored.zip.read(f"{name}.npy"))


def _no_number(name: str, dtype: np.dtype) -> str:
    """What to do about an array that holds no numbers."""
    text = dtype.kind in "US"
    if name.startswith("y") and text:
        return f"{name} holds text; classes are whole numbers from 0: {targets.NUMBERED}"
    mend = f": `{name} = {name}.astype(np.float32)` where it reads as numbers" if text else ""
    return f"{name} has dtype {dtype}; it must be numeric{mend}"


def _objects(name: str) -> str:
    """What to do about an array of Python objects that are not read."""
    if name.startswith("x"):
        return f"{name} holds Python objects that are no arrays of numbers; each sequence is one, [steps, features]"
    if name in LENGTHS:
        return f"{name} holds Python objects; it must be one whole number a sample: `{name} = {name}.astype(int)`"
    return (
        f"{name} holds Python objects, which are not read; targets of different lengths have no option; labels that "
        f"are text: `y_train, y_test = y_train.astype(str), y_test.astype(str)`, then {targets.NUMBERED}"
    )


def _error(path: Path, problem: str) -> DataFileError:
    return DataFileError(f"data.file={path}: {problem}")
