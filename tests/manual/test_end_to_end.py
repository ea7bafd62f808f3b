"""Converted models, free-running: every tensor that the runtime lets us read, in every kernel set."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from benchmarks import converted
from qcompare.manual.executor import run
from qcompare.tflite.schema import read
from tests.audit.one_op import RUNTIMES, random_inputs, run_litert, run_micro

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

SAMPLES = 16


def dense(activation: str, quantization: str) -> bytes:
    model, shape = converted.dense(1, activations=activation)
    return converted.convert(model, shape, quantization, 1)


def unrolled(build: Callable[..., Any], steps: int, layers: int, quantization: str) -> bytes:
    model, shape = build(2, steps, layers)
    return converted.convert(model, shape, quantization, 2)


MODELS: dict[str, Callable[[], bytes]] = {
    **{
        f"dense-{activation}-{quantization}": partial(dense, activation, quantization)
        for activation in ("relu", "relu6", "tanh", "sigmoid")
        for quantization in converted.QUANTIZATIONS
    },
    **{
        f"{name}-{steps}-{layers}-{quantization}": partial(unrolled, build, steps, layers, quantization)
        for name, build in {"rnn": converted.unrolled_rnn, "lstm": converted.unrolled_lstm}.items()
        for steps, layers in ((1, 1), (5, 2))
        for quantization in converted.QUANTIZATIONS
    },
    **{
        f"fused-{steps}-{layers}": partial(converted.fused_lstm, 3, steps, layers)
        for steps, layers in ((1, 1), (5, 2), (28, 1))
    },
}


@cache
def converted_model(name: str) -> bytes:
    return MODELS[name]()


@pytest.mark.parametrize("name", MODELS)
def test_every_readable_tensor_is_equal(name: str) -> None:
    model = converted_model(name)
    parsed = read(model)
    graph = parsed.main
    x = random_inputs(np.random.default_rng(0), graph, SAMPLES)
    written = [index for operator in graph.operators for index in operator.outputs]
    for kernel_set in RUNTIMES:
        micro = kernel_set == "micro"
        expected = run_micro(graph, model, x) if micro else run_litert(model, x, written, kernel_set)
        # The delegate keeps some tensors to itself; nearly all must be there.
        assert micro or len(expected) >= 0.9 * len(written)
        found = run(parsed, x, kernel_set, keep="all").tensors
        for index, values in expected.items():
            tensor = graph.tensors[index].name
            assert np.array_equal(found[tensor].reshape(values.shape), values), f"{kernel_set} '{tensor}'"


@pytest.mark.parametrize("name", ["dense-tanh-int8", "rnn-5-2-int8", "lstm-5-2-int8", "fused-5-2"])
def test_dequantized_arithmetic_is_within_a_few_steps(name: str) -> None:
    model = converted_model(name)
    parsed = read(model)
    graph = parsed.main
    x = random_inputs(np.random.default_rng(0), graph, SAMPLES)
    expected = run_litert(model, x, graph.outputs, "reference")[graph.outputs[0]]
    found = run(parsed, x, "dequantized").result.reshape(expected.shape)
    assert np.abs(found.astype(int) - expected).max() <= 6
