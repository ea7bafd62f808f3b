"""Trained networks written as models, operator by operator, with every scale, zero point, weight and bias of theirs.

No converter runs and no representative data is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.models.network import Architecture
from qcompare.models.ops import CELL_CLIP, GATES, LOGISTIC_RANGE, TANH_RANGE, Ops
from qcompare.tflite import schema
from qcompare.tflite.builder import ABSENT, Builder
from qcompare.tflite.converter import check_cell
from qcompare.training.fake_quant import cell_scale
from qcompare.training.integers import Constant, bias_constant, weight_constant
from qcompare.training.number_format import INT8, NumberFormat

GATE_NAMES = ("input", "forget", "cell", "output")
"""The gates of GATES as the converter's tensor names have them."""

ACTIVATIONS = {"linear": "NONE", "relu": "RELU"}
"""Activations that an operator has in itself; TANH and LOGISTIC are operators."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """A tensor of the graph, or zeros that no operator computes (index None). width: its last dimension."""

    index: int | None
    width: int
    grid: Grid


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One time step of a tensor [1, steps, width]."""

    whole: Written
    number: int
    steps: int


class GraphOps(Ops):
    """The operators of a network written into a graph; values are its tensors, of batch one."""

    def __init__(
        self,
        builder: Builder,
        weights: Mapping[str, np.ndarray],
        ranges: Mapping[str, np.ndarray],
        number_format: NumberFormat,
    ) -> None:
        """ranges: role -> [min, max], float32."""
        super().__init__(weights)
        self.builder = builder
        self.ranges = ranges
        self.format = number_format
        self.place = ""
        self._constants: dict[str, int] = {}
        self._weights: dict[str, Constant] = {}
        self._unpacked: dict[int, list[Written]] = {}

    @contextmanager
    def scope(self, layer: str, step: int | None = None) -> Iterator[None]:
        outer, self.place = self.place, layer if step is None else f"{layer}/step_{step}"
        with super().scope(layer):
            try:
                yield
            finally:
                self.place = outer

    @contextmanager
    def placed(self, part: str) -> Iterator[None]:
        """Within it tensors have this part in their names after the layer."""
        outer, self.place = self.place, f"{self.place}/{part}"
        try:
            yield
        finally:
            self.place = outer

    def grid(self, role: str, fixed: tuple[float, float] | None = None) -> Grid:
        """The learned grid of a role, or the one that its operator prescribes."""
        return self.format.grid(*self.ranges[role]) if fixed is None else self.format.prescribed(fixed)

    def input(self, x: tf.Tensor) -> Written:
        _, steps, features = x.shape
        index = self.builder.activation("x", (1, steps, features), self.format.activation, self.grid("x"))
        return Written(index=index, width=features, grid=self.grid("x"))

    def output(self, value: Written) -> Written:
        return value

    def steps(self, x: Written) -> list[Step]:
        steps = self.builder.tensors[self.index(x)].shape[1]
        return [Step(whole=x, number=number, steps=steps) for number in range(steps)]

    def written(self, value: Written | Step) -> Written:
        """The tensor of a value: steps of the input are unpacked at once; of a fused layer only the last is read."""
        if isinstance(value, Written):
            return value
        whole = self.index(value.whole)
        if self.builder.tensors[whole].name == "x":
            if whole not in self._unpacked:
                self._unpacked[whole] = self._unpack(value)
            return self._unpacked[whole][value.number]
        assert value.number == value.steps - 1
        return self._last(value.whole)

    def index(self, value: Written | Step) -> int:
        """The index of a value's tensor; zeros become a constant."""
        value = self.written(value)
        if value.index is not None:
            return value.index
        data = np.full((1, value.width), value.grid.zero_point[0], self.format.activation)
        return self.builder.constant(self._name("zeros", str(len(self.builder.tensors))), data, value.grid)

    def _unpack(self, step: Step) -> list[Written]:
        x = step.whole
        parts = [self._new(f"x/UNPACK_{number}", x.width, x.grid, place="") for number in range(step.steps)]
        self.builder.operator(
            "UNPACK",
            [self.index(x)],
            [self.index(part) for part in parts],
            "UnpackOptions",
            {"num": step.steps, "axis": 1},
            version=1 if self.format.symmetric else 2,
        )
        return parts

    def _last(self, whole: Written) -> Written:
        """The last step of a fused layer's outputs, cut out as the converter does."""
        name = "last_step"
        bounds = ((0, -1, 0), (0, 0, 0), (1, 1, 1))
        positions = [
            self.builder.constant(f"{name}/{part}", np.array(numbers, np.int32))
            for part, numbers in zip(("begin", "end", "strides"), bounds, strict=True)
        ]
        part = self._new(name, whole.width, whole.grid, place="")
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

    def flatten(self, x: Written, width: int) -> Written:
        shape = self.builder.constant(self._name("flat", "shape"), np.array([1, width], np.int32))
        flat = self._new("flat/RESHAPE", width, x.grid)
        self.builder.operator("RESHAPE", [self.index(x), shape], [self.index(flat)])
        return flat

    def side_by_side(self, sequence: list[Any]) -> Written:
        if isinstance(sequence[0], Step):
            return self.flatten(sequence[0].whole, sequence[0].whole.width * len(sequence))
        width = sum(value.width for value in sequence)
        result = self._new("side_by_side/CONCATENATION", width, sequence[0].grid)
        options = {"axis": 1, "fused_activation_function": "NONE"}
        parts = [self.index(value) for value in sequence]
        self.builder.operator("CONCATENATION", parts, [self.index(result)], "ConcatenationOptions", options, version=2)
        return result

    def zeros(self, name: str, batch: int | tf.Tensor, units: int) -> Written:
        role = self.role(name)
        grid = self.grid(role) if role in self.ranges else self.format.prescribed(TANH_RANGE)
        return Written(index=None, width=units, grid=grid)

    def fully_connected(
        self, name: str, x: Any, weight: str, bias: str | None = None, activation: str = "linear"
    ) -> Written:
        x = self.written(x)
        constant = self._weight(f"{self.layer}/{weight}")
        units = len(constant.data)
        grid = self.grid(self._role_before(name, activation))
        if x.index is None and bias is None and activation == "linear":
            return Written(index=None, width=units, grid=grid)
        added = ABSENT if bias is None else self._bias(f"{self.layer}/{bias}", x.grid, constant)
        result = self._new(f"{name}/FULLY_CONNECTED", units, grid)
        self.builder.operator(
            "FULLY_CONNECTED",
            [self.index(x), self._constant(f"{self.layer}/{weight}", constant), added],
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
        return self._activated_by_operator(name, result, activation)

    def add(self, name: str, a: Any, b: Any, activation: str = "linear") -> Written:
        a, b = self.written(a), self.written(b)
        grid = self.grid(self._role_before(name, activation))
        if a.index is None and b.index is None and activation == "linear":
            return Written(index=None, width=a.width, grid=grid)
        options = {
            "fused_activation_function": ACTIVATIONS.get(activation, "NONE"),
            "pot_scale_int16": not self.format.symmetric,
        }
        result = self._new(f"{name}/ADD", a.width, grid)
        self.builder.operator(
            "ADD", [self.index(a), self.index(b)], [self.index(result)], "AddOptions", options, version=2
        )
        return self._activated_by_operator(name, result, activation)

    def multiply(self, name: str, a: Any, b: Any) -> Written:
        a, b = self.written(a), self.written(b)
        grid = self.grid(self.role(name))
        if a.index is None or b.index is None:
            return Written(index=None, width=a.width, grid=grid)
        result = self._new(f"{name}/MUL", a.width, grid)
        options = {"fused_activation_function": "NONE"}
        self.builder.operator(
            "MUL", [self.index(a), self.index(b)], [self.index(result)], "MulOptions", options, version=2
        )
        return result

    def tanh(self, name: str, x: Any) -> Written:
        return self._function("TANH", name, x, TANH_RANGE)

    def logistic(self, name: str, x: Any) -> Written:
        return self._function("LOGISTIC", name, x, LOGISTIC_RANGE)

    def _function(self, operator: str, name: str, x: Any, fixed: tuple[float, float]) -> Written:
        result = self._new(f"{name}/{operator}", self.written(x).width, self.format.prescribed(fixed))
        self.builder.operator(operator, [self.index(x)], [self.index(result)], version=2)
        return result

    def split(self, name: str, x: Any, parts: int) -> list[Written]:
        x = self.written(x)
        values = [self._new(f"{name}/SPLIT_{part}", x.width // parts, x.grid) for part in range(parts)]
        axis = self._shared("axis", np.array(1, np.int32))
        indices = [self.index(value) for value in values]
        self.builder.operator("SPLIT", [axis, self.index(x)], indices, "SplitOptions", {"num_splits": parts}, version=2)
        return values

    def lstm(self, sequence: list[Step], units: int) -> list[Step]:
        x, steps = sequence[0].whole, len(sequence)
        h = self.grid(self.role("h"))
        cell = cell_scale(*self.ranges[self.role("cell_state")])
        check_cell(cell, self.layer)
        kernel, recurrent, bias = (
            np.split(self.weights[self.role(part)], len(GATES), axis=-1)
            for part in ("kernel", "recurrent_kernel", "bias")
        )
        input_weights = [weight_constant(gate, per_channel=False) for gate in kernel]
        hidden_weights = [weight_constant(gate, per_channel=False) for gate in recurrent]
        biases = [
            bias_constant(gate, x.grid, weight, self.format) for gate, weight in zip(bias, input_weights, strict=True)
        ]
        new = self.builder.activation
        weights = [
            self._constant(f"{self.layer}/{kind}_{gate}", constant)
            for kind, constants in (("input_to", input_weights), ("recurrent_to", hidden_weights))
            for gate, constant in zip(GATE_NAMES, constants, strict=True)
        ]
        added = [
            self._constant(f"{self.layer}/{gate}_bias", constant)
            for gate, constant in zip(GATE_NAMES, biases, strict=True)
        ]
        states = [
            new(f"{self.layer}/h_state", (1, units), np.int8, h, variable=True),
            new(f"{self.layer}/cell_state", (1, units), np.int16, cell, variable=True),
        ]
        intermediates = [
            *(new(f"{self.layer}/input_to_{gate}_intermediate", (0,), np.float32) for gate in GATE_NAMES),
            new(f"{self.layer}/h_intermediate", (0,), np.int8, h),
        ]
        output = new(f"{self.layer}/h", (1, steps, units), np.int8, h)
        options = {
            "fused_activation_function": "TANH",
            "cell_clip": CELL_CLIP,
            "proj_clip": 0.0,
            "time_major": False,
            "asymmetric_quantize_inputs": False,
            "diagonal_recurrent_tensors": False,
        }
        self.builder.operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            [self.index(x), *weights, *[ABSENT] * 3, *added, ABSENT, ABSENT, *states, *[ABSENT] * 4],
            [output],
            "UnidirectionalSequenceLSTMOptions",
            options,
            intermediates=intermediates,
        )
        whole = Written(index=output, width=units, grid=h)
        return [Step(whole=whole, number=number, steps=steps) for number in range(steps)]

    def _activated_by_operator(self, name: str, value: Written, activation: str) -> Written:
        if activation == "tanh":
            return self.tanh(name, value)
        return self.logistic(name, value) if activation == "sigmoid" else value

    def _role_before(self, name: str, activation: str) -> str:
        return self.role(name if activation in ACTIVATIONS else f"{name}_before_activation")

    def _name(self, *parts: str) -> str:
        return "/".join(filter(None, (self.place, *parts)))

    def _new(self, name: str, width: int, grid: Grid, place: str | None = None) -> Written:
        full = self._name(name) if place is None else name
        index = self.builder.activation(full, (1, width), self.format.activation, grid)
        return Written(index=index, width=width, grid=grid)

    def _weight(self, name: str) -> Constant:
        if name not in self._weights:
            self._weights[name] = weight_constant(self.weights[name], per_channel=True)
        return self._weights[name]

    def _bias(self, name: str, x: Grid, weight: Constant) -> int:
        if name not in self._constants:
            self._constant(name, bias_constant(self.weights[name], x, weight, self.format))
        return self._constants[name]

    def _constant(self, name: str, constant: Constant) -> int:
        """A constant that stands in the graph once, however many steps read it."""
        if name not in self._constants:
            self._constants[name] = self.builder.constant(name, constant.data, constant.grid)
        return self._constants[name]

    def _shared(self, name: str, data: np.ndarray) -> int:
        if name not in self._constants:
            self._constants[name] = self.builder.constant(name, data)
        return self._constants[name]


def model(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
    ranges: Mapping[str, np.ndarray],
    number_format: NumberFormat = INT8,
) -> bytes:
    """The model of batch one: fused layers, or operators for every time step, and a dense head.

    weights: by `layer/name`, float32; ranges: role -> [min, max]. Raises ValueError for what a kernel cannot take.
    """
    builder = Builder()
    ops = GraphOps(builder, {**weights, **architecture.constants()}, ranges, number_format)
    output = architecture.forward(ops, tf.zeros([1, architecture.steps, architecture.features]))
    return schema.write(model_of(builder.graph([0], [ops.index(output)])))
