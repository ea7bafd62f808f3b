"""MNIST's images of handwritten digits, 28 x 28 pixels, as sequences: the file `mnist.npz` that Keras downloads."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from qcompare.data.dataset import Dataset, assemble
from qcompare.data.error import DataFileError

CLASSES = 10
SIDE = 28

GET = 'python -c "import keras; keras.datasets.mnist.load_data()"'
"""The command that downloads the file to where it is looked for."""

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def load(path: Path, *, train_samples: int, calibration_samples: int, split_seed: int) -> Dataset:
    """Each image as 28 time steps, its rows, of 28 features in [0, 1]; of the training images so many at most, drawn
    by the split's seed; all test images. Raises DataFileError."""
    arrays = _read(path)
    x_train, y_train, x_test, y_test = (arrays[name] for name in ARRAYS)
    drawn = np.sort(np.random.default_rng([split_seed, 0]).permutation(len(x_train))[:train_samples])
    return assemble(
        (_rows(x_train[drawn]), y_train[drawn].astype(np.int32)),
        (_rows(x_test), y_test.astype(np.int32)),
        CLASSES,
        calibration_samples,
        split_seed,
    )


def _rows(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / np.float32(255)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataFileError(
            f"data=mnist: there is no {path}; `{GET}` downloads Keras's mnist.npz, data.path takes it elsewhere"
        )
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ARRAYS}
    except Exception as error:  # a damaged file raises whatever zip, decompression and header reading raise
        raise DataFileError(f"data=mnist: {path} is not Keras's mnist.npz; `{GET}` downloads that") from error
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        images = x.dtype == np.uint8 and x.ndim == 3 and x.shape[1:] == (SIDE, SIDE) and len(x) > 0
        labels = y.dtype.kind in "iu" and y.shape == (len(x),) and bool(((y >= 0) & (y < CLASSES)).all())
        if not (images and labels):
            raise DataFileError(
                f"data=mnist: {path} is not Keras's mnist.npz, whose x_{part} is uint8 [samples, {SIDE}, {SIDE}] and "
                f"y_{part} [samples] from 0 to {CLASSES - 1}; data=file takes other files"
            )
    return arrays
