"""Models built so that a detail of a rule, invisible in random ones, decides the integers."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.executor import run
from qcompare.manual.rounding import double
from tests.audit.one_op import RUNTIMES, Builder, difference, random_scale, random_zero_point

pytestmark = pytest.mark.runtime


@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_floats_next_to_the_middle_of_two_integers(dtype: type, kernel_set: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        scale, zero_point, limit = np.float32(random_scale(rng)), random_zero_point(rng, dtype), np.iinfo(dtype).max
        middle = ((rng.integers(-limit, limit, 700) + 0.5) * float(scale)).astype(np.float32)
        beyond = np.array([np.inf, -np.inf, 1e30, -1e30, 3e9 * scale, -3e9 * scale], np.float32)
        x = np.concatenate(
            [middle, np.nextafter(middle, np.float32(1e9)), np.nextafter(middle, np.float32(-1e9)), beyond]
        )
        build = Builder()
        source = build.activation((1, len(x)), np.float32)
        graph = build.graph(
            "QUANTIZE", (source,), (build.activation((1, len(x)), dtype, scale, zero_point),), version=2
        )
        assert difference(graph, {source: x.reshape(1, 1, -1)}, kernel_set).unequal == 0


def cancelling_lstm(rng: np.random.Generator, units: int = 40) -> Graph:
    """An LSTM that shows the last unit of a large term of x in its output.

    Step 1 brings every h to 127. In step 2 the weights of h bring the argument of g, which the bias holds at thousands,
    near 0, and one unit of it is two units of the output. Each bias is one at which a multiplier rounded to
    float32 gives another integer than one in float64.
    """
    sums: np.ndarray = np.empty(0)
    while len(sums) < units:
        x_scale, w_scale = (np.float32(random_scale(rng, *bounds)) for bounds in ((5e-3, 1e-2), (3e-4, 1e-3)))
        wide, narrow = float(x_scale) * float(w_scale) * 4096, float(x_scale * w_scale) * 4096
        sums = np.arange(int(8000 / wide), int(32000 / wide))
        sums = sums[double(sums, np.asarray(wide)) != double(sums, np.asarray(narrow))][:units]
    h_scale = np.float32(2.0**-13)
    step = np.float32(30 / 127 / 4096 / float(h_scale))
    rest = -np.rint(double(sums, np.asarray(wide)) / (127 * float(h_scale) * float(step) * 4096)).astype(int)
    weights = np.zeros((units, units), np.int8)
    for unit in range(units):
        weights[:, unit] = np.clip(rest, -127, 127)
        rest = rest - weights[:, unit]
    assert not rest.any()
    build = Builder()
    inputs = [build.activation((1, 2, 1), np.int8, x_scale)]
    inputs += [build.constant(np.zeros((units, 1), np.int8), w_scale) for _ in range(4)]
    inputs += [build.constant(weights if gate == 2 else np.zeros_like(weights), step) for gate in range(4)]
    open_gate = np.full(units, int(32000 / wide))
    biases = (open_gate, -open_gate, sums, open_gate)
    inputs += [-1, -1, -1, *(build.constant(bias.astype(np.int32), x_scale * w_scale) for bias in biases), -1, -1]
    inputs.append(build.activation((1, units), np.int8, h_scale, variable=True))
    inputs += [build.activation((1, units), np.int16, 2.0**-15, variable=True), -1, -1, -1, -1]
    hidden = [build.activation((0,), np.int16, 2.0**-12) for _ in range(4)] + [build.activation((0,), np.int8, h_scale)]
    output = build.activation((1, 2, units), np.int8, h_scale)
    options = {"fused_activation_function": "TANH", "cell_clip": 0.0, "proj_clip": 0.0, "time_major": False}
    name = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    return build.graph(name, inputs, (output,), "UnidirectionalSequenceLSTMOptions", options, hidden, version=3)


@pytest.mark.parametrize("kernel_set", RUNTIMES)
def test_precision_of_the_lstms_multipliers(kernel_set: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        graph = cancelling_lstm(rng)
        x = {0: np.zeros((1, 1, 2, 1), np.int8)}
        assert difference(graph, x, kernel_set).unequal == 0
        other = "reference" if kernel_set == "micro" else "micro"
        assert difference(graph, x, kernel_set, other).unequal > 0


@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize(("bias_dtype", "features"), [(np.int32, 600), (np.int64, 600), (np.int32, 500)])
def test_the_widest_accumulators(bias_dtype: type, features: int, kernel_set: str) -> None:
    build, units = Builder(), 6
    x = build.activation((1, features), np.int16, 1e-4)
    w = build.constant(np.full((units, features), 127, np.int8) * np.array([1, -1] * 3, np.int8)[:, None], 1e-2)
    b = build.constant(np.arange(units).astype(bias_dtype) * 1000, 1e-6)
    y = build.activation((1, units), np.int16, 1e-1)
    options = {"fused_activation_function": "NONE", "quantized_bias_type": np.dtype(bias_dtype).name.upper()}
    graph = build.graph("FULLY_CONNECTED", (x, w, b), (y,), "FullyConnectedOptions", options, version=9)
    assert difference(graph, {x: np.full((1, 1, features), 32767, np.int16)}, kernel_set).unequal == 0


@pytest.mark.parametrize("kernel_set", RUNTIMES)
@pytest.mark.parametrize("features", [1023, 1024, 1025, 3000])
def test_sums_at_the_edge_of_float32(features: int, kernel_set: str) -> None:
    """The largest sums that so many features allow, odd ones among them; the bias leaves their last bits alone."""
    build = Builder()
    values = np.full(features, -128, np.int8)
    values[-1] = -127
    weights = np.full((4, features), -128, np.int8)
    weights[1, -1], weights[2, -2:], weights[3, 0] = -127, (-127, -127), -127
    bias = np.arange(4) - weights.astype(np.int64) @ values
    x = build.activation((1, features), np.int8, 0.5)
    w = build.constant(weights, 0.5)
    b = build.constant(bias.astype(np.int32), 0.25)
    y = build.activation((1, 4), np.int8, 0.25)
    options = {"fused_activation_function": "NONE"}
    graph = build.graph("FULLY_CONNECTED", (x, w, b), (y,), "FullyConnectedOptions", options, version=4)
    inputs = {x: values.reshape(1, 1, -1)}
    assert difference(graph, inputs, kernel_set).unequal == 0
    assert run(model_of(graph), inputs, kernel_set).result.tolist() == [[0, 1, 2, 3]]
