"""What running a model gave: values of its tensors by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorValues:
    """Every tensor that was asked for, over the samples of one run.

    tensors: name -> array of shape [samples, *sample_shape(the tensor's shape)], in the tensor's own dtype.
    output: the name of the model's output among the tensors.
    arena_bytes: what the runtime says its arena takes; None for one that says nothing of it.
    """

    tensors: Mapping[str, np.ndarray]
    output: str
    arena_bytes: int | None = None

    @property
    def result(self) -> np.ndarray:
        """The model's output, shape [samples, ...]."""
        return self.tensors[self.output]


def sample_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A tensor's shape in one sample of a run: its first dimension is dropped when it is one (the model's batch)."""
    return shape[1:] if shape[:1] == (1,) else shape
