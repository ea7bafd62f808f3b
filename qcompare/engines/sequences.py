"""Sequences of different lengths by hand, on a model that leaves its length free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompare.manual import executor
from qcompare.tflite import schema
from qcompare.tflite.free_length import settled


def by_hand(model: bytes, sequences: Sequence[np.ndarray], arithmetic: str) -> list[dict[str, np.ndarray]]:
    """As `litert.run_sequences` gives it, computed by the manual engine: those of one length together.

    Raises LengthError, and ValueError and NotCoveredError as `executor.run` does.
    """
    read = schema.read(model)
    (given,) = read.main.inputs
    names = {name: read.main.tensors[index].name for name, index in schema.outputs_by_name(model).items()}
    results: list[dict[str, np.ndarray]] = [{} for _ in sequences]
    for steps in sorted({len(sequence) for sequence in sequences}):
        chosen = [index for index, sequence in enumerate(sequences) if len(sequence) == steps]
        x = np.stack([sequences[index] for index in chosen])
        found = executor.run(settled(read, steps), {given: x}, arithmetic, keep=list(names.values()))
        for position, index in enumerate(chosen):
            results[index] = {name: found.tensors[tensor][position] for name, tensor in names.items()}
    return results
