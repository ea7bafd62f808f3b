"""What one engine computed: named arrays over the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Every named tensor of one engine's run.

    engine: the engine with its arithmetic or kernel set, such as `manual:xnnpack` or `qat`.
    tensors: name -> array of shape [samples, *trace_shape(the tensor's shape)];
        integers for engines that run the quantized model, float32 for `float` and `qat`.
    output: the name of the model's output among the tensors.
    """

    engine: str
    tensors: Mapping[str, np.ndarray]
    output: str

    @property
    def result(self) -> np.ndarray:
        """The model's output, shape [samples, ...]."""
        return self.tensors[self.output]


def trace_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A tensor's shape within a trace: its first dimension is dropped when it is one (the model's batch)."""
    return shape[1:] if shape[:1] == (1,) else shape
