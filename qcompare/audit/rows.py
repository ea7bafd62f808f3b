"""The rows of audit.csv, and what the terminal needs to know of them besides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from qcompare.audit.compare import Audit, Found
from qcompare.core.graph import Operator, Tensor
from qcompare.manual import hybrid
from qcompare.manual.rule import Method, Rule


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """One tensor that an operator computes, in one kernel set.

    index, op: the operator. n: values compared. *_mismatches: how many of them are unequal, *_max_lsb: by how much at
    most, over integers; local: the operator given the runtime's own inputs, accumulated: all computed from the model's.
    """

    kernels: str
    index: int
    op: str
    tensor: str
    dtype: str
    n: int
    local_mismatches: int | None
    local_max_lsb: int | None
    accumulated_mismatches: int | None
    accumulated_max_lsb: int | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A row with what it amounts to.

    verdict: exact, close (floats within the tolerance), local (nothing to run freely from), differs, amplified (differs
    freely alone, as `amplified` explains), uncovered, undefined (by the kernels), unseen, refused or crashed.
    output: whether the tensor is an output of the model.
    """

    row: AuditRow
    verdict: str
    output: bool


PASSING = frozenset({"exact", "close", "local", "unseen", "amplified"})
"""Verdicts that leave the exit status at 0."""

NOT_RUN = frozenset({"refused", "undefined"})
"""Verdicts that leave it there where nobody asked for the kernel set by name."""


def judged(audit: Audit) -> Iterator[Judged]:
    """Every tensor that the graph's operators compute, in their order."""
    explained = amplified(audit)
    for operator in audit.graph.operators:
        for index in operator.outputs:
            tensor, found = audit.graph.tensors[index], audit.found[index]
            yield Judged(
                row=_row(audit, operator, tensor, found),
                verdict=_verdict(audit, operator, tensor, found, explained),
                output=index in audit.graph.outputs,
            )


def _verdict(audit: Audit, operator: Operator, tensor: Tensor, found: Found, explained: Collection[int]) -> str:
    if audit.refusal:
        return "crashed" if audit.crashed else "refused"
    if operator.index in audit.undefined:
        return "undefined"
    return "amplified" if tensor.index in explained else verdict_of(found, tensor)


def amplified(audit: Audit) -> set[int]:
    """The tensors that differ freely because a dynamic-range operator rounds its input to 8 bits.

    Floats that are close before the rounding can be a whole step apart after it. A tensor is one of these when its
    operator is right on the runtime's own inputs and either rounds so, or is given one of these; all other inputs must
    not differ, nor the runtime change its numbers by keeping all tensors.
    """
    explained: set[int] = set()
    for operator in audit.graph.operators:
        rule = audit.rules[operator.index]
        rounds = isinstance(rule, Method) and rule.kind == hybrid.KIND
        given = [audit.found[index] for index in operator.inputs if index in audit.found and index not in explained]
        if not (rounds or explained.intersection(operator.inputs)) or any(each.free.mismatches for each in given):
            continue
        for index in operator.outputs:
            found = audit.found[index]
            if found.free.mismatches and found.local.n and not found.local.mismatches and not found.changed:
                explained.add(index)
    return explained


def frame(found: Sequence[Judged]) -> pd.DataFrame:
    """The columns of audit.csv, then `verdict` and `output`."""
    rows = pd.DataFrame([asdict(each.row) for each in found], columns=list(COLUMNS)).astype(COLUMNS)
    return rows.assign(verdict=[each.verdict for each in found], output=[each.output for each in found])


def verdict_of(found: Found, tensor: Tensor) -> str:
    """As in Judged, of a tensor of a model that the runtime ran."""
    if found.local.mismatches or found.free.mismatches:
        return "differs"
    if found.uncovered:
        return "uncovered"
    if found.unseen or not (found.local.n or found.free.n):
        return "unseen"
    if not found.free.n:
        return "local"
    return "close" if tensor.dtype.kind == "f" else "exact"


def _row(audit: Audit, operator: Operator, tensor: Tensor, found: Found) -> AuditRow:
    return AuditRow(
        kernels=audit.kernels,
        index=operator.index,
        op=operator.name,
        tensor=tensor.name,
        dtype="other" if tensor.dtype == np.dtype(object) else tensor.dtype.name,
        n=max(found.local.n, found.free.n),
        local_mismatches=found.local.mismatches if found.local.n else None,
        local_max_lsb=found.local.max_lsb,
        accumulated_mismatches=found.free.mismatches if found.free.n else None,
        accumulated_max_lsb=found.free.max_lsb,
        note=audit.refusal or _note(found, audit.rules[operator.index]),
    )


def _note(found: Found, rule: Rule | None) -> str:
    changed = f"{found.changed} values change when the runtime keeps all tensors (operators fused)"
    followed = "" if rule is None else f"rule {rule.name}"
    texts = (found.unseen, found.uncovered or found.lack, followed, changed if found.changed else "")
    return "; ".join(text for text in texts if text)


DTYPES = {"int": "int64", "int | None": "Int64", "str": "str"}
"""A field's type -> the dtype of its column."""

COLUMNS = {each.name: DTYPES[str(each.type)] for each in fields(AuditRow)}
"""Of audit.csv, with their dtypes."""
