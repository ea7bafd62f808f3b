"""A user's `.tflite`, refused in one line when it cannot be used."""

from __future__ import annotations

import math
from pathlib import Path
from typing import final

from qcompare.core.graph import Model
from qcompare.tflite.schema import NotAModelError, read

LARGEST_TENSOR = 1 << 28
"""Bytes. A tensor beyond this is taken for a damaged shape."""


@final
class ModelFileError(ValueError):
    """The file cannot be used; the message is one line that begins with its path."""


def load(path: Path) -> tuple[bytes, Model]:
    """A model file and what it holds. Raises ModelFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror}") from error
    try:
        model = read(content)
    except NotAModelError as error:
        raise ModelFileError(f"{path}: {error}") from error
    _check(path, model)
    return content, model


def _check(path: Path, model: Model) -> None:
    for tensor in (tensor for graph in model.graphs for tensor in graph.tensors):
        size = math.prod(tensor.shape) * tensor.dtype.itemsize
        if min(tensor.shape, default=1) < 0 or size > LARGEST_TENSOR:
            raise ModelFileError(
                f"{path}: a damaged TFLite model: tensor '{tensor.name}' of shape {list(tensor.shape)}"
            )
    computed = (index for operator in model.main.operators for index in operator.outputs)
    if not model.main.outputs or not any(model.main.tensors[index].dtype.kind != "O" for index in computed):
        raise ModelFileError(f"{path}: the model computes nothing")
    if not model.main.inputs:
        raise ModelFileError(f"{path}: the model has no inputs")
