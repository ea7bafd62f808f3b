"""What a trial gave, before any figure is taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qcompare.core.comparison import Comparison, Side
from qcompare.core.finding import Finding
from qcompare.core.ladder import Ladders
from qcompare.core.trace import Trace
from qcompare.tflite.artifact import Artifact


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Everything that tables are made of.

    configuration, seed: which trial. method: how its models are quantized, by the name that `core.method` has.
    classification: whether the answers are classes.
    comparisons: what is to be compared. artifacts: by route. traces: by side; those that were not reached are absent.
    findings: what is to be told of the trial as a whole. ladders: by route.
    """

    configuration: str
    seed: int
    classification: bool
    comparisons: tuple[Comparison, ...]
    artifacts: Mapping[str, Artifact]
    traces: Mapping[Side, Trace]
    findings: tuple[Finding, ...] = ()
    method: str = ""
    ladders: Mapping[str, Ladders] = field(default_factory=dict)


def assembled(
    configuration: str,
    seed: int,
    comparisons: tuple[Comparison, ...],
    sides: tuple[Side, ...],
    traces: tuple[Trace, ...],
    labels: Trace,
    artifacts: tuple[Artifact, ...],
    findings: tuple[Finding, ...] = (),
    more: tuple[Finding, ...] = (),
    of_tensors: tuple[Finding, ...] = (),
    method: str = "",
    climbed: tuple[str, ...] = (),
    ladders: tuple[Ladders, ...] = (),
) -> Result:
    """A result of the traces of these sides, in their order, of the labels, integers for a classification, of what is
    to be told of the data, and of the ladders of the climbed routes."""
    (truth,) = labels.values.values()
    own = {pair.a: labels for pair in comparisons if pair.a.engine == labels.engine}
    return Result(
        configuration=configuration,
        seed=seed,
        classification=truth.dtype.kind == "i",
        comparisons=comparisons,
        artifacts={artifact.route: artifact for artifact in artifacts},
        traces=dict(zip(sides, traces, strict=True)) | own,
        findings=(*findings, *more, *of_tensors),
        method=method,
        ladders=dict(zip(climbed, ladders, strict=True)),
    )


def fallen(
    configuration: str, seed: int, comparisons: tuple[Comparison, ...], finding: Finding, method: str = ""
) -> Result:
    """The result of a trial that did not end: every comparison without figures, and why."""
    return Result(
        configuration=configuration,
        seed=seed,
        classification=False,
        comparisons=comparisons,
        artifacts={},
        traces={},
        findings=(finding,),
        method=method,
    )
