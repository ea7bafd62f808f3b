"""What training learned, as the integers and scales that are deployed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qcompare.graph import Quantization
from qcompare.models.lstm import FusedLSTM
from qcompare.models.network import Architecture, dense_name, recurrent_name
from qcompare.models.ops import CELL_CLIP, GATES
from qcompare.tflite.deploy import Constant, DenseLayer, LSTMLayer, lstm_network
from qcompare.training.fake_quant import activation_scale, cell_scale, weight_scale


def integer_weight(weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """round(W / s) in float64, halves to even, within -127 to 127; int8. scale: a number or one a column."""
    steps = np.rint(weight.astype(np.float64) / scale.astype(np.float64))
    return np.clip(steps, -127, 127).astype(np.int8)


def integer_bias(bias: np.ndarray, x_scale: np.float32, weight_scale: np.ndarray) -> np.ndarray:
    """round(b / (s_x s_W)) in float64, halves to even, within int32's range; int32."""
    limits = np.iinfo(np.int32)
    steps = np.rint(bias.astype(np.float64) / (np.float64(x_scale) * weight_scale.astype(np.float64)))
    return np.clip(steps, limits.min, limits.max).astype(np.int32)


def _weight(weight: np.ndarray, *, per_channel: bool) -> Constant:
    quantization = weight_scale(weight, per_channel=per_channel)
    return Constant(data=np.ascontiguousarray(integer_weight(weight, quantization.scale).T), quantization=quantization)


def _bias(bias: np.ndarray, x: Quantization, weight: Constant) -> Constant:
    scale = weight.quantization.scale
    quantization = Quantization(scale=x.scale[0] * scale, zero_point=np.zeros(scale.shape, np.int64))
    return Constant(data=integer_bias(bias, x.scale[0], scale), quantization=quantization)


def dense_constants(weight: np.ndarray, bias: np.ndarray, x: Quantization) -> tuple[Constant, Constant]:
    """Weight [units, inputs] and bias of a FULLY_CONNECTED, a scale a channel, for an input on the grid x."""
    constant = _weight(weight, per_channel=True)
    return constant, _bias(bias, x, constant)


def lstm_layer(
    weights: Mapping[str, np.ndarray], ranges: Mapping[str, np.ndarray], name: str, x: Quantization
) -> LSTMLayer:
    """The parameters of one fused LSTM for an input on the grid x."""
    kernel, recurrent, bias = (
        np.split(weights[f"{name}/{part}"], len(GATES), axis=-1) for part in ("kernel", "recurrent_kernel", "bias")
    )
    inputs = tuple(_weight(gate, per_channel=False) for gate in kernel)
    return LSTMLayer(
        input_weights=inputs,
        hidden_weights=tuple(_weight(gate, per_channel=False) for gate in recurrent),
        biases=tuple(_bias(gate, x, weight) for gate, weight in zip(bias, inputs, strict=True)),
        hidden=activation_scale(*ranges[f"{name}/h"]),
        cell=cell_scale(*ranges[f"{name}/cell_state"]),
        cell_clip=CELL_CLIP,
    )


def fused_model(
    architecture: Architecture, weights: Mapping[str, np.ndarray], ranges: Mapping[str, np.ndarray]
) -> bytes:
    """The int8 model of fused LSTM layers and a dense head with all that was learned.

    weights: by `layer/name`; ranges: role -> [min, max]. Raises ValueError for what the kernel cannot take.
    """
    assert all(isinstance(cell, FusedLSTM) for cell in architecture.cells)
    x = value = activation_scale(*ranges["x"])
    recurrent, dense = [], []
    for index in range(len(architecture.cells)):
        recurrent.append(lstm_layer(weights, ranges, recurrent_name(index), value))
        value = recurrent[-1].hidden
    for index in range(len(architecture.dense_units)):
        name = dense_name(index)
        weight, bias = dense_constants(weights[f"{name}/kernel"], weights[f"{name}/bias"], value)
        last = index == len(architecture.dense_units) - 1
        value = activation_scale(*ranges[f"{name}/output"])
        activation = "NONE" if last else architecture.activation.upper()
        dense.append(DenseLayer(weight=weight, bias=bias, output=value, activation=activation))
    return lstm_network(architecture.steps, architecture.features, x, recurrent, dense)
