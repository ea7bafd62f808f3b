"""The manual engine against one runtime, operator by operator.

Locally, an operator is given the runtime's own values of its inputs: what differs then is its own. Freely, everything
is computed from the model's inputs, and differences add up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from qcompare.audit.by_hand import (
    Lack,
    by_hand,
    folded,
    known_rule,
    missing,
    shaped,
    shortened,
    undefined,
    with_constants,
)
from qcompare.audit.sizes import chunk_of, computed_of
from qcompare.audit.tally import NOTHING, Tally, differing_samples, tally, unequal
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.tensor_values import TensorValues
from qcompare.engines.micro import MicroUnavailableError
from qcompare.engines.runtimes import Runtime
from qcompare.manual.executor import activations_of
from qcompare.manual.fold import Folding
from qcompare.manual.rule import Rule

SAVED_SAMPLES = 16
"""How many of the samples in which an operator differs are kept."""

Values = Mapping[int, np.ndarray]
"""Tensor index -> [samples, *shape]."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known of one tensor that an operator computes, over the samples looked at so far.

    local, free: the values compared. unseen: why the runtime's values are not there, or the operator could not be
    given its inputs. uncovered: why the manual engine does not compute it; lack: why it could not, from what came
    before. changed: values that change when the runtime keeps all tensors.
    """

    local: Tally = NOTHING
    free: Tally = NOTHING
    unseen: str = ""
    uncovered: str = ""
    lack: str = ""
    changed: int = 0

    def __add__(self, other: Found) -> Found:
        """Of the samples of both."""
        return Found(
            local=self.local + other.local,
            free=self.free + other.free,
            unseen=self.unseen or other.unseen,
            uncovered=self.uncovered or other.uncovered,
            lack=self.lack or other.lack,
            changed=self.changed + other.changed,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Failing:
    """An operator that differs on the runtime's own inputs, with SAVED_SAMPLES of these at most."""

    operator: Operator
    inputs: Values


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """One kernel set's audit of a graph.

    found: tensor index -> what is known of it, for all that operators compute. rules: operator index -> the rule that
    the manual engine followed, None where there is none. refusal: why the runtime did not run the model to the end, or
    nothing; crashed: whether it went down with its process. undefined: operators of which the kernels, which run them,
    give no defined numbers.
    """

    kernels: str
    graph: Graph
    found: Mapping[int, Found]
    rules: Mapping[int, Rule | None]
    refusal: str = ""
    crashed: bool = False
    undefined: Collection[int] = ()
    failing: Sequence[Failing] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """The runtime's values of some samples: with all tensors kept, and as it runs for everybody, outputs alone."""

    kept: TensorValues
    plain: TensorValues


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a runtime does not run a model, in its own words."""

    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What one kernel set's comparison goes by.

    model: the user's, with the results of operators on constants as constants. folding: these operators.
    unwritten: the tensors that the runtime leaves unwritten.
    """

    model: Model
    kernels: str
    folding: Folding
    unwritten: Collection[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """Some samples compared. found: by tensor index; failing: operator index -> inputs for which it differs."""

    found: Mapping[int, Found] = field(default_factory=dict)
    failing: Mapping[int, Values] = field(default_factory=dict)


def audit(
    content: bytes,
    model: Model,
    inputs: Values,
    runtime: Runtime,
    child: Child,
    advance: Callable[[], None] = lambda: None,
) -> Audit:
    """One runtime against the arithmetic of its kernel set.

    content: the model's file; model: what `schema.read` makes of it. inputs: of the main graph.
    child: the process that the runtime works in, so that its crash ends nothing else.
    advance: called once an operator and chunk of samples, `steps` times in all.
    """
    graph, kernels = model.main, runtime.kernels
    folding = folded(model, kernels)
    whole = model.with_main(with_constants(graph, folding.constants))
    parts: list[Compared] = []
    refusal, crashed = "", False
    try:
        unwritten = _unwritten(child, runtime, content, graph, inputs, folding)
        work = Work(model=whole, kernels=kernels, folding=folding, unwritten=unwritten)
        for part in _chunks(graph, inputs):
            seen = _observed(child, runtime, content, graph, part)
            if isinstance(seen, Refusal):
                refusal = shortened(seen.text)
                break
            parts.append(compare(work, seen, part, advance))
    except ChildCrashedError as error:
        refusal, crashed = f"the runtime crashed: {error}", True
    except ChildFailedError as error:
        refusal = shortened(str(error))
    compared = _together(parts)
    operators = {operator.index: operator for operator in graph.operators}
    return Audit(
        kernels=kernels,
        graph=graph,
        found={index: compared.found.get(index, Found()) for operator in graph.operators for index in operator.outputs},
        rules={index: known_rule(whole, operator, kernels) for index, operator in operators.items()},
        refusal=refusal,
        crashed=crashed,
        undefined={index for index, operator in operators.items() if undefined(whole, operator, kernels)},
        failing=[Failing(operator=operators[at], inputs=values) for at, values in sorted(compared.failing.items())],
    )


def compare(work: Work, seen: Seen, inputs: Values, advance: Callable[[], None] = lambda: None) -> Compared:
    """Some samples of every operator. advance: called once an operator."""
    held, unseen = _held(work, seen.kept)
    own, free = {**inputs, **held}, dict(inputs)
    parts = [Compared(found=unseen)]
    on_constants = {operator.index for operator in work.folding.folded}
    for operator in work.model.main.operators:
        if operator.index in on_constants:
            parts.append(Compared(found=_compare_constant(work, operator, own)))
        else:
            parts.append(_compare_operator(work, operator, own, free, seen.plain))
        advance()
    return _together(parts)


def _chunks(graph: Graph, inputs: Values) -> Iterator[dict[int, np.ndarray]]:
    samples, size = len(next(iter(inputs.values()))), chunk_of(graph)
    for start in range(0, samples, size):
        yield {index: array[start : start + size] for index, array in inputs.items()}


def _unwritten(
    child: Child, runtime: Runtime, content: bytes, graph: Graph, inputs: Values, folding: Folding
) -> frozenset[int]:
    first = {index: array[0] for index, array in inputs.items()}
    activations = [index for index in computed_of(graph) if not graph.tensors[index].variable]
    constant = {index: folding.constants.get(index) for operator in folding.folded for index in operator.outputs}
    found: frozenset[int] = child.call(
        partial(runtime.unwritten, activations=activations, constant=constant), content, first
    )
    return found


def _observed(child: Child, runtime: Runtime, content: bytes, graph: Graph, inputs: Values) -> Seen | Refusal:
    """Raises ChildCrashedError, ChildFailedError."""
    kept = child.call(_run, runtime, content, inputs, computed_of(graph))
    if isinstance(kept, Refusal):
        return kept
    plain = child.call(_run, runtime, content, inputs, graph.outputs)
    return plain if isinstance(plain, Refusal) else Seen(kept=kept, plain=plain)


def _run(runtime: Runtime, content: bytes, inputs: Values, keep: Collection[int]) -> TensorValues | Refusal:
    """In the child."""
    try:
        return runtime.run(content, inputs, keep=keep)
    except MicroUnavailableError as error:
        return Refusal(text=str(error))


def _held(work: Work, kept: TensorValues) -> tuple[dict[int, np.ndarray], dict[int, Found]]:
    """The runtime's values of what operators compute, and why others are not there."""
    held, unseen = {}, {}
    for index in (index for operator in work.model.main.operators for index in operator.outputs):
        tensor = work.model.main.tensors[index]
        value = kept.tensors.get(tensor.name)
        if tensor.variable:
            unseen[index] = "not compared: an operator keeps its state in it, over what was written"
        elif index in work.unwritten:
            unseen[index] = "not compared: the runtime does not write it (fused or left out)"
        elif value is None:
            unseen[index] = "not compared: the runtime does not hold it"
        elif (fitting := _fitting(value, tensor)) is None:
            unseen[index] = f"not compared: the runtime gives it the shape {list(value.shape[1:])} a sample"
        else:
            held[index] = fitting
    return held, {index: Found(unseen=why) for index, why in unseen.items()}


def _fitting(value: np.ndarray | None, tensor: Tensor) -> np.ndarray | None:
    """A runtime's values as [samples, *shape]; None without any, or where it settles another shape."""
    if value is None or value.size != len(value) * math.prod(tensor.shape):
        return None
    return value.reshape(len(value), *tensor.shape)


def _compare_operator(
    work: Work, operator: Operator, own: Values, free: dict[int, np.ndarray], plain: TensorValues
) -> Compared:
    """An operator that depends on the model's inputs.

    own: the runtime's values; free: the manual engine's so far, to which the operator's results are added.
    plain: the runtime as it runs for everybody, whose outputs are the truth of the free run.
    """
    graph = work.model.main
    needed = activations_of(graph, operator)
    freely = _computed(work, operator, free, "free", "is not emulated")
    same = all(index in free and index in own and np.array_equal(free[index], own[index]) for index in needed)
    locally = freely if same else _computed(work, operator, own, "local", "cannot be read")
    found, wrong = {}, []
    for index in operator.outputs:
        tensor, held = graph.tensors[index], own.get(index)
        usual = _fitting(plain.tensors.get(tensor.name), tensor)
        local = _compare_local(locally, freely, tensor, held)
        found[index] = (
            local
            + _compare_free(freely, tensor, held if usual is None else usual)
            + Found(changed=_changed(usual, held))
        )
        if isinstance(freely, TensorValues):
            free[index] = shaped(freely, tensor)
        if isinstance(locally, TensorValues) and held is not None and local.local.mismatches:
            wrong.append(differing_samples(held, shaped(locally, tensor)))
    at = np.flatnonzero(np.any(wrong, axis=0))[:SAVED_SAMPLES]
    return Compared(found=found, failing={operator.index: {index: own[index][at] for index in needed}} if wrong else {})


def _compare_free(freely: TensorValues | Lack, tensor: Tensor, truth: np.ndarray | None) -> Found:
    if isinstance(freely, Lack):
        return Found(uncovered=freely.note) if freely.uncovered else Found(lack=freely.note)
    return Found() if truth is None else Found(free=tally(truth, shaped(freely, tensor)))


def _compare_local(
    locally: TensorValues | Lack, freely: TensorValues | Lack, tensor: Tensor, held: np.ndarray | None
) -> Found:
    if isinstance(locally, Lack):
        # A lack that the free run shares is noted there.
        return Found() if locally == freely else Found(unseen=locally.note)
    return Found() if held is None else Found(local=tally(held, shaped(locally, tensor)))


def _changed(usual: np.ndarray | None, held: np.ndarray | None) -> int:
    return 0 if usual is None or held is None else int(np.count_nonzero(unequal(usual, held)))


def _computed(work: Work, operator: Operator, values: Values, kind: str, lack: str) -> TensorValues | Lack:
    """The operator's results from some values of its activations. kind, lack: how a note says which and what is not."""
    graph = work.model.main
    needed = activations_of(graph, operator)
    for index in needed:
        if index not in values:
            return Lack(note=f"not compared ({kind}): its input '{graph.tensors[index].name}' {lack}")
    if not needed:
        return Lack(note="not emulated: an operator without inputs", uncovered=True)
    return by_hand(work.model, operator, {index: values[index] for index in needed}, work.kernels)


def _compare_constant(work: Work, operator: Operator, own: Values) -> dict[int, Found]:
    """An operator on constants alone, whose results are the same for every sample: one of them counts."""
    graph, constants = work.model.main, work.folding.constants
    if not constants.keys() >= set(operator.outputs):
        note = missing(graph, operator, work.folding, work.kernels).note
        return {index: Found(uncovered=note) for index in operator.outputs}
    counted = {index: tally(own[index][:1], constants[index][None]) for index in operator.outputs if index in own}
    return {index: Found(local=found, free=found) for index, found in counted.items()}


def _together(parts: Iterable[Compared]) -> Compared:
    found: dict[int, Found] = {}
    failing: dict[int, Values] = {}
    for part in parts:
        for index, more in part.found.items():
            found[index] = found[index] + more if index in found else more
        for index, values in part.failing.items():
            failing[index] = _first_samples(failing[index], values) if index in failing else values
    return Compared(found=found, failing=failing)


def _first_samples(a: Values, b: Values) -> dict[int, np.ndarray]:
    return {index: np.concatenate([a[index], b[index]])[:SAVED_SAMPLES] for index in a}
