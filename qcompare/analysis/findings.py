"""findings.csv: what is to be told of a trial besides its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qcompare.analysis.result import Result
from qcompare.core.finding import Finding
from qcompare.core.table import Table


@dataclass(frozen=True, kw_only=True)
class FindingsRow:
    """One finding. severity: failure, warning or remark. route: empty for the trial as a whole."""

    configuration: str
    seed: int
    route: str
    severity: str
    where: str
    text: str


def rows(result: Result) -> Iterator[FindingsRow]:
    """The findings of the trial, of its models, its engines and its ladders."""

    def row(route: str, finding: Finding) -> FindingsRow:
        return FindingsRow(
            configuration=result.configuration,
            seed=result.seed,
            route=route,
            severity=finding.severity.value,
            where=finding.where,
            text=finding.text,
        )

    yield from (row("", finding) for finding in result.findings)
    for route, artifact in result.artifacts.items():
        yield from (row(route, finding) for finding in (artifact.built.findings if artifact.built else ()))
        for side, trace in result.traces.items():
            if side.route == route:
                yield from (row(route, finding) for finding in trace.findings)
        if route in result.ladders:
            yield from (row(route, finding) for finding in result.ladders[route].findings)


FINDINGS = Table(file="findings.csv", row=FindingsRow, rows=rows)
