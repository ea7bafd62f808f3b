"""parameters.csv: each learned scale and zero point beside the one in the converted model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qcompare.analysis.figures import ulp_distance
from qcompare.analysis.result import Result
from qcompare.core.graph import Tensor
from qcompare.core.grid import Grid
from qcompare.core.table import Table
from qcompare.core.tap import Tap
from qcompare.tflite.artifact import Built


@dataclass(frozen=True)
class Where:
    """A tensor of a converted model. tap, step: the role that it has in training; empty for one that has none."""

    configuration: str
    seed: int
    route: str
    tensor: str
    tap: str
    step: int | None


@dataclass(frozen=True, kw_only=True)
class ParametersRow:
    """One channel of one int8 or int16 tensor.

    channel: empty for a scale per tensor. learned_scale and what follows from it are empty for a tensor whose scale
        training does not learn. scale_ulp: float32 steps between the two scales.
    exact: whether scale and zero point are those that were learned, bit for bit.
    """

    where: Where
    channel: int | None
    learned_scale: np.float32 | None = None
    scale: np.float32
    scale_ulp: int | None = None
    learned_zero_point: int | None = None
    zero_point: int
    exact: bool | None = None


def rows(result: Result) -> Iterator[ParametersRow]:
    """The tensors of every model that has learned scales, the bodies of its loops included."""
    for route, artifact in result.artifacts.items():
        built = artifact.converted
        if built is None or not built.learned:
            continue
        for tensor, tap in quantized(built):
            role, step = ("", None) if tap is None else (tap.role, tap.step)
            where = Where(result.configuration, result.seed, route, tensor.name, role, step)
            yield from beside_learned(where, tensor, built.learned.get(Tap(role)))


def quantized(built: Built) -> Iterator[tuple[Tensor, Tap | None]]:
    """The int8 and int16 tensors of a model that have a grid, with their taps."""
    for number, graph in enumerate(built.model.graphs):
        for tensor in graph.tensors:
            if tensor.dtype in (np.int8, np.int16) and tensor.grid is not None:
                yield tensor, built.places.get((number, tensor.index))


def beside_learned(where: Where, tensor: Tensor, learned: Grid | None) -> Iterator[ParametersRow]:
    """A row for each scale of a tensor. learned: as many scales, or one for all."""
    assert tensor.grid is not None
    scale, zero_point = tensor.grid.scale, tensor.grid.zero_point
    for number in range(scale.size):
        channel = number if scale.size > 1 else None
        if learned is None:
            yield ParametersRow(where=where, channel=channel, scale=scale[number], zero_point=int(zero_point[number]))
            continue
        learned_scale = np.broadcast_to(learned.scale, scale.shape)[number]
        learned_zero_point = int(np.broadcast_to(learned.zero_point, scale.shape)[number])
        ulp = int(ulp_distance(learned_scale, scale[number]))
        yield ParametersRow(
            where=where,
            channel=channel,
            learned_scale=learned_scale,
            scale=scale[number],
            scale_ulp=ulp,
            learned_zero_point=learned_zero_point,
            zero_point=int(zero_point[number]),
            exact=bool(ulp == 0 and learned_zero_point == zero_point[number]),
        )


PARAMETERS = Table(file="parameters.csv", row=ParametersRow, rows=rows)
