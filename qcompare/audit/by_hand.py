"""One operator computed by the manual engine, or why not: any model may ask for what nobody thought of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.tensor_values import TensorValues
from qcompare.manual.call import NotCoveredError, UndefinedError
from qcompare.manual.executor import rule_for, run_operator
from qcompare.manual.fold import Folding, Values, fold, inputs_of
from qcompare.manual.rule import Rule

LONGEST = 120
"""Characters of a note."""


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Why an operator's results are not there. uncovered: because the manual engine does not compute it."""

    note: str
    uncovered: bool = False


def by_hand(model: Model, operator: Operator, inputs: Mapping[int, np.ndarray], kernels: str) -> TensorValues | Lack:
    """The operator's results in a kernel set's arithmetic. inputs: as of `run_operator`."""
    try:
        return run_operator(model, operator, inputs, kernels)
    except Exception as error:
        return _lack(error, kernels)


def known_rule(model: Model, operator: Operator, kernels: str) -> Rule | None:
    """Which rule the kernel set follows; None when there is none, which the computation itself will explain."""
    try:
        return rule_for(model, operator, kernels)
    except Exception:
        return None


def undefined(model: Model, operator: Operator, kernels: str) -> bool:
    """Whether the kernel set is known to give no defined numbers of an operator, if it runs it at all."""
    try:
        rule_for(model, operator, kernels)
    except UndefinedError:
        return True
    except Exception:
        return False
    return False


def folded(model: Model, kernels: str) -> Folding:
    """What of the main graph follows from constants alone; an operator that is not emulated is in `failed`."""

    def evaluate(operator: Operator, live: Values, constants: Values) -> Sequence[np.ndarray]:
        given = model.with_main(with_constants(model.main, constants, apart=live))
        trace = run_operator(given, operator, live, kernels)
        return [shaped(trace, model.main.tensors[index]) for index in operator.outputs]

    return fold(model.main, evaluate, tolerated=(Exception,))


def with_constants(graph: Graph, constants: Values, apart: Values | None = None) -> Graph:
    """The graph with these values as constants. apart: tensors that are none, whatever the graph says."""
    data = {tensor.index: tensor.data for tensor in graph.tensors} | dict(constants) | dict.fromkeys(apart or ())
    return replace(
        graph,
        tensors=tuple(
            replace(
                tensor,
                data=data[tensor.index],
                folded=tensor.folded or (tensor.data is None and data[tensor.index] is not None),
            )
            for tensor in graph.tensors
        ),
    )


def missing(graph: Graph, operator: Operator, folding: Folding, kernels: str) -> Lack:
    """Why an operator on constants has no results."""
    error = folding.failed.get(operator.index)
    if error is not None:
        return _lack(error, kernels)
    unknown = next(index for index in inputs_of(graph, operator) if index not in folding.constants)
    return Lack(note=f"not emulated: its input '{graph.tensors[unknown].name}' is not", uncovered=True)


def shaped(trace: TensorValues, tensor: Tensor) -> np.ndarray:
    """A tensor's values [samples, *shape]."""
    value = trace.tensors[tensor.name]
    return value.reshape(len(value), *tensor.shape)


def shortened(text: str) -> str:
    """A text as one line of LONGEST characters at most."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _lack(error: Exception, kernels: str) -> Lack:
    if isinstance(error, UndefinedError):
        missing = error.missing.removesuffix(f" under {kernels} kernels is")
        return Lack(note=f"not emulated: the kernel gives no defined numbers of {missing}", uncovered=True)
    if isinstance(error, NotCoveredError):
        missing = error.missing.replace(f" under {kernels} kernels", "")
        return Lack(note=f"not emulated: {missing} not covered", uncovered=True)
    return Lack(note=shortened(f"not emulated: {type(error).__name__}: {error}"), uncovered=True)
