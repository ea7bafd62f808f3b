"""An .npz file of the user's own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from qcompare.data.dataset import Dataset, assemble

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


MOST_CLASSES = 4096
"""More are a mistake, such as a regression's target stored as whole numbers."""


class DataFileError(ValueError):
    """The file cannot be used; the message is one line that names it, what is wrong and what would be right."""


def load(path: Path, *, calibration_samples: int, split_seed: int) -> Dataset:
    """The four arrays of an .npz: x [samples, steps, features], y whole numbers [samples] (classification) or
    reals [samples] or [samples, outputs] (regression). Raises DataFileError."""
    arrays = _read(path)
    for name in ("x_train", "x_test"):
        if arrays[name].ndim != 3 or 0 in arrays[name].shape[1:]:
            raise _error(path, f"{name} has shape {arrays[name].shape}; it must be [samples, steps, features]")
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        shapes = f"{arrays['x_train'].shape} and {arrays['x_test'].shape}"
        raise _error(path, f"x_train and x_test have shapes {shapes}; steps and features must be equal")
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if y.ndim not in (1, 2) or 0 in y.shape[1:]:
            raise _error(path, f"y_{part} has shape {y.shape}; it must be [samples] or [samples, outputs]")
        if len(x) != len(y) or len(x) == 0:
            raise _error(path, f"x_{part} has {len(x)} samples and y_{part} {len(y)}; both need the same, at least one")
    labels = {part: arrays[f"y_{part}"] for part in ("train", "test")}
    if all(y.dtype.kind in "biu" and y.ndim == 1 for y in labels.values()):
        return _classification(path, arrays, calibration_samples, split_seed)
    return _regression(path, arrays, calibration_samples, split_seed)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise _error(path, "no such file; give the path of an .npz file")
    arrays = _stored(path)
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise _error(path, f"{', '.join(missing)} missing; the file must hold {', '.join(ARRAYS)}")
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise _error(path, f"{name} has dtype {array.dtype}; it must be numeric")
        bad = int((~np.isfinite(array)).sum())
        if bad:
            raise _error(path, f"{name} holds {bad} NaN or infinite values; all must be finite")
        large = int((np.abs(array.astype(np.float64)) > np.finfo(np.float32).max).sum())
        if large:
            raise _error(path, f"{name} holds {large} values too large for float32")
    return arrays


def _stored(path: Path) -> dict[str, np.ndarray]:
    """Those of ARRAYS that the file holds."""
    try:
        with zipfile.ZipFile(path):  # np.load reads .npy and, as an error, pickles too
            pass
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ARRAYS if name in stored.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} is no array")
    except Exception as error:  # a damaged file raises whatever zip, decompression and header reading raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise _error(path, f"not a readable .npz file ({reason}); write it with numpy.savez") from error
    return arrays


def _classification(path: Path, arrays: dict[str, np.ndarray], calibration_samples: int, split_seed: int) -> Dataset:
    train, test = arrays["y_train"], arrays["y_test"]
    if min(train.min(), test.min()) < 0:
        raise _error(path, "y holds a negative class; classes are numbered from 0")
    largest = int(max(train.max(), test.max()))
    if largest >= MOST_CLASSES:
        raise _error(path, f"y holds the class {largest}; there may be {MOST_CLASSES} classes; a regression has real y")
    classes = largest + 1
    if classes < 2:
        raise _error(path, "y holds one class only; a classification needs at least two")
    return assemble(
        (arrays["x_train"], train.astype(np.int32)),
        (arrays["x_test"], test.astype(np.int32)),
        classes,
        calibration_samples,
        split_seed,
    )


def _regression(path: Path, arrays: dict[str, np.ndarray], calibration_samples: int, split_seed: int) -> Dataset:
    shaped = {}
    for part in ("train", "test"):
        y = arrays[f"y_{part}"]
        shaped[part] = y.reshape(len(y), -1).astype(np.float32)
    if shaped["train"].shape[1] != shaped["test"].shape[1]:
        widths = f"{shaped['train'].shape[1]} and {shaped['test'].shape[1]}"
        raise _error(path, f"y_train and y_test have {widths} outputs; they must have the same")
    return assemble(
        (arrays["x_train"], shaped["train"]), (arrays["x_test"], shaped["test"]), None, calibration_samples, split_seed
    )


def _error(path: Path, problem: str) -> DataFileError:
    return DataFileError(f"data.file={path}: {problem}")
