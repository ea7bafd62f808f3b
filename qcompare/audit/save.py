"""Operators that differ, cut out as models of their own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qcompare.audit.compare import Audit
from qcompare.core.files import write_whole
from qcompare.manual.executor import activations_of
from qcompare.tflite.cut import cut


def save_failing(content: bytes, audits: Sequence[Audit], directory: Path) -> list[Path]:
    """Each operator that differs as a model of its own, with an `.npz` of inputs, in the order of its own inputs.

    content: the model's file. Returns the models' paths. Raises OSError.
    """
    paths = []
    for audit in audits:
        for failing in audit.failing:
            operator = failing.operator
            path = directory / f"{operator.index:03d}-{operator.name}-{audit.kernels}.tflite"
            write_whole(path, cut(content, operator.index))
            held = io.BytesIO()
            np.savez(held, *(failing.inputs[index] for index in activations_of(audit.graph, operator)))
            write_whole(path.with_suffix(".npz"), held.getvalue())
            paths.append(path)
    return paths
