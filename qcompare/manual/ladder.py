"""A model's graph computed with some rungs of the ladder applied, from real numbers to a kernel set's integers.

Up to the biases everything is a real number: the graph's operators in float64 (`in_reals`), with the float model's own
constants or the quantized ones, and activations that are left alone, clipped or rounded. From there on the integers are
those of the model, and each operator follows a rule that is nearer to the kernel set's with each rung.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import final

import numpy as np

from qcompare.core import lstm as layout
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.rung import FUSED, IN_REALS, Rung
from qcompare.manual import executor
from qcompare.manual.arithmetic import OPS, Arithmetic, compute_real, compute_rule, rule_of
from qcompare.manual.call import Call, Requantized
from qcompare.manual.ops import lstm
from qcompare.manual.rounding import round_half_away
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding, Rule

FUNCTIONS = frozenset(
    {"ELU", "GELU", "HARD_SWISH", "L2_NORMALIZATION", "LOGISTIC", "RSQRT", "SOFTMAX", "TANH", layout.OPERATOR}
)
"""Operators whose integer kernels approximate a function by a table or in fixed point."""

EXACT = Rounding.F64.by(Precision.FLOAT64)
"""The product in float64, rounded once."""

HYBRID = (Method("DYNAMIC"), Method("DYNAMIC", Halves.EVEN))
"""The rules that round activations for one operator, row by row."""

Fused = Callable[[Call, Rule | None], tuple[np.ndarray, ...]]

Reals = Mapping[tuple[int, int], np.ndarray]
"""(graph number, tensor index) -> the float array that a constant was quantized from, of its shape."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What was computed, in real numbers, float64.

    tensors: by index in the main graph, each [samples, elements]. cells: of its fused LSTMs, by the operator's index,
        each [samples, steps, units]; none of one that computes in float32.
    """

    tensors: Mapping[int, np.ndarray]
    cells: Mapping[int, np.ndarray]
    _read: dict[tuple[int, np.dtype], np.ndarray] = field(default_factory=dict)

    def as_read(self, tensor: Tensor) -> np.ndarray:
        """What operators read of a tensor's values, [samples, elements] in its dtype; every rung reads the same."""
        key = tensor.index, tensor.dtype
        if key not in self._read:
            self._read[key] = _as_read(tensor, self.tensors[tensor.index])
        return self._read[key]


Signature = tuple[object, ...]

KnownStates = dict[Signature, lstm.States]
"""What a fused LSTM gave, by how the operators up to it are computed."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Climbed:
    """Some rungs applied to a model. kernels: one of KERNEL_SETS, what the rungs of integers lead to.

    spared: what a rung leaves as it was, by its index in the main graph: constants of WEIGHTS and BIAS, activations of
    CLIPPING and ROUNDING; operators of ACCUMULATION, which are then in reals, rounded once, whatever stands above.
    """

    model: Model
    reals: Reals
    kernels: str
    rungs: frozenset[Rung]
    spared: frozenset[tuple[Rung, int]] = frozenset()

    def __post_init__(self) -> None:
        if self.in_integers and not self.rungs.issuperset(IN_REALS):
            raise ValueError("rungs of integers stand on all that change a computation in reals")

    @property
    def in_integers(self) -> bool:
        """Whether activations are the model's own integers."""
        return not self.rungs.issubset(IN_REALS)

    def values(
        self, x: np.ndarray, kept: Collection[int], instead: Found | None = None, known: KnownStates | None = None
    ) -> Found:
        """Tensors of the main graph, all samples at once.

        x: float32 [samples, *input shape without the batch]. kept: indices. instead: what operators, and the time steps
        of a fused LSTM, read in place of what was computed, on the tensors' grids. known: what the fused LSTMs of other
        rungs of integers and kernel sets gave for the same x and instead; added to. Raises NotCoveredError.
        """
        model = self._computed
        tensors, operators = model.main.tensors, model.main.operators
        given = self.model.main.tensors[model.main.inputs[0]]
        others = {} if instead is None else instead.tensors
        read = (
            {} if instead is None else {i: instead.as_read(tensors[i]).reshape(-1, *tensors[i].shape) for i in others}
        )
        entered = read.get(given.index)
        entered = self._held(given, x) if entered is None else entered
        cells: dict[int, np.ndarray] = {}

        def fused(call: Call, rule: Rule | None) -> tuple[np.ndarray, ...]:
            """The op in reals, or by the parts of a rule."""
            operator, before = operators[call.operator.index], None
            if instead is not None and operator.index in instead.cells:
                h, c = (call.input(position).tensor for position in (layout.HIDDEN, layout.CELL))
                steps = instead.cells[operator.index].swapaxes(0, 1)
                sequence = others[operator.outputs[0]].reshape(steps.shape[1], *call.outputs[0].shape)
                major = call.option("time_major", False)
                order = sequence[:, :, 0].swapaxes(0, 1) if major else sequence[:, 0].swapaxes(0, 1)
                before = lstm.States(h=_as_read(h, order), c=_as_read(c, steps))
            if rule is None:
                states = lstm.in_reals(call, store=self._store, instead=before)
            elif known is None or self.spared:
                states = lstm.by_parts(call, rule, self.rungs, before)
            else:
                # What is alike as far as this operator gives the same.
                alike = self._signature[: operator.index + 1]
                if alike not in known:
                    known[alike] = lstm.by_parts(call, rule, self.rungs, before)
                states = known[alike]
            cells[operator.index] = _reals(call.input(layout.CELL).tensor, states.c.swapaxes(0, 1))
            return tuple(lstm.outputs(call, states.h))

        found = executor.run(
            model,
            {given.index: entered.reshape(len(x), *given.shape)},
            self._integers(fused) if self.in_integers else self._in_reals(fused),
            keep=[tensors[index].name for index in kept],
            chunk=len(x),
            instead=read,
        ).tensors
        flat = {index: found[tensors[index].name].reshape(len(x), -1) for index in kept}
        return Found(tensors={index: _reals(tensors[index], values) for index, values in flat.items()}, cells=cells)

    @cached_property
    def _signature(self) -> Signature:
        return signature(self.model, self.kernels, self.rungs)

    @cached_property
    def _computed(self) -> Model:
        """The model whose operators are run: itself, or the one in reals."""
        if self.in_integers:
            return self.model
        added = {(number, index) for number, graph in enumerate(self.model.graphs) for index in biases(graph)}
        kinds = {place: Rung.BIAS if place in added else Rung.WEIGHTS for place in self.reals}
        left = {
            place: reals
            for place, reals in self.reals.items()
            if kinds[place] not in self.rungs or (place[0] == 0 and (kinds[place], place[1]) in self.spared)
        }
        return in_reals(self.model, left)

    def _applied(self, rung: Rung, index: int) -> bool:
        """Whether a rung changes an activation of the main graph."""
        return rung in self.rungs and (rung, index) not in self.spared

    def _held(self, tensor: Tensor, x: np.ndarray) -> np.ndarray:
        """The samples as the model's input holds them; in float32, as they are quantized (93)."""
        if tensor.integers is None:
            return x if self.in_integers else x.astype(np.float64)
        if self.in_integers:
            return tensor.integers.quantize(x)
        if self._applied(Rung.CLIPPING, tensor.index) and self._applied(Rung.ROUNDING, tensor.index):
            return tensor.integers.dequantize(tensor.integers.quantize(x))
        return self._store(x.astype(np.float64), tensor)

    def _store(self, reals: np.ndarray, tensor: Tensor) -> np.ndarray:
        """What an activation holds of reals, in real numbers."""
        grid = tensor.grid
        rounds, clips = (self._applied(rung, tensor.index) for rung in (Rung.ROUNDING, Rung.CLIPPING))
        if grid is None or not (rounds or clips):
            return reals
        scale = np.float64(grid.lsb)
        if rounds:
            reals = round_half_away(reals / scale) * scale
        if clips:
            reals = np.clip(reals, (grid.smallest - grid.zero) * scale, (grid.largest - grid.zero) * scale)
        return reals

    def _in_reals(self, fused: Fused) -> Arithmetic:
        """Every operator in real numbers, its results as they are stored."""

        def compute(call: Call) -> tuple[np.ndarray, ...]:
            if call.operator.name == layout.OPERATOR:
                return fused(call, None)
            results = zip(compute_real(call), call.outputs, strict=True)
            return tuple(self._store(value, tensor) if value.dtype.kind == "f" else value for value, tensor in results)

        return compute

    def _integers(self, fused: Fused) -> Arithmetic:
        """Every operator on the model's integers, by what the rungs leave of its rule."""

        def compute(call: Call) -> tuple[np.ndarray, ...]:
            if (Rung.ACCUMULATION, call.operator.index) in self.spared:
                return compute_real(call)
            rule = rule_of(call, self.kernels)
            name = call.operator.name
            if name == layout.OPERATOR and rule in lstm.KERNELS:
                return fused(call, rule)
            followed = follows(name, rule, self.rungs)
            if followed is None:
                return compute_real(call)
            if followed == rule:
                return compute_rule(call, rule)
            whole = OPS[name].rules[rule]
            assert isinstance(whole, Requantized)
            assert isinstance(followed, Requantization)
            return tuple(whole.compute(call, followed))

        return compute


def follows(name: str, rule: Rule, rungs: frozenset[Rung]) -> Rule | None:
    """What rungs of integers leave of an operator's rule; None for reals that are rounded.

    The product of a requantization is that of a multiplier in float64, then of the kernel's, then the kernel's own.
    """
    own = Rung.FUNCTIONS if name in FUNCTIONS and rule not in HYBRID else Rung.KERNEL_ROUNDING
    if own in rungs:
        return rule
    if not isinstance(rule, Requantization) or not isinstance(OPS[name].rules[rule], Requantized):
        return None
    if Rung.MULTIPLIER not in rungs:
        return EXACT
    # F64 has no other multiplier and no other rounding than these.
    return replace(rule, blocks=None, once=rule.rounding is not Rounding.F64)


def signature(model: Model, kernels: str, rungs: frozenset[Rung]) -> Signature:
    """Equal for two kernel sets or steps of the ladder in integers that compute every operator alike.

    Raises NotCoveredError.
    """
    rules = zip(model.main.operators, _rules(model, kernels), strict=True)
    return tuple(_followed(operator, rule, kernels, rungs) for operator, rule in rules)


@lru_cache(maxsize=8)
def _rules(model: Model, kernels: str) -> tuple[Rule, ...]:
    """The rule of each operator of the main graph, the same at every rung."""
    return tuple(executor.rule_for(model, operator, kernels) for operator in model.main.operators)


def _followed(operator: Operator, rule: Rule, kernels: str, rungs: frozenset[Rung]) -> object:
    if operator.name == "WHILE":
        return kernels, rungs
    if operator.name == layout.OPERATOR and rule in lstm.KERNELS:
        return rule, rungs & lstm.WHOLE
    return follows(operator.name, rule, rungs)


def rungs_of(model: Model) -> tuple[Rung, ...]:
    """The rungs that may change something in a model, in the order of the ladder."""
    graphs = model.graphs
    tensors = [tensor for graph in graphs for tensor in graph.tensors]
    operators = {operator.name for graph in graphs for operator in graph.operators}
    present = {Rung.WEIGHTS, Rung.ACCUMULATION, Rung.MULTIPLIER, Rung.KERNEL_ROUNDING}
    if any(tensor.data is None and tensor.integers is not None for tensor in tensors):
        present |= {Rung.CLIPPING, Rung.ROUNDING}
    if any(biases(graph) for graph in graphs):
        present.add(Rung.BIAS)
    if operators & FUNCTIONS:
        present.add(Rung.FUNCTIONS)
    if layout.OPERATOR in operators:
        present |= set(FUSED)
    return tuple(rung for rung in Rung if rung in present)


def biases(graph: Graph) -> frozenset[int]:
    """The constants that are added to accumulators: integers of 32 bits or more, with a grid."""
    return frozenset(
        tensor.index
        for tensor in graph.tensors
        if tensor.data is not None and tensor.integers is not None and tensor.dtype.itemsize >= 4
    )


def in_reals(model: Model, constants: Reals) -> Model:
    """The model with a float64 in place of each number on a grid. Activations keep their grids, which nothing applies.

    constants: those that do not have the value of their integers.
    """
    return replace(
        model,
        graphs=tuple(
            replace(
                graph,
                tensors=tuple(_in_reals(tensor, constants.get((number, tensor.index))) for tensor in graph.tensors),
            )
            for number, graph in enumerate(model.graphs)
        ),
    )


def _in_reals(tensor: Tensor, value: np.ndarray | None) -> Tensor:
    grid = tensor.integers
    if grid is None and tensor.dtype.kind != "f":
        return tensor
    data = tensor.data
    if data is not None:
        own = data if grid is None else grid.dequantize(data, len(tensor.shape))
        data = (own if value is None else value.reshape(tensor.shape)).astype(np.float64)
    return replace(tensor, dtype=np.dtype(np.float64), data=data, grid=grid)


def _reals(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Values of an activation, of any shape, in real numbers, float64."""
    return (values if tensor.integers is None else tensor.integers.dequantize(values)).astype(np.float64)


def _as_read(tensor: Tensor, reals: np.ndarray) -> np.ndarray:
    """Real numbers on the grid of an activation, of any shape, in the dtype that operators read."""
    return reals.astype(tensor.dtype) if tensor.integers is None else tensor.integers.quantize(reals)
