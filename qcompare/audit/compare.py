"""`qcompare audit MODEL.tflite`: the manual engine against the runtime, operator by operator, in every kernel set."""

from __future__ import annotations

import argparse
import io
import math
import os
import resource
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from qcompare.cli.arguments import Parser, names_from, positive
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.files import write_whole
from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.trace import Trace
from qcompare.data.inputs import InputsError, random_inputs, read_inputs
from qcompare.engines import micro
from qcompare.engines import runtimes as runtime
from qcompare.engines.unwritten import unwritten
from qcompare.manual.call import NotCoveredError
from qcompare.manual.executor import activations_of, rule_for, run_operator
from qcompare.report.audit import findings_table, operators_table
from qcompare.report.tables import write_csv
from qcompare.tflite.cut import cut
from qcompare.tflite.schema import NotAModelError, read

COLUMNS = (
    "kernels",
    "index",
    "op",
    "tensor",
    "dtype",
    "n",
    "local_mismatches",
    "local_max_lsb",
    "accumulated_mismatches",
    "accumulated_max_lsb",
    "note",
)
"""Of audit.csv."""

SAMPLES = 64
FEWEST_SAMPLES = 4
VALUES = 1 << 26
"""Without a number of samples there are SAMPLES, or fewer, so that no more activations than this are compared."""

SEED = 0
TOLERANCE = 1e-4
"""A float counts as unequal when it is further off than this part of the largest magnitude in its tensor and sample."""

CHUNK_BYTES = 64 << 20
"""What the activations of the samples that a runtime is asked for at once may take."""

LARGEST_TENSOR = 1 << 28
"""Bytes. A tensor beyond this is taken for a damaged shape."""

LEAST_MEMORY = 4 << 30
"""Bytes that the audit may always use."""

SAVED_SAMPLES = 16
"""How many of the samples in which an operator differs are saved with it."""


class AuditError(ValueError):
    """The request cannot be met; the message is one line."""


@dataclass(kw_only=True)
class Tally:
    """Values compared so far."""

    n: int = 0
    mismatches: int = 0
    max_lsb: int | None = None

    def add(self, expected: np.ndarray, found: np.ndarray) -> np.ndarray:
        """Counts two arrays [samples, ...] of equal shape. Returns which samples differ."""
        wrong, gap = unequal(expected, found)
        self.n += wrong.size
        self.mismatches += int(np.count_nonzero(wrong))
        if gap is not None:
            self.max_lsb = max(self.max_lsb or 0, gap)
        return np.asarray(wrong.reshape(len(wrong), -1).any(axis=1))


def unequal(expected: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Which values differ, and by how many LSB at most (None for floats, which have none).

    expected, found: [samples, ...] of one dtype. Floats differ beyond TOLERANCE; NaN and Inf equal themselves.
    """
    if expected.dtype.kind != "f":
        wrong = np.asarray(expected != found)
        gap = np.abs(expected[wrong].astype(np.int64) - found[wrong].astype(np.int64))
        return wrong, int(gap.max(initial=0))
    with np.errstate(invalid="ignore", over="ignore"):
        a, b = expected.astype(np.float64), found.astype(np.float64)
        size = np.abs(np.where(np.isfinite(a), a, 0)).max(axis=tuple(range(1, a.ndim)), keepdims=True, initial=0)
        same: np.ndarray = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= TOLERANCE * size)
    return ~same, None


@dataclass(kw_only=True)
class Found:
    """What is known so far of one tensor that an operator computes, under one kernel set."""

    operator: Operator
    tensor: Tensor
    local: Tally = field(default_factory=Tally)
    free: Tally = field(default_factory=Tally)
    unseen: str = ""
    uncovered: str = ""
    lack: str = ""
    rule: str = ""
    changed: int = 0

    @property
    def verdict(self) -> str:
        """exact, close (floats within TOLERANCE), local (nothing to run freely from), differs, uncovered or unseen."""
        if self.local.mismatches or self.free.mismatches:
            return "differs"
        if self.uncovered:
            return "uncovered"
        if self.unseen or not (self.local.n or self.free.n):
            return "unseen"
        if not self.free.n:
            return "local"
        return "close" if self.tensor.dtype.kind == "f" else "exact"

    @property
    def note(self) -> str:
        changed = f"{self.changed} values change when the runtime keeps all tensors (operators fused)"
        texts = (self.unseen, self.uncovered or self.lack, self.rule, changed if self.changed else "")
        return "; ".join(text for text in texts if text)


@dataclass(frozen=True, kw_only=True, eq=False)
class Failing:
    """An operator that differs, with inputs for which it does: tensor index -> [samples, *shape]."""

    operator: Operator
    inputs: Mapping[int, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """One kernel set's audit. refusal: why the runtime did not run the model to the end, or nothing."""

    kernels: str
    found: Sequence[Found]
    refusal: str = ""
    failing: Sequence[Failing] = ()

    def rows(self, graph: Graph) -> Iterator[dict[str, Any]]:
        """The rows of audit.csv, with `verdict` and `output`."""
        for found in self.found:
            tallies = {"local": found.local, "accumulated": found.free}
            figures: dict[str, int | None] = {}
            for kind, tally in tallies.items():
                figures[f"{kind}_mismatches"] = tally.mismatches if tally.n else None
                figures[f"{kind}_max_lsb"] = tally.max_lsb
            yield {
                "kernels": self.kernels,
                "index": found.operator.index,
                "op": found.operator.name,
                "tensor": found.tensor.name,
                "dtype": found.tensor.dtype.name if found.tensor.dtype != np.dtype(object) else "other",
                "n": max(tally.n for tally in tallies.values()),
                **figures,
                "note": self.refusal or found.note,
                "verdict": "refused" if self.refusal else found.verdict,
                "output": found.tensor.index in graph.outputs,
            }


def audit(
    model: bytes,
    parsed: Model,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    advance: Callable[[], None] = lambda: None,
) -> Audit:
    """One kernel set's runtime against its arithmetic.

    parsed: what `schema.read` makes of the model. inputs: tensor index -> [samples, *shape].
    advance: called once an operator and chunk of samples, `steps` times in all.

    The runtime works in a process of its own, so that its crash ends nothing else.
    """
    graph = parsed.main
    folding = _Folding(parsed, kernels)
    work = _Work(folding.model, kernels, folding)
    samples = len(next(iter(inputs.values())))
    refusal = ""
    with Child() as child:
        try:
            work.exclude(_unwritten(child, model, graph, inputs, kernels, folding))
            for start in range(0, samples, chunk_of(graph)):
                part = {index: array[start : start + chunk_of(graph)] for index, array in inputs.items()}
                work.compare(*_observed(child, model, graph, part, kernels), part, advance)
        except ChildCrashedError as error:
            refusal = f"the runtime crashed: {error}"
        except ChildFailedError as error:
            refusal = _shortened(str(error).removeprefix(f"{micro.MicroUnavailableError.__name__}: "))
    return Audit(kernels=kernels, found=list(work.found.values()), refusal=refusal, failing=work.failing())


def steps(graph: Graph, samples: int) -> int:
    """How often `audit` advances."""
    return -(-samples // chunk_of(graph)) * len(graph.operators)


def chunk_of(graph: Graph) -> int:
    """Samples that a runtime is asked for at once."""
    taken = sum(_bytes(graph.tensors[i]) for i in {*graph.inputs, *_computed(graph)})
    return max(1, CHUNK_BYTES // max(taken, 1))


def usual_samples(graph: Graph) -> int:
    """How many random samples there are when the user does not say."""
    values = sum(math.prod(graph.tensors[i].shape) for i in _computed(graph))
    return max(FEWEST_SAMPLES, min(SAMPLES, VALUES // max(values, 1)))


def _unwritten(
    child: Child, model: bytes, graph: Graph, inputs: Mapping[int, np.ndarray], kernels: str, folding: _Folding
) -> Collection[int]:
    if kernels == "micro":
        return ()
    first = {index: array[0] for index, array in inputs.items()}
    activations = [index for index in _computed(graph) if not graph.tensors[index].variable]
    look = partial(unwritten, activations=activations, constant=folding.outputs)
    return child.call(look, model, first, kernels)


def _observed(
    child: Child, model: bytes, graph: Graph, inputs: Mapping[int, np.ndarray], kernels: str
) -> tuple[Trace, Trace]:
    """The runtime with all tensors kept, and as it runs for everybody, with the model's outputs alone."""
    kept = child.call(partial(runtime.run, keep=_computed(graph)), model, inputs, kernels)
    plain = child.call(partial(runtime.run, keep=graph.outputs), model, inputs, kernels)
    return kept, plain


def _computed(graph: Graph) -> tuple[int, ...]:
    """The tensors that operators compute, strings and the like left out."""
    outputs = dict.fromkeys(index for operator in graph.operators for index in operator.outputs if index >= 0)
    return tuple(index for index in outputs if graph.tensors[index].dtype != np.dtype(object))


class _Folding:
    """The operators on constants alone, computed once.

    model: the model with their results as constants.
    results: operator index -> its results, or why there are none.
    outputs: the tensors that follow from constants alone.
    """

    def __init__(self, model: Model, arithmetic: str) -> None:
        graph = model.main
        tensors = list(graph.tensors)
        derived = {tensor.index for tensor in tensors if tensor.data is not None}
        self.results: dict[int, Trace | str] = {}
        self.outputs: list[int] = []
        for operator in graph.operators:
            present = [index for index in operator.inputs if index >= 0]
            if not present or not derived.issuperset(present):
                continue
            derived.update(operator.outputs)
            self.outputs += operator.outputs
            result = _on_constants(model.with_main(replace(graph, tensors=tuple(tensors))), operator, arithmetic)
            self.results[operator.index] = result
            if isinstance(result, Trace):
                for index in operator.outputs:
                    data = result.tensors[tensors[index].name].reshape(tensors[index].shape)
                    tensors[index] = replace(tensors[index], data=data)
        self.model = model.with_main(replace(graph, tensors=tuple(tensors)))


def _on_constants(model: Model, operator: Operator, arithmetic: str) -> Trace | str:
    """One sample of an operator's results. One of its constants goes in as an activation: the one with the numbers."""
    graph = model.main
    dtype = graph.tensors[operator.outputs[0]].dtype
    present = [index for index in operator.inputs if index >= 0]
    main = graph.tensors[next((i for i in present if graph.tensors[i].dtype == dtype), present[0])]
    if main.data is None:
        return f"not emulated: its input '{main.name}' is not"
    tensors = tuple(replace(tensor, data=None) if tensor.index == main.index else tensor for tensor in graph.tensors)
    return _emulated(
        model.with_main(replace(graph, tensors=tensors)), operator, {main.index: main.data[None]}, arithmetic
    )


def _emulated(model: Model, operator: Operator, inputs: Mapping[int, np.ndarray], arithmetic: str) -> Trace | str:
    """One operator computed by hand, or why not: any model of the user's may ask for what nobody thought of."""
    try:
        return run_operator(model, operator, inputs, arithmetic)
    except NotCoveredError as error:
        return f"not emulated: {error.missing.replace(f' under {arithmetic} kernels', '')} not covered"
    except Exception as error:
        return _shortened(f"not emulated: {type(error).__name__}: {error}")


class _Work:
    """The comparison of one kernel set, chunk by chunk of samples."""

    def __init__(self, model: Model, kernels: str, folding: _Folding) -> None:
        graph = model.main
        self.model, self.graph, self.kernels, self.folding = model, graph, kernels, folding
        self.found = {
            index: Found(operator=operator, tensor=graph.tensors[index], rule=_rule(model, operator, kernels))
            for operator in graph.operators
            for index in operator.outputs
            if index >= 0
        }
        self.excluded: frozenset[int] = frozenset()
        self._failing: dict[int, list[Mapping[int, np.ndarray]]] = {}

    def exclude(self, tensors: Collection[int]) -> None:
        """Tensors that the runtime leaves unwritten."""
        self.excluded = frozenset(tensors)
        for index in tensors:
            self.found[index].unseen = "not compared: the runtime does not write it (fused or left out)"

    def compare(self, kept: Trace, plain: Trace, inputs: Mapping[int, np.ndarray], advance: Callable[[], None]) -> None:
        """Counts one chunk of samples. kept, plain: as of `_observed`."""
        own = dict(inputs)
        for index, found in self.found.items():
            if index in self.excluded:
                continue
            value = kept.tensors.get(found.tensor.name)
            if value is None:
                found.unseen = "not compared: the runtime does not hold it"
            elif value.size != len(value) * int(np.prod(found.tensor.shape)):
                found.unseen = f"not compared: the runtime gives it the shape {list(value.shape[1:])} a sample"
            else:
                own[index] = value.reshape(len(value), *found.tensor.shape)
        free = dict(inputs)
        for operator in self.graph.operators:
            self._compare_operator(operator, own, free, plain)
            advance()

    def _compare_operator(
        self, operator: Operator, own: Mapping[int, np.ndarray], free: dict[int, np.ndarray], plain: Trace
    ) -> None:
        if operator.index in self.folding.results:
            self._compare_constant(operator, self.folding.results[operator.index], own)
            return
        needed = activations_of(self.graph, operator)
        freely = self._compute(operator, needed, free, "free", "is not emulated")
        same = all(i in free and i in own and np.array_equal(free[i], own[i]) for i in needed)
        locally = freely if same else self._compute(operator, needed, own, "local", "cannot be read")
        for index in operator.outputs:
            found = self.found[index]
            if isinstance(freely, Trace):
                free[index] = _shaped(freely, found.tensor)
                truth = _shaped(plain, found.tensor) if found.tensor.name in plain.tensors else own.get(index)
                if truth is not None:
                    found.free.add(truth, free[index])
            elif freely.startswith("not emulated"):
                found.uncovered = freely
            elif not found.uncovered:
                found.lack = freely
            if index in own and isinstance(locally, Trace):
                wrong = found.local.add(own[index], _shaped(locally, found.tensor))
                self._keep_failing(operator, needed, own, wrong)
            elif isinstance(locally, str) and locally != freely:
                found.unseen = found.unseen or locally
            if index in own and found.tensor.name in plain.tensors:
                found.changed += int(np.count_nonzero(unequal(_shaped(plain, found.tensor), own[index])[0]))

    def _compute(
        self, operator: Operator, needed: Collection[int], values: Mapping[int, np.ndarray], kind: str, lack: str
    ) -> Trace | str:
        for index in needed:
            if index not in values:
                return f"not compared ({kind}): its input '{self.graph.tensors[index].name}' {lack}"
        if not needed:
            return "not emulated: an operator without inputs"
        return _emulated(self.model, operator, {index: values[index] for index in needed}, self.kernels)

    def _compare_constant(self, operator: Operator, result: Trace | str, own: Mapping[int, np.ndarray]) -> None:
        for index in operator.outputs:
            found = self.found[index]
            if isinstance(result, str):
                found.uncovered = result
            elif index in own:
                value = _shaped(result, found.tensor)
                found.local.add(own[index][:1], value)
                found.free.add(own[index][:1], value)

    def _keep_failing(
        self, operator: Operator, needed: Collection[int], own: Mapping[int, np.ndarray], wrong: np.ndarray
    ) -> None:
        kept = self._failing.setdefault(operator.index, [])
        for sample in np.flatnonzero(wrong)[: SAVED_SAMPLES - len(kept)]:
            kept.append({index: own[index][sample] for index in needed})

    def failing(self) -> list[Failing]:
        """The operators that differ on the runtime's own inputs."""
        return [
            Failing(
                operator=operator,
                inputs={index: np.stack([sample[index] for sample in samples]) for index in samples[0]},
            )
            for operator in self.graph.operators
            if (samples := self._failing.get(operator.index))
        ]


def _rule(model: Model, operator: Operator, kernels: str) -> str:
    try:
        return f"rule {rule_for(model, operator, kernels)}"
    except Exception:
        # The computation itself will say why.
        return ""


def _shaped(trace: Trace, tensor: Tensor) -> np.ndarray:
    value = trace.tensors[tensor.name]
    return value.reshape(len(value), *tensor.shape)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


def load(path: Path) -> tuple[bytes, Model]:
    """A model file and what it holds. Raises AuditError."""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}") from error
    try:
        parsed = read(model)
    except NotAModelError as error:
        raise AuditError(f"{path}: {error}") from error
    _check(path, parsed)
    return model, parsed


def _check(path: Path, parsed: Model) -> None:
    graph = parsed.main
    for tensor in (tensor for each in parsed.graphs for tensor in each.tensors):
        if min(tensor.shape, default=1) < 0 or _bytes(tensor) > LARGEST_TENSOR:
            raise AuditError(f"{path}: a damaged TFLite model: tensor '{tensor.name}' of shape {list(tensor.shape)}")
    if not graph.outputs or not _computed(graph):
        raise AuditError(f"{path}: the model computes nothing")
    if not graph.inputs:
        raise AuditError(f"{path}: the model has no inputs")


def _bytes(tensor: Tensor) -> int:
    return math.prod(tensor.shape) * tensor.dtype.itemsize


def save_failing(model: bytes, graph: Graph, audits: Sequence[Audit], directory: Path) -> list[Path]:
    """Each operator that differs as a model of its own, with an `.npz` of inputs, in the order of its own inputs.

    Returns the models' paths. Raises OSError.
    """
    paths = []
    for result in audits:
        for failing in result.failing:
            path = directory / f"{failing.operator.index:03d}-{failing.operator.name}-{result.kernels}.tflite"
            write_whole(path, cut(model, failing.operator.index))
            held = io.BytesIO()
            np.savez(held, *(failing.inputs[index] for index in activations_of(graph, failing.operator)))
            write_whole(path.with_suffix(".npz"), held.getvalue())
            paths.append(path)
    return paths


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qcompare audit",
        description="Recompute every operator of a .tflite model by hand and compare it with the runtime. "
        "Local: the operator is given the runtime's own inputs; free: everything is computed from the model's input. "
        "Exit status 0 when all is exact, 1 when something differs or was not emulated, 2 for a wrong request.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL.tflite")
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE.npz",
        help="arrays [samples, ...] named like the input tensors or in their order, integers or real numbers; "
        f"without it integers uniform over their whole range (those of 32 bits and more without a scale below "
        f"10), floats standard normal, seed {SEED}",
    )
    parser.add_argument(
        "--samples", type=positive, metavar="N", help=f"how many ({SAMPLES}, fewer for a large model; all of --inputs)"
    )
    parser.add_argument(
        "--kernels",
        type=names_from(*runtime.KERNEL_SETS),
        metavar="NAME,...",
        help=f"some of {', '.join(runtime.KERNEL_SETS)}; all that are installed",
    )
    parser.add_argument("--save-failing", type=Path, metavar="DIR", help="write each operator that differs here")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where audit.csv goes (here)")
    return parser


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with _limited_memory():
            return _main(arguments)
    except (AuditError, InputsError) as error:
        print(f"qcompare audit: {error}", file=sys.stderr)
        return 2


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Three quarters of the machine's memory for this process, and as much for the runtime's.

    A damaged shape then fails to get memory, which is noted, where it would take the whole machine down.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = max(LEAST_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 * 3)
    if before[0] != resource.RLIM_INFINITY:
        most = min(most, before[0])
    with suppress(ValueError, OSError):  # A system that does not limit it.
        resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, before)


def _main(arguments: argparse.Namespace) -> int:
    model, parsed = load(arguments.model)
    graph = parsed.main
    kernel_sets = _kernel_sets(arguments.kernels)
    if arguments.inputs is None:
        samples = arguments.samples or usual_samples(graph)
        inputs = random_inputs(graph, samples, SEED)
    else:
        inputs = read_inputs(arguments.inputs, graph, arguments.samples)
        samples = len(next(iter(inputs.values())))
    _require_directories(arguments.output, arguments.save_failing)
    console, errors = Console(), Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        audits = []
        for kernels in kernel_sets:
            task = progress.add_task(kernels, total=steps(graph, samples))
            audits.append(audit(model, parsed, inputs, kernels, partial(progress.advance, task)))
    rows = pd.DataFrame([row for result in audits for row in result.rows(graph)])
    counts = [name for name in COLUMNS if name == "n" or name.endswith(("_mismatches", "_max_lsb"))]
    rows = rows.astype(dict.fromkeys(counts, "Int64"))
    path = arguments.output / "audit.csv"
    try:
        write_csv(rows[list(COLUMNS)], path)
        saved = save_failing(model, graph, audits, arguments.save_failing) if arguments.save_failing else []
    except OSError as error:
        raise AuditError(f"{error.filename}: {error.strerror}") from error
    _report(console, arguments, graph, audits, rows, samples)
    console.print(*(str(p) for p in (path, *saved)), sep="\n", soft_wrap=True, highlight=False)
    return 0 if rows["verdict"].isin(["exact", "close", "local", "unseen"]).all() else 1


def _kernel_sets(wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    if micro.installed():
        return wanted or runtime.KERNEL_SETS
    if wanted and "micro" in wanted:
        raise AuditError("--kernels micro: TensorFlow Lite Micro is not installed: pip install 'qcompare[micro]'")
    return wanted or tuple(name for name in runtime.KERNEL_SETS if name != "micro")


def _require_directories(*directories: Path | None) -> None:
    for directory in directories:
        if directory is not None and directory.exists() and not directory.is_dir():
            raise AuditError(f"{directory}: no folder")


def _report(
    console: Console,
    arguments: argparse.Namespace,
    graph: Graph,
    audits: Sequence[Audit],
    rows: pd.DataFrame,
    samples: int,
) -> None:
    source = arguments.inputs or f"random inputs, seed {SEED}"
    operators = len(graph.operators)
    console.print(
        f"{arguments.model}: {operators} operators, {samples} samples ({source})",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print()
    console.print(operators_table(rows, [result.kernels for result in audits]), highlight=False)
    found = findings_table(rows)
    if found is not None:
        console.print()
        console.print(found, highlight=False)
    for refusal in dict.fromkeys(result.refusal for result in audits if result.refusal):
        names = ", ".join(result.kernels for result in audits if result.refusal == refusal)
        console.print(f"\nnot run in {names}: {refusal}", highlight=False, markup=False)
    if not micro.installed() and arguments.kernels is None:
        console.print("micro is left out: pip install 'qcompare[micro]'", highlight=False, markup=False)
    if any(tensor.dtype.kind == "f" for tensor in (graph.tensors[i] for i in _computed(graph))):
        console.print(
            f"close: floats within {TOLERANCE:g} of their tensor's largest magnitude", highlight=False, markup=False
        )
    console.print()
