"""One layer of a pair of models harmed on purpose, the two files still those of one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qcompare.core import lstm
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.grid import Grid
from qcompare.tflite.reals import real_constants

CLIPPED = 4
"""How many times narrower a range becomes: a power of two, by which integers of biases stay whole."""

BIASES = {
    "CONV_2D": (2,),
    "DEPTHWISE_CONV_2D": (2,),
    "FULLY_CONNECTED": (2,),
    lstm.OPERATOR: lstm.of_gates(lstm.BIASES),
}
"""Where operators read biases whose scale is that of their input times that of their weights."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    real: Model
    model: Model


def with_tensors(model: Model, changed: Mapping[int, Tensor]) -> Model:
    tensors = tuple(changed.get(tensor.index, tensor) for tensor in model.main.tensors)
    return model.with_main(replace(model.main, tensors=tensors))


def outlier(pair: Pair, index: int, place: tuple[int, ...], times: float) -> Pair:
    """One weight that is so many times the largest on its scale: in both models, the integer one quantized anew.

    index: of the weights in the integer model. place: of the weight, which meets values that are always zero.
    """
    real = real_constants(pair.real, pair.model)[0, index].copy()
    (own,) = (t for t in pair.real.main.tensors if t.data is not None and np.array_equal(t.data, real))
    tensor = pair.model.main.tensors[index]
    grid = tensor.integers
    assert grid is not None
    on_scale = np.take(real, place[grid.axis], grid.axis) if grid.per_channel else real
    real[place] = times * np.abs(on_scale).max()
    channel = place[grid.axis] if grid.per_channel else 0
    scale = grid.scale.copy()
    scale[channel] = np.float32(real[place]) / np.float32(127)
    coarse = replace(grid, scale=scale)
    changed = {index: replace(tensor, grid=coarse, data=coarse.quantize(real.astype(np.float64), real.ndim))}
    for operator in pair.model.main.operators:
        for position, bias in biases(pair.model.main, operator).items():
            if operator.inputs[weights_of(operator, position)] == index:
                changed[bias.index] = rescaled(bias, scale / grid.scale)
    return Pair(
        real=with_tensors(pair.real, {own.index: replace(own, data=real)}),
        model=with_tensors(pair.model, changed),
    )


def per_tensor(pair: Pair, index: int, channel: int, times: float) -> Pair:
    """Weights with one scale for all channels, one of which, that ends in zeros alone, is so many times as large."""
    real = real_constants(pair.real, pair.model)[0, index].copy()
    (own,) = (t for t in pair.real.main.tensors if t.data is not None and np.array_equal(t.data, real))
    tensor = pair.model.main.tensors[index]
    grid = tensor.integers
    assert grid is not None
    at = tuple(channel if axis == grid.axis else slice(None) for axis in range(real.ndim))
    real[at] *= times
    single = Grid.single(np.abs(real).max() / np.float32(127), 0, np.int8)
    changed = {index: replace(tensor, grid=single, data=single.quantize(real.astype(np.float64), real.ndim))}
    more, constants = {own.index: replace(own, data=real)}, real_constants(pair.real, pair.model)
    for operator in pair.model.main.operators:
        for position, bias in biases(pair.model.main, operator).items():
            if operator.inputs[weights_of(operator, position)] != index:
                continue
            added = constants[0, bias.index].copy()
            (first,) = (t for t in pair.real.main.tensors if t.data is not None and np.array_equal(t.data, added))
            added[channel] *= times
            more[first.index] = replace(first, data=added)
            scale = pair.model.main.tensors[operator.inputs[0]].scale * single.lsb
            coarse = Grid.single(scale, 0, bias.dtype)
            changed[bias.index] = replace(bias, grid=coarse, data=coarse.quantize(added.astype(np.float64)))
    return Pair(real=with_tensors(pair.real, more), model=with_tensors(pair.model, changed))


def spanning(pair: Pair, low: float, high: float) -> Pair:
    """The output's range widened to that."""
    graph = pair.model.main
    tensor = graph.tensors[graph.outputs[0]]
    scale = (high - low) / 255
    grid = Grid.single(scale, round(-128 - low / scale), tensor.dtype)
    return Pair(real=pair.real, model=with_tensors(pair.model, {tensor.index: replace(tensor, grid=grid)}))


def clipped(pair: Pair, index: int) -> Pair:
    """A tensor's range so many times narrower, and those of all that hand it on."""
    graph = pair.model.main
    together = {index}
    while True:
        more = {one for operator in graph.operators for one in handed_on(graph, operator, together)} - together
        if not more:
            break
        together |= more
    changed = {}
    for one in together:
        grid = graph.tensors[one].integers
        assert grid is not None
        changed[one] = replace(graph.tensors[one], grid=replace(grid, scale=grid.scale / np.float32(CLIPPED)))
    for operator in graph.operators:
        if operator.inputs[0] in together:
            for bias in biases(graph, operator).values():
                changed[bias.index] = rescaled(bias, np.float32(1 / CLIPPED))
    return Pair(real=pair.real, model=with_tensors(pair.model, changed))


def handed_on(graph: Graph, operator: Operator, known: set[int]) -> set[int]:
    """The tensors of an operator that have the same grid as one of those, through an operator that keeps it."""
    if operator.name == lstm.OPERATOR:
        own = {operator.outputs[0], operator.inputs[lstm.HIDDEN]}
    elif operator.name in (
        "RESHAPE",
        "MAX_POOL_2D",
        "STRIDED_SLICE",
        "SPLIT",
        "SPLIT_V",
        "UNPACK",
        "TRANSPOSE",
        "PACK",
    ):
        data = [i for i in operator.inputs if i >= 0 and graph.tensors[i].data is None]
        own = {*data, *operator.outputs}
    else:
        return set()
    return own if own & known else set()


def biases(graph: Graph, operator: Operator) -> dict[int, Tensor]:
    """Position among the inputs -> bias."""
    at = [position for position in BIASES.get(operator.name, ()) if position < len(operator.inputs)]
    return {p: graph.tensors[operator.inputs[p]] for p in at if operator.inputs[p] >= 0}


def weights_of(operator: Operator, position: int) -> int:
    """The position of the weights whose scale a bias has."""
    return position - lstm.BIASES + lstm.X_WEIGHTS if operator.name == lstm.OPERATOR else 1


def rescaled(bias: Tensor, by: np.ndarray | np.float32) -> Tensor:
    grid = bias.integers
    assert grid is not None
    assert bias.data is not None
    reals = grid.dequantize(bias.data, bias.data.ndim)
    finer = Grid(scale=grid.scale * by, zero_point=grid.zero_point, dtype=grid.dtype, axis=grid.axis)
    return replace(bias, grid=finer, data=finer.quantize(reals, bias.data.ndim))
