"""The rows of findings.csv: everything that is to be told, in a set order."""

from qcompare.analysis.findings import FINDINGS, FindingsRow, rows
from qcompare.analysis.result import Result, fallen
from qcompare.core.comparison import Side
from qcompare.core.engine import FLOAT, MICRO, QAT, interpreter
from qcompare.core.finding import failure, remark, warning
from qcompare.core.trace import Trace
from qcompare.tflite.artifact import Artifact, Built, not_built

REFERENCE = interpreter("reference")


def trace(engine, *findings):
    return Trace(engine=engine, findings=findings)


def result(*findings, artifacts=(), traces=None):
    return Result(
        configuration="lstm-int8",
        seed=4,
        classification=True,
        comparisons=(),
        artifacts={artifact.route: artifact for artifact in artifacts},
        traces=traces or {},
        findings=findings,
    )


WHOLE = result(
    remark("", "seconds were short"),
    warning("data", "one class is rare"),
    artifacts=(
        Artifact(route="plain"),
        Artifact(route="trained", built=Built(content=b"model", findings=(warning("recurrent_0", "an LSTM of one"),))),
        Artifact(route="after", built=not_built("the converter crashed")),
    ),
    traces={
        Side("after", MICRO): trace(MICRO, failure("micro", "no model")),
        Side("trained", REFERENCE): trace(REFERENCE, remark("interpreter:reference", "is slow")),
        Side("plain", FLOAT): trace(FLOAT, warning("float", "gives NaN")),
        Side("trained", QAT): trace(QAT),
        Side("trained", MICRO): trace(MICRO, failure("micro", "arena"), remark("micro", "tried twice")),
    },
)


def test_the_trial_s_findings_come_first_then_route_by_route_those_of_the_model_and_of_its_engines():
    assert [(row.route, row.severity, row.where, row.text) for row in rows(WHOLE)] == [
        ("", "remark", "", "seconds were short"),
        ("", "warning", "data", "one class is rare"),
        ("plain", "warning", "float", "gives NaN"),
        ("trained", "warning", "recurrent_0", "an LSTM of one"),
        ("trained", "remark", "interpreter:reference", "is slow"),
        ("trained", "failure", "micro", "arena"),
        ("trained", "remark", "micro", "tried twice"),
        ("after", "failure", "conversion", "the converter crashed"),
        ("after", "failure", "micro", "no model"),
    ]
    assert {(row.configuration, row.seed) for row in rows(WHOLE)} == {("lstm-int8", 4)}


def test_nothing_to_tell_is_no_row():
    quiet = result(artifacts=(Artifact(route="trained", built=Built(content=b"model")),), traces={})
    assert list(rows(quiet)) == []
    assert FINDINGS.made(quiet).empty


def test_a_trial_that_fell_says_why():
    (row,) = rows(fallen("lstm-int8", 4, (), failure("data", "no such file")))
    assert row == FindingsRow(
        configuration="lstm-int8", seed=4, route="", severity="failure", where="data", text="no such file"
    )


def test_the_columns_of_the_file():
    assert list(FINDINGS.dtypes) == ["configuration", "seed", "route", "severity", "where", "text"]
    frame = FINDINGS.made(WHOLE)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == FINDINGS.dtypes
    assert len(frame) == 9
    assert not frame.isna().any(axis=None)
