"""An .npz file of the user's own."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qcompare.data import targets
from qcompare.data.dataset import Dataset, assemble

ARRAYS = ("x_train", "y_train", "x_test", "y_test")

SAVED = "write it with numpy.savez: `np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)`"


class DataFileError(ValueError):
    """The file cannot be used; the message is one line that names it, what is wrong and what would be right."""


def load(path: Path, *, calibration_samples: int, split_seed: int) -> Dataset:
    """The four arrays of an .npz: x [samples, steps, features], y as `targets.read` takes it. Raises DataFileError,
    with the NumPy that mends it where there is such a line."""
    arrays = _read(path)
    for name in ("x_train", "x_test"):
        if arrays[name].ndim != 3 or 0 in arrays[name].shape[1:]:
            mend = _reshaped(arrays)
            raise _error(path, f"{name} has shape {arrays[name].shape}; it must be [samples, steps, features]{mend}")
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        shapes = f"{arrays['x_train'].shape} and {arrays['x_test'].shape}"
        raise _error(path, f"x_train and x_test have shapes {shapes}; steps and features must be equal")
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if y.ndim and (len(x) != len(y) or len(x) == 0):
            raise _error(path, f"x_{part} has {len(x)} samples and y_{part} {len(y)}; both need the same, at least one")
    try:
        found = targets.read(arrays["y_train"], arrays["y_test"])
    except targets.TargetsError as error:
        raise _error(path, str(error)) from error
    return assemble(
        (arrays["x_train"], found.train),
        (arrays["x_test"], found.test),
        found.classes,
        calibration_samples,
        split_seed,
        stored_as=found.stored_as,
    )


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
    if not path.is_file():
        raise _error(path, "no such file; give the path of an .npz file")
    arrays = _stored(path)
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise _error(path, f"{', '.join(missing)} missing; the file must hold {', '.join(ARRAYS)}")
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise _error(path, _no_number(name, array.dtype))
        bad = int((~np.isfinite(array)).sum())
        if bad:
            x, y = (f"{axis}_{name[2:]}" for axis in "xy")
            mend = f"keep = np.isfinite({name}).reshape(len({name}), -1).all(axis=1); {x}, {y} = {x}[keep], {y}[keep]"
            raise _error(
                path, f"{name} holds {bad} NaN or infinite values; all must be finite: `{mend}` leaves them out"
            )
        # Only reals wider than float32 can be too large for it.
        wide = array.dtype.kind == "f" and array.dtype.itemsize > 4
        large = int((np.abs(array) > np.finfo(np.float32).max).sum()) if wide else 0
        if large:
            raise _error(path, f"{name} holds {large} values too large for float32")
    return arrays


def _stored(path: Path) -> dict[str, np.ndarray]:
    """Those of ARRAYS that the file holds."""
    arrays: dict[str, np.ndarray] = {}
    reading = ""
    try:
        with zipfile.ZipFile(path):  # np.load reads .npy and, as an error, pickles too
            pass
        with np.load(path, allow_pickle=False) as stored:
            for reading in ARRAYS:
                if reading in stored.files:
                    arrays[reading] = stored[reading]
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} is no array")
    except Exception as error:  # a damaged file raises whatever zip, decompression and header reading raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        if reason.startswith("Object arrays"):
            raise _error(path, _objects(reading)) from error
        raise _error(path, f"not a readable .npz file ({reason}); {SAVED}") from error
    return arrays


def _no_number(name: str, dtype: np.dtype) -> str:
    """What to do about an array that holds no numbers."""
    text = dtype.kind in "US"
    if name.startswith("y") and text:
        return f"{name} holds text; classes are whole numbers from 0: {targets.NUMBERED}"
    mend = f": `{name} = {name}.astype(np.float32)` where it reads as numbers" if text else ""
    return f"{name} has dtype {dtype}; it must be numeric{mend}"


def _objects(name: str) -> str:
    """What to do about an array of Python objects, which is a pickle."""
    if name.startswith("x"):
        return (
            f"{name} holds Python objects, such as sequences of different lengths, for which there is no option; pad "
            "them in front to one length: `n = max(len(s) for x in (x_train, x_test) for s in x); x_train, x_test = "
            "(np.stack([np.pad(s, ((n - len(s), 0), (0, 0))) for s in x]).astype(np.float32) for x in (x_train, "
            "x_test))`"
        )
    return (
        f"{name} holds Python objects, which are not read; targets of different lengths have no option; labels that "
        f"are text: `y_train, y_test = y_train.astype(str), y_test.astype(str)`, then {targets.NUMBERED}"
    )


def _error(path: Path, problem: str) -> DataFileError:
    return DataFileError(f"data.file={path}: {problem}")
