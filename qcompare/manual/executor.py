"""Runs a graph, or one of its operators, over many samples at once.

What it gives holds, for every tensor asked for, an array [samples, *sample_shape(shape)]: the first dimension of a
tensor is dropped when it is one, and stays otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from qcompare.core import lstm
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.tensor_values import TensorValues, sample_shape
from qcompare.manual.arithmetic import ARITHMETICS, Arithmetic, compute, compute_rule, rule_named, rule_of
from qcompare.manual.call import Call, NotCoveredError, Operand, Subgraph
from qcompare.manual.fold import Values, fold
from qcompare.manual.ops import loop
from qcompare.manual.rule import Rule

WORKING_BYTES = 32 << 20
"""What the activations of one chunk of samples may take, temporaries in float64 included."""

STATEFUL = ("SVDF", lstm.OPERATOR)
"""Operators that change their variables. Within a loop the runtimes keep the state from one pass to the next."""

Keep = Collection[str] | Literal["outputs", "all"]


def run(
    model: Model,
    inputs: Mapping[int, np.ndarray],
    arithmetic: str | Arithmetic,
    *,
    keep: Keep = "outputs",
    chunk: int | None = None,
    rules: Mapping[int, str] | None = None,
    instead: Mapping[int, np.ndarray] | None = None,
) -> TensorValues:
    """The main graph computed from its inputs, free-running, operator by operator.

    inputs: tensor index -> array [samples, ...] in the tensor's dtype; the rest of the shape is the tensor's own,
        with or without a leading dimension of one.
    arithmetic: one of ARITHMETICS, or what computes each operator.
    keep: the tensors of the trace: names, "outputs" of the graph, or "all" activations.
    chunk: samples computed together; from the graph's activation bytes when None. The result does not depend on it.
    rules: operator index -> name of a rule to follow in place of the arithmetic's.
    instead: tensor index -> values as those of an input, which operators read in place of what was computed; kept is
        what was computed.

    keep, rules and instead speak of the main graph; what a loop runs within follows the arithmetic and is not kept.
    Variables start every sample at their zero point. Raises ValueError for inputs that do not fit the graph and
    NotCoveredError for an operator, dtype or option that is not computed.
    """
    if isinstance(arithmetic, str):
        if arithmetic not in ARITHMETICS:
            raise ValueError(f"arithmetic '{arithmetic}' is none of {', '.join(ARITHMETICS)}")
        arithmetic = partial(compute, arithmetic=arithmetic)
    graph = model.main
    values = {index: _fitted(graph.tensors[index], array) for index, array in inputs.items()}
    if set(values) != set(graph.inputs):
        raise ValueError(f"inputs for the tensors {sorted(graph.inputs)} are needed, not for {sorted(values)}")
    counts = {len(array) for array in values.values()}
    if len(counts) != 1:
        raise ValueError(f"the inputs differ in their number of samples: {sorted(counts)}")
    samples = counts.pop()
    given = {index: _fitted(graph.tensors[index], array) for index, array in (instead or {}).items()}
    kept = [graph.tensors[index] for index in _kept(graph, keep)]
    traced = {t.name: np.empty((samples, *sample_shape(t.shape)), t.dtype) for t in kept}
    chunk = chunk or _chunk(model)
    plan = _plan(model, 0, arithmetic, rules or {}, {tensor.index for tensor in kept})
    for start in range(0, samples, chunk):
        part = slice(start, min(start + chunk, samples))
        own, others = ({index: array[part] for index, array in each.items()} for each in (values, given))
        found = _carried_out(plan, own, part.stop - part.start, others)
        for tensor in kept:
            traced[tensor.name][part] = found[tensor.index].reshape(-1, *sample_shape(tensor.shape))
    return TensorValues(tensors=traced, output=graph.tensors[graph.outputs[0]].name)


def run_operator(
    model: Model,
    operator: Operator,
    inputs: Mapping[int, np.ndarray],
    arithmetic: str,
    *,
    rule: str | None = None,
    chunk: int | None = None,
) -> TensorValues:
    """One operator of a model's main graph computed from given values of its activations, all its outputs kept.

    inputs: as in `run`, for every input of the operator that is no constant and no variable.
    rule: the name of a rule to follow in place of the arithmetic's.
    """
    graph = model.main
    alone = replace(graph, operators=(operator,), inputs=activations_of(graph, operator), outputs=operator.outputs)
    rules = {} if rule is None else {operator.index: rule}
    return run(model.with_main(alone), inputs, arithmetic, chunk=chunk, rules=rules)


def rule_for(model: Model, operator: Operator, kernel_set: str) -> Rule:
    """The rule that a kernel set follows for an operator of the main graph. Raises NotCoveredError."""
    graph = model.main
    constants = {i: tensor.data for i in operator.inputs if i >= 0 and (tensor := graph.tensors[i]).data is not None}
    zeros = {i: np.zeros((1, *(t := graph.tensors[i]).shape), t.dtype) for i in activations_of(graph, operator)}
    call = _plain_call(graph, operator, zeros, constants, 1)
    loops = _loop(operator, model, partial(compute, arithmetic=kernel_set), (0,))
    return rule_of(_with_subgraphs(call, loops), kernel_set)


def activations_of(graph: Graph, operator: Operator) -> tuple[int, ...]:
    """The tensors, each once, whose values the operator needs from outside: neither constants nor variables."""
    return tuple(
        dict.fromkeys(
            index
            for index in operator.inputs
            if index >= 0 and graph.tensors[index].data is None and not graph.tensors[index].variable
        )
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """A graph ready to be computed for any number of samples.

    operators: those that are left where the ones on constants alone are computed. constants: tensor index -> value,
    their results included. kept: the tensors that are asked for. freed: operator index -> activations that nothing
    needs after it. loops: operator index -> the plans of the subgraphs that it runs, by the option that names each.
    """

    graph: Graph
    arithmetic: Arithmetic
    rules: Mapping[int, str]
    kept: Collection[int]
    operators: tuple[Operator, ...]
    constants: Mapping[int, np.ndarray]
    freed: Mapping[int, Collection[int]]
    loops: Mapping[int, Mapping[str, _Plan]]


def _plan(
    model: Model,
    number: int,
    arithmetic: Arithmetic,
    rules: Mapping[int, str],
    kept: Collection[int],
    within: tuple[int, ...] = (0,),
) -> _Plan:
    """The plan of one of a model's graphs. within: those that this one runs inside of, itself included."""
    graph = model.graphs[number]
    loops = {operator.index: _loop(operator, model, arithmetic, within) for operator in graph.operators}
    whole = _Plan(
        graph=graph,
        arithmetic=arithmetic,
        rules=rules,
        kept=kept,
        operators=graph.operators,
        constants={},
        freed={},
        loops=loops,
    )

    def evaluate(operator: Operator, live: Values, constants: Values) -> Sequence[np.ndarray]:
        return _computed(whole, _call(whole, operator, live, constants, 1))

    folding = fold(graph, evaluate)
    return replace(whole, operators=folding.left, constants=folding.constants, freed=_last_use(folding.left, kept))


def _loop(operator: Operator, model: Model, arithmetic: Arithmetic, within: tuple[int, ...]) -> Mapping[str, _Plan]:
    """The plans of the subgraphs that an operator runs. Raises NotCoveredError."""
    plans = {}
    for option, number in _subgraphs_of(operator).items():
        if number in within or number not in range(len(model.graphs)):
            raise NotCoveredError(operator, f"the subgraph {number} as its {option} is")
        inner = model.graphs[number]
        for part in inner.operators:
            if part.name in STATEFUL and any(inner.tensors[index].variable for index in part.inputs if index >= 0):
                raise NotCoveredError(operator, f"operator {part.index} {part.name} that keeps its state in a loop is")
        try:
            plans[option] = _plan(model, number, arithmetic, {}, inner.outputs, (*within, number))
        except NotCoveredError as error:
            raise _from_within(operator, number, error) from error
    return plans


def _subgraphs_of(operator: Operator) -> dict[str, int]:
    """Option -> subgraph of an operator that the manual engine runs subgraphs for."""
    if operator.name != "WHILE":
        return {}
    return {option: int(operator.options.get(option, -1)) for option in (loop.CONDITION, loop.BODY)}


def _from_within(operator: Operator, number: int, error: NotCoveredError) -> NotCoveredError:
    inner = f"operator {error.operator.index} {error.operator.name} of subgraph {number}"
    return type(error)(operator, f"{inner}: {error.missing}")


def _carried_out(
    plan: _Plan, inputs: Mapping[int, np.ndarray], samples: int, instead: Mapping[int, np.ndarray] | None = None
) -> dict[int, np.ndarray]:
    """The values of the plan's kept tensors, each [samples, *shape].

    instead: what operators read in place of what was computed, as `live` has it.
    """
    live, kept = dict(inputs), {}
    for operator in plan.operators:
        results = _computed(plan, _call(plan, operator, live, plan.constants, samples))
        live.update(zip(operator.outputs, results, strict=True))
        for index in set(operator.outputs).intersection(instead or ()):
            kept[index], live[index] = live[index], (instead or {})[index]
        for index in plan.freed[operator.index]:
            live.pop(index, None)
    return {index: kept[index] if index in kept else _value(plan, index, live, samples) for index in plan.kept}


def _value(plan: _Plan, index: int, live: Mapping[int, np.ndarray], samples: int) -> np.ndarray:
    if index in plan.constants:
        return np.broadcast_to(plan.constants[index], (samples, *plan.constants[index].shape))
    return live[index]


def _fitted(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    if array.dtype != tensor.dtype:
        raise ValueError(f"input '{tensor.name}' is {tensor.dtype.name}, not {array.dtype.name}")
    if array.shape[1:] not in (tensor.shape, sample_shape(tensor.shape)):
        raise ValueError(f"input '{tensor.name}' has shape {tensor.shape} a sample, not {array.shape[1:]}")
    return array.reshape(len(array), *tensor.shape)


def _kept(graph: Graph, keep: Keep) -> list[int]:
    if keep == "outputs":
        return list(dict.fromkeys(graph.outputs))
    computed = [*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)]
    if keep == "all":
        return list(dict.fromkeys(computed))
    indices = [graph.tensor(name).index for name in keep]
    for index in indices:
        if index not in computed:
            raise ValueError(f"tensor '{graph.tensors[index].name}' is not an activation of this graph")
    return indices


def _chunk(model: Model) -> int:
    """Samples whose activations, taken as float64, fit WORKING_BYTES even if those of all graphs live at once."""
    graphs = model.graphs
    widest = max((_elements(each, (*op.inputs, *op.outputs)) for each in graphs for op in each.operators), default=1)
    stored = sum(_elements(each, op.outputs) for each in graphs for op in each.operators)
    return max(1, WORKING_BYTES // (stored + 8 * widest))


def _elements(graph: Graph, indices: Collection[int]) -> int:
    return sum(int(np.prod(graph.tensors[i].shape)) for i in indices if i >= 0 and graph.tensors[i].data is None)


def _last_use(operators: Collection[Operator], keep: Collection[int]) -> dict[int, list[int]]:
    """Operator index -> activations that nothing needs after it."""
    last: dict[int, int] = {}
    for operator in operators:
        last.update((index, operator.index) for index in (*operator.inputs, *operator.outputs))
    freed: dict[int, list[int]] = {operator.index: [] for operator in operators}
    for index, at in last.items():
        if index not in keep:
            freed[at].append(index)
    return freed


def _call(
    plan: _Plan, operator: Operator, live: Mapping[int, np.ndarray], constants: Mapping[int, np.ndarray], samples: int
) -> Call:
    """An operator of a plan about to be computed, with the subgraphs that it runs."""
    return _with_subgraphs(_plain_call(plan.graph, operator, live, constants, samples), plan.loops[operator.index])


def _with_subgraphs(call: Call, plans: Mapping[str, _Plan]) -> Call:
    subgraphs = {option: _subgraph(call.operator, option, plan, call.samples) for option, plan in plans.items()}
    return replace(call, subgraphs=subgraphs) if plans else call


def _subgraph(operator: Operator, option: str, plan: _Plan, samples: int) -> Subgraph:
    graph = plan.graph

    def compute(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        try:
            found = _carried_out(plan, dict(zip(graph.inputs, values, strict=True)), samples)
        except NotCoveredError as error:
            raise _from_within(operator, int(operator.options[option]), error) from error
        return [found[index] for index in graph.outputs]

    return Subgraph(
        inputs=tuple(graph.tensors[index] for index in graph.inputs),
        outputs=tuple(graph.tensors[index] for index in graph.outputs),
        compute=compute,
    )


def _plain_call(
    graph: Graph, operator: Operator, live: Mapping[int, np.ndarray], constants: Mapping[int, np.ndarray], samples: int
) -> Call:
    def operand(index: int) -> Operand | None:
        if index < 0:
            return None
        tensor = graph.tensors[index]
        if index in constants:
            return Operand(tensor=tensor, value=constants[index], constant=True)
        if index in live:
            return Operand(tensor=tensor, value=live[index], constant=False)
        if tensor.variable:
            start = 0 if tensor.integers is None else tensor.zero_point
            return Operand(tensor=tensor, value=np.full((samples, *tensor.shape), start, tensor.dtype), constant=False)
        raise NotCoveredError(operator, f"its input '{tensor.name}', which nothing computes, is")

    return Call(
        operator=operator,
        inputs=tuple(operand(index) for index in operator.inputs),
        outputs=tuple(graph.tensors[index] for index in operator.outputs),
        intermediates=tuple(graph.tensors[index] for index in operator.intermediates),
        samples=samples,
    )


def _computed(plan: _Plan, call: Call) -> tuple[np.ndarray, ...]:
    rule = plan.rules.get(call.operator.index)
    return plan.arithmetic(call) if rule is None else compute_rule(call, rule_named(call, rule))
