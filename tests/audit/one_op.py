"""Models of one operator with random shapes, scales, zero points, granularity and activation, and the runtimes that
run them. Each operator's generator is a function `(rng, dtype) -> Graph`; `check` holds the manual engine to a runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.audit.one_op import Side, activation, add, constant
from qcompare.core.graph import Graph, Tensor, model_of
from qcompare.core.grid import Grid
from qcompare.manual.executor import run
from qcompare.tflite import builder
from qcompare.tflite.schema import write

RESOLVERS = {
    "reference": OpResolverType.BUILTIN_REF,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "xnnpack": OpResolverType.AUTO,
}
RUNTIMES = (*RESOLVERS, "micro")


def grid_of(scale: Any, zero_point: Any = 0, axis: int = 0, dtype: Any = np.int8) -> Grid | None:
    """Per tensor from numbers, per channel from arrays (the zero points are then the same for all); None without."""
    return Side(shape=(), dtype=np.dtype(dtype), scale=scale, zero_point=zero_point, axis=axis).grid


class Builder:
    """The program's Builder, told scales and zero points; tensors are named by their index."""

    def __init__(self) -> None:
        self.built = builder.Builder()

    @property
    def tensors(self) -> list[Tensor]:
        return self.built.tensors

    def activation(
        self, shape: Sequence[int], dtype: Any, scale: Any = None, zero_point: int = 0, *, variable: bool = False
    ) -> int:
        return add(self.built, activation(shape, dtype, scale, zero_point, variable))

    def constant(self, data: np.ndarray, scale: Any = None, zero_point: int = 0, axis: int = 0) -> int:
        side = constant(data, scale, axis)
        return add(self.built, replace(side, zero_point=zero_point))

    def graph(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options_type: str = "",
        options: Mapping[str, Any] | None = None,
        intermediates: Sequence[int] = (),
        version: int = 1,
    ) -> Graph:
        """The graph of one operator; its activations that are no variables are the graph's inputs."""
        self.built.operator(name, inputs, outputs, options_type, options, version=version, intermediates=intermediates)
        return self.built.graph(self.built.open_inputs(), outputs)


def random_scale(rng: np.random.Generator, low: float = 1e-3, high: float = 0.2) -> float:
    """A scale, log-uniform."""
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def random_zero_point(rng: np.random.Generator, dtype: Any) -> int:
    """A zero point: anywhere in 8 bits (the ends included more often), 0 in int16."""
    if np.dtype(dtype).itemsize > 1:
        return 0
    above = 128 if np.dtype(dtype) == np.uint8 else 0
    return above + int(rng.choice([-128, 127, 0, *rng.integers(-128, 128, 5)]))


def random_shape(rng: np.random.Generator, rank: int, most: int = 8) -> tuple[int, ...]:
    """A shape of batch one."""
    return (1, *(int(n) for n in rng.integers(1, most + 1, rank - 1)))


def random_values(rng: np.random.Generator, tensor: Tensor, samples: int) -> np.ndarray:
    """Integers over the whole range of the tensor's dtype; normal numbers for floats. Shape [samples, *shape]."""
    shape = (samples, *tensor.shape)
    if tensor.dtype.kind == "f":
        return rng.normal(size=shape).astype(tensor.dtype)
    if tensor.dtype.kind == "b":
        return rng.random(shape) < 0.5
    limits = np.iinfo(tensor.dtype)
    values = rng.integers(limits.min, limits.max + 1, shape)
    near = np.clip(np.round(rng.normal(scale=0.1 * limits.max, size=shape)), limits.min, limits.max)
    return np.where(rng.random(samples).reshape(-1, *[1] * len(tensor.shape)) < 0.5, values, near).astype(tensor.dtype)


def random_inputs(rng: np.random.Generator, graph: Graph, samples: int) -> dict[int, np.ndarray]:
    return {index: random_values(rng, graph.tensors[index], samples) for index in graph.inputs}


def run_litert(
    model: bytes, inputs: Mapping[int, np.ndarray], outputs: Sequence[int], kernel_set: str
) -> dict[int, np.ndarray]:
    """LiteRT invoked once a sample, state reset before each. Tensor index -> [samples, *shape]; unreadable absent."""
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=RESOLVERS[kernel_set],
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    samples = len(next(iter(inputs.values())))
    collected: dict[int, list[np.ndarray]] = {index: [] for index in outputs}
    for sample in range(samples):
        interpreter.reset_all_variables()
        for index, array in inputs.items():
            interpreter.set_tensor(index, array[sample])
        interpreter.invoke()
        for index in tuple(collected):
            try:
                collected[index].append(interpreter.get_tensor(index))
            except ValueError:
                del collected[index]
    return {index: np.stack(arrays) for index, arrays in collected.items()}


def run_micro(graph: Graph, model: bytes, inputs: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """TensorFlow Lite Micro invoked once a sample, reset before each. Only the graph's outputs can be read."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 22)
    samples = len(next(iter(inputs.values())))
    collected: dict[int, list[np.ndarray]] = {index: [] for index in graph.outputs}
    for sample in range(samples):
        interpreter.reset()
        for position, index in enumerate(graph.inputs):
            interpreter.set_input(inputs[index][sample], position)
        interpreter.invoke()
        for position, index in enumerate(graph.outputs):
            collected[index].append(np.array(interpreter.get_output(position)))
    return {index: np.stack(arrays) for index, arrays in collected.items()}


def run_runtime(graph: Graph, inputs: Mapping[int, np.ndarray], kernel_set: str) -> dict[int, np.ndarray]:
    """The graph's outputs as a runtime computes them."""
    model = write(model_of(graph))
    if kernel_set == "micro":
        return run_micro(graph, model, inputs)
    return run_litert(model, inputs, graph.outputs, kernel_set)


@dataclass(frozen=True)
class Difference:
    """Unequal integers among the values compared, and the largest difference."""

    values: int
    unequal: int
    max_lsb: int


def difference(graph: Graph, inputs: Mapping[int, np.ndarray], kernel_set: str, arithmetic: str = "") -> Difference:
    """The manual engine against a runtime, over the graph's outputs."""
    expected = run_runtime(graph, inputs, kernel_set)
    trace = run(model_of(graph), inputs, arithmetic or kernel_set)
    values, unequal, largest = 0, 0, 0
    for index in graph.outputs:
        want, got = expected[index], trace.tensors[graph.tensors[index].name].reshape(expected[index].shape)
        # Floats count by their bits.
        want, got = (x.view(np.int32) if x.dtype == np.float32 else x for x in (want, got))
        gap = np.abs(got.astype(np.int64) - want.astype(np.int64))
        values, unequal, largest = values + gap.size, unequal + int(np.count_nonzero(gap)), max(largest, int(gap.max()))
    return Difference(values, unequal, largest)
