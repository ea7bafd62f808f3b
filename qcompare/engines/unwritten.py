"""Which activations LiteRT leaves unwritten, so that reading them gives whatever the memory held before.

A delegate may fuse an operator away or skip one whose result nothing needs; its output tensor then stays readable and
stale. Two runs that differ in nothing but what the memory holds beforehand tell such tensors apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from qcompare.engines.litert import KERNEL_SETS

PATTERNS = (0x55, 0xAA)
"""Bytes that differ in every bit."""


def unwritten(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    *,
    activations: Collection[int],
    constant: Collection[int] = (),
) -> frozenset[int]:
    """The activations that do not depend on the model and its inputs alone.

    inputs: tensor index -> one sample [*shape] in the tensor's dtype.
    kernels: one of KERNEL_SETS.
    activations: tensors that operators compute, variables left out.
    constant: those of them that follow from constants alone. A runtime may compute them before the first invocation,
        which the pattern would destroy; they count as unwritten when no other tensor depends on what they held.

    Tensors that cannot be read are in neither set. Raises ValueError or RuntimeError as the runtime does.
    """
    varying = set(activations) - set(constant)
    found = _dependent(model, inputs, kernels, varying, varying)
    if constant:
        touched = _dependent(model, inputs, kernels, set(constant), set(activations))
        if not touched - set(constant):
            found |= touched
    return frozenset(found)


def _dependent(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    filled: Collection[int],
    watched: Collection[int],
) -> set[int]:
    """The watched tensors whose bytes after a run depend on the pattern that the filled ones held before it."""
    first, second = (_after(model, inputs, kernels, filled, watched, pattern) for pattern in PATTERNS)
    return {index for index in first.keys() & second.keys() if first[index] != second[index]}


def _after(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    filled: Collection[int],
    watched: Collection[int],
    pattern: int,
) -> dict[int, bytes]:
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=KERNEL_SETS[kernels],
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    for index in filled:
        try:
            held = interpreter.get_tensor(index)
            interpreter.set_tensor(index, np.full(held.nbytes, pattern, np.uint8).view(held.dtype).reshape(held.shape))
        except (ValueError, TypeError):
            continue  # The runtime holds no memory for it yet, or strings.
    # After the patterns: an output may share its memory with an input.
    for detail in interpreter.get_input_details():
        index = int(detail["index"])
        interpreter.set_tensor(index, inputs[index].reshape(tuple(detail["shape"])))
    interpreter.invoke()
    after = {}
    for index in watched:
        try:
            after[index] = interpreter.get_tensor(index).tobytes()
        except ValueError:
            continue
    return after
