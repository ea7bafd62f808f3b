"""`dequantized` arithmetic against exact fractions: every value is the nearest integer of the true real number."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from qcompare.core.graph import Graph, Tensor, model_of
from qcompare.manual.executor import run
from tests.audit.one_op import random_inputs
from tests.manual.one_op_models import add, fully_connected, logistic, mul, relu, relu6, sub, tanh


def real(q: int, tensor: Tensor) -> Fraction:
    return (int(q) - tensor.zero_point) * Fraction(float(tensor.scale))


def stored(value: Fraction, graph: Graph) -> int:
    """Clamped by the fused activation, halves away from zero, then the dtype's range."""
    output, activation = graph.tensors[graph.outputs[0]], graph.operators[0].options.get("fused_activation_function")
    if activation in ("RELU", "RELU6"):
        value = max(value, Fraction(0))
    if activation == "RELU6":
        value = min(value, Fraction(6))
    steps = value / Fraction(float(output.scale))
    whole = math.floor(abs(steps) + Fraction(1, 2)) * (1 if steps >= 0 else -1) + output.zero_point
    limits = np.iinfo(output.dtype)
    return max(limits.min, min(limits.max, whole))


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize(
    ("generator", "exact"),
    [(add, Fraction.__add__), (sub, Fraction.__sub__), (mul, Fraction.__mul__)],
    ids=["ADD", "SUB", "MUL"],
)
def test_binary(generator: Callable, exact: Callable, dtype: type) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        graph = generator(rng, dtype)
        x = random_inputs(rng, graph, 2)
        result = run(model_of(graph), x, "dequantized").result.reshape(2, *graph.tensors[graph.outputs[0]].shape)
        tensors = [graph.tensors[index] for index in graph.operators[0].inputs]
        for sample in range(2):
            values = [t.data if t.data is not None else x[t.index][sample] for t in tensors]
            a, b = np.broadcast_arrays(*values)
            expected = [
                stored(exact(real(p, tensors[0]), real(q, tensors[1])), graph)
                for p, q in zip(a.ravel(), b.ravel(), strict=True)
            ]
            assert result[sample].ravel().tolist() == expected


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_fully_connected(dtype: type) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        graph = fully_connected(rng, dtype)
        x = random_inputs(rng, graph, 2)
        source, weights, *rest = (graph.tensors[i] for i in graph.operators[0].inputs if i >= 0)
        scales = np.broadcast_to(weights.grid.scale, len(weights.data))
        result = run(model_of(graph), x, "dequantized").result.reshape(-1, len(scales))
        for row, y in zip(x[source.index].reshape(-1, source.shape[-1]), result, strict=True):
            for unit, scale in enumerate(scales):
                total = sum(
                    (
                        real(p, source) * int(w) * Fraction(float(scale))
                        for p, w in zip(row, weights.data[unit], strict=True)
                    ),
                    Fraction(0),
                )
                if rest:
                    bias = rest[0].grid.scale
                    total += int(rest[0].data[unit]) * Fraction(float(np.broadcast_to(bias, len(scales))[unit]))
                assert y[unit] == stored(total, graph)


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "TANH": math.tanh,
    "LOGISTIC": lambda r: 1 / (1 + math.exp(-r)),
    "RELU": lambda r: max(r, 0.0),
    "RELU6": lambda r: min(max(r, 0.0), 6.0),
}


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("generator", [tanh, logistic, relu, relu6])
def test_functions(generator: Callable, dtype: type) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        graph = generator(rng, dtype)
        x = random_inputs(rng, graph, 2)
        source, function = graph.tensors[graph.inputs[0]], FUNCTIONS[graph.operators[0].name]
        result = run(model_of(graph), x, "dequantized").result.ravel()
        expected = [stored(Fraction(function(float(real(q, source)))), graph) for q in x[source.index].ravel()]
        assert result.tolist() == expected
