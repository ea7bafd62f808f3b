"""Trained networks written as models, operator by operator, with every scale, zero point, weight and bias of theirs.

No converter runs and no representative data is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, final

import numpy as np
import tensorflow as tf

from qcompare.core import lstm
from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.core.tap import Tap
from qcompare.models.network import Architecture
from qcompare.models.ops import CELL_CLIP, GATE_MATRICES, LOGISTIC_RANGE, ONE_RANGE, TANH_RANGE, Place, Range, activated
from qcompare.tflite import schema
from qcompare.tflite.artifact import MAIN
from qcompare.tflite.builder import ABSENT, Builder
from qcompare.training.integers import Constant, bias_constant, weight_constant
from qcompare.training.number_format import INT8, NumberFormat
from qcompare.training.scales import cell_scale
from qcompare.training.softmax import add_softmax, softmax_grid

GATE_NAMES = ("input", "forget", "cell", "output")
"""The gates of `core.lstm.GATES` as the converter's tensor names have them."""

ACTIVATIONS = {"linear": "NONE", "relu": "RELU"}
"""Activations that an operator has in itself; TANH and LOGISTIC are operators."""


T = TypeVar("T")


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class WrittenModel:
    """A model, and where the taps of its network stand in it.

    places: (graph number, tensor index) -> tap, for every int8 and int16 tensor with a role in training: activations,
        weights (`layer/name`, and `layer/kernel/i` for the gates of a fused LSTM), states and intermediates. Several
        tensors may have one tap: a SPLIT's parts have that of the whole, a fused LSTM's state that of its outputs.
        A tensor that holds all time steps, or is computed once in each of a loop's, has none of them.
    reals: of every constant on a grid, what it was rounded from, float32 of its shape.
    """

    model: bytes
    places: Mapping[tuple[int, int], Tap]
    reals: Mapping[tuple[int, int], np.ndarray]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """A tensor of the graph, or zeros that no operator computes (index None). width: its last dimension."""

    index: int | None
    width: int
    grid: Grid


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One time step of a tensor [1, steps, width]."""

    whole: Written
    number: int
    steps: int


Value = Written | Step


@final
class GraphOps:
    """The operators of a network written into a graph, a `models.ops.Ops` of its tensors, of batch one.

    taps: index of a tensor -> its tap. reals: index of a constant on a grid -> what it was rounded from.
    """

    def __init__(
        self,
        builder: Builder,
        weights: Mapping[str, np.ndarray],
        ranges: Mapping[str, np.ndarray],
        number_format: NumberFormat,
    ) -> None:
        """weights: by `layer/name`, float32. ranges: role -> [min, max], float32."""
        self.place = Place()
        self.builder = builder
        self.weights = weights
        self.ranges = ranges
        self.format = number_format
        self.taps: dict[int, Tap] = {}
        self.reals: dict[int, np.ndarray] = {}
        self._path = ""
        self._constants: dict[str, int] = {}
        self._weights: dict[str, Constant] = {}
        self._unpacked: dict[int, list[Written]] = {}

    @contextmanager
    def scope(self, layer: str, step: int | None = None) -> Iterator[None]:
        """Within it names of tensors say layer and time step, too."""
        with self.place.within(layer, step), self._named(layer if step is None else f"{layer}/step_{step}"):
            yield

    @contextmanager
    def looped(self, layer: str) -> Iterator[None]:
        """The scope of a layer's time step that a loop repeats."""
        with self.place.within(layer, None), self._named(f"{layer}/step"):
            yield

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        outer, self._path = self._path, path
        try:
            yield
        finally:
            self._path = outer

    def grid(self, role: str, fixed: Range | None = None) -> Grid:
        """The learned grid of a role, or the one that its operator prescribes."""
        return self.format.grid(*self.ranges[role]) if fixed is None else self.format.prescribed(fixed)

    def input(self, x: tf.Tensor) -> Written:
        """x: of that shape, its numbers are of no account."""
        _, steps, features = x.shape
        grid = self.grid("x")
        index = self.builder.activation("x", (1, steps, features), self.format.activation, grid)
        self.taps[index] = Tap("x")
        return Written(index=index, width=features, grid=grid)

    def output(self, value: Value) -> Written:
        """The tensor that holds the network's output."""
        return self.written(value)

    def activated(self, value: Value, activation: str) -> Value:
        """The network's output after its activation, linear or softmax."""
        if activation == "linear":
            return value
        output = self._tensor("output", self.written(value).width, softmax_grid(self.format), None)
        add_softmax(self.builder, self.index(value), self.index(output))
        return output

    def steps(self, x: Value) -> list[Value]:
        whole = self.written(x)
        return self._steps(whole, self.builder.tensors[self.index(whole)].shape[1])

    def written(self, value: Value) -> Written:
        """The tensor of a value: steps of the input are unpacked at once; of a fused layer only the last is read."""
        if isinstance(value, Written):
            return value
        whole = self.index(value.whole)
        if self.builder.tensors[whole].name == "x":
            if whole not in self._unpacked:
                self._unpacked[whole] = self._unpack(value)
            return self._unpacked[whole][value.number]
        assert value.number == value.steps - 1
        return self._last(value)

    def index(self, value: Value) -> int:
        """The index of a value's tensor; zeros become a constant."""
        value = self.written(value)
        if value.index is not None:
            return value.index
        return self.zero_state(self._name("zeros", str(len(self.builder.tensors))), value.width, value.grid)

    def zero_state(self, name: str, width: int, grid: Grid) -> int:
        """A constant [1, width] of zeros."""
        data = np.full((1, width), grid.zero, self.format.activation)
        return self._added(name, Constant(data=data, grid=grid, real=np.zeros(data.shape, np.float32)))

    def _added(self, name: str, constant: Constant) -> int:
        index = self.builder.constant(name, constant.data, constant.grid)
        self.reals[index] = constant.real
        return index

    def _unpack(self, step: Step) -> list[Written]:
        x = step.whole
        parts = [self._tensor(f"x/UNPACK_{number}", x.width, x.grid, Tap("x", number)) for number in range(step.steps)]
        self.builder.operator(
            "UNPACK",
            [self.index(x)],
            [self.index(part) for part in parts],
            "UnpackOptions",
            {"num": step.steps, "axis": 1},
            version=1 if self.format.symmetric else 2,
        )
        return parts

    def _last(self, step: Step) -> Written:
        """The last step of a fused layer's outputs, cut out as the converter does."""
        whole, name = step.whole, "last_step"
        bounds = ((0, -1, 0), (0, 0, 0), (1, 1, 1))
        positions = [
            self.builder.constant(f"{name}/{part}", np.array(numbers, np.int32))
            for part, numbers in zip(("begin", "end", "strides"), bounds, strict=True)
        ]
        part = self._tensor(name, whole.width, whole.grid, Tap(self.taps[self.index(whole)].role, step.number))
        masks = {"begin_mask": 5, "end_mask": 5, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 2}
        self.builder.operator(
            "STRIDED_SLICE",
            [self.index(whole), *positions],
            [self.index(part)],
            "StridedSliceOptions",
            masks | {"offset": False},
            version=2,
        )
        return part

    def flatten(self, x: Value, width: int) -> Written:
        return self._flat(self.written(x), width, None)

    def _flat(self, x: Written, width: int, tap: Tap | None) -> Written:
        shape = self.builder.constant(self._name("flat", "shape"), np.array([1, width], np.int32))
        flat = self._tensor(self._name("flat/RESHAPE"), width, x.grid, tap)
        self.builder.operator("RESHAPE", [self.index(x), shape], [self.index(flat)])
        return flat

    def side_by_side(self, sequence: Sequence[Value]) -> Written:
        first = sequence[0]
        if isinstance(first, Step):
            return self._flat(first.whole, first.whole.width * len(sequence), self.taps.get(self.index(first.whole)))
        values = [self.written(value) for value in sequence]
        result = self._tensor(
            self._name("side_by_side/CONCATENATION"), sum(value.width for value in values), first.grid, None
        )
        options = {"axis": 1, "fused_activation_function": "NONE"}
        parts = [self.index(value) for value in values]
        self.builder.operator("CONCATENATION", parts, [self.index(result)], "ConcatenationOptions", options, version=2)
        return result

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> Written:
        role = self.place.role(name)
        grid = self.grid(role) if role in self.ranges else self.format.prescribed(TANH_RANGE)
        return Written(index=None, width=units, grid=grid)

    def fully_connected(
        self, name: str, x: Value, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Value:
        x = self.written(x)
        matrix = self.place.role(weight)
        constant = self._weight(matrix)
        units = len(constant.data)
        role = self.place.role_before(name, activation)
        grid = self.grid(role)
        if x.index is None and bias is None and activation == "linear":
            return Written(index=None, width=units, grid=grid)
        added = ABSENT if bias is None else self._bias(self.place.role(bias), x.grid, constant)
        result = self._result(f"{name}/FULLY_CONNECTED", units, grid, role)
        self.builder.operator(
            "FULLY_CONNECTED",
            [self.index(x), self._constant(matrix, constant, Tap(matrix)), added],
            [self.index(result)],
            "FullyConnectedOptions",
            {
                "fused_activation_function": ACTIVATIONS.get(activation, "NONE"),
                "weights_format": "DEFAULT",
                "keep_num_dims": False,
                "asymmetric_quantize_inputs": False,
                "quantized_bias_type": "INT64" if self.format.symmetric else "FLOAT32",
            },
            version=4,
        )
        return activated(self, name, result, activation)

    def add(self, name: str, a: Value, b: Value, activation: str = "linear") -> Value:
        a, b = self.written(a), self.written(b)
        role = self.place.role_before(name, activation)
        grid = self.grid(role)
        if a.index is None and b.index is None and activation == "linear":
            return Written(index=None, width=a.width, grid=grid)
        options = {
            "fused_activation_function": ACTIVATIONS.get(activation, "NONE"),
            "pot_scale_int16": not self.format.symmetric,
        }
        result = self._result(f"{name}/ADD", a.width, grid, role)
        self.builder.operator(
            "ADD", [self.index(a), self.index(b)], [self.index(result)], "AddOptions", options, version=2
        )
        return activated(self, name, result, activation)

    def multiply(self, name: str, a: Value, b: Value) -> Written:
        a, b = self.written(a), self.written(b)
        role = self.place.role(name)
        grid = self.grid(role)
        if a.index is None or b.index is None:
            return Written(index=None, width=a.width, grid=grid)
        result = self._result(f"{name}/MUL", a.width, grid, role)
        options = {"fused_activation_function": "NONE"}
        self.builder.operator(
            "MUL", [self.index(a), self.index(b)], [self.index(result)], "MulOptions", options, version=2
        )
        return result

    def one_minus(self, name: str, x: Value) -> Written:
        x, role, one = self.written(x), self.place.role(name), self.format.grid(*ONE_RANGE)
        constant = Constant(data=np.array(one.largest, one.dtype), grid=one, real=np.array(1, np.float32))
        result = self._result(f"{name}/SUB", x.width, self.grid(role), role)
        options = {"fused_activation_function": "NONE", "pot_scale_int16": not self.format.symmetric}
        operands = [self._constant("one", constant), self.index(x)]
        self.builder.operator("SUB", operands, [self.index(result)], "SubOptions", options, version=2)
        return result

    def tanh(self, name: str, x: Value) -> Written:
        return self._function("TANH", name, x, TANH_RANGE)

    def logistic(self, name: str, x: Value) -> Written:
        return self._function("LOGISTIC", name, x, LOGISTIC_RANGE)

    def _function(self, operator: str, name: str, x: Value, fixed: Range) -> Written:
        grid, role = self.format.prescribed(fixed), self.place.role(name)
        result = self._result(f"{name}/{operator}", self.written(x).width, grid, role)
        self.builder.operator(operator, [self.index(x)], [self.index(result)], version=2)
        return result

    def split(self, name: str, x: Value, parts: int) -> list[Value]:
        x, role = self.written(x), self.place.role(name)
        values: list[Value] = [
            self._result(f"{name}/SPLIT_{part}", x.width // parts, x.grid, role) for part in range(parts)
        ]
        axis = self._shared("axis", np.array(1, np.int32))
        indices = [self.index(value) for value in values]
        self.builder.operator("SPLIT", [axis, self.index(x)], indices, "SplitOptions", {"num_splits": parts}, version=2)
        return values

    def turned(self, sequence: Sequence[Value]) -> list[Value]:
        whole = self._whole(sequence)
        shape = self.builder.tensors[self.index(whole)].shape
        index = self.builder.activation(self._name("turned/REVERSE_V2"), shape, self.format.activation, whole.grid)
        axis = self._shared("turned/axis", np.array([1], np.int32))
        self.builder.operator("REVERSE_V2", [self.index(whole), axis], [index], "ReverseV2Options", version=3)
        return self._steps(Written(index=index, width=whole.width, grid=whole.grid), len(sequence))

    def beside(self, first: Sequence[Value], second: Sequence[Value]) -> list[Value]:
        if len(first) > 1 and isinstance(first[0], Step) and isinstance(second[0], Step):
            pair = self._whole(first), self._whole(second)
            return self._steps(self._joined(pair, (1, len(first))), len(first))
        values = [[self.written(value) for value in pair] for pair in zip(first, second, strict=True)]
        return [self._joined(pair, (1,)) for pair in values]

    def _joined(self, values: Sequence[Written], before: tuple[int, ...]) -> Written:
        """Tensors [*before, width] on one grid side by side."""
        grids = {(float(value.grid.lsb), value.grid.zero) for value in values}
        assert len(grids) == 1, "what stands side by side has one grid"
        width, grid = sum(value.width for value in values), values[0].grid
        name = self._name("side_by_side/CONCATENATION", str(len(self.builder.tensors)))
        index = self.builder.activation(name, (*before, width), self.format.activation, grid)
        options = {"axis": len(before), "fused_activation_function": "NONE"}
        parts = [self.index(value) for value in values]
        self.builder.operator("CONCATENATION", parts, [index], "ConcatenationOptions", options, version=2)
        return Written(index=index, width=width, grid=grid)

    def _whole(self, sequence: Sequence[Value]) -> Written:
        """The tensor of all steps of a sequence."""
        first = sequence[0]
        assert isinstance(first, Step), "all time steps are those of one tensor"
        return first.whole

    def _steps(self, whole: Written, steps: int) -> list[Value]:
        return [Step(whole=whole, number=number, steps=steps) for number in range(steps)]

    def lstm(self, sequence: Sequence[Value], units: int) -> list[Value]:
        x, steps, layer, role = self._whole(sequence), len(sequence), self.place.layer, self.place.role
        h = self.grid(role("h"))
        cell = cell_scale(*self.ranges[role("cell_state")])
        lstm.check_cell(cell, layer)
        kernel, recurrent, bias = (
            np.split(self.weights[role(part)], len(lstm.GATES), axis=-1) for part in (*GATE_MATRICES, "bias")
        )
        input_weights = [weight_constant(gate, per_channel=False) for gate in kernel]
        hidden_weights = [weight_constant(gate, per_channel=False) for gate in recurrent]
        biases = [
            bias_constant(gate, x.grid, weight, self.format) for gate, weight in zip(bias, input_weights, strict=True)
        ]
        new = self.builder.activation
        x_weights, h_weights = (
            [
                self._constant(f"{layer}/{kind}_{name}", constant, Tap(f"{role(matrix)}/{gate}"))
                for name, gate, constant in zip(GATE_NAMES, lstm.GATES, constants, strict=True)
            ]
            for kind, matrix, constants in zip(
                ("input_to", "recurrent_to"), GATE_MATRICES, (input_weights, hidden_weights), strict=True
            )
        )
        added = [
            self._constant(f"{layer}/{name}_bias", constant) for name, constant in zip(GATE_NAMES, biases, strict=True)
        ]
        h_state = new(f"{layer}/h_state", (1, units), np.int8, h, variable=True)
        cell_state = new(f"{layer}/cell_state", (1, units), np.int16, cell, variable=True)
        unused = [new(f"{layer}/input_to_{name}_intermediate", (0,), np.float32) for name in GATE_NAMES]
        h_intermediate = new(f"{layer}/h_intermediate", (0,), np.int8, h)
        output = new(f"{layer}/h", (1, steps, units), np.int8, h)
        self.taps |= dict.fromkeys([h_state, h_intermediate, output], Tap(role("h")))
        self.taps[cell_state] = Tap(role("cell_state"))
        options = {
            "fused_activation_function": "TANH",
            "cell_clip": CELL_CLIP,
            "proj_clip": 0.0,
            "time_major": False,
            "asymmetric_quantize_inputs": False,
            "diagonal_recurrent_tensors": False,
        }
        self.builder.operator(
            lstm.OPERATOR,
            lstm.arranged(
                x=self.index(x),
                x_weights=x_weights,
                h_weights=h_weights,
                biases=added,
                hidden=h_state,
                cell=cell_state,
                absent=ABSENT,
            ),
            [output],
            "UnidirectionalSequenceLSTMOptions",
            options,
            intermediates=[*unused, h_intermediate],
        )
        return self._steps(Written(index=output, width=units, grid=h), steps)

    def _name(self, *parts: str) -> str:
        return "/".join(filter(None, (self._path, *parts)))

    def _result(self, name: str, width: int, grid: Grid, role: str) -> Written:
        """What an operator gives in the current scope."""
        return self._tensor(self._name(name), width, grid, self.place.tap(role))

    def _tensor(self, name: str, width: int, grid: Grid, tap: Tap | None) -> Written:
        index = self.builder.activation(name, (1, width), self.format.activation, grid)
        if tap is not None:
            self.taps[index] = tap
        return Written(index=index, width=width, grid=grid)

    def _weight(self, name: str) -> Constant:
        if name not in self._weights:
            self._weights[name] = weight_constant(self.weights[name], per_channel=self.format.per_channel)
        return self._weights[name]

    def _bias(self, name: str, x: Grid, weight: Constant) -> int:
        if name not in self._constants:
            self._constant(name, bias_constant(self.weights[name], x, weight, self.format))
        return self._constants[name]

    def _constant(self, name: str, constant: Constant, tap: Tap | None = None) -> int:
        """A constant that stands in the graph once, however many steps read it."""
        if name not in self._constants:
            self._constants[name] = self._added(name, constant)
            if tap is not None:
                self.taps[self._constants[name]] = tap
        return self._constants[name]

    def _shared(self, name: str, data: np.ndarray) -> int:
        if name not in self._constants:
            self._constants[name] = self.builder.constant(name, data)
        return self._constants[name]


def written_model(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
    ranges: Mapping[str, np.ndarray],
    number_format: NumberFormat = INT8,
) -> WrittenModel:
    """The model of batch one: fused layers, or operators for every time step, and a dense head.

    weights: by `layer/name`, float32; ranges: role -> [min, max]. Raises ValueError for what a kernel cannot take.
    """
    builder = Builder()
    ops = GraphOps(builder, {**weights, **architecture.constants()}, ranges, number_format)
    output = ops.activated(
        architecture.forward(ops, tf.zeros([1, architecture.steps, architecture.features])),
        architecture.output_activation,
    )
    model = schema.write(model_of(builder.graph([0], [ops.index(output)])))
    return WrittenModel(model=model, places=in_graph(MAIN, ops.taps), reals=in_graph(MAIN, ops.reals))


def in_graph(number: int, by_index: Mapping[int, T]) -> dict[tuple[int, int], T]:
    """What tensors of a graph have, by their places in the model."""
    return {(number, index): value for index, value in by_index.items()}
