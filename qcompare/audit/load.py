"""Any model of the user's, refused in one line when it cannot be audited."""

from __future__ import annotations

from pathlib import Path

from qcompare.audit.sizes import bytes_of, computed_of
from qcompare.core.graph import Model
from qcompare.tflite.schema import NotAModelError, read

LARGEST_TENSOR = 1 << 28
"""Bytes. A tensor beyond this is taken for a damaged shape."""


class AuditError(ValueError):
    """The request cannot be met; the message is one line."""


def load(path: Path) -> tuple[bytes, Model]:
    """A model file and what it holds. Raises AuditError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}") from error
    try:
        model = read(content)
    except NotAModelError as error:
        raise AuditError(f"{path}: {error}") from error
    _check(path, model)
    return content, model


def _check(path: Path, model: Model) -> None:
    for tensor in (tensor for graph in model.graphs for tensor in graph.tensors):
        if min(tensor.shape, default=1) < 0 or bytes_of(tensor) > LARGEST_TENSOR:
            raise AuditError(f"{path}: a damaged TFLite model: tensor '{tensor.name}' of shape {list(tensor.shape)}")
    if not model.main.outputs or not computed_of(model.main):
        raise AuditError(f"{path}: the model computes nothing")
    if not model.main.inputs:
        raise AuditError(f"{path}: the model has no inputs")
