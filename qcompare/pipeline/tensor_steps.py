"""The stages of tensors.csv: what models have between their ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from qcompare.analysis import tensors
from qcompare.analysis.ladder_tensors import LADDER_TENSORS
from qcompare.analysis.result import Result
from qcompare.analysis.tensors import TENSORS
from qcompare.config.options import GivenPair
from qcompare.core.finding import Finding
from qcompare.core.function import Function
from qcompare.core.stage import Codec, Stage
from qcompare.core.stored import findings_of, plain_findings
from qcompare.core.tensor_pairs import TensorPairs
from qcompare.engines.inputs import held_back
from qcompare.pipeline.tables import no_rows, rows
from qcompare.routes.given import Given, GivenFloat, float_model, integer_model, pair_of
from qcompare.routes.route import Context
from qcompare.tflite.artifact import Artifact

if TYPE_CHECKING:
    import pandas as pd


GIVEN, GIVEN_FLOAT = Given(), GivenFloat()

FINDINGS: Codec[tuple[Finding, ...]] = Codec(
    dump=lambda found: {"findings.json": json.dumps(plain_findings(found)).encode()},
    load=lambda files: findings_of(json.loads(files["findings.json"])),
)


def tables(
    configuration: str, context: Context, artifacts: Mapping[str, Stage[Artifact]], result: Stage[Result]
) -> dict[str, Stage[pd.DataFrame]]:
    """The table of tensors by its file: of a user's pair of models, or of the ladders of the trial's."""
    pairs = _pairs(context, artifacts)
    if pairs is None:
        return {TENSORS.file: rows(LADDER_TENSORS, result)}
    routes = {"route_a": GIVEN_FLOAT.name, "route_b": GIVEN.name}
    compared = Stage(
        name="tensors compared",
        compute=tensors.compared,
        inputs={"configuration": configuration, "seed": context.seed, **routes, "tensors": pairs},
        codec=None,
    )
    return {TENSORS.file: rows(TENSORS, compared)}


def without_rows() -> dict[str, Stage[pd.DataFrame]]:
    """The table of tensors without any."""
    return {TENSORS.file: no_rows(TENSORS)}


def findings(
    context: Context, artifacts: Mapping[str, Stage[Artifact]]
) -> Stage[tuple[Finding, ...]] | tuple[Finding, ...]:
    """What is to be told of the tensors."""
    pairs = _pairs(context, artifacts)
    if pairs is None:
        return ()
    return Stage(name="findings of tensors", compute=tensors.findings, inputs={"tensors": pairs}, codec=FINDINGS)


def _pairs(context: Context, artifacts: Mapping[str, Stage[Artifact]]) -> Stage[TensorPairs] | None:
    if not isinstance(context.config.model, GivenPair):
        return None
    inputs = {"artifact": artifacts[GIVEN.name], "dataset": context.data}
    return Stage(
        name="tensors of both models",
        compute=Function("qcompare.engines.tensors", "tensor_pairs"),
        inputs={
            "a": float_model(context),
            "b": integer_model(pair_of(context.config)),
            "x": Stage(name="test inputs", compute=held_back, inputs=inputs, codec=None),
        },
        codec=None,
    )
