"""Named files in one, without times: the same content always has the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np

Files = Mapping[str, bytes]
"""Name -> content."""

FIRST_DATE = (1980, 1, 1, 0, 0, 0)


def packed(files: Files) -> bytes:
    """The files as one uncompressed ZIP, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, FIRST_DATE), content)
    return buffer.getvalue()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of `packed`. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def joined(parts: tuple[Files, ...]) -> Files:
    """The files of all parts."""
    return {name: content for part in parts for name, content in part.items()}


def arrays_packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Named arrays as an .npz."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def arrays_unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of `arrays_packed`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
