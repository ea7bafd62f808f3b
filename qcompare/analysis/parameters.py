"""Each learned scale and zero point beside the one in the converted model: the rows of parameters.csv."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from qcompare.analysis.figures import ulp_distance
from qcompare.core import lstm
from qcompare.core.graph import Graph, Model, Tensor
from qcompare.core.grid import Grid

PARAMETERS_DTYPES = {
    "model": "str",
    "quant": "str",
    "lowering": "str",
    "route": "str",
    "seed": "Int64",
    "tensor": "str",
    "role": "str",
    "channel": "Int64",
    "learned_scale": "float32",
    "scale": "float32",
    "scale_ulp": "Int64",
    "learned_zero_point": "Int64",
    "zero_point": "Int64",
    "exact": "boolean",
}


ROLES_IN_NAMES = (
    (r"(recurrent_\d+)/step(?:_\d+)?/([a-z_]*[a-z])(?:_\d+)?/", ""),
    (r"(?:^|[^_])(dense_\d+)/([a-z_]*[a-z])(?:_\d+)?(?:/|$)", ""),
    (r"quant_(dense_\d+)/", "output"),
)
"""Pattern of an operator's name in training -> its layer and role; the last is tensorflow-model-optimization's."""


def compare_parameters(model: Model, learned: Mapping[str, Grid], weight_of: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for each channel of each int8 and int16 tensor of the model, the bodies of its loops included.

    learned: by role (activations) and by `layer/name` (weights). weight_of: role of a FULLY_CONNECTED -> its weight.
    Columns about learning are empty for a tensor whose scale training does not learn.
    """
    # What a body is given is no input of the model.
    parts = (model.main, *(replace(body, inputs=()) for body in model.graphs[1:]))
    return [row for part in parts for row in _graph_rows(part, learned, weight_of)]


def _graph_rows(graph: Graph, learned: Mapping[str, Grid], weight_of: Mapping[str, str]) -> list[dict[str, Any]]:
    names = weight_roles(graph, weight_of) | lstm_roles(graph) | roles_before_activations(graph)
    rows = []
    for tensor in graph.tensors:
        if tensor.dtype not in (np.int8, np.int16) or tensor.grid is None:
            continue
        role = names.get(tensor.index, "")
        if not role and tensor.data is None:
            role = activation_role(graph, tensor)
        rows += _rows(tensor, role, learned.get(role))
    return rows


def _rows(tensor: Tensor, role: str, learned: Grid | None) -> list[dict[str, Any]]:
    assert tensor.grid is not None
    scale, zero_point = tensor.grid.scale, tensor.grid.zero_point
    rows: list[dict[str, Any]] = [
        {"tensor": tensor.name, "role": role, "channel": channel if scale.size > 1 else None}
        | {"scale": scale[channel], "zero_point": int(zero_point[channel])}
        for channel in range(scale.size)
    ]
    if learned is None:
        return rows
    learned_scale = np.broadcast_to(learned.scale, scale.shape)
    learned_zero_point = np.broadcast_to(learned.zero_point, scale.shape)
    for channel, (row, ulp) in enumerate(zip(rows, ulp_distance(learned_scale, scale), strict=True)):
        equal = ulp == 0 and learned_zero_point[channel] == zero_point[channel]
        row |= {"learned_scale": learned_scale[channel], "scale_ulp": abs(int(ulp)), "exact": bool(equal)}
        row["learned_zero_point"] = int(learned_zero_point[channel])
    return rows


def weight_roles(graph: Graph, weight_of: Mapping[str, str]) -> dict[int, str]:
    """Index of a FULLY_CONNECTED weight -> its name, told by the role of what is computed with it."""
    names = {}
    for operator in graph.operators:
        if operator.name == "FULLY_CONNECTED":
            role = activation_role(graph, graph.tensors[operator.outputs[0]])
            name = weight_of.get(role) or weight_of.get(role.removesuffix("_before_activation"), "")
            if name:
                names[operator.inputs[1]] = name
    return names


LSTM_WEIGHTS = {lstm.X_WEIGHTS: "kernel", lstm.H_WEIGHTS: "recurrent_kernel"}
"""First input of the fused LSTM with one of its matrices' four gates -> the matrix."""


def lstm_roles(graph: Graph) -> dict[int, str]:
    """Index of a tensor of a fused LSTM -> its role; h stands in its state, an intermediate and the outputs."""
    roles = {}
    fused = [operator for operator in graph.operators if operator.name == lstm.OPERATOR]
    for layer, operator in enumerate(fused):
        name = f"recurrent_{layer}"
        for first, matrix in LSTM_WEIGHTS.items():
            for gate, position in zip(lstm.GATES, lstm.of_gates(first), strict=True):
                roles[operator.inputs[position]] = f"{name}/{matrix}/{gate}"
        roles[operator.inputs[lstm.CELL]] = f"{name}/cell_state"
        hidden = operator.intermediates[lstm.HIDDEN_INTERMEDIATE : lstm.HIDDEN_INTERMEDIATE + 1]
        roles |= dict.fromkeys([operator.inputs[lstm.HIDDEN], *hidden, operator.outputs[0]], f"{name}/h")
        for reader in graph.operators:
            if reader.name in ("STRIDED_SLICE", "RESHAPE") and reader.inputs[0] == operator.outputs[0]:
                roles[reader.outputs[0]] = f"{name}/h"
    return roles


def roles_before_activations(graph: Graph) -> dict[int, str]:
    """Index of what a TANH or LOGISTIC of an activated operator reads -> its role; both have the operator's name."""
    roles = {}
    for operator in graph.operators:
        if operator.name in ("TANH", "LOGISTIC"):
            before, after = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
            role = activation_role(graph, before)
            if role and role == activation_role(graph, after):
                roles[before.index] = f"{role}_before_activation"
    return roles


def activation_role(graph: Graph, tensor: Tensor) -> str:
    """The role of an activation, told by the names that its operators had in training; "" when they do not tell."""
    if tensor.index in graph.inputs or tensor.name.startswith("x/"):
        return "x"
    found = ""
    for part in tensor.name.split(";"):
        for pattern, short in ROLES_IN_NAMES:
            if match := re.search(pattern, part):
                found = f"{match.group(1)}/{short or match.group(2)}"
    return found


def parameters_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows of parameters.csv, columns and dtypes as in PARAMETERS_DTYPES."""
    empty = {column: "" if dtype == "str" else None for column, dtype in PARAMETERS_DTYPES.items()}
    frame = pd.DataFrame([empty | row for row in rows], columns=list(PARAMETERS_DTYPES), dtype=object)
    return frame.astype(PARAMETERS_DTYPES)
