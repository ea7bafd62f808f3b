"""The shapes of tensors whose batch the model leaves free: its file says 1, even where operators make batches of space.

LiteRT settles them from the inputs when it allocates; TensorFlow Lite Micro takes those of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.tflite import free_space

TO_BATCH, TO_SPACE = "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"


def settled(model: Model) -> Model:
    """The model with the shapes of its main graph as LiteRT settles them, from those of the graph's inputs."""
    graph = model.main
    tensors = list(graph.tensors)
    for operator in graph.operators:
        batch = _batch(graph, operator, tensors)
        for index in operator.outputs:
            if batch and tensors[index].free_batch:
                tensors[index] = replace(tensors[index], shape=(batch, *tensors[index].shape[1:]))
            given = [tensors[position] for position in operator.inputs if position >= 0]
            tensors[index] = free_space.settled(graph, operator, given, tensors[index])
    return model.with_main(replace(graph, tensors=tuple(tensors)))


def _batch(graph: Graph, operator: Operator, tensors: Sequence[Tensor]) -> int:
    """What the operator's results have for a batch; 0 where that is what the file says.

    tensors: the graph's, settled as far as the operator.
    """
    given = [tensors[index] for index in operator.inputs if index >= 0]
    if operator.name in (TO_BATCH, TO_SPACE):
        blocks = int(np.prod(given[1].data)) if given[1].data is not None else 0
        return given[0].shape[0] * blocks if operator.name == TO_BATCH else given[0].shape[0] // max(blocks, 1)
    changed = {tensor.shape[0] for tensor in given if tensor.shape[:1] != graph.tensors[tensor.index].shape[:1]}
    return changed.pop() if len(changed) == 1 else 0
