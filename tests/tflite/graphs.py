"""Small graphs for tests of reading, writing and running models."""

import numpy as np

from qcompare.core.grid import Grid
from qcompare.tflite.builder import Builder


def per_tensor(scale, zero_point=0, dtype=np.int8):
    return Grid.single(scale, zero_point, dtype)


def per_channel(scales, dtype=np.int8):
    return Grid(scale=np.array(scales, np.float32), zero_point=np.zeros(len(scales), np.int64), dtype=np.dtype(dtype))


def network():
    """A dense layer of per-channel weights with bias, a stateless TANH, and a copy back to floats."""
    build = Builder()
    weight = np.arange(-6, 6, dtype=np.int8).reshape(3, 4) * 9
    bias = np.array([100, -200, 2**30], np.int32)
    x = build.activation("x", (1, 4), np.int8, per_tensor(0.05, -3))
    w = build.constant("w", weight, per_channel([0.01, 0.02, 0.03]))
    b = build.constant("b", bias, per_channel([0.0005, 0.001, 0.0015], np.int32))
    y = build.activation("y", (1, 3), np.int8, per_tensor(0.1, 5))
    h = build.activation("h", (1, 3), np.int8, per_tensor(1 / 128))
    out = build.activation("out", (1, 3), np.float32)
    options = {
        "fused_activation_function": "RELU",
        "weights_format": "DEFAULT",
        "keep_num_dims": True,
        "asymmetric_quantize_inputs": False,
        "quantized_bias_type": "FLOAT32",
        "quant_spec": None,
    }
    build.operator("FULLY_CONNECTED", (x, w, b), (y,), "FullyConnectedOptions", options, version=4)
    build.operator("TANH", (y,), (h,))
    build.operator("DEQUANTIZE", (h,), (out,), version=2)
    return build.graph((x,), (out,))


def bare(*described, operators=(), inputs=(0,), outputs=(0,)):
    """A graph of activations, each (name, shape, dtype) or with a grid, and of operators (name, inputs, outputs)."""
    build = Builder()
    for each in described:
        build.activation(*each)
    for each in operators:
        build.operator(*each)
    return build.graph(inputs, outputs)
