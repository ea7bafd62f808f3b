"""Learned parameters written into a model: the graph that the converter makes of LSTM layers and a dense head.

No converter runs and no representative data is seen: every scale, zero point, weight and bias is the caller's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompare.graph import Graph, Operator, Quantization, Tensor
from qcompare.tflite import schema

CELL_EXPONENTS = range(-15, -8)
"""Exponents of the cell's scale that the kernel computes with; beyond them it runs on and gives meaningless numbers."""

GATES = ("input", "forget", "cell", "output")


@dataclass(frozen=True, kw_only=True, eq=False)
class Constant:
    """Integers and their scales."""

    data: np.ndarray
    quantization: Quantization


@dataclass(frozen=True, kw_only=True, eq=False)
class LSTMLayer:
    """Parameters of one UNIDIRECTIONAL_SEQUENCE_LSTM; four weights and biases in the order of the operator's inputs.

    input_weights: int8 [units, inputs]; hidden_weights: int8 [units, units]; biases: int32 [units].
    hidden: int8 grid of the outputs and of h. cell: int16 grid of the cell, its scale a power of two.
    cell_clip: largest magnitude of the cell in real units.
    """

    input_weights: tuple[Constant, ...]
    hidden_weights: tuple[Constant, ...]
    biases: tuple[Constant, ...]
    hidden: Quantization
    cell: Quantization
    cell_clip: float


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseLayer:
    """Parameters of one FULLY_CONNECTED: weight int8 [units, inputs], bias int32 [units], activation NONE or RELU."""

    weight: Constant
    bias: Constant
    output: Quantization
    activation: str


def lstm_network(
    steps: int, features: int, x: Quantization, recurrent: Sequence[LSTMLayer], dense: Sequence[DenseLayer]
) -> bytes:
    """The int8 model of batch one: LSTM layers, the last step's output, dense layers.

    x: the grid of the input [1, steps, features]. Raises ValueError for a cell scale that the kernel cannot take.
    """
    builder = _Builder()
    value = first = builder.activation("x", (1, steps, features), np.int8, x)
    for index, layer in enumerate(recurrent):
        value = _lstm(builder, f"recurrent_{index}", value, steps, layer)
    units = builder.tensors[value].shape[2]
    last = builder.activation("last_step", (1, units), np.int8, recurrent[-1].hidden)
    bounds = ((0, -1, 0), (0, 0, 0), (1, 1, 1))
    begin, end, strides = (
        builder.constant(f"last_step/{name}", np.array(numbers, np.int32), None)
        for name, numbers in zip(("begin", "end", "strides"), bounds, strict=True)
    )
    slice_options = {"begin_mask": 5, "end_mask": 5, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 2}
    builder.operator(
        "STRIDED_SLICE", (value, begin, end, strides), last, "StridedSliceOptions", slice_options | {"offset": False}, 2
    )
    value = last
    for index, head in enumerate(dense):
        value = _dense(builder, f"dense_{index}", value, head)
    return schema.write(
        Graph(tensors=tuple(builder.tensors), operators=tuple(builder.operators), inputs=(first,), outputs=(value,))
    )


def _lstm(builder: _Builder, name: str, x: int, steps: int, layer: LSTMLayer) -> int:
    check_cell(layer.cell, name)
    units = len(layer.biases[0].data)
    weights = [
        builder.constant(f"{name}/{kind}_{gate}", constant.data, constant.quantization)
        for kind, constants in (("input_to", layer.input_weights), ("recurrent_to", layer.hidden_weights))
        for gate, constant in zip(GATES, constants, strict=True)
    ]
    biases = [
        builder.constant(f"{name}/{gate}_bias", constant.data, constant.quantization)
        for gate, constant in zip(GATES, layer.biases, strict=True)
    ]
    h = builder.activation(f"{name}/h_state", (1, units), np.int8, layer.hidden, variable=True)
    cell = builder.activation(f"{name}/cell_state", (1, units), np.int16, layer.cell, variable=True)
    intermediates = [
        *(builder.activation(f"{name}/input_to_{gate}_intermediate", (0,), np.float32, None) for gate in GATES),
        builder.activation(f"{name}/h_intermediate", (0,), np.int8, layer.hidden),
    ]
    output = builder.activation(f"{name}/h", (1, steps, units), np.int8, layer.hidden)
    absent = -1
    options = {
        "fused_activation_function": "TANH",
        "cell_clip": layer.cell_clip,
        "proj_clip": 0.0,
        "time_major": False,
        "asymmetric_quantize_inputs": False,
        "diagonal_recurrent_tensors": False,
    }
    inputs = (x, *weights, *[absent] * 3, *biases, absent, absent, h, cell, *[absent] * 4)
    builder.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        output,
        "UnidirectionalSequenceLSTMOptions",
        options,
        intermediates=intermediates,
    )
    return output


def takes_cell(scale: np.float32) -> bool:
    """Whether the kernel computes with that scale of its cell: a power of two in CELL_EXPONENTS."""
    mantissa, exponent = np.frexp(np.float64(scale))
    return bool(mantissa == 0.5) and int(exponent) - 1 in CELL_EXPONENTS


def check_cell(cell: Quantization, name: str) -> None:
    """ValueError unless the kernel takes the scale."""
    if not takes_cell(cell.scale[0]):
        raise ValueError(
            f"{name}: the cell scale {float(cell.scale[0]):g} must be a power of two from 2^{CELL_EXPONENTS[0]} "
            f"to 2^{CELL_EXPONENTS[-1]}; the kernel gives meaningless numbers with any other"
        )


def _dense(builder: _Builder, name: str, x: int, layer: DenseLayer) -> int:
    weight = builder.constant(f"{name}/kernel", layer.weight.data, layer.weight.quantization)
    bias = builder.constant(f"{name}/bias", layer.bias.data, layer.bias.quantization)
    output = builder.activation(f"{name}/output", (1, len(layer.bias.data)), np.int8, layer.output)
    options = {
        "fused_activation_function": layer.activation,
        "weights_format": "DEFAULT",
        "keep_num_dims": False,
        "asymmetric_quantize_inputs": False,
    }
    builder.operator("FULLY_CONNECTED", (x, weight, bias), output, "FullyConnectedOptions", options, 4)
    return output


class _Builder:
    """Collects tensors and operators; tensors are told by their index."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []

    def activation(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: type,
        quantization: Quantization | None,
        *,
        variable: bool = False,
    ) -> int:
        return self._add(name, shape, np.dtype(dtype), quantization, None, variable)

    def constant(self, name: str, data: np.ndarray, quantization: Quantization | None) -> int:
        return self._add(name, data.shape, data.dtype, quantization, data, False)

    def _add(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        quantization: Quantization | None,
        data: np.ndarray | None,
        variable: bool,
    ) -> int:
        index = len(self.tensors)
        self.tensors.append(
            Tensor(
                index=index,
                name=name,
                shape=shape,
                dtype=dtype,
                quantization=quantization,
                data=data,
                variable=variable,
            )
        )
        return index

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        output: int,
        options_type: str,
        options: Mapping[str, Any],
        version: int = 1,
        intermediates: Sequence[int] = (),
    ) -> None:
        self.operators.append(
            Operator(
                index=len(self.operators),
                name=name,
                inputs=tuple(inputs),
                outputs=(output,),
                intermediates=tuple(intermediates),
                options=options,
                options_type=options_type,
                version=version,
            )
        )
