"""`qcompare probe`: which named rule each operator of the installed runtimes follows, found out by running it.

For each case the manual engine computes random one-operator models by every rule it knows of the operator, without any
runtime, and keeps those models on which rules differ. A kernel set then runs these, and the rules that reproduce all
its values fit.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from qcompare.audit.one_op import Case, cases
from qcompare.cli.arguments import Parser
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.graph import Graph, model_of
from qcompare.core.trace import Trace
from qcompare.data.inputs import random_inputs
from qcompare.engines import micro
from qcompare.engines import runtimes as runtime
from qcompare.manual.arithmetic import OPS
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import rule_for, run_operator
from qcompare.tflite.schema import write

SAMPLES = 32
DRAWS = 200
"""Models drawn at most for one case."""

APART = 5
"""Values in which two rules have to differ over a case's models before no more are drawn for their sake."""

PACKAGES = ("ai-edge-litert", "tflite-micro", "numpy")

Values = Mapping[str, np.ndarray]
Inputs = Mapping[int, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One model with its inputs, and what each rule makes of them. by_rule: rule -> output's name -> values."""

    graph: Graph
    inputs: Inputs
    by_rule: Mapping[str, Values]


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """One value that the closest rule does not reproduce, with as little input as shows it.

    inputs: what is left of each input, as [flat index, integer]; all else is at its zero point (0 for floats).
    quantization: tensor -> [scale, zero point], per tensor ones alone.
    runtime: the kernel set's value at the flat index `element` of `output`; rules: what each rule gives.
    """

    output: str
    element: int
    runtime: float
    rules: dict[str, float]
    inputs: dict[str, list[list[float]]]
    quantization: dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Finding:
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


def trials(case: Case) -> list[Trial]:
    """Models on which the operator's rules differ as far as they can be told apart, two at least.

    Always the same ones: the generator's seed is fixed.
    """
    rng = np.random.default_rng(0)
    kept: list[Trial] = []
    differing: dict[tuple[str, str], int] = {}
    for _ in range(DRAWS):
        trial = _trial(case.draw(rng), rng)
        new = {pair: _unequal(trial.by_rule[pair[0]], trial.by_rule[pair[1]]) for pair in _pairs(trial)}
        if len(kept) < 2 or any(count and differing.get(pair, 0) < APART for pair, count in new.items()):
            kept.append(trial)
            for pair, count in new.items():
                differing[pair] = differing.get(pair, 0) + count
        if len(kept) >= 2 and all(differing.get(pair, 0) >= APART for pair in _pairs(trial)):
            break
    return kept


def _trial(graph: Graph, rng: np.random.Generator) -> Trial:
    inputs = random_inputs(graph, SAMPLES, int(rng.integers(1 << 30)))
    inputs = {index: _halves(graph, index, rng, array) for index, array in inputs.items()}
    by_rule = {}
    for rule in OPS[graph.operators[0].name].rules:
        try:
            by_rule[rule] = run_operator(model_of(graph), graph.operators[0], inputs, "reference", rule=rule).tensors
        except Exception:
            # A rule for other dtypes or options; whatever it stumbles on, it is no candidate.
            continue
    return Trial(graph=graph, inputs=inputs, by_rule=by_rule)


def _halves(graph: Graph, index: int, rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Floats that will be quantized: half-way between two of the output's integers. Integers as they are."""
    output = graph.tensors[graph.outputs[0]]
    if array.dtype.kind != "f" or output.grid is None:
        return array
    limits = np.iinfo(output.dtype)
    twice = rng.integers(2 * limits.min, 2 * limits.max, array.shape)
    return (twice * 0.5).astype(np.float32) * output.scale


def _pairs(trial: Trial) -> Iterator[tuple[str, str]]:
    return combinations(sorted(trial.by_rule), 2)


def _unequal(a: Values, b: Values) -> int:
    return sum(int(np.count_nonzero(_differs(a[name], b[name]))) for name in a)


def _differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which values differ; floats by their bits, but for the sign of zero."""
    return np.logical_and(a != b, (a == a) | (b == b))


def examine(case: Case, found: Sequence[Trial], kernels: str, run: Callable[[Graph, Inputs], Trace]) -> Finding:
    """A kernel set's rule.

    found: of `trials`. run: the kernel set; it may raise ChildCrashedError and ChildFailedError.
    """
    rules = [rule for rule in found[0].by_rule if all(rule in trial.by_rule for trial in found)]
    wrong = dict.fromkeys(rules, 0)
    values, note = 0, ""
    for trial in found:
        try:
            seen = run(trial.graph, trial.inputs).tensors
        except (ChildCrashedError, ChildFailedError) as error:
            note = " ".join(str(error).split())[:200]
            break
        values += sum(array.size for array in seen.values())
        for rule in rules:
            wrong[rule] += _unequal(seen, trial.by_rule[rule])
    fitting = tuple(rule for rule in rules if wrong[rule] == 0) if not note else ()
    expected = _expected(found[0].graph, kernels)
    example = None
    if not fitting and not note and expected != "-" and rules:
        best = min(rules, key=lambda rule: wrong[rule])
        example = next(filter(None, (_counterexample(trial, best, rules, run) for trial in found)), None)
    return Finding(
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
        return rule_for(model_of(graph), graph.operators[0], kernels)
    except NotCoveredError:
        return "-"


def _counterexample(
    trial: Trial, rule: str, rules: Sequence[str], run: Callable[[Graph, Inputs], Trace]
) -> Counterexample | None:
    """The first value that a rule gets wrong, its inputs taken to their zero points as far as it stays wrong."""
    graph = trial.graph
    seen = run(graph, trial.inputs).tensors
    at = next(
        (
            (name, *np.argwhere(wrong)[0])
            for name in seen
            if (wrong := _differs(seen[name], trial.by_rule[rule][name])).any()
        ),
        None,
    )
    if at is None:
        return None
    whole = {index: array[at[1]] for index, array in trial.inputs.items()}
    inputs = _shrunk(graph, whole, lambda several: _wrong(graph, several, rule, run))
    one = {index: array[None] for index, array in inputs.items()}
    seen = run(graph, one).tensors
    computed = {
        name: run_operator(model_of(graph), graph.operators[0], one, "reference", rule=name).tensors for name in rules
    }
    output = next(name for name in seen if _differs(seen[name], computed[rule][name]).any())
    element = int(np.flatnonzero(_differs(seen[output], computed[rule][output]))[0])
    rests = {index: np.flatnonzero(array != _rest(graph, index)) for index, array in inputs.items()}
    return Counterexample(
        output=output,
        element=element,
        runtime=seen[output].reshape(-1)[element].item(),
        rules={name: values[output].reshape(-1)[element].item() for name, values in computed.items()},
        inputs={
            graph.tensors[index].name: [[int(i), inputs[index].reshape(-1)[i].item()] for i in at]
            for index, at in rests.items()
        },
        quantization={
            tensor.name: [float(tensor.scale), tensor.zero_point]
            for tensor in graph.tensors
            if tensor.grid is not None and not tensor.grid.per_channel
        },
    )


def _wrong(graph: Graph, inputs: Inputs, rule: str, run: Callable[[Graph, Inputs], Trace]) -> np.ndarray:
    """Which samples a rule gets wrong."""
    seen = run(graph, inputs).tensors
    computed = run_operator(model_of(graph), graph.operators[0], inputs, "reference", rule=rule).tensors
    each = [_differs(seen[name], computed[name]).reshape(len(seen[name]), -1).any(axis=1) for name in seen]
    return np.any(each, axis=0)


def _shrunk(
    graph: Graph, sample: Mapping[int, np.ndarray], wrong: Callable[[Inputs], np.ndarray]
) -> Mapping[int, np.ndarray]:
    """A sample [*shape] an input with as many values at their zero points as leave it wrong: many at once, then one."""
    sizes = {index: array.size for index, array in sample.items()}
    places = [(index, i) for index, size in sizes.items() for i in range(size)]
    width = len(places)
    while width >= 1:
        tried = [_without(graph, sample, places[start : start + width]) for start in range(0, len(places), width)]
        stacked = {index: np.stack([one[index] for one in tried]) for index in sample}
        for position in np.flatnonzero(wrong(stacked)):
            merged = _without(graph, sample, places[position * width : (position + 1) * width])
            if wrong({index: array[None] for index, array in merged.items()})[0]:
                sample = merged
        width //= 2
    return sample


def _without(
    graph: Graph, sample: Mapping[int, np.ndarray], places: Sequence[tuple[int, int]]
) -> dict[int, np.ndarray]:
    changed = {index: array.copy() for index, array in sample.items()}
    for index, i in places:
        changed[index].reshape(-1)[i] = _rest(graph, index)
    return changed


def _rest(graph: Graph, index: int) -> int:
    return 0 if graph.tensors[index].grid is None else graph.tensors[index].zero_point


def versions() -> dict[str, str]:
    """The installed packages that decide, and the machine."""
    found = {"machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def probe(ops: Sequence[str] | None, kernel_sets: Sequence[str], advance: Callable[[], None]) -> list[Finding]:
    """Every case of those operators (all when None) in each kernel set.

    advance: called once a case. Each kernel set runs in a process of its own; a crash takes one case with it.
    """
    chosen = [case for case in cases() if ops is None or case.op in ops]
    findings = []
    children = {kernels: Child() for kernels in kernel_sets}
    try:
        for child in children.values():
            child.start()
        for case in chosen:
            found = trials(case)
            for kernels, child in children.items():

                def run(graph: Graph, inputs: Inputs, child: Child = child, kernels: str = kernels) -> Trace:
                    return child.call(runtime.run, write(model_of(graph)), inputs, kernels)

                findings.append(examine(case, found, kernels, run))
                if findings[-1].expected == "-":
                    # It may have done what is not defined: nothing else shall run in that process.
                    child.stop()
            advance()
    finally:
        for child in children.values():
            child.stop()
    return findings


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qcompare probe",
        description="Run one-operator models and say which named rounding rule each operator of the installed "
        "runtimes follows. Exit status 0 when the manual engine follows rules that fit, 1 when it does not, 2 for a "
        "wrong request.",
    )
    parser.add_argument("--json", action="store_true", help="for machines: every figure, on standard output")
    parser.add_argument("--op", metavar="NAME", help="one operator, such as FULLY_CONNECTED; all without it")
    return parser


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    known = list(dict.fromkeys(case.op for case in cases()))
    if arguments.op is not None and arguments.op.upper() not in known:
        parser.error(f"--op {arguments.op}: none of {', '.join(known)}")
    ops = None if arguments.op is None else [arguments.op.upper()]
    kernel_sets = [name for name in runtime.KERNEL_SETS if name != "micro" or micro.installed()]
    console, errors = Console(), Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("probe", total=sum(ops is None or case.op in ops for case in cases()))
        findings = probe(ops, kernel_sets, lambda: progress.advance(task))
    if arguments.json:
        print(json.dumps({"versions": versions(), "findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        _report(console, findings, kernel_sets)
    return 0 if all(finding.sound for finding in findings) else 1


def _report(console: Console, findings: Sequence[Finding], kernel_sets: Sequence[str]) -> None:
    console.print(", ".join(f"{name} {number}" for name, number in versions().items()), highlight=False)
    console.print("the rule that fits, and how many values tell it from the next best\n", highlight=False)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("operator", no_wrap=True)
    for kernels in kernel_sets:
        table.add_column(kernels, overflow="fold")
    for op, lines in _lines(findings, kernel_sets).items():
        if len(lines) > 1:
            table.add_row(escape(op))
        for cells, labels in lines.items():
            label = ("  " if len(lines) > 1 else f"{op} ") + "; ".join(labels)
            table.add_row(escape(label), *cells)
    console.print(table, highlight=False)
    for finding in findings:
        if not finding.sound:
            console.print(f"\n{_complaint(finding)}", highlight=False, markup=False)
    if "micro" not in kernel_sets:
        console.print("\nmicro is left out: pip install 'qcompare[micro]'", highlight=False, markup=False)


def _lines(findings: Sequence[Finding], kernel_sets: Sequence[str]) -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Operator -> cells -> the cases that share them."""
    by_case: dict[tuple[str, str], dict[str, Finding]] = {}
    for finding in findings:
        label = f"{finding.dtype}, per {finding.granularity}" if finding.granularity else finding.dtype
        by_case.setdefault((finding.op, label), {})[finding.kernels] = finding
    lines: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for (op, label), found in by_case.items():
        cells = tuple(_cell(found[kernels]) for kernels in kernel_sets)
        lines.setdefault(op, {}).setdefault(cells, []).append(label)
    return lines


def _cell(finding: Finding) -> str:
    if finding.note and finding.expected == "-":
        return "-"
    if not finding.fitting:
        return "not run" if finding.note else "-" if finding.expected == "-" else "none fits"
    names = [finding.expected] if finding.expected in finding.fitting else []
    names += [rule for rule in finding.fitting if rule not in names]
    nearest = f" {min(finding.apart.values())}" if finding.apart else ""
    return f"{' = '.join(names)}{nearest}"


def _complaint(finding: Finding) -> str:
    where = f"{finding.op} {finding.dtype} {finding.granularity}".strip() + f" in {finding.kernels}"
    if finding.note:
        return f"{where}: not run: {finding.note}"
    if finding.fitting:
        return f"{where}: {', '.join(finding.fitting)} fits, the manual engine follows {finding.expected}"
    wrong = ", ".join(f"{rule} {count}" for rule, count in sorted(finding.apart.items(), key=lambda item: item[1]))
    text = f"{where}: no rule fits; unequal of {finding.values}: {wrong}"
    example = finding.counterexample
    if example is None:
        return text
    given = "; ".join(f"{name} {' '.join(f'[{i}]={v}' for i, v in values)}" for name, values in example.inputs.items())
    scales = "; ".join(f"{name} {scale!r} {zero}" for name, (scale, zero) in example.quantization.items())
    rules = ", ".join(f"{rule} {value}" for rule, value in example.rules.items())
    return (
        f"{text}\n  smallest: {given} (else the zero point) gives {example.output}[{example.element}] = "
        f"{example.runtime}; by rule: {rules}\n  scale and zero point: {scales}"
    )
