"""Which named rule each operator of the installed runtimes follows, found out by running it.

For each case the manual engine computes random one-operator models by every rule it knows of the operator, without any
runtime, and keeps those models on which rules differ. A kernel set then runs these, and the rules that reproduce all
its values fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from qcompare.audit.counterexample import Counterexample, Run, counterexample
from qcompare.audit.one_op import Case, cases
from qcompare.audit.specimens import Inputs, Specimen, count_unequal, specimens
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.graph import Graph, model_of
from qcompare.core.tensor_values import TensorValues
from qcompare.engines.runtimes import Runtime
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import rule_for
from qcompare.tflite.schema import write


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one kernel set does in one case.

    values: how many were compared. fitting: the rules that reproduce all of them. apart: the other rules -> how many
    values they get wrong. expected: what the manual engine follows, "-" where it says that this kernel set does not run
    the case or gives no defined numbers. note: why the runtime did not run it.
    """

    op: str
    dtype: str
    granularity: str
    kernels: str
    values: int
    fitting: tuple[str, ...]
    apart: dict[str, int]
    expected: str
    counterexample: Counterexample | None = None
    note: str = ""

    @property
    def sound(self) -> bool:
        """Whether the manual engine follows a rule that fits, or rightly none."""
        return self.expected == "-" or self.expected in self.fitting


def examine(case: Case, found: Sequence[Specimen], kernels: str, run: Run) -> Outcome:
    """A kernel set's rule. found: of `specimens`. run: the kernel set."""
    rules = [rule for rule in found[0].by_rule if all(rule in specimen.by_rule for specimen in found)]
    wrong = dict.fromkeys(rules, 0)
    values, note = 0, ""
    for specimen in found:
        try:
            seen = run(specimen.graph, specimen.inputs).tensors
        except (ChildCrashedError, ChildFailedError) as error:
            note = " ".join(str(error).split())[:200]
            break
        values += sum(array.size for array in seen.values())
        for rule in rules:
            wrong[rule] += count_unequal(seen, specimen.by_rule[rule])
    fitting = tuple(rule for rule in rules if wrong[rule] == 0) if not note else ()
    expected = _expected(found[0].graph, kernels)
    example = None
    if not fitting and not note and expected != "-" and rules:
        best = min(rules, key=lambda rule: wrong[rule])
        example = next(filter(None, (counterexample(specimen, best, rules, run) for specimen in found)), None)
    return Outcome(
        op=case.op,
        dtype=case.dtype,
        granularity=case.granularity,
        kernels=kernels,
        values=values,
        fitting=fitting,
        apart={rule: count for rule, count in wrong.items() if count} if not note else {},
        expected=expected,
        counterexample=example,
        note=note,
    )


def _expected(graph: Graph, kernels: str) -> str:
    try:
        return rule_for(model_of(graph), graph.operators[0], kernels).name
    except NotCoveredError:
        return "-"


def probe(ops: Sequence[str] | None, runtimes: Sequence[Runtime], advance: Callable[[], None]) -> list[Outcome]:
    """Every case of those operators (all when None) in each runtime.

    advance: called once a case. Each runtime works in a process of its own; a crash takes one case with it.
    """
    outcomes = []
    children = [(runtime, Child()) for runtime in runtimes]
    try:
        for _, child in children:
            child.start()
        for case in cases_of(ops):
            found = specimens(case)
            for runtime, child in children:
                outcomes.append(examine(case, found, runtime.kernels, partial(_run, child, runtime)))
                if outcomes[-1].expected == "-" and not outcomes[-1].note:
                    # It ran what is not defined: nothing else shall run in that process.
                    child.stop()
            advance()
    finally:
        for _, child in children:
            child.stop()
    return outcomes


def cases_of(ops: Sequence[str] | None) -> list[Case]:
    """The cases of those operators, all when None."""
    return [case for case in cases() if ops is None or case.op in ops]


def _run(child: Child, runtime: Runtime, graph: Graph, inputs: Inputs) -> TensorValues:
    trace: TensorValues = child.call(runtime.run, write(model_of(graph)), inputs)
    return trace
