"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write content beside path, then rename it: a reader never sees part of it, and a failure leaves what was there.

    Makes the folder if there is none. Raises OSError when the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def replace_whole(path: Path, content: bytes) -> None:
    """As `write_whole`, for a path that one process at a time writes, under a lock.

    The name beside it is always the same, so that what a killed process left there is written over by the next.
    A file that has this content already is left alone, with its time.
    """
    beside = path.with_name(f".{path.name}.partial")
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        beside.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_bytes(content)
    beside.replace(path)
