"""Arrays of Python objects in an .npy, which are pickles: read without running what a pickle may run."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

ARRAY_PARTS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("_codecs", "encode"),
}
"""All that pickles of arrays of numbers and text name, of NumPy 1 (numpy.core) and 2."""


class ObjectsError(ValueError):
    """There is something other than arrays, lists, numbers and text."""


def read(content: bytes) -> np.ndarray:
    """The array of objects of an .npy file. Raises ObjectsError, and for a damaged file what unpickling raises."""
    stream = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(stream)
    header = int.from_bytes(stream.read(2 if major == 1 else 4), "little")
    stream.seek(header, io.SEEK_CUR)
    array = _Unpickler(stream).load()
    if not isinstance(array, np.ndarray):
        raise ObjectsError(f"an array was expected, not {type(array).__name__}")
    return array


class _Unpickler(pickle.Unpickler):
    """Finds the parts of arrays and nothing else (docs.python.org/3/library/pickle.html#restricting-globals)."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAY_PARTS:
            raise ObjectsError(f"{module}.{name} is no part of an array of numbers")
        return super().find_class(module, name)
