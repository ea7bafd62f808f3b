"""Small graphs for tests of reading, writing and running models."""

import numpy as np

from qcompare.core.graph import Graph, Operator, Tensor
from qcompare.core.grid import Grid


def per_tensor(scale, zero_point=0, dtype=np.int8):
    return Grid.single(scale, zero_point, dtype)


def per_channel(scales, dtype=np.int8):
    return Grid(scale=np.array(scales, np.float32), zero_point=np.zeros(len(scales), np.int64), dtype=np.dtype(dtype))


def network():
    """A dense layer of per-channel weights with bias, a stateless TANH, and a copy back to floats."""
    weight = np.arange(-6, 6, dtype=np.int8).reshape(3, 4) * 9
    tensors = [
        {"name": "x", "shape": (1, 4), "dtype": np.int8, "grid": per_tensor(0.05, -3)},
        {
            "name": "w",
            "shape": (3, 4),
            "dtype": np.int8,
            "grid": per_channel([0.01, 0.02, 0.03]),
            "data": weight,
        },
        {
            "name": "b",
            "shape": (3,),
            "dtype": np.int32,
            "grid": per_channel([0.0005, 0.001, 0.0015], np.int32),
            "data": np.array([100, -200, 2**30], np.int32),
        },
        {"name": "y", "shape": (1, 3), "dtype": np.int8, "grid": per_tensor(0.1, 5)},
        {"name": "h", "shape": (1, 3), "dtype": np.int8, "grid": per_tensor(1 / 128)},
        {"name": "out", "shape": (1, 3), "dtype": np.float32},
    ]
    operators = [
        {
            "name": "FULLY_CONNECTED",
            "inputs": (0, 1, 2),
            "outputs": (3,),
            "options": {
                "fused_activation_function": "RELU",
                "weights_format": "DEFAULT",
                "keep_num_dims": True,
                "asymmetric_quantize_inputs": False,
                "quantized_bias_type": "FLOAT32",
                "quant_spec": None,
            },
            "options_type": "FullyConnectedOptions",
            "version": 4,
        },
        {"name": "TANH", "inputs": (3,), "outputs": (4,)},
        {"name": "DEQUANTIZE", "inputs": (4,), "outputs": (5,), "version": 2},
    ]
    return graph(tensors, operators, (0,), (5,))


def graph(tensors, operators, inputs, outputs):
    """A Graph of plain descriptions; indices are their places."""
    return Graph(
        tensors=tuple(
            Tensor(index=index, **{**each, "dtype": np.dtype(each["dtype"])}) for index, each in enumerate(tensors)
        ),
        operators=tuple(Operator(index=index, **each) for index, each in enumerate(operators)),
        inputs=inputs,
        outputs=outputs,
    )
