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


WEIGHT_OF = {"recurrent_0/from_input": "recurrent_0/kernel", "dense_0/output": "dense_0/kernel"}
"""Role of a FULLY_CONNECTED of `named` -> its weight."""


def named():
    """A SimpleRNN step with TANH and a dense layer, as they are named in unrolled models."""
    build = Builder()
    matrix = np.ones((2, 2), np.int8)
    x = build.activation("serving_default_x:0", (1, 2), np.int8, per_tensor(0.1, 3))
    w = build.constant("tfl.pseudo_qconst", matrix, per_channel([0.01, 0.02]))
    bias = build.constant("tfl.pseudo_qconst1", np.ones(2, np.int32), per_channel([0.001, 0.002], np.int32))
    from_input, before, h, v, out, moved, real = (
        build.activation("recurrent_0/step_0/from_input/MatMul;other/add", (1, 2), np.int8, per_tensor(0.3, -5)),
        build.activation("recurrent_0/step_0/h/Add", (1, 2), np.int8, per_tensor(0.4)),
        build.activation("recurrent_0/step_0/h_1/Tanh", (1, 2), np.int8, per_tensor(1 / 128)),
        build.constant("tfl.pseudo_qconst2", matrix, per_tensor(0.05)),
        build.activation("dense_0/output/MatMul;dense_0/output/add", (1, 2), np.int8, per_tensor(0.5, 7)),
        build.activation("split", (1, 2), np.int8, per_tensor(0.1)),
        build.activation("a float", (1, 2), np.float32),
    )
    build.operator("SPLIT", [x], [moved])
    build.operator("FULLY_CONNECTED", [moved, w, bias], [from_input])
    build.operator("ADD", [from_input, from_input], [before])
    build.operator("TANH", [before], [h])
    build.operator("DEQUANTIZE", [h], [real])
    build.operator("FULLY_CONNECTED", [h, v, -1], [out])
    return build.graph([x], [out])


def bare(*described, operators=(), inputs=(0,), outputs=(0,)):
    """A graph of activations, each (name, shape, dtype) or with a grid, and of operators (name, inputs, outputs)."""
    build = Builder()
    for each in described:
        build.activation(*each)
    for each in operators:
        build.operator(*each)
    return build.graph(inputs, outputs)
