"""Where a difference may arise: causes at layers, the most suspicious tried first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from qcompare.core import lstm as layout
from qcompare.core.explanation import BIAS, CAUSES, CLIPPING, INTEGERS, ROUNDING, WEIGHTS, Layer, Suspect, Trial
from qcompare.core.graph import Graph, Model, Operator
from qcompare.core.ladder import Climb, Fed
from qcompare.core.rung import IN_REALS, Rung
from qcompare.engines.ladder import Path
from qcompare.engines.readings import MOVING
from qcompare.explain.climb import in_parts, size_of
from qcompare.manual.ladder import Climbed, biases

KEEPING = MOVING | {"AVERAGE_POOL_2D", "MAX_POOL_2D", "MAXIMUM", "MINIMUM", "PAD", "PADV2", "MIRROR_PAD", "RELU"}
"""Operators whose results have the grid of their inputs, or may have it: a value that one tensor clips, all clip."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Unit:
    """A cause at a layer. places: what is spared to undo it, as `Climbed` has it: constants, activations, operators."""

    layer: Layer
    cause: str
    places: tuple[int, ...]

    @property
    def spared(self) -> frozenset[tuple[Rung, int]]:
        return frozenset((RUNGS[self.cause], place) for place in self.places)


RUNGS = {
    WEIGHTS: Rung.WEIGHTS,
    BIAS: Rung.BIAS,
    CLIPPING: Rung.CLIPPING,
    ROUNDING: Rung.ROUNDING,
    INTEGERS: Rung.ACCUMULATION,
}


def units(model: Model, reals: Mapping[tuple[int, int], np.ndarray]) -> tuple[Unit, ...]:
    """All causes at all layers, in the order of the graph."""
    graph = model.main
    return (*_of_constants(graph, reals), *_of_activations(graph), *_of_operators(graph))


def _of_constants(graph: Graph, reals: Mapping[tuple[int, int], np.ndarray]) -> Iterator[Unit]:
    added = biases(graph)
    for cause in (WEIGHTS, BIAS):
        read: dict[tuple[int, ...], list[Operator]] = {}
        for operator in graph.operators:
            own = [i for i in operator.inputs if (0, i) in reals and (i in added) == (cause == BIAS)]
            if own:
                read.setdefault(tuple(dict.fromkeys(own)), []).append(operator)
        for places, operators in read.items():
            yield Unit(layer=layer_of(graph, operators), cause=cause, places=places)


def _of_activations(graph: Graph) -> Iterator[Unit]:
    """Tensors that have one grid because an operator hands it on, together."""
    groups: dict[int, int] = {}

    def first(index: int) -> int:
        while groups.get(index, index) != index:
            index = groups[index]
        return index

    def join(one: int, other: int) -> None:
        a, b = graph.tensors[first(one)].integers, graph.tensors[other].integers
        if a is not None and b is not None and a.same(b):
            groups[first(other)] = first(one)

    written = [*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)]
    for operator in graph.operators:
        if operator.name in KEEPING:
            data = [i for i in operator.inputs if i in written]
            for index in operator.outputs:
                for one in data:
                    join(one, index)
        if operator.name == layout.OPERATOR:
            join(operator.outputs[0], operator.inputs[layout.HIDDEN])
            written.append(operator.inputs[layout.HIDDEN])
            written.append(operator.inputs[layout.CELL])
    members: dict[int, list[int]] = {}
    for index in dict.fromkeys(written):
        if graph.tensors[index].integers is not None:
            members.setdefault(first(index), []).append(index)
    writers = {index: operator for operator in graph.operators for index in operator.outputs}
    writers |= {op.inputs[layout.CELL]: op for op in graph.operators if op.name == layout.OPERATOR}
    for index, places in members.items():
        writer, name = writers.get(index), graph.tensors[index].name
        own = layer_of(graph, [writer]) if writer else Layer(op="", operators=(), tensor=name, name=name)
        if writer and index not in writer.outputs:
            own = replace(own, tensor=name, name=f"{own.name}, its cell")
        for cause in (CLIPPING, ROUNDING):
            yield Unit(layer=own, cause=cause, places=tuple(places))


def _of_operators(graph: Graph) -> Iterator[Unit]:
    for operator in graph.operators:
        if operator.name not in MOVING and graph.tensors[operator.outputs[0]].integers is not None:
            yield Unit(layer=layer_of(graph, [operator]), cause=INTEGERS, places=(operator.index,))


def layer_of(graph: Graph, operators: Sequence[Operator]) -> Layer:
    first = operators[0]
    return Layer(
        op=first.name,
        operators=tuple(operator.index for operator in operators),
        tensor=graph.tensors[first.outputs[0]].name,
        name=_name(graph, first),
    )


MADE_UP = ("StatefulPartitionedCall", "PartitionedCall", "Identity", "tfl.", "arith.")
"""What names begin with that the converter gives where it has none of the network's."""


def _name(graph: Graph, operator: Operator) -> str:
    constants = [i for i in operator.inputs if i >= 0 and graph.tensors[i].data is not None]
    names = [graph.tensors[index].name for index in (operator.outputs[0], *constants)]
    return next((name for name in names if not name.startswith(MADE_UP)), names[0])


def suspects(graph: Graph, all_units: Sequence[Unit], found: Sequence[Climb]) -> dict[Unit, Suspect]:
    """Each with what its cause changes there, the layer fed the float model's values. found: as of `climb.climbs`."""
    # The model's input is fed by nothing.
    local = [climb for climb in found if climb.fed is (Fed.OWN if climb.index is None else Fed.REFERENCE)]
    result = {}
    for unit in all_units:
        own = [climb for climb in local if _is_at(unit, climb, graph)]
        noise = sum(climb.rungs[unit.cause].squares for climb in own if unit.cause in climb.rungs)
        signal = sum(climb.signal for climb in own)
        if noise > 0:
            result[unit] = Suspect(layer=unit.layer, cause=unit.cause, signal=signal, noise=noise)
    return result


def _is_at(unit: Unit, climb: Climb, graph: Graph) -> bool:
    if unit.cause in (CLIPPING, ROUNDING):
        names = {graph.tensors[unit.places[0]].name, *([] if unit.places[0] != graph.outputs[0] else ["output"])}
        return climb.tap.role in names
    return climb.index in unit.layer.operators


def chosen(found: Mapping[Unit, Suspect], count: int) -> list[Unit]:
    """Those to be tried: the noisiest of each cause by turns."""
    by_cause = {
        cause: sorted((u for u in found if u.cause == cause), key=lambda unit: _relative(found[unit]), reverse=True)
        for cause in CAUSES
    }
    longest = max(map(len, by_cause.values()), default=0)
    turns = [own[turn] for turn in range(longest) for own in by_cause.values() if turn < len(own)]
    return turns[:count]


def _relative(suspect: Suspect) -> float:
    return suspect.noise / suspect.signal if suspect.signal else np.inf


REALS, ALL = frozenset(IN_REALS), frozenset(Rung)


@final
class Trials:
    """The output of a model with changes, against the float model's."""

    def __init__(self, path: Path, x: np.ndarray, start: np.ndarray, kernels: str) -> None:
        """x: float32 [samples, ...]. start: the float model's output, [samples, outputs] in real units."""
        self.path, self.x, self.start, self.kernels = path, x, start, kernels
        self.signal = float(np.square(start).sum())
        self._before: dict[frozenset[Rung], float] = {}

    def spared(self, unit: Unit) -> Trial:
        """A cause undone at a layer: of real numbers, or of the model's integers where the cause is one of them."""
        if unit.cause == INTEGERS:
            return self._trial(self.off(ALL), self.off(ALL, spared=unit.spared))
        return self._in_reals(self.off(REALS, spared=unit.spared))

    def without(self, cause: str) -> Trial:
        """A cause of real numbers undone at all layers at once."""
        return self._in_reals(self.off(REALS - {RUNGS[cause]}))

    def changed(self, model: Model) -> Trial:
        """Another model of the same graph."""
        return self._in_reals(self.off(REALS, model=model))

    def other(self, kernels: str) -> Trial:
        """Another kernel set."""
        return self._trial(self.off(ALL), self.off(ALL, kernels=kernels))

    def _in_reals(self, after: float) -> Trial:
        """What was computed in real numbers; what integers add to the difference stays."""
        added = max(0.0, self.off(ALL) - self.off(REALS))
        return self._trial(self.off(REALS) + added, after + added)

    def _trial(self, before: float, after: float) -> Trial:
        return Trial(n=self.start.size, signal=self.signal, before=before, after=after)

    def off(
        self,
        rungs: frozenset[Rung],
        *,
        spared: frozenset[tuple[Rung, int]] = frozenset(),
        model: Model | None = None,
        kernels: str = "",
    ) -> float:
        """The sum of the squares of the output's differences. Raises NotCoveredError."""
        plain = not spared and model is None and not kernels
        if plain and rungs in self._before:
            return self._before[rungs]
        climbed = Climbed(
            model=model or self.path.model,
            reals=self.path.reals,
            kernels=kernels or self.kernels,
            rungs=rungs,
            spared=spared,
        )
        (output,) = self.path.model.main.outputs

        def computed(part: slice) -> float:
            values = climbed.values(self.x[part], [output]).tensors[output]
            return float(np.square(values - self.start[part].reshape(values.shape)).sum())

        # The samples of trials are few: small parts keep all processors at work.
        result = sum(in_parts(computed, len(self.x), 4 * size_of(self.path.model)))
        if plain:
            self._before[rungs] = result
        return result


def tried(found: Mapping[Unit, Suspect], wanted: Sequence[Unit], trials: Trials) -> dict[Unit, Suspect]:
    """The suspects with their trials, the largest gain first; then the others, the noisiest first."""
    made = {unit: trials.spared(unit) for unit in wanted}
    done = {unit: replace(found[unit], trial=trial) for unit, trial in made.items()}
    best = sorted(done, key=lambda unit: made[unit].after / made[unit].before if made[unit].before else 1.0)
    left = sorted((unit for unit in found if unit not in done), key=lambda unit: _relative(found[unit]), reverse=True)
    return {unit: done[unit] for unit in best} | {unit: found[unit] for unit in left}
