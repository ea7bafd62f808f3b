"""A float model and an integer one of the same network, tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.core.grid import Grid
from qcompare.core.tap import Tap


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A constant of an operator in both models, of one shape. a: float32. b: int8 or int16, on its grid."""

    a: np.ndarray
    b: np.ndarray
    grid: Grid


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorPair:
    """A tensor that both models have. Values are [samples, ...], of one shape.

    tap: the name that it has in the integer model; the model's output is `core.tap.OUTPUT`.
    tensor_a, tensor_b: its names in the float and in the integer model. matched_by: `end`, `name` or `place`.
    op, index: the operator that computes it in the integer model, and its number.
    grid: of the integer model's; None where that is a float too.
    a, b: as each model computes it from its input on, reals and integers.
    local_a, local_b: as each computes it from the other shared tensors, all of which have the values of `a` there,
        rounded to the integer model's grids.
    weights: of the operator.
    """

    tap: Tap
    tensor_a: str
    tensor_b: str
    matched_by: str
    op: str
    index: int | None
    grid: Grid | None
    a: np.ndarray
    b: np.ndarray
    local_a: np.ndarray
    local_b: np.ndarray
    weights: tuple[Weights, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorPairs:
    """All of them in the order of the integer model.

    engine: what computed both. left_a, left_b: the names of tensors that the other model does not have.
    """

    engine: EngineId
    pairs: tuple[TensorPair, ...] = ()
    left_a: tuple[str, ...] = ()
    left_b: tuple[str, ...] = ()
