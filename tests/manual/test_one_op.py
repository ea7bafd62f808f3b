"""Random one-operator models: the manual engine equals every kernel set in every integer."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.call import NotCoveredError, UndefinedError
from qcompare.manual.executor import run
from tests.audit.one_op import RUNTIMES, Builder, difference, random_inputs, run_runtime
from tests.manual.one_op_models import COMPARISONS, GENERATORS

pytestmark = pytest.mark.runtime

DTYPES = {
    **dict.fromkeys(
        (
            *("UNIDIRECTIONAL_SEQUENCE_LSTM", "ADD ties", "TANH ties", "LOGISTIC ties", "ELU", "ELU ties"),
            *("LOG_SOFTMAX", "RELU_0_TO_1", "RELU_N1_TO_1"),
        ),
        ("int8",),
    ),
    **dict.fromkeys(("QUANTIZE", "QUANTIZE float", "DEQUANTIZE"), ("int8", "int16", "uint8")),
    "QUANTIZE mixed": ("int8", "uint8"),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR"), ("bool",)),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL"), ("int8", "int32", "int64", "bool")),
    **dict.fromkeys(("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), ("int8", "int32", "int64")),
    "CAST truth": ("float32", "int32"),
    **dict.fromkeys(("REDUCE_ALL", "REDUCE_ANY"), ("bool",)),
    **dict.fromkeys(("REDUCE_PROD", "GATHER lengths"), ("int32",)),
    "ZEROS_LIKE": ("int32", "int64", "float32"),
    "BROADCAST_TO": ("int8", "int16", "int32"),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), ("int8", "float32")),
    "GATHER_ND": ("int8", "int16"),
    "TILE": ("int8", "int32"),
    **dict.fromkeys(
        (
            *("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "SPACE_TO_BATCH_ND padded", "REDUCE_MAX", "REDUCE_MIN"),
            *("RESIZE_NEAREST_NEIGHBOR", "RESIZE_NEAREST_NEIGHBOR far"),
        ),
        ("int8", "int16", "float32"),
    ),
    "SELECT_V2": ("int8", "int16", "int32", "int64"),
    "REVERSE_V2": ("int8", "int16", "int32", "int64", "uint8", "bool"),
}
ABSENT = {
    *((name, dtype, "micro") for name in ("GELU", "GELU approximate") for dtype in ("int8", "int16")),
    *((name, "uint8", "micro") for name in ("QUANTIZE", "QUANTIZE float")),
    *(("SELECT_V2", dtype, "micro") for dtype in ("int32", "int64")),
    *((name, "int16", "micro") for name in ("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "SPACE_TO_BATCH_ND padded")),
    *((name, "int8", "reference") for name in ("ELU", "ELU ties")),
    *((name, "int16", "micro") for name in ("GATHER_ND", "REDUCE_MAX", "REDUCE_MIN", "RESIZE_BILINEAR")),
    *((name, dtype, "micro") for name in ("EXP", "LOG", "SQRT") for dtype in ("int8", "int16")),
    *((name, "int8", "micro") for name in ("RELU_0_TO_1", "RELU_N1_TO_1")),
    *((name, "int16", "micro") for name in ("DIV", "DIV ties")),
    ("DEPTH_TO_SPACE", "int8", "reference"),
    *(("TILE", "int8", kernels) for kernels in ("reference", "micro")),
    ("TILE", "int32", "micro"),
    ("REDUCE_ANY", "bool", "micro"),
    *((name, "int32", "micro") for name in ("GATHER lengths", "REDUCE_PROD")),
}
"""What a kernel set does not have."""

UNDEFINED = {("SPACE_TO_BATCH_ND padded", dtype, "micro") for dtype in ("int8", "float32")}
"""What a kernel set runs without defined numbers."""
CASES = [(name, dtype) for name in GENERATORS for dtype in DTYPES.get(name, ("int8", "int16"))]


def model(name: str, dtype: str, seed: int) -> tuple[Graph, dict[int, np.ndarray]]:
    rng = np.random.default_rng([seed, 1])
    graph = GENERATORS[name](rng, np.dtype(dtype).type)
    inputs = random_inputs(rng, graph, 4)
    if name in COMPARISONS:  # Some numbers are the other side's.
        few, many = sorted(graph.inputs, key=lambda index: inputs[index].size)
        inputs[many] = np.where(rng.random(inputs[many].shape) < 0.3, inputs[few], inputs[many])
    if name == "SQRT":  # Of no negative number.
        inputs = {index: np.maximum(array, graph.tensors[index].zero_point) for index, array in inputs.items()}
    return graph, inputs


@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_every_integer_is_the_runtimes(name: str, dtype: str, kernel_set: str, one_op_models: int) -> None:
    if (name, dtype, kernel_set) in ABSENT:
        graph, inputs = model(name, dtype, 0)
        with pytest.raises(NotCoveredError, match=f"under {kernel_set}"):
            run(model_of(graph), inputs, kernel_set)
        with pytest.raises((ValueError, RuntimeError)):
            run_runtime(graph, inputs, kernel_set)
        return
    if (name, dtype, kernel_set) in UNDEFINED:
        return
    for seed in range(one_op_models):
        found = difference(*model(name, dtype, seed), kernel_set)
        assert found.unequal == 0, f"model {seed}: {found}"


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_micro_pads_blocks_with_whatever_its_memory_holds(dtype: str) -> None:
    unequal = 0
    for seed in range(6):
        graph, inputs = model("SPACE_TO_BATCH_ND padded", dtype, seed)
        with pytest.raises(UndefinedError, match=f"{dtype}, padded under micro"):
            run(model_of(graph), inputs, "micro")
        unequal += difference(graph, inputs, "micro", "reference").unequal
    if dtype == "int8":  # Fresh memory is zero, which happens to be right in floats.
        assert unequal


@pytest.mark.parametrize("kernel_set", RUNTIMES)
def test_floats_are_interpolated_within_rounding(kernel_set: str) -> None:
    for seed in range(40):
        graph, inputs = model("RESIZE_BILINEAR", "float32", seed)
        expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
        found = run(model_of(graph), inputs, kernel_set).result.reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5)


IN_FLOATS = (
    *("ABS", "CEIL", "COS", "EXP", "FLOOR", "LOG", "LOG_SOFTMAX", "RELU_0_TO_1", "RELU_N1_TO_1", "ROUND", "SIN"),
    *("SIGN", "SQRT", "SQUARE"),
)
NO_FLOATS = {
    ("CEIL", "reference"),
    ("ROUND", "reference"),
    ("RELU_0_TO_1", "micro"),
    ("RELU_N1_TO_1", "micro"),
    ("SIGN", "micro"),
}
"""What a kernel set does not have, of floats neither."""


@pytest.mark.parametrize("kernel_set", RUNTIMES)
def test_sums_and_powers_of_floats_are_the_runtimes_within_rounding(kernel_set: str) -> None:
    rng = np.random.default_rng(0)
    for reverse, exclusive in product((False, True), repeat=2):
        build = Builder()
        x, y = (build.activation((2, 5, 3), np.float32) for _ in range(2))
        options = {"reverse": reverse, "exclusive": exclusive}
        graph = build.graph("CUMSUM", (x, build.constant(np.array([1], np.int32))), (y,), "CumsumOptions", options)
        _near(graph, {x: rng.normal(size=(3, 2, 5, 3)).astype(np.float32)}, kernel_set)
    for name, operands in (("ADD_N", 3), ("POW", 2)):
        if (name, kernel_set) == ("POW", "micro"):  # It has none.
            continue
        build = Builder()
        *sides, y = (build.activation((2, 5), np.float32) for _ in range(operands + 1))
        graph = build.graph(name, sides, (y,), "AddNOptions" if name == "ADD_N" else "PowOptions", {})
        _near(graph, {x: np.abs(rng.normal(size=(3, 2, 5))).astype(np.float32) for x in sides}, kernel_set)


def _near(graph: Graph, inputs: dict[int, np.ndarray], kernel_set: str) -> None:
    expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
    found = run(model_of(graph), inputs, kernel_set).result.reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize("name", IN_FLOATS)
def test_functions_of_floats_are_the_runtimes_within_rounding(name: str, kernel_set: str) -> None:
    build = Builder()
    x, y = (build.activation((1, 64), np.float32) for _ in range(2))
    graph = build.graph(name, (x,), (y,))
    # Halves, which ROUND takes to the even neighbour.
    values = np.concatenate([np.arange(-8, 8) / 2, np.random.default_rng(0).normal(size=48)]).astype(np.float32)
    inputs = {x: (np.abs(values) if name in ("LOG", "SQRT") else values)[None, None]}
    if (name, kernel_set) in NO_FLOATS:
        with pytest.raises((ValueError, RuntimeError)):
            run_runtime(graph, inputs, kernel_set)
        return
    _near(graph, inputs, kernel_set)


FAR = ("DIV", "DIV ties", "LOG")
"""What is not near to the real numbers: a kernel that shifts too far, and one that has a number for negative ones."""

REALS = [
    (name, dtype) for name, dtype in CASES if "LSTM" not in name and name not in FAR and dtype not in ("int64", "bool")
]


@pytest.mark.parametrize(("name", "dtype"), REALS)
def test_dequantized_arithmetic_is_near(name: str, dtype: str) -> None:
    # An interval of GELU's table in which the result saturates is off by up to a quarter of its height.
    wide = {"TANH": 16, "LOGISTIC": 8, "GELU": 128 * 2.5 / 4, "GELU approximate": 128 * 2.5 / 4}
    # EXP grows by 5 % within an interval.
    wide["EXP"] = 0.05 * 32768 / 4
    tolerance = wide.get(name, 1) if dtype == "int16" else 1
    if name == "RESIZE_BILINEAR":
        # (111) is off by up to half of 1 / 1024 of the step to the neighbour for each of 32 rows and columns.
        tolerance = 2 * 32 / 2048 * 2 ** np.iinfo(dtype).bits
    kernel_set = "optimized" if (name, dtype, "reference") in ABSENT else "reference"
    for seed in range(4):
        found = difference(*model(name, dtype, seed), kernel_set, "dequantized")
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
        ("ELU ties", "int8", "micro", "TABLE"),
        ("ELU ties", "int8", "micro", "TABLE(even)"),
        ("ELU ties", "int8", "optimized", "EXP_TABLE"),
        ("ELU ties", "int8", "xnnpack", "TABLE"),
        ("QUANTIZE mixed", "int8", "xnnpack", "DOUBLE"),
        ("QUANTIZE mixed", "uint8", "reference", "UP(by16)"),
        ("DEQUANTIZE", "int8", "optimized", "FLOAT32"),
        ("ABS ties", "int8", "reference", "DOUBLE"),
        ("ABS ties", "int8", "micro", "DOUBLE(f32)"),
        ("DIV ties", "int8", "optimized", "FIXED"),
        ("DIV ties", "int8", "micro", "FIXED(f32)"),
        ("DIV ties", "int16", "reference", "FIXED"),
        ("LOG_SOFTMAX", "int8", "reference", "TABLE"),
        ("LOG_SOFTMAX", "int8", "optimized", "FIXED"),
        ("EQUAL", "int8", "optimized", "COMPARE"),
        ("GREATER", "int8", "micro", "COMPARE"),
        ("LESS_EQUAL", "int8", "reference", "COMPARE"),
        ("RESIZE_BILINEAR", "int8", "reference", "FIXED11"),
        ("RESIZE_BILINEAR", "int8", "xnnpack", "FIXED10"),
        ("RESIZE_NEAREST_NEIGHBOR far", "int8", "reference", "FIXED16"),
        ("RESIZE_NEAREST_NEIGHBOR far", "int8", "xnnpack", "FLOAT32"),
        ("PRELU ties", "int8", "reference", "DOUBLE"),
        ("PRELU ties", "int8", "micro", "DOUBLE(f32)"),
        ("PRELU", "int16", "optimized", "DOUBLE"),
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


REAL_INPUTS = (np.nan, np.inf, -np.inf, 1e30, -1e30, 3.4, -3.4, 0.31, *range(9))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8"])
@pytest.mark.parametrize("kernel_set", RUNTIMES)
def test_nan_and_infinity_become_the_integers_of_the_runtime(kernel_set: str, dtype: str) -> None:
    if ("QUANTIZE float", dtype, kernel_set) in ABSENT:
        return
    build = Builder()
    x = build.activation((1, len(REAL_INPUTS)), np.float32)
    y = build.activation((1, len(REAL_INPUTS)), np.dtype(dtype), 0.02, 5 if dtype != "int16" else 0)
    graph = build.graph("QUANTIZE", (x,), (y,), version=2)
    found = difference(graph, {0: np.array([[REAL_INPUTS]], np.float32)}, kernel_set)
    assert found.unequal == 0
