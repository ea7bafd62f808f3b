"""The ladders of a route's model over the test set, and why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from qcompare.core.finding import Finding, remark, warning
from qcompare.core.ladder import Climb, Fed, Ladder, Ladders
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from qcompare.data.dataset import Dataset
from qcompare.engines.inputs import held_back
from qcompare.engines.manual import BLAS_THREADS
from qcompare.tflite.artifact import Artifact, Built
from qcompare.tflite.free_batch import settled
from qcompare.tflite.reals import quantized

WHERE = "ladder"
"""What its findings are about."""


def of_route(
    artifact: Artifact,
    dataset: Dataset,
    start: Trace,
    first: str,
    kernel_sets: tuple[str, ...],
    runtimes: tuple[Trace, ...],
) -> Ladders:
    """The ladder of a route's model in the arithmetic of each kernel set; none of a model in float32 alone.

    start: the float network's. first: the name of the rung from its output to the model's operators in real numbers.
    runtimes: of each kernel set.
    """
    built = artifact.converted
    if built is None or not any(True for _ in quantized(built.model)):
        return Ladders()
    x = held_back(artifact, dataset)
    if not isinstance(x, np.ndarray):
        text = "not computed: sequences of their own lengths have no time steps in common"
        return Ladders(findings=(remark(WHERE, text),))
    outputs = zip(kernel_sets, map(_output, runtimes), strict=True)
    tops = {kernels: reals for kernels, reals in outputs if reals is not None}
    found, findings = _climbed(built, x, _output(start), first, kernel_sets, tops, classes=dataset.classes is not None)
    return Ladders(
        ladders=tuple(replace(ladder, climbs=tuple(map(_slim, ladder.climbs))) for ladder in found),
        findings=(*_unknown(built), *findings),
    )


def _output(trace: Trace) -> np.ndarray | None:
    """The output of an engine in real numbers, float64 [samples, ...]; None where it has none."""
    values, grid = trace.values.get(OUTPUT), trace.grids.get(OUTPUT)
    if values is None:
        return None
    return values.astype(np.float64) if grid is None or values.dtype.kind == "f" else grid.dequantize(values)


def _climbed(
    built: Built,
    x: np.ndarray,
    start: np.ndarray | None,
    first: str,
    kernel_sets: Sequence[str],
    tops: Mapping[str, np.ndarray],
    *,
    classes: bool,
) -> tuple[tuple[Ladder, ...], tuple[Finding, ...]]:
    """The ladders; and of which kernel sets there are none, and why."""
    # Imported here: what is named in a stage is imported when it runs.
    from threadpoolctl import threadpool_limits

    from qcompare.engines.ladder import Path, ladders
    from qcompare.engines.readings import readings
    from qcompare.manual.call import NotCoveredError, UndefinedError

    path = Path(model=settled(built.model), reals=built.reals)
    reads = readings(path.model, built.places)

    def climb(wanted: Sequence[str]) -> tuple[Ladder, ...]:
        with threadpool_limits(BLAS_THREADS):
            return ladders(path, reads, x, wanted, start=start, first=first, tops=tops, classes=classes)

    try:
        return climb(kernel_sets), ()
    except NotCoveredError:
        pass
    # Each by itself, so that one that is not covered takes no other along.
    found: list[Ladder] = []
    findings: list[Finding] = []
    for kernels in kernel_sets:
        try:
            found += climb([kernels])
        except NotCoveredError as error:
            told = remark if isinstance(error, UndefinedError) else warning
            findings.append(told(WHERE, f"not computed in the arithmetic of {kernels}: {error}"))
    return tuple(found), tuple(findings)


def _slim(climb: Climb) -> Climb:
    """Without the squares by unit that nothing is drawn of."""
    kept = climb.of_state and climb.fed is Fed.OWN
    return climb if kept else replace(climb, by_unit=None)


def _unknown(built: Built) -> tuple[Finding, ...]:
    """What is to be told of constants whose real numbers are not known."""
    names = [
        built.model.graphs[place[0]].tensors[place[1]].name
        for place, _ in quantized(built.model)
        if place not in built.reals
    ]
    if not names:
        return ()
    some = f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}"
    return (warning(WHERE, f"constants whose float numbers are not known, {some}: their rounding stands in no rung"),)
