"""Digests of plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """A hexadecimal SHA-256 of plain data; equal data give equal digests whatever the order of their keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The hexadecimal SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(paths: Sequence[Path]) -> str:
    """The digest of one file, or one over those of several in their order. Raises OSError."""
    found = [file_digest(path) for path in paths]
    return found[0] if len(found) == 1 else digest(found)
