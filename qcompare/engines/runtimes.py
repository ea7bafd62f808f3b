"""The model under any kernel set, by its name: what a child process is asked to run."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from qcompare.core.trace import Trace
from qcompare.engines import litert as interpreter
from qcompare.engines import micro

KERNEL_SETS = (*interpreter.KERNEL_SETS, "micro")


def run(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    *,
    keep: Collection[int] = (),
) -> Trace:
    """As `interpreter.run`, with `micro` among the kernel sets. Raises what the two runtimes' `run` raise."""
    if kernels == "micro":
        return micro.run(model, inputs, keep=keep)
    return interpreter.run(model, inputs, kernels, keep=keep)
