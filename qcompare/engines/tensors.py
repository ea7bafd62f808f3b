"""Two models of one network computed side by side, all their shared tensors kept: the manual engine's intermediates."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from qcompare.core.engine import manual
from qcompare.core.graph import Graph, Model, Operator
from qcompare.core.tap import OUTPUT, Tap
from qcompare.core.tensor_pairs import TensorPair, TensorPairs, Weights
from qcompare.engines.converted import inputs_of
from qcompare.engines.manual import BLAS_THREADS
from qcompare.tflite.artifact import MAIN, Built, Place
from qcompare.tflite.free_batch import settled
from qcompare.tflite.matching import Matching, matched, seen, writers
from qcompare.tflite.reals import real_constants

ARITHMETICS = ("xnnpack", "reference", "optimized")
"""That of the interpreter that people get by default; else the first that computes both models."""

VALUES = 1 << 25
"""Of the test set so many samples are computed that no more activations than this are held of a model."""


def tensor_pairs(a: Built, b: Built, x: np.ndarray) -> TensorPairs:
    """The shared tensors of a float model a and an integer model b of one network, as `TensorPair` has them.

    x: float32 [samples, ...]. Without pairs where no arithmetic computes both models.
    """
    from threadpoolctl import threadpool_limits

    from qcompare.manual.call import NotCoveredError

    if not a.content or not b.content:
        return TensorPairs(engine=manual(ARITHMETICS[0]))
    models = settled(a.model), settled(b.model)
    matching = matched(*(model.main for model in models))
    engine, pairs = manual(ARITHMETICS[0]), tuple[TensorPair, ...]()
    for arithmetic in ARITHMETICS:
        try:
            with threadpool_limits(BLAS_THREADS):
                engine, pairs = manual(arithmetic), _computed(*models, matching, x, arithmetic)
            break
        except NotCoveredError:
            continue
    return TensorPairs(
        engine=engine,
        pairs=pairs,
        left_a=tuple(a.model.main.tensors[index].name for index in matching.left_a),
        left_b=tuple(b.model.main.tensors[index].name for index in matching.left_b),
    )


def _computed(a: Model, b: Model, matching: Matching, x: np.ndarray, arithmetic: str) -> tuple[TensorPair, ...]:
    matches = matching.matches
    at_a, at_b = [match.a for match in matches], [match.b for match in matches]
    x = x[: samples(a.main, at_a)]
    inputs_a, inputs_b = inputs_of(a.main, x), inputs_of(b.main, x)
    free_a, free_b = _run(a, inputs_a, at_a, arithmetic), _run(b, inputs_b, at_b, arithmetic)

    # Both models then read the same numbers: those of the float model that the integer model's grids have.
    given_a, given_b = {}, {}
    for match in matches:
        grid = b.main.tensors[match.b].integers
        reals = free_a[match.a]
        given_b[match.b] = reals if grid is None else grid.quantize(np.where(np.isfinite(reals), reals, 0))
        given_a[match.a] = reals if grid is None else grid.dequantize(given_b[match.b]).astype(np.float32)
    entered = {index: given_a.get(index, values) for index, values in inputs_a.items()}
    local_a, local_b = (
        _run(a, entered, at_a, arithmetic, given_a),
        _run(b, inputs_b, at_b, arithmetic, given_b),
    )

    computes, constants = writers(b.main), real_constants(a, b)
    end = seen(b.main, b.main.outputs[0])
    return tuple(
        TensorPair(
            tap=OUTPUT if match.b == end else Tap(b.main.tensors[match.b].name),
            tensor_a=a.main.tensors[match.a].name,
            tensor_b=b.main.tensors[match.b].name,
            matched_by=match.by,
            op=computes[match.b].name if match.b in computes else "",
            index=computes[match.b].index if match.b in computes else None,
            grid=b.main.tensors[match.b].integers,
            a=free_a[match.a],
            b=free_b[match.b],
            local_a=local_a[match.a],
            local_b=local_b[match.b],
            weights=weights(b.main, computes.get(match.b), constants),
        )
        for match in matches
    )


def weights(graph: Graph, operator: Operator | None, reals: Mapping[Place, np.ndarray]) -> tuple[Weights, ...]:
    """An operator's constants of 8 or 16 bits, each beside the float model's.

    reals: as `tflite.reals.real_constants` gives them. Biases, of 32 bits and more, are none of them.
    """
    read = () if operator is None else operator.inputs
    constants = ((graph.tensors[index], reals[MAIN, index]) for index in read if (MAIN, index) in reals)
    return tuple(
        Weights(a=real, b=tensor.data, grid=tensor.integers)
        for tensor, real in constants
        if tensor.data is not None and tensor.integers is not None and tensor.dtype.itemsize <= 2
    )


def samples(graph: Graph, kept: Collection[int]) -> int:
    """How many samples of these tensors are held at once."""
    return max(1, VALUES // max(1, sum(math.prod(graph.tensors[index].shape) for index in kept)))


def _run(
    model: Model,
    inputs: Mapping[int, np.ndarray],
    kept: Collection[int],
    arithmetic: str,
    instead: Mapping[int, np.ndarray] | None = None,
) -> dict[int, np.ndarray]:
    """The values of tensors by index, each [samples, elements]."""
    from qcompare.manual import executor

    tensors = model.main.tensors
    read, others = (
        {index: values.reshape(-1, *tensors[index].shape) for index, values in each.items()}
        for each in (inputs, instead or {})
    )
    names = [tensors[index].name for index in kept]
    found = executor.run(model, read, arithmetic, keep=names, instead=others).tensors
    return {index: found[name].reshape(len(found[name]), -1) for index, name in zip(kept, names, strict=True)}
