"""What every engine of a converted model is given, and what it hands on."""

from __future__ import annotations

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.core.graph import Graph
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace


def inputs_of(graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    """x, float32 [samples, ...], as the model's input tensor holds it: by tensor index."""
    tensor = graph.tensors[graph.inputs[0]]
    return {tensor.index: x if tensor.integers is None else tensor.integers.quantize(x, len(tensor.shape))}


def output_trace(engine: EngineId, graph: Graph, values: np.ndarray) -> Trace:
    """The model's output [samples, ...] as a trace."""
    grid = graph.tensors[graph.outputs[0]].integers
    return Trace(engine=engine, values={OUTPUT: values}, grids={} if grid is None else {OUTPUT: grid})
