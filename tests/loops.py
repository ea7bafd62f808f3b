"""Models with a loop, written by hand: a recurrent int8 layer whose time steps a WHILE runs through."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qcompare.core.graph import Graph, Model, model_of
from tests.audit.one_op import Builder

STEPS = 5
FEATURES = 7
UNITS = 19
"""More than 16, so that ADD reaches the vector loop of the optimized kernels and its rest."""

INPUT = (0.021, -4)
HIDDEN = (1 / 128, 0)
PRODUCTS = ((0.013, 3), (0.017, -6))
"""Scale and zero point of what the two FULLY_CONNECTED of the body give."""

FULLY_CONNECTED = {
    "fused_activation_function": "NONE",
    "weights_format": "DEFAULT",
    "keep_num_dims": False,
    "asymmetric_quantize_inputs": False,
    "quantized_bias_type": "FLOAT32",
    "quant_spec": None,
}


def joined(build: Builder, described: Sequence[tuple[Any, ...]], inputs: tuple[int, ...], outputs: Any) -> Graph:
    """Operators of (name, inputs, outputs, version, options table, options); the last two may be left out."""
    for name, into, out_of, version, *options in described:
        build.built.operator(name, into, out_of, *options, version=version)
    return build.built.graph(inputs, outputs)


def carried(build: Builder, steps: int) -> tuple[int, int, int]:
    """What the loop carries: i, x and h."""
    return (
        build.activation((), np.int32),
        build.activation((1, steps, FEATURES), np.int8, *INPUT),
        build.activation((1, UNITS), np.int8, *HIDDEN),
    )


def condition(steps: int) -> Graph:
    """i < steps."""
    build = Builder()
    inputs = carried(build, steps)
    limit, less = build.constant(np.array(steps, np.int32)), build.activation((), np.bool_)
    return joined(build, [("LESS", (inputs[0], limit), (less,), 1, "LessOptions", {})], inputs, (less,))


def dense(
    build: Builder,
    rng: np.random.Generator,
    value: int,
    size: int,
    scale: float,
    units: int,
    output: tuple[float, int],
) -> tuple[Any, ...]:
    """A FULLY_CONNECTED of a value [1, size] of that scale, weights per channel; output: scale and zero point."""
    scales = rng.uniform(0.001, 0.006, units).astype(np.float32)
    weight = build.constant(rng.integers(-127, 128, (units, size)).astype(np.int8), scales)
    bias = build.constant(rng.integers(-900, 900, units).astype(np.int32), np.float32(scale) * scales)
    product = build.activation((1, units), np.int8, *output)
    return "FULLY_CONNECTED", (value, weight, bias), (product,), 4, "FullyConnectedOptions", FULLY_CONNECTED


def body(rng: np.random.Generator, steps: int) -> Graph:
    """h = tanh(W x_i + U h + b), i = i + 1."""
    build = Builder()
    i, x, h = carried(build, steps)
    step = build.activation((1, FEATURES), np.int8, *INPUT)
    described: list[tuple[Any, ...]] = [("GATHER", (x, i), (step,), 2, "GatherOptions", {"axis": 1, "batch_dims": 0})]
    products = []
    for value, size, scale, output in ((step, FEATURES, INPUT[0], PRODUCTS[0]), (h, UNITS, HIDDEN[0], PRODUCTS[1])):
        described.append(dense(build, rng, value, size, scale, UNITS, output))
        products += described[-1][2]
    total, new = build.activation((1, UNITS), np.int8, 0.021, 5), build.activation((1, UNITS), np.int8, *HIDDEN)
    one, after = build.constant(np.array(1, np.int32)), build.activation((), np.int32)
    add = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    described += [
        ("ADD", tuple(products), (total,), 2, "AddOptions", add),
        ("TANH", (total,), (new,), 2),
        ("ADD", (i, one), (after,), 1, "AddOptions", add),
    ]
    return joined(build, described, (i, x, h), (after, x, new))


def recurrent(seed: int = 0, steps: int = STEPS, classes: int = 0) -> Model:
    """x [1, steps, FEATURES] -> the last h [1, UNITS], int8; with classes, what a dense layer makes of it.

    The main graph has a WHILE over (i, x, h), where i and h start as constants, and the dense layer if any.
    """
    rng = np.random.default_rng(seed)
    build = Builder()
    x = build.activation((1, steps, FEATURES), np.int8, *INPUT)
    first = build.constant(np.array(0, np.int32))
    start = build.constant(rng.integers(-128, 128, (1, UNITS)).astype(np.int8), *HIDDEN)
    results = carried(build, steps)
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    described: list[tuple[Any, ...]] = [("WHILE", (first, x, start), results, 1, "WhileOptions", options)]
    output = results[2]
    if classes:
        described.append(dense(build, rng, output, UNITS, HIDDEN[0], classes, (0.03, -9)))
        (output,) = described[-1][2]
    main = joined(build, described, (x,), (output,))
    return model_of(main, condition(steps), body(rng, steps))


def shift_register(steps: int, copied: bool) -> Model:
    """int8: t0, t1 [1, 24] -> both after steps of (a, b) -> (a + b, a), by a RESHAPE of a in between if copied."""

    def carried_on(build: Builder) -> tuple[int, int, int]:
        count = build.activation((), np.int32)
        return count, build.activation((1, 24), np.int8, 0.02, 1), build.activation((1, 24), np.int8, 0.02, 1)

    add = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    build = Builder()
    a, b = (build.activation((1, 24), np.int8, 0.02, 1) for _ in range(2))
    first, results = build.constant(np.array(0, np.int32)), carried_on(build)
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    described: list[tuple[Any, ...]] = [("WHILE", (first, a, b), results, 1, "WhileOptions", options)]
    main = joined(build, described, (a, b), results[1:])
    build = Builder()
    inputs = carried_on(build)
    limit, less = build.constant(np.array(steps, np.int32)), build.activation((), np.bool_)
    until = joined(build, [("LESS", (inputs[0], limit), (less,), 1, "LessOptions", {})], inputs, (less,))
    build = Builder()
    i, a, b = carried_on(build)
    one, after = build.constant(np.array(1, np.int32)), build.activation((), np.int32)
    total = build.activation((1, 24), np.int8, 0.02, 1)
    described = [("ADD", (a, b), (total,), 2, "AddOptions", add), ("ADD", (i, one), (after,), 1, "AddOptions", add)]
    held = a
    if copied:
        shape, held = build.constant(np.array([1, 24], np.int32)), build.activation((1, 24), np.int8, 0.02, 1)
        described.append(("RESHAPE", (a, shape), (held,), 1, "ReshapeOptions", {"new_shape": [1, 24]}))
    return model_of(main, until, joined(build, described, (i, a, b), (after, total, held)))


def counter(shape: tuple[int, ...] = ()) -> Model:
    """int32: t0 counted up to 4 in steps of one, with t1 [1] added to it."""
    build = Builder()
    first, other = build.activation(shape, np.int32), build.activation((1,), np.int32)
    last, total = build.activation(shape, np.int32), build.activation((1,), np.int32)
    add = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    described = [
        ("WHILE", (first,), (last,), 1, "WhileOptions", options),
        ("ADD", (last, other), (total,), 1, "AddOptions", add),
    ]
    main = joined(build, described, (first, other), (total,))
    inner = []
    for name, dtype, number, table in (("LESS", np.bool_, 4, {}), ("ADD", np.int32, 1, add)):
        build = Builder()
        i, constant = build.activation(shape, np.int32), build.constant(np.array(number, np.int32).reshape(shape))
        result = build.activation(shape, dtype)
        described = [(name, (i, constant), (result,), 1, f"{name.capitalize()}Options", table)]
        inner.append(joined(build, described, (i,), (result,)))
    return model_of(main, *inner)
