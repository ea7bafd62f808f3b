"""TensorFlow Lite Micro, through the optional package `tflite-micro`, one sample an invocation."""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, TypeVar

import numpy as np

from qcompare.core.graph import Graph, Model
from qcompare.core.tensor_values import TensorValues, sample_shape
from qcompare.tflite import schema

T = TypeVar("T")

ARENA_SLACK = 1 << 20
"""Bytes of the arena beyond tensors and the model's own size: kernels' scratch buffers and bookkeeping."""

ARENA_ALIGNMENT = 16
"""Bytes. The runtime aligns both ends of the arena to it, so that one of another size would count the rest as used."""


class MicroUnavailableError(RuntimeError):
    """TensorFlow Lite Micro cannot run: the package is missing, or it refuses the model. The message is one line."""


def installed() -> bool:
    """Whether the optional package is there."""
    return find_spec("tflite_micro") is not None


def run(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    *,
    keep: Collection[int] = (),
) -> TensorValues:
    """The model run on each sample by itself, its state reset before each.

    inputs: tensor index -> [samples, ...] in the tensor's dtype, with or without the leading dimension of one.
    keep: activations to read besides the first output. The runtime then gives every tensor memory of its own, and
        does not tell what its arena takes.

    Raises MicroUnavailableError.
    """
    graph = schema.read(model).main
    keeps_all = not set(keep).issubset(graph.outputs)

    def use(interpreter: Any) -> TensorValues:
        values = _run(interpreter, graph, inputs, keep)
        if not keeps_all:
            interpreter.print_allocations()
        return values

    values, lines = _interpreted(model, use, keeps_all=keeps_all)
    return replace(values, arena_bytes=_arena_bytes(lines))


def run_steps(model: bytes, sequences: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Sequences of any lengths through one interpreter, step by step, of a model whose input is one time step.

    The state is kept within a sequence and reset before each. sequences: each [steps, features] in the input's dtype.
    Returns every output of each sequence by its name in the signature, [steps, *sample_shape(its shape)]: what it is
    after each step. Raises MicroUnavailableError.
    """
    found, _ = _interpreted(model, lambda interpreter: _run_steps(interpreter, model, sequences))
    return found


def _interpreted(model: bytes, use: Callable[[Any], T], *, keeps_all: bool = False) -> tuple[T, list[str]]:
    """What comes of using an interpreter of the model, and the lines that it wrote. Raises MicroUnavailableError."""
    runtime = _runtime()
    modes = runtime.InterpreterConfig
    mode = modes.kPreserveAllTensors if keeps_all else modes.kAllocationRecording
    arena = _arena_size(model, schema.read(model))
    with _written_to_stderr() as written:
        try:
            value = use(runtime.Interpreter.from_bytes(model, arena_size=arena, intrepreter_config=mode))
        except (RuntimeError, ValueError) as error:
            reason = next((line.strip() for line in written() if line.strip()), error)
            raise MicroUnavailableError(f"TensorFlow Lite Micro refuses the model: {reason}") from error
        return value, written()


def _runtime() -> Any:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError as error:
        raise MicroUnavailableError("TensorFlow Lite Micro is not installed: pip install tflite-micro") from error
    return runtime


def _run(interpreter: Any, graph: Graph, inputs: Mapping[int, np.ndarray], keep: Collection[int]) -> TensorValues:
    shaped = [
        inputs[index].reshape(-1, *(int(n) for n in interpreter.get_input_details(position)["shape"]))
        for position, index in enumerate(graph.inputs)
    ]
    collected: dict[int, list[np.ndarray]] = {index: [] for index in dict.fromkeys([graph.outputs[0], *keep])}
    samples = len(shaped[0])
    for sample in range(samples):
        interpreter.reset()
        for position, array in enumerate(shaped):
            interpreter.set_input(array[sample], position)
        interpreter.invoke()
        for index, values in collected.items():
            if index in graph.outputs:
                values.append(np.array(interpreter.get_output(graph.outputs.index(index))))
            else:
                values.append(np.array(interpreter.GetTensor(index, 0)["tensor_data"]))
    tensors = {
        graph.tensors[index].name: np.stack(values).reshape(samples, *sample_shape(values[0].shape))
        for index, values in collected.items()
    }
    return TensorValues(tensors=tensors, output=graph.tensors[graph.outputs[0]].name)


def _run_steps(interpreter: Any, model: bytes, sequences: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    read = schema.read(model)
    shape = tuple(int(size) for size in interpreter.get_input_details(0)["shape"])
    results = []
    for sequence in sequences:
        interpreter.reset()
        collected: dict[str, list[np.ndarray]] = {name: [] for name in read.outputs}
        for step in sequence:
            interpreter.set_input(step.reshape(shape), 0)
            interpreter.invoke()
            for name, index in read.outputs.items():
                collected[name].append(np.array(interpreter.get_output(read.main.outputs.index(index))))
        results.append(
            {
                name: np.stack(values).reshape(len(sequence), *sample_shape(values[0].shape))
                for name, values in collected.items()
            }
        )
    return results


def _arena_size(model: bytes, read: Model) -> int:
    """Bytes that hold every tensor at once, eight an element, the model's own structures and what kernels ask for.

    Pages of the arena that nothing touches cost nothing. Too small an arena can end the process.
    """
    elements = sum(math.prod(tensor.shape) for each in read.graphs for tensor in each.tensors)
    size = 8 * elements + 16 * len(model) + ARENA_SLACK
    return -(-size // ARENA_ALIGNMENT) * ARENA_ALIGNMENT


def _arena_bytes(lines: Sequence[str]) -> int | None:
    """What the runtime printed that its arena takes; None if it printed nothing of it."""
    found = (re.search(r"Arena allocation total (\d+) bytes", line) for line in lines)
    return next((int(match[1]) for match in found if match), None)


@contextmanager
def _written_to_stderr() -> Iterator[Callable[[], list[str]]]:
    """Gives a function that returns the lines written to the process's standard error since the start.

    Why it refuses a model and what its arena takes the runtime tells past Python, through the file descriptor.
    """
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)

        def written() -> list[str]:
            size = os.fstat(caught.fileno()).st_size
            return os.pread(caught.fileno(), size, 0).decode("utf-8", "replace").splitlines()

        try:
            yield written
        finally:
            os.dup2(kept, 2)
            os.close(kept)
