"""What of a call decides which rule a kernel set follows: dtypes, mostly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt


class Path(Enum):
    """A path of its own through a kernel."""

    POWER_OF_TWO = "power-of-two-scale"
    """TANH and LOGISTIC in int16: of an input scale that is a power of two."""

    OUTGROWN = "inputs-beyond-the-output"
    """ADD and SUB: of scales so far above the output's that the kernels' last multiplier is no longer below one."""

    HANDED_ON = "input-handed-on-in-a-later-place"
    """WHILE: what its body does with one of its inputs."""

    PADDED = "padded"
    """SPACE_TO_BATCH_ND: with anything around its space."""

    RESIZED = "stored-with-another-batch"
    """SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND: into a tensor whose stored batch is not the one that there is."""


@dataclass(frozen=True)
class Variant:
    """The dtypes of an operator, and what else decides between rules; hashable, a key of the table.

    dtypes: of the tensors that decide, in the operator's own order, such as input and output.
    bias: of a layer's bias, where that decides. declared: of the accumulator, where a model says so and it decides.
    """

    dtypes: tuple[np.dtype, ...]
    bias: np.dtype | None = None
    declared: np.dtype | None = None
    path: Path | None = None

    @property
    def real(self) -> bool:
        """Whether the operator computes in floats, as every kernel set does."""
        return self.path is None and len(self.dtypes) == 1 and self.dtypes[0].kind == "f"

    @property
    def wide(self) -> bool:
        """Whether the accumulator has 64 bits."""
        return np.int64 in (self.bias, self.declared)

    def __str__(self) -> str:
        parts = ["-".join(dtype.name for dtype in self.dtypes)] if self.dtypes else []
        parts += [f"{self.bias.name} bias"] if self.bias is not None else []
        parts += [f"{self.declared.name} declared"] if self.declared is not None else []
        parts += [self.path.value] if self.path is not None else []
        return ", ".join(parts) or "any"


def of(
    *dtypes: npt.DTypeLike,
    bias: npt.DTypeLike | None = None,
    declared: npt.DTypeLike | None = None,
    path: Path | None = None,
) -> Variant:
    """The variant of these dtypes."""
    return Variant(
        dtypes=tuple(np.dtype(dtype) for dtype in dtypes),
        bias=None if bias is None else np.dtype(bias),
        declared=None if declared is None else np.dtype(declared),
        path=path,
    )
