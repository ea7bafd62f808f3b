"""Any model of the user's, refused in one line when it cannot be audited."""

from __future__ import annotations

from pathlib import Path

from qcompare.core.graph import Model
from qcompare.tflite import file


class AuditError(ValueError):
    """The request cannot be met; the message is one line."""


def load(path: Path) -> tuple[bytes, Model]:
    """A model file and what it holds. Raises AuditError."""
    try:
        return file.load(path)
    except file.ModelFileError as error:
        raise AuditError(str(error)) from error
