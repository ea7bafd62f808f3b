"""Random one-operator models: the manual engine equals every kernel set in every integer."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.executor import run
from tests.audit.one_op import RUNTIMES, difference, random_inputs, run_runtime
from tests.manual.one_op_models import GENERATORS

pytestmark = pytest.mark.runtime

DTYPES = dict.fromkeys(("UNIDIRECTIONAL_SEQUENCE_LSTM", "ADD ties", "TANH ties", "LOGISTIC ties"), ("int8",))
CASES = [(name, dtype) for name in GENERATORS for dtype in DTYPES.get(name, ("int8", "int16"))]


def model(name: str, dtype: str, seed: int) -> tuple[Graph, dict[int, np.ndarray]]:
    rng = np.random.default_rng([seed, 1])
    graph = GENERATORS[name](rng, np.dtype(dtype).type)
    return graph, random_inputs(rng, graph, 4)


@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_every_integer_is_the_runtimes(name: str, dtype: str, kernel_set: str, one_op_models: int) -> None:
    for seed in range(one_op_models):
        found = difference(*model(name, dtype, seed), kernel_set)
        assert found.unequal == 0, f"model {seed}: {found}"


@pytest.mark.parametrize(("name", "dtype"), [case for case in CASES if "LSTM" not in case[0]])
def test_dequantized_arithmetic_is_near(name: str, dtype: str) -> None:
    tolerance = {"TANH": 16, "LOGISTIC": 8}.get(name, 1) if dtype == "int16" else 1
    for seed in range(4):
        found = difference(*model(name, dtype, seed), "reference", "dequantized")
        assert found.max_lsb <= tolerance, f"model {seed}: {found}"


@pytest.mark.parametrize(
    ("name", "dtype", "kernel_set", "rule"),
    [
        ("FULLY_CONNECTED ties", "int8", "reference", "UP(mixed)"),
        ("FULLY_CONNECTED ties", "int8", "reference", "RNE32"),
        ("FULLY_CONNECTED ties", "int8", "optimized", "DOUBLE"),
        ("FULLY_CONNECTED ties", "int8", "optimized", "F64"),
        ("FULLY_CONNECTED ties", "int8", "xnnpack", "F64"),
        ("FULLY_CONNECTED ties", "int8", "micro", "UP(mixed)"),
        ("FULLY_CONNECTED ties", "int16", "reference", "M64"),
        ("FULLY_CONNECTED ties", "int16", "micro", "F64"),
        ("ADD ties", "int8", "optimized", "DOUBLE"),
        ("ADD large", "int8", "xnnpack", "DOUBLE"),
        ("ADD large", "int16", "optimized", "DOUBLE"),
        ("SUB large", "int8", "xnnpack", "DOUBLE"),
        ("TANH ties", "int8", "reference", "TABLE(even)"),
        ("TANH ties", "int8", "xnnpack", "TABLE"),
        ("TANH ties", "int8", "micro", "TABLE"),
        ("LOGISTIC ties", "int8", "reference", "TABLE(even)"),
        ("LOGISTIC ties", "int8", "xnnpack", "TABLE"),
        ("LOGISTIC ties", "int8", "micro", "TABLE"),
        ("MUL", "int8", "xnnpack", "DOUBLE(f32)"),
        ("MUL", "int16", "micro", "DOUBLE(f32)"),
        ("QUANTIZE", "int8", "xnnpack", "DOUBLE"),
        ("TANH", "int16", "optimized", "INTERPOLATED"),
        ("TANH", "int16", "reference", "FIXED16"),
        ("LOGISTIC", "int16", "optimized", "INTERPOLATED"),
        ("RELU6", "int8", "reference", "CLAMP"),
        ("DEQUANTIZE", "int8", "optimized", "FLOAT32"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "int8", "micro", "GEMMLOWP"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "int8", "xnnpack", "INTERPOLATED"),
    ],
)
def test_another_rule_is_found_out(name: str, dtype: str, kernel_set: str, rule: str) -> None:
    for seed in range(200):
        graph, inputs = model(name, dtype, seed)
        expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
        found = run(model_of(graph), inputs, kernel_set, rules={0: rule}).result.reshape(expected.shape)
        if (found != expected).any():
            return
    pytest.fail(f"200 models do not tell {rule} from what {kernel_set} follows")
