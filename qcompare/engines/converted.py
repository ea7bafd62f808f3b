"""What every engine of a converted model is given, and what it hands on."""

from __future__ import annotations

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.core.graph import Graph, Tensor
from qcompare.core.grid import Grid
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace


def inputs_of(graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    """x, float32 [samples, ...], as the model's input tensor holds it: by tensor index."""
    tensor = graph.tensors[graph.inputs[0]]
    return {tensor.index: held(tensor, x.reshape(len(x), *tensor.shape[1:]))}


def held(tensor: Tensor, x: np.ndarray) -> np.ndarray:
    """x, float32 of the tensor's rank, in its dtype."""
    return x if tensor.integers is None else tensor.integers.quantize(x, len(tensor.shape))


def output_trace(engine: EngineId, graph: Graph, values: np.ndarray) -> Trace:
    """The model's output [samples, ...] as a trace."""
    grid = output_grid(graph)
    return Trace(engine=engine, values={OUTPUT: values}, grids={} if grid is None else {OUTPUT: grid})


def output_grid(graph: Graph) -> Grid | None:
    """The grid that the model's output lies on, also where a DEQUANTIZE hands it on in float32; None for any other."""
    output = graph.tensors[graph.outputs[0]]
    writers = (operator for operator in graph.operators if output.index in operator.outputs)
    writer = next(writers, None)
    if writer is not None and writer.name == "DEQUANTIZE":
        return graph.tensors[writer.inputs[0]].integers
    return output.integers


def all_integer(graph: Graph) -> bool:
    """Whether nothing of a graph but its ends is in float."""
    ends = {*graph.inputs, *graph.outputs}
    return all(
        tensor.dtype.kind != "f" for tensor in graph.tensors if tensor.index not in ends and tensor.shape != (0,)
    )
