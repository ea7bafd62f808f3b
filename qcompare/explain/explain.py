"""A pair of models explained: the ladder, its suspects, and what helps."""

from __future__ import annotations

import numpy as np

from qcompare.analysis.explained import culprit, offered
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.explanation import BIAS, CLIPPING, ROUNDING, WEIGHTS, Explanation
from qcompare.core.finding import Finding, warning
from qcompare.core.graph import Model
from qcompare.engines.converted import inputs_of
from qcompare.engines.ladder import Path
from qcompare.engines.readings import readings
from qcompare.engines.runtimes import RUNTIMES, Runtime
from qcompare.explain.climb import climbs, output_climb, size_of
from qcompare.explain.pair import Pair, PairError
from qcompare.explain.suggestions import for_all_layers, suggestions
from qcompare.explain.suspects import Trials, chosen, suspects, tried, units

FLOAT_KERNELS = "xnnpack"
"""What the float model runs in: the interpreter that people get by default."""

LAYER_VALUES = 1 << 23
"""Layers are looked at, and changes tried, on so many samples that no more activations than this are computed."""

TRIAL_VALUES = 1 << 28
"""Suspects are tried as long as no more activations than this are computed; the LEAST_TRIED first of them always."""

IN_REALS = (WEIGHTS, CLIPPING, ROUNDING, BIAS)

FEWEST, MOST, LEAST_TRIED = 4, 256, 10


def explained(
    pair: Pair, float_path: str, path: str, x: np.ndarray, source: str, kernels: str, child: Child
) -> Explanation:
    """All that is said of a pair. x: float32 [samples, ...]. kernels: one of RUNTIMES.

    Raises PairError for a float model that does not run, NotCoveredError for an integer model that the manual engine
    does not compute.
    """
    start = _float_output(pair, x, float_path, child)
    end, findings = _runtime_output(pair, x, RUNTIMES[kernels], child)
    model = pair.model
    own = Path(model=model, reals=pair.reals)
    output = output_climb(own, x, start, end, kernels)
    few = max(FEWEST, min(MOST, LAYER_VALUES // max(1, size_of(model))))
    first, of_first = x[:few], start[:few]
    found = climbs(own, readings(model, {}), first, kernels)
    noisy = suspects(model.main, units(model, pair.reals), found)
    trials = Trials(own, first, of_first, kernels)
    most = max(LEAST_TRIED, TRIAL_VALUES // max(1, size_of(model) * len(first)))
    ranked = tried(noisy, chosen(noisy, most), trials)
    everywhere = {cause: trials.without(cause) for cause in output.rungs if cause in IN_REALS}
    helping = [
        *suggestions(own, ranked, trials, first, kernels),
        *for_all_layers(own, ranked, everywhere, trials, first),
    ]
    best = culprit(ranked.values(), helping)
    return Explanation(
        float_path=float_path,
        path=path,
        kernels=kernels,
        source=source,
        samples=len(x),
        layer_samples=len(first),
        output=output,
        climbs=found,
        everywhere=everywhere,
        suspects=tuple(ranked.values()),
        culprit=best,
        suggestions=offered(helping, best),
        findings=(*pair.findings, *findings),
    )


def _float_output(pair: Pair, x: np.ndarray, float_path: str, child: Child) -> np.ndarray:
    """The float model's output, float64 [samples, outputs]. Raises PairError."""
    try:
        return _run(child, RUNTIMES[FLOAT_KERNELS], pair.floats, pair.real, x)
    except (ChildCrashedError, ChildFailedError) as error:
        raise PairError(f"{float_path}: does not run in LiteRT: {error}") from error


def _runtime_output(
    pair: Pair, x: np.ndarray, runtime: Runtime, child: Child
) -> tuple[np.ndarray | None, tuple[Finding, ...]]:
    """The integer model's output in a runtime, in real units; None, and why, where there is none."""
    if not runtime.installed():
        text = (
            f"{runtime.name} is not installed (pip install {runtime.package}): the manual engine's output is the last"
        )
        return None, (warning("runtime", text),)
    try:
        return _run(child, runtime, pair.content, pair.model, x), ()
    except (ChildCrashedError, ChildFailedError) as error:
        return None, (warning("runtime", f"{runtime.name} does not run the integer model: {error}"),)


def _run(child: Child, runtime: Runtime, content: bytes, model: Model, x: np.ndarray) -> np.ndarray:
    graph = model.main
    shaped = x.reshape(len(x), *graph.tensors[graph.inputs[0]].shape)
    values = child.call(runtime.run, content, inputs_of(graph, shaped)).result
    grid = graph.tensors[graph.outputs[0]].integers
    reals = values if grid is None else grid.dequantize(values)
    return reals.reshape(len(x), -1).astype(np.float64)
