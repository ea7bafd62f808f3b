"""Models with a loop, written by hand: a recurrent int8 layer whose time steps a WHILE runs through."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qcompare.graph import Graph, Operator
from tests.one_op import Builder

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
}


def operators(*described: tuple[Any, ...]) -> tuple[Operator, ...]:
    """Operators of (name, inputs, outputs, version, options table, options); the last two may be left out."""
    return tuple(
        Operator(
            index=index,
            name=name,
            inputs=inputs,
            outputs=outputs,
            version=version,
            options_type=rest[0] if rest else "",
            options=rest[1] if rest else {},
        )
        for index, (name, inputs, outputs, version, *rest) in enumerate(described)
    )


def joined(build: Builder, described: Sequence[tuple[Any, ...]], inputs: tuple[int, ...], outputs: Any) -> Graph:
    return Graph(tensors=tuple(build.tensors), operators=operators(*described), inputs=inputs, outputs=tuple(outputs))


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


def body(rng: np.random.Generator, steps: int) -> Graph:
    """h = tanh(W x_i + U h + b), i = i + 1."""
    build = Builder()
    i, x, h = carried(build, steps)
    step = build.activation((1, FEATURES), np.int8, *INPUT)
    described: list[tuple[Any, ...]] = [("GATHER", (x, i), (step,), 2, "GatherOptions", {"axis": 1, "batch_dims": 0})]
    products = []
    for value, size, scale, output in ((step, FEATURES, INPUT[0], PRODUCTS[0]), (h, UNITS, HIDDEN[0], PRODUCTS[1])):
        scales = rng.uniform(0.001, 0.006, UNITS).astype(np.float32)
        weight = build.constant(rng.integers(-127, 128, (UNITS, size)).astype(np.int8), scales)
        bias = build.constant(rng.integers(-900, 900, UNITS).astype(np.int32), np.float32(scale) * scales)
        product = build.activation((1, UNITS), np.int8, *output)
        described.append(
            ("FULLY_CONNECTED", (value, weight, bias), (product,), 4, "FullyConnectedOptions", FULLY_CONNECTED)
        )
        products.append(product)
    total, new = build.activation((1, UNITS), np.int8, 0.021, 5), build.activation((1, UNITS), np.int8, *HIDDEN)
    one, after = build.constant(np.array(1, np.int32)), build.activation((), np.int32)
    add = {"fused_activation_function": "NONE", "pot_scale_int16": False}
    described += [
        ("ADD", tuple(products), (total,), 2, "AddOptions", add),
        ("TANH", (total,), (new,), 2),
        ("ADD", (i, one), (after,), 1, "AddOptions", add),
    ]
    return joined(build, described, (i, x, h), (after, x, new))


def recurrent(seed: int = 0, steps: int = STEPS) -> Graph:
    """x [1, steps, FEATURES] -> the last h [1, UNITS], int8.

    The main graph has one operator: WHILE over (i, x, h), where i and h start as constants.
    """
    rng = np.random.default_rng(seed)
    build = Builder()
    x = build.activation((1, steps, FEATURES), np.int8, *INPUT)
    first = build.constant(np.array(0, np.int32))
    start = build.constant(rng.integers(-128, 128, (1, UNITS)).astype(np.int8), *HIDDEN)
    results = carried(build, steps)
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    main = joined(build, [("WHILE", (first, x, start), results, 1, "WhileOptions", options)], (x,), results[2:])
    return replace(main, subgraphs=(main, condition(steps), body(rng, steps)))
