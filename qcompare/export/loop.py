"""Recurrent layers as a loop: one time step of all of them, which a WHILE runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
import tensorflow as tf

from qcompare.core.graph import Graph, model_of
from qcompare.core.grid import Grid
from qcompare.core.layers import recurrent_name
from qcompare.core.tap import Tap
from qcompare.export.written import GraphOps, Value, Written, WrittenModel, in_graph
from qcompare.models.bidirectional import Bidirectional
from qcompare.models.network import Architecture, SequenceLayer, SteppedLayer
from qcompare.tflite import schema
from qcompare.tflite.artifact import MAIN
from qcompare.tflite.builder import Builder
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import INT8, NumberFormat

CONDITION, BODY = 1, 2
"""Where a loop's graphs stand in its model."""

NO_GRID = Grid.single(1, 0, np.int8)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """A state of width numbers that a time step leaves; name: of its role, as tensor names have it."""

    name: str
    role: str
    width: int
    grid: Grid


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A graph of the model, and by index the taps of its tensors and what its constants were rounded from."""

    graph: Graph
    taps: Mapping[int, Tap]
    reals: Mapping[int, np.ndarray] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Carried:
    """Indices of the tensors of a graph that the loop carries: the step's number, the input, the states."""

    number: int
    x: int
    states: list[int]

    @property
    def all(self) -> list[int]:
        return [self.number, self.x, *self.states]


def loop_model(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
    ranges: Mapping[str, np.ndarray],
    number_format: NumberFormat = INT8,
) -> WrittenModel:
    """The int8 model of batch one whose WHILE runs one time step of all recurrent layers; then the dense head.

    Its size does not grow with the number of steps. The loop carries the step's number, the input and the states,
    in int8: the integers are those of the unrolled model. weights, ranges: as in `written_model`. Taps within the
    loop's graphs have no time step; what the loop leaves has the last one. Raises ValueError for fused layers.
    """
    learned = TrainedQat(
        weights={**weights, **architecture.constants()}, ranges=dict(ranges), number_format=number_format
    )
    # States have the grid that the layers leave them with: a first body, on grids of no account, tells it.
    unknown = [State(name="", role="", width=width, grid=NO_GRID) for each in _widths(architecture) for width in each]
    _, states = _body(architecture, learned, unknown)
    body, _ = _body(architecture, learned, states)
    main = _main(architecture, learned, states)
    parts = {MAIN: main, CONDITION: _condition(architecture, learned, states), BODY: body}
    places: dict[tuple[int, int], Tap] = {}
    reals: dict[tuple[int, int], np.ndarray] = {}
    for number, part in parts.items():
        places |= in_graph(number, part.taps)
        reals |= in_graph(number, part.reals)
    model = schema.write(model_of(*(part.graph for part in parts.values())))
    return WrittenModel(model=model, places=places, reals=reals)


def _main(
    architecture: Architecture,
    learned: TrainedQat,
    states: list[State],
) -> Part:
    """The graph that runs: the loop from zeros on, and the dense head on the last layer's output."""
    builder = Builder()
    ops = GraphOps(builder, learned.weights, learned.ranges, learned.number_format)
    x = ops.input(tf.zeros([1, architecture.steps, architecture.features]))
    first = builder.constant("step/FIRST", np.array(0, np.int32))
    zeros = [ops.zero_state(f"{state.name}/ZEROS", state.width, state.grid) for state in states]
    results = _carried(builder, architecture, x.grid, states, "LAST")
    options = {"cond_subgraph_index": CONDITION, "body_subgraph_index": BODY}
    builder.operator("WHILE", [first, ops.index(x), *zeros], results.all, "WhileOptions", options)
    last = len(states) - len(_widths(architecture)[-1])
    value: Value = Written(index=results.states[last], width=states[last].width, grid=states[last].grid)
    output = ops.activated(architecture.head(ops, value), architecture.output_activation)
    taps = ops.taps | _taps(results, states, architecture.steps - 1)
    return Part(graph=builder.graph([ops.index(x)], [ops.index(output)]), taps=taps, reals=ops.reals)


def _layers(architecture: Architecture) -> list[SteppedLayer]:
    layers = [cell for cell in architecture.cells if not isinstance(cell, SequenceLayer | Bidirectional)]
    if len(layers) != len(architecture.cells):
        raise ValueError("a loop takes layers step by step, from the first one on; a fused layer has none")
    return layers


def _widths(architecture: Architecture) -> list[list[int]]:
    """Widths of the states of each layer; a layer's output comes first."""
    ops = GraphOps(Builder(), {}, {}, INT8)
    return [[ops.written(value).width for value in layer.zero_state(ops, 1)] for layer in _layers(architecture)]


def _carried(builder: Builder, architecture: Architecture, x: Grid, states: list[State], when: str) -> Carried:
    return Carried(
        number=builder.activation(f"step/{when}", (), np.int32),
        x=builder.activation(f"x/{when}", (1, architecture.steps, architecture.features), np.int8, x),
        states=[
            builder.activation(f"{state.name}/{when}_{number}", (1, state.width), np.int8, state.grid)
            for number, state in enumerate(states)
        ],
    )


def _taps(carried: Carried, states: list[State], step: int | None) -> dict[int, Tap]:
    """The taps of what is carried; step: at which the states stand."""
    return {carried.x: Tap("x")} | {
        index: Tap(state.role, step) for index, state in zip(carried.states, states, strict=True)
    }


def _condition(architecture: Architecture, learned: TrainedQat, states: list[State]) -> Part:
    """Whether there are steps left."""
    builder = Builder()
    carried = _carried(builder, architecture, learned.number_format.grid(*learned.ranges["x"]), states, "TESTED")
    steps = builder.constant("steps", np.array(architecture.steps, np.int32))
    more = builder.activation("more", (), np.bool_)
    builder.operator("LESS", [carried.number, steps], [more], "LessOptions")
    return Part(graph=builder.graph(carried.all, [more]), taps=_taps(carried, states, None))


def _body(architecture: Architecture, learned: TrainedQat, before: list[State]) -> tuple[Part, list[State]]:
    """One time step of all layers, and the states that it leaves."""
    builder = Builder()
    ops = GraphOps(builder, learned.weights, learned.ranges, learned.number_format)
    grid, features = ops.grid("x"), architecture.features
    carried = _carried(builder, architecture, grid, before, "BEFORE")
    now = builder.activation("x/GATHER", (1, features), np.int8, grid)
    axis = {"axis": 1, "batch_dims": 0}
    builder.operator("GATHER", [carried.x, carried.number], [now], "GatherOptions", axis, version=2)
    value: Value = Written(index=now, width=features, grid=grid)
    given: list[Value] = [
        Written(index=index, width=state.width, grid=state.grid)
        for index, state in zip(carried.states, before, strict=True)
    ]
    results: list[Value] = []
    for index, (layer, widths) in enumerate(zip(_layers(architecture), _widths(architecture), strict=True)):
        with ops.looped(recurrent_name(index)):
            value, after = layer.step(ops, value, tuple(given[: len(widths)]))
        assert after[0] is value, "a layer's output is the first of its states"
        given = given[len(widths) :]
        results += after
    one, following = builder.constant("step/ONE", np.array(1, np.int32)), builder.activation("step/ADD", (), np.int32)
    options = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    builder.operator("ADD", [carried.number, one], [following], "AddOptions", options)
    states = [_state(builder, ops, ops.written(result)) for result in results]
    graph = builder.graph(carried.all, [following, carried.x, *map(ops.index, results)])
    taps = ops.taps | _taps(carried, before, None) | {now: Tap("x")}
    return Part(graph=graph, taps=taps, reals=ops.reals), states


def _state(builder: Builder, ops: GraphOps, result: Written) -> State:
    """What a time step leaves in a result."""
    index = ops.index(result)
    name = builder.tensors[index].name.rpartition("/")[0]
    return State(name=name, role=ops.taps[index].role, width=result.width, grid=result.grid)
