"""What to try against a difference, each tried in the manual engine first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from qcompare.core.explanation import (
    CLIPPING,
    INTEGERS,
    KERNELS,
    NARROWER,
    OUTLIER,
    PER_CHANNEL,
    ROUNDING,
    WEIGHTS,
    WIDE_ACTIVATIONS,
    WIDE_WEIGHTS,
    WIDER,
    Suggestion,
    Suspect,
    Trial,
)
from qcompare.core.graph import Model, Tensor
from qcompare.core.grid import Grid
from qcompare.engines.ladder import Path
from qcompare.explain.suspects import Trials, Unit
from qcompare.manual.call import NotCoveredError
from qcompare.manual.rules import KERNEL_SETS

AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
"""Operators whose kernels take a scale for each channel of the weights, and the axis of these channels."""

FIXED = frozenset({"SOFTMAX", "LOGISTIC", "TANH", "L2_NORMALIZATION", "LOG_SOFTMAX"})
"""Operators whose kernels fix the grid of their results."""

OUTSIDE = 0.001
"""The share of a tensor's values that a narrower range leaves out."""

WASTED = 2.0
"""How many times wider a grid is than the range of all but OUTSIDE of the values, to be called wasted."""

OUTLYING = 3.0
"""How many times larger a weight is than all others on its scale, to be called an outlier."""

TRIED = 6
"""Of the suspects, the best, that suggestions are tried for."""

ENOUGH = 0.5
"""The share of the decibels that weights in float would gain from which on a lesser change is enough."""

LEAST_GAIN = 0.5
"""Decibels that undoing a cause gains at the output, for suggestions to be tried."""


def suggestions(
    path: Path, found: Mapping[Unit, Suspect], trials: Trials, x: np.ndarray, kernels: str
) -> list[Suggestion]:
    """The best first. found: the suspects, the best first. x: the samples of the trials."""
    promising = [
        unit
        for unit, suspect in found.items()
        if suspect.trial is not None and suspect.trial.gain_db is not None and suspect.trial.gain_db >= LEAST_GAIN
    ][:TRIED]
    result = [each for unit in promising for each in _of(path, unit, found[unit], trials, x)]
    if any(unit.cause == INTEGERS for unit in promising):
        result += _other_kernels(trials, kernels)
    return sorted(result, key=lambda each: each.trial.after)


def for_all_layers(
    path: Path, found: Mapping[Unit, Suspect], everywhere: Mapping[str, Trial], trials: Trials, x: np.ndarray
) -> Iterator[Suggestion]:
    """What helps all layers at once, where undoing the cause at all of them gains enough.

    everywhere: cause -> what that does. The rest as of `suggestions`.
    """
    units = [unit for unit in found if everywhere.get(unit.cause) and _gains(everywhere[unit.cause])]
    of = {cause: [unit for unit in units if unit.cause == cause] for cause in (WEIGHTS, CLIPPING, ROUNDING)}
    for kind, cause, text, choose in RECALIBRATIONS:
        changed = _recalibrated(path, of[cause], x, choose)
        if changed:
            yield _for_all(kind, cause, text, trials.changed(with_tensors(path.model, changed)))
    tensors = path.model.main.tensors
    places = [place for unit in of[ROUNDING] for place in unit.places if _grid(tensors[place]).dtype.itemsize == 1]
    if places:
        fine = {place: replace(tensors[place], grid=_of_16_bits(_grid(tensors[place]))) for place in places}
        text = "give all layers 16-bit activations (int16x8)"
        yield _for_all(WIDE_ACTIVATIONS, ROUNDING, text, trials.changed(with_tensors(path.model, fine)))
    coarse = {
        tensor.index: per_channel(tensor, path.reals[0, tensor.index], AXES[unit.layer.op])
        for unit in of[WEIGHTS]
        if unit.layer.op in AXES
        for tensor in _per_tensor(path.model, unit)
    }
    if coarse:
        text = "give the weights of all layers a scale per channel"
        yield _for_all(PER_CHANNEL, WEIGHTS, text, trials.changed(with_tensors(path.model, coarse)))


def _recalibrated(
    path: Path, units: Sequence[Unit], x: np.ndarray, choose: Callable[[Grid, np.ndarray], Grid]
) -> dict[int, Tensor]:
    """The tensors of units that get another grid. choose: from their grid and the float model's values."""
    tensors = path.model.main.tensors
    free = [unit for unit in units if unit.layer.op not in FIXED]
    values = _values(path, [unit.places[0] for unit in free], x)
    chosen = {
        place: replace(tensors[place], grid=choose(_grid(tensors[place]), values[unit.places[0]]))
        for unit in free
        if unit.places[0] in values
        for place in unit.places
    }
    return {place: tensor for place, tensor in chosen.items() if not _grid(tensor).same(_grid(tensors[place]))}


def _gains(trial: Trial) -> bool:
    return trial.gain_db is not None and trial.gain_db >= LEAST_GAIN


def _for_all(kind: str, cause: str, text: str, trial: Trial) -> Suggestion:
    return Suggestion(kind=kind, layer=None, cause=cause, text=text, values={}, trial=trial)


def _of(path: Path, unit: Unit, suspect: Suspect, trials: Trials, x: np.ndarray) -> Iterator[Suggestion]:
    if unit.cause == WEIGHTS:
        yield from _of_weights(path, unit, suspect, trials)
    if unit.cause in (CLIPPING, ROUNDING):
        yield from _of_range(path.model, unit, trials, _values(path, unit.places[:1], x).get(unit.places[0]))


def _values(path: Path, indices: Sequence[int], x: np.ndarray) -> dict[int, np.ndarray]:
    """What the float model gives at tensors, all samples, by index; not of states, which no operator gives."""
    graph = path.model.main
    computed = {index for operator in graph.operators for index in operator.outputs} & set(indices)
    found = dict(path.at((), x, sorted(computed)).tensors) if computed else {}
    return found | dict.fromkeys(set(indices).intersection(graph.inputs), x)


def _of_range(model: Model, unit: Unit, trials: Trials, values: np.ndarray | None) -> Iterator[Suggestion]:
    tensor = model.main.tensors[unit.places[0]]
    grid = tensor.integers
    if grid is None or values is None:
        return
    low, high = _ends(grid)
    if unit.layer.op not in FIXED:
        if unit.cause == CLIPPING:
            wide = _reaching(grid, values)
            if _ends(wide)[0] < low or _ends(wide)[1] > high:
                text = (
                    f"calibrate it to {_range(_ends(wide))}, which the float model reaches, not {_range((low, high))}"
                )
                yield _on_other_grid(WIDER, model, unit, trials, wide, text)
            return
        narrow = _used(grid, values)
        if narrow is not grid:
            text = (
                f"calibrate it to {_range(_ends(narrow))}, where {100 * (1 - OUTSIDE):.1f} % of its values are, "
                f"not {_range((low, high))}"
            )
            yield _on_other_grid(NARROWER, model, unit, trials, narrow, text)
            return
    if unit.cause == ROUNDING and grid.dtype.itemsize == 1:
        wide = _of_16_bits(grid)
        text = "give it 16-bit activations"
        if unit.layer.op in FIXED:
            text = "its kernels fix its range: compute it in float behind the model, or give it 16-bit activations"
        yield _on_other_grid(WIDE_ACTIVATIONS, model, unit, trials, wide, text)


def _on_other_grid(kind: str, model: Model, unit: Unit, trials: Trials, grid: Grid, text: str) -> Suggestion:
    changed = {index: replace(model.main.tensors[index], grid=grid) for index in unit.places}
    low, high = _ends(grid)
    values: dict[str, float | int | str | list[int]] = {"low": low, "high": high, "scale": float(grid.lsb)}
    return Suggestion(
        kind=kind,
        layer=unit.layer,
        cause=unit.cause,
        text=text,
        values=values,
        trial=trials.changed(with_tensors(model, changed)),
    )


def _reaching(grid: Grid, values: np.ndarray) -> Grid:
    """Of the same dtype, over all values."""
    return over(min(0.0, float(values.min())), max(0.0, float(values.max())), grid)


def _used(grid: Grid, values: np.ndarray) -> Grid:
    """Over all values but OUTSIDE; the grid itself where that is not WASTED times as wide."""
    inner = [float(end) for end in np.quantile(values, [OUTSIDE / 2, 1 - OUTSIDE / 2])]
    narrow = over(min(0.0, inner[0]), max(0.0, inner[1]), grid)
    (low, high), (inner_low, inner_high) = _ends(grid), _ends(narrow)
    return narrow if high - low > WASTED * (inner_high - inner_low) else grid


def _of_16_bits(grid: Grid) -> Grid:
    """Over the same range, symmetric."""
    return Grid.single(max(map(abs, _ends(grid))) / 32767, 0, np.int16)


def over(low: float, high: float, grid: Grid) -> Grid:
    """A grid of a dtype over a range that contains zero, symmetric in 16 bits."""
    if grid.dtype.itemsize > 1:
        return Grid.single(max(-low, high, 1e-12) / grid.largest, 0, grid.dtype)
    scale = max(high - low, 1e-12) / (grid.largest - grid.smallest)
    return Grid.single(scale, int(np.clip(round(grid.smallest - low / scale), grid.smallest, grid.largest)), grid.dtype)


def _ends(grid: Grid) -> tuple[float, float]:
    scale = float(grid.lsb)
    return (grid.smallest - grid.zero) * scale, (grid.largest - grid.zero) * scale


def _range(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.3g}, {ends[1]:.3g}]"


def with_tensors(model: Model, changed: Mapping[int, Tensor]) -> Model:
    """The model with others in place of some tensors of its main graph, by index."""
    tensors = tuple(changed.get(tensor.index, tensor) for tensor in model.main.tensors)
    return model.with_main(replace(model.main, tensors=tensors))


def _of_weights(path: Path, unit: Unit, suspect: Suspect, trials: Trials) -> Iterator[Suggestion]:
    graph = path.model.main
    axis = AXES.get(unit.layer.op)
    weights = [tensor for tensor in map(graph.tensors.__getitem__, unit.places) if tensor.dtype == np.int8]
    found: list[Suggestion] = []
    coarse = _per_tensor(path.model, unit)
    if axis is not None and coarse:
        changed = {t.index: per_channel(t, path.reals[0, t.index], axis) for t in coarse}
        trial = trials.changed(with_tensors(path.model, changed))
        text = "give its weights a scale per channel, not one for all"
        found.append(
            Suggestion(
                kind=PER_CHANNEL, layer=unit.layer, cause=unit.cause, text=text, values={"axis": axis}, trial=trial
            )
        )
    found += [each for tensor in weights for each in _outlier(path, unit, tensor, trials)]
    yield from found
    assert suspect.trial is not None
    text = "retrain it with fake-quantized weights, or leave its weights in float: what their rounding costs"
    best = max((each.trial.gain_db or 0.0 for each in found), default=0.0)
    if best < ENOUGH * (suspect.trial.gain_db or 0.0):
        yield Suggestion(
            kind=WIDE_WEIGHTS, layer=unit.layer, cause=unit.cause, text=text, values={}, trial=suspect.trial
        )


def _per_tensor(model: Model, unit: Unit) -> list[Tensor]:
    """Those of a unit's weights that have one scale for all channels."""
    tensors = [model.main.tensors[index] for index in unit.places]
    return [t for t in tensors if t.dtype == np.int8 and len(t.shape) > 1 and not _grid(t).per_channel]


def _grid(tensor: Tensor) -> Grid:
    assert tensor.integers is not None
    return tensor.integers


def per_channel(tensor: Tensor, reals: np.ndarray, axis: int) -> Tensor:
    """Weights of real numbers on a symmetric grid per channel."""
    over_channel = tuple(i for i in range(reals.ndim) if i != axis)
    scale = np.maximum(np.abs(reals).max(axis=over_channel), 1e-12).astype(np.float32) / np.float32(127)
    grid = Grid(scale=scale, zero_point=np.zeros(len(scale), np.int64), dtype=np.dtype(np.int8), axis=axis)
    return replace(tensor, grid=grid, data=grid.quantize(reals.astype(np.float64), reals.ndim))


def _outlier(path: Path, unit: Unit, tensor: Tensor, trials: Trials) -> Iterator[Suggestion]:
    """A weight that is far larger than all others on its scale, taken to the next."""
    reals, grid = path.reals[0, tensor.index], _grid(tensor)
    rank = reals.ndim
    channels = (
        np.moveaxis(reals, grid.axis, 0).reshape(grid.scale.size, -1) if grid.per_channel else reals.reshape(1, -1)
    )
    if channels.shape[1] < 2:
        return
    ordered = np.sort(np.abs(channels), axis=1)
    ratio = np.where(ordered[:, -2] > 0, ordered[:, -1] / np.maximum(ordered[:, -2], 1e-30), 1.0)
    channel = int(ratio.argmax())
    if ratio[channel] < OUTLYING:
        return
    limit = ordered[channel, -2]
    held = np.abs(np.moveaxis(reals, grid.axis, 0)[channel]) if grid.per_channel else np.abs(reals)
    inner = [int(i) for i in np.unravel_index(int(held.argmax()), held.shape)]
    place = [*inner[: grid.axis], channel, *inner[grid.axis :]] if grid.per_channel else inner
    scale = grid.scale.copy()
    scale[channel] = np.float32(limit) / np.float32(grid.largest)
    finer = replace(grid, scale=scale)
    changed = replace(tensor, grid=finer, data=finer.quantize(reals.astype(np.float64), rank))
    value = float(reals[tuple(place)])
    where = f"channel {channel}, " if grid.per_channel else ""
    text = (
        f"clip or retrain one weight: {value:.3g} at {place} ({where}{ratio[channel]:.0f} times the next) makes all "
        "others on its scale coarse"
    )
    yield Suggestion(
        kind=OUTLIER,
        layer=unit.layer,
        cause=unit.cause,
        text=text,
        values={"weight": value, "place": place, "next": float(limit), "tensor": tensor.name},
        trial=trials.changed(with_tensors(path.model, {tensor.index: changed})),
    )


def _other_kernels(trials: Trials, kernels: str) -> Iterator[Suggestion]:
    for other in KERNEL_SETS:
        if other == kernels:
            continue
        try:
            trial = trials.other(other)
        except NotCoveredError:
            continue
        text = f"run it with the {other} kernels, which round otherwise than {kernels}"
        yield Suggestion(kind=KERNELS, layer=None, cause=INTEGERS, text=text, values={"kernels": other}, trial=trial)


RECALIBRATIONS: tuple[tuple[str, str, str, Callable[[Grid, np.ndarray], Grid]], ...] = (
    (WIDER, CLIPPING, "calibrate the model on samples like these, which its layers clip together", _reaching),
    (NARROWER, ROUNDING, "calibrate the model on samples like these, which use little of its ranges", _used),
)
"""Of all layers at once: kind, cause, text, and the grid from a tensor's own and the float model's values."""
