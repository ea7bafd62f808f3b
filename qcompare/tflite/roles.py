"""The roles of a model's tensors, told by their names: for models that a converter made and named after operators.

Models that are written here come with the places of their taps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from qcompare.core import lstm
from qcompare.core.graph import Graph, Model, Tensor
from qcompare.core.tap import Tap

ROLES_IN_NAMES = (
    (r"(recurrent_\d+)/step(?:_(\d+))?/([a-z_]*[a-z])(?:_\d+)?/", ""),
    (r"(?:^|[^_])(dense_\d+)()/([a-z_]*[a-z])(?:_\d+)?(?:/|$)", ""),
    (r"quant_(dense_\d+)()()/", "output"),
)
"""Pattern of an operator's name in training -> layer, step and role; the last is tensorflow-model-optimization's."""


def places_by_name(model: Model, weight_of: Mapping[str, str]) -> dict[tuple[int, int], Tap]:
    """(graph, tensor index) -> tap of what the names of a converted model tell.

    weight_of: role of a FULLY_CONNECTED -> its weight.
    """
    # What a body is given is no input of the model.
    graphs = [model.main, *(replace(body, inputs=()) for body in model.graphs[1:])]
    return {
        (number, index): tap
        for number, graph in enumerate(graphs)
        for index, tap in _taps_by_name(graph, weight_of).items()
    }


def _taps_by_name(graph: Graph, weight_of: Mapping[str, str]) -> dict[int, Tap]:
    found = {
        tensor.index: tap
        for tensor in graph.tensors
        if tensor.data is None and (tap := activation_tap(graph, tensor)) is not None
    }
    return (
        outputs_of_first_steps(found)
        | taps_before_activations(graph)
        | lstm_taps(graph)
        | weight_taps(graph, weight_of)
    )


def outputs_of_first_steps(found: Mapping[int, Tap]) -> dict[int, Tap]:
    """The taps, with the output of a GRU's first step: what is added to a state of zeros, for the converter leaves out
    that sum.
    """
    there = set(found.values())

    def renamed(tap: Tap) -> Tap:
        layer, _, name = tap.role.rpartition("/")
        first, second = (Tap(f"{layer}/h", step) for step in (0, 1))
        left_out = tap.step == 0 and name == "added" and second in there and first not in there
        return first if left_out else tap

    return {index: renamed(tap) for index, tap in found.items()}


BIAS = 2
"""The input of a FULLY_CONNECTED that holds its bias, where it has one."""


def weight_taps(graph: Graph, weight_of: Mapping[str, str]) -> dict[int, Tap]:
    """Index of a FULLY_CONNECTED's weight and bias -> its name, told by the role of what is computed with it."""
    taps = {}
    for operator in graph.operators:
        if operator.name == "FULLY_CONNECTED":
            tap = activation_tap(graph, graph.tensors[operator.outputs[0]])
            role = "" if tap is None else tap.role
            name = weight_of.get(role) or weight_of.get(role.removesuffix("_before_activation"), "")
            if name:
                taps[operator.inputs[1]] = Tap(name)
                if len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0:
                    taps[operator.inputs[BIAS]] = Tap(f"{name.rpartition('/')[0]}/bias")
    return taps


LSTM_WEIGHTS = {lstm.X_WEIGHTS: "kernel", lstm.H_WEIGHTS: "recurrent_kernel"}
"""First input of the fused LSTM with one of its matrices' four gates -> the matrix."""


def lstm_taps(graph: Graph) -> dict[int, Tap]:
    """Index of a tensor of a fused LSTM -> its role; h stands in its state, an intermediate and the outputs."""
    taps = {}
    fused = [operator for operator in graph.operators if operator.name == lstm.OPERATOR]
    for layer, operator in enumerate(fused):
        name = f"recurrent_{layer}"
        for first, matrix in LSTM_WEIGHTS.items():
            for gate, position in zip(lstm.GATES, lstm.of_gates(first), strict=True):
                taps[operator.inputs[position]] = Tap(f"{name}/{matrix}/{gate}")
        taps[operator.inputs[lstm.CELL]] = Tap(f"{name}/cell_state")
        hidden = operator.intermediates[lstm.HIDDEN_INTERMEDIATE : lstm.HIDDEN_INTERMEDIATE + 1]
        h = [operator.inputs[lstm.HIDDEN], *hidden, operator.outputs[0]]
        taps |= dict.fromkeys(h, Tap(f"{name}/h"))
        for reader in graph.operators:
            if reader.name in ("STRIDED_SLICE", "RESHAPE") and reader.inputs[0] == operator.outputs[0]:
                taps[reader.outputs[0]] = Tap(f"{name}/h")
    return taps


def taps_before_activations(graph: Graph) -> dict[int, Tap]:
    """Index of what a TANH or LOGISTIC of an activated operator reads -> its tap; both have the operator's name."""
    taps = {}
    for operator in graph.operators:
        if operator.name in ("TANH", "LOGISTIC"):
            before, after = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
            tap = activation_tap(graph, before)
            if tap is not None and tap == activation_tap(graph, after):
                taps[before.index] = Tap(f"{tap.role}_before_activation", tap.step)
    return taps


def activation_tap(graph: Graph, tensor: Tensor) -> Tap | None:
    """The tap of an activation, told by the names that its operators had in training; None when they do not tell."""
    if tensor.index in graph.inputs or tensor.name.startswith("x/"):
        return Tap("x")
    found = None
    for part in tensor.name.split(";"):
        for pattern, short in ROLES_IN_NAMES:
            if match := re.search(pattern, part):
                layer, step, role = match.groups()
                found = Tap(f"{layer}/{short or role}", int(step) if step else None)
    return found
