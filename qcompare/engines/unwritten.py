"""Which activations LiteRT leaves unwritten, so that reading them gives whatever the memory held before.

A delegate may fuse an operator away or skip one whose result nothing needs; its output tensor then stays readable and
stale. Two runs that differ in nothing but what the memory holds beforehand tell such tensors apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from qcompare.engines.litert import KERNEL_SETS

SHAPES = (np.dtype(np.int32), np.dtype(np.int64))
"""The dtypes of shapes."""

PATTERNS = (0x55, 0xAA)
"""Bytes that differ in every bit."""


def unwritten(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    *,
    activations: Collection[int],
    constant: Mapping[int, np.ndarray | None] | None = None,
) -> frozenset[int]:
    """The activations that do not depend on the model and its inputs alone.

    inputs: tensor index -> one sample [*shape] in the tensor's dtype.
    kernels: one of KERNEL_SETS.
    activations: tensors that operators compute, variables left out.
    constant: those of them that follow from constants and shapes alone, with their values, None where unknown. A
        runtime may compute them before the first invocation, and lay out its memory by them, which the pattern would
        destroy: what holds its value already stays as it is and counts as written. The others count as unwritten when
        no other tensor depends on what they held.

    Tensors that cannot be read are in neither set. Raises ValueError or RuntimeError as the runtime does.
    """
    constant = constant or {}
    varying = set(activations) - set(constant)
    found = _dependent(model, inputs, kernels, varying, varying)
    later = set(constant) - _settled(model, kernels, constant) if constant else set()
    if later:
        touched = _dependent(model, inputs, kernels, later, set(activations))
        if not touched - set(constant):
            found |= touched
    return frozenset(found)


def _settled(model: bytes, kernels: str, constant: Mapping[int, np.ndarray | None]) -> set[int]:
    """The constant tensors that hold their value as soon as the runtime has laid out its memory.

    Zeros prove nothing, since memory starts so: they count for integers of 32 and 64 bits alone, which are shapes.
    """
    interpreter = _allocated(model, kernels)
    settled = set()
    for index, value in constant.items():
        held = _read(interpreter, index)
        if held is None or value is None or not (value.any() or value.dtype in SHAPES):
            continue
        if held.tobytes() == np.ascontiguousarray(value).tobytes():
            settled.add(index)
    return settled


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
    interpreter = _allocated(model, kernels)
    for index in filled:
        held = _read(interpreter, index)
        if held is None or held.dtype == np.dtype(object):
            continue
        with suppress(ValueError):  # One whose size is settled during the run has no memory before it.
            interpreter.set_tensor(index, np.full(held.nbytes, pattern, np.uint8).view(held.dtype).reshape(held.shape))
    # After the patterns: an output may share its memory with an input.
    for detail in interpreter.get_input_details():
        index = int(detail["index"])
        interpreter.set_tensor(index, inputs[index].reshape(tuple(detail["shape"])))
    interpreter.invoke()
    after = {index: _read(interpreter, index) for index in watched}
    return {index: value.tobytes() for index, value in after.items() if value is not None}


def _allocated(model: bytes, kernels: str) -> Interpreter:
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=KERNEL_SETS[kernels],
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter


def _read(interpreter: Interpreter, index: int) -> np.ndarray | None:
    """A tensor's value, or None: the runtime holds no memory for it, or not yet."""
    try:
        value: np.ndarray = interpreter.get_tensor(index)
    except (ValueError, TypeError):
        return None
    return value
