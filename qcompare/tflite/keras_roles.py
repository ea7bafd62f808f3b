"""The roles of the tensors of a model that tensorflow-model-optimization's Keras layers became, told by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from qcompare.core.graph import Graph, Model, Operator
from qcompare.core.tap import Tap

LAYER = re.compile(r"(?:^|/)quant_([^/;]+)/")
"""The layers that a tensor's name tells, the last that was fused into its operator first."""

ON_ONE_GRID = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
"""Operators whose result the kernel wants on the grid that they read: what was trained stands behind a QUANTIZE."""

WITH_WEIGHTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")

FIXED = ("LOGISTIC", "SOFTMAX", "TANH")
"""Operators whose grid the kernel prescribes."""


def places(model: Model, learned: Collection[str]) -> dict[tuple[int, int], Tap]:
    """(graph, tensor index) -> tap. learned: the roles whose grids training learned, weights among them."""
    graph = model.main
    found = {_first(graph): Tap("x")}
    for operator in graph.operators:
        found |= dict(_of(graph, operator, learned))
    return {(0, index): tap for index, tap in found.items()}


def _first(graph: Graph) -> int:
    """The input, or its int8 behind a QUANTIZE."""
    (start,) = graph.inputs
    for operator in graph.operators:
        if operator.name == "QUANTIZE" and operator.inputs[0] == start:
            return operator.outputs[0]
    return start


def _of(graph: Graph, operator: Operator, learned: Collection[str]) -> Iterator[tuple[int, Tap]]:
    layers = LAYER.findall(graph.tensors[operator.outputs[0]].name)
    for layer in layers:
        if f"{layer}/kernel" in learned and operator.name in WITH_WEIGHTS:
            for index, part in zip(operator.inputs[1:], ("kernel", "bias"), strict=False):
                if index >= 0:
                    yield index, Tap(f"{layer}/{part}")
            break
    if not layers or _moved_on(graph, operator):
        return
    before = f"{layers[0]}/output_before_activation"
    role = f"{layers[0]}/output"
    yield operator.outputs[0], Tap(before if before in learned and operator.name not in (*FIXED, "GELU") else role)


def _moved_on(graph: Graph, operator: Operator) -> bool:
    """Whether a result has the name of a layer whose learned grid another tensor has: one of the two beside a
    QUANTIZE."""

    def layer(index: int) -> list[str]:
        return LAYER.findall(graph.tensors[index].name)[:1]

    of = layer(operator.outputs[0])
    if operator.name == "QUANTIZE":
        maker = next((other for other in graph.operators if operator.inputs[0] in other.outputs), None)
        return maker is not None and maker.name not in ON_ONE_GRID and layer(operator.inputs[0]) == of
    return operator.name in ON_ONE_GRID and any(
        other.name == "QUANTIZE" and other.inputs[0] == operator.outputs[0] and layer(other.outputs[0]) == of
        for other in graph.operators
    )
