"""WHILE: a body subgraph that runs as long as a condition subgraph says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompare.core.grid import Grid
from qcompare.manual import variant
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, Subgraph, any_dtypes
from qcompare.manual.ops.movement import sampled
from qcompare.manual.rule import Method
from qcompare.manual.variant import Path, Variant

CONDITION, BODY = "cond_subgraph_index", "body_subgraph_index"
"""The options that name the two subgraphs."""


def _while(call: Call) -> Outputs:
    """What is carried: the inputs, then what the body makes of them, until the condition is false.

    All samples take every step together, so the condition has to say the same for each of them. Raises NotCoveredError
    where it does not, and for subgraphs that carry other shapes, dtypes, scales or zero points than the operator.
    """
    condition, body = call.subgraphs[CONDITION], call.subgraphs[BODY]
    _require_fitting(call, condition, body)
    values: Sequence[np.ndarray] = [sampled(call.input(position), call.samples) for position in range(len(call.inputs))]
    while _goes_on(call, condition.compute(values)):
        values = body.compute(values)
    return values


def _goes_on(call: Call, results: Sequence[np.ndarray]) -> bool:
    says = results[0].reshape(call.samples)
    if says.any() != says.all():
        raise NotCoveredError(call.operator, "a condition that is true for some samples and false for others is")
    return bool(says.all())


def _require_fitting(call: Call, condition: Subgraph, body: Subgraph) -> None:
    carried = [call.input(position).tensor for position in range(len(call.inputs))]
    for tensors in (call.outputs, condition.inputs, body.inputs, body.outputs):
        if len(tensors) != len(carried):
            raise NotCoveredError(call.operator, f"a loop over {len(carried)} tensors with {len(tensors)} of them is")
        for outer, inner in zip(carried, tensors, strict=True):
            if (outer.shape, outer.dtype) != (inner.shape, inner.dtype):
                raise NotCoveredError(
                    call.operator,
                    f"a loop that carries '{outer.name}', {outer.dtype}{list(outer.shape)}, as "
                    f"'{inner.name}', {inner.dtype}{list(inner.shape)}, is",
                )
            # Values are copied as they are; where the scales differ that is a fault of the model.
            if not _alike(outer.grid, inner.grid):
                raise NotCoveredError(
                    call.operator, f"a change of scale or zero point from '{outer.name}' to '{inner.name}' is"
                )
    says = condition.outputs[0] if len(condition.outputs) == 1 else None
    if says is None or says.dtype != np.bool_ or np.prod(says.shape) != 1:
        raise NotCoveredError(call.operator, "a condition that is no single truth value is")


def _alike(a: Grid | None, b: Grid | None) -> bool:
    if a is None or b is None:
        return True
    return np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)


def _variant(call: Call) -> Variant:
    """Whether the body hands an input on, as it is, in a later place.

    LiteRT copies the body's outputs over its inputs one by one, so that such an input is overwritten before it is read.
    """
    body = call.subgraphs[BODY]
    places = {tensor.index: place for place, tensor in enumerate(body.inputs)}
    later = any(places.get(tensor.index, place) < place for place, tensor in enumerate(body.outputs))
    return variant.of(path=Path.HANDED_ON if later else None)


WHILE = Op(real=None, rules={Method("LOOP"): _while}, variant=_variant, dtypes=any_dtypes)
