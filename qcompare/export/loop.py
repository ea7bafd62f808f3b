"""Recurrent layers as a loop: one time step of all of them, which a WHILE runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from qcompare.core.graph import Graph, model_of
from qcompare.core.grid import Grid
from qcompare.export.written import GraphOps, Written
from qcompare.models.network import Architecture, recurrent_name
from qcompare.models.ops import Ops
from qcompare.tflite import schema
from qcompare.tflite.builder import Builder
from qcompare.training.number_format import INT8

CONDITION, BODY = 1, 2
"""Where a loop's graphs stand in its model."""

NO_GRID = Grid.single(1, 0, np.int8)


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """A state of width numbers that a time step leaves; name: of its role, as tensor names have it."""

    name: str
    width: int
    grid: Grid

    @property
    def zeros(self) -> np.ndarray:
        """What it starts as, int8 [1, width]."""
        return np.full((1, self.width), self.grid.zero_point[0], np.int8)


def loop_model(
    architecture: Architecture, weights: Mapping[str, np.ndarray], ranges: Mapping[str, np.ndarray]
) -> bytes:
    """The int8 model of batch one whose WHILE runs one time step of all recurrent layers; then the dense head.

    Its size does not grow with the number of steps. The loop carries the step's number, the input and the states,
    in int8: the integers are those of the unrolled model. weights, ranges: as in `deploy.model`.
    """
    everything = {**weights, **architecture.constants()}
    # States have the grid that the layers leave them with: a first body, on grids of no account, tells it.
    unknown = [State(name="", width=width, grid=NO_GRID) for each in _widths(architecture) for width in each]
    _, states = _body(architecture, everything, ranges, unknown)
    body, _ = _body(architecture, everything, ranges, states)
    builder = Builder()
    ops = GraphOps(builder, everything, ranges, INT8)
    x = ops.input(tf.zeros([1, architecture.steps, architecture.features]))
    first = builder.constant("step/FIRST", np.array(0, np.int32))
    zeros = [
        builder.constant(
            f"{state.name}/ZEROS", np.full((1, state.width), state.grid.zero_point[0], np.int8), state.grid
        )
        for state in states
    ]
    results = _carried(builder, architecture, x.grid, states, "LAST")
    options = {"cond_subgraph_index": CONDITION, "body_subgraph_index": BODY}
    builder.operator("WHILE", [first, ops.index(x), *zeros], results, "WhileOptions", options)
    last = len(states) - len(_widths(architecture)[-1])
    value = Written(index=results[2 + last], width=states[last].width, grid=states[last].grid)
    output = architecture.head(ops, value)
    condition = _condition(architecture, x.grid, states)
    return schema.write(model_of(builder.graph([ops.index(x)], [ops.index(output)]), condition, body))


def _widths(architecture: Architecture) -> list[list[int]]:
    """Widths of the states of each layer; a layer's output comes first."""
    ops = Ops({})
    return [[int(value.shape[-1]) for value in cell.zero_state(ops, 1)] for cell in architecture.cells]


def _carried(builder: Builder, architecture: Architecture, x: Grid, states: list[State], when: str) -> list[int]:
    """The tensors of a graph that the loop carries: the step's number, the input, the states."""
    return [
        builder.activation(f"step/{when}", (), np.int32),
        builder.activation(f"x/{when}", (1, architecture.steps, architecture.features), np.int8, x),
        *(
            builder.activation(f"{state.name}/{when}_{number}", (1, state.width), np.int8, state.grid)
            for number, state in enumerate(states)
        ),
    ]


def _condition(architecture: Architecture, x: Grid, states: list[State]) -> Graph:
    builder = Builder()
    carried = _carried(builder, architecture, x, states, "TESTED")
    steps = builder.constant("steps", np.array(architecture.steps, np.int32))
    more = builder.activation("more", (), np.bool_)
    builder.operator("LESS", [carried[0], steps], [more], "LessOptions")
    return builder.graph(carried, [more])


def _body(
    architecture: Architecture, weights: Mapping[str, np.ndarray], ranges: Mapping[str, np.ndarray], before: list[State]
) -> tuple[Graph, list[State]]:
    """One time step of all layers, and the states that it leaves."""
    builder = Builder()
    ops = GraphOps(builder, weights, ranges, INT8)
    grid, features = ops.grid("x"), architecture.features
    number, x, *carried = _carried(builder, architecture, grid, before, "BEFORE")
    now = builder.activation("x/GATHER", (1, features), np.int8, grid)
    builder.operator("GATHER", [x, number], [now], "GatherOptions", {"axis": 1, "batch_dims": 0}, version=2)
    value = Written(index=now, width=features, grid=grid)
    given = [
        Written(index=index, width=state.width, grid=state.grid) for index, state in zip(carried, before, strict=True)
    ]
    results: list[Written] = []
    for index, (cell, widths) in enumerate(zip(architecture.cells, _widths(architecture), strict=True)):
        with ops.scope(recurrent_name(index)), ops.placed("step"):
            value, after = cell.step(ops, value, tuple(given[: len(widths)]))
        assert after[0] is value, "a layer's output is the first of its states"
        given = given[len(widths) :]
        results += after
    one, following = builder.constant("step/ONE", np.array(1, np.int32)), builder.activation("step/ADD", (), np.int32)
    options = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    builder.operator("ADD", [number, one], [following], "AddOptions", options)
    names = [builder.tensors[ops.index(result)].name.rpartition("/")[0] for result in results]
    states = [
        State(name=name, width=result.width, grid=result.grid) for name, result in zip(names, results, strict=True)
    ]
    return builder.graph([number, x, *carried], [following, x, *map(ops.index, results)]), states
