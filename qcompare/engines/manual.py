"""The integer arithmetic by hand, in one of the arithmetics that have a runtime to meet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core.engine import MICRO, EngineId
from qcompare.core.finding import Finding, failure, remark
from qcompare.core.graph import Model
from qcompare.core.tap import OUTPUT, Tap
from qcompare.core.trace import Trace
from qcompare.engines.converted import inputs_of, output_trace
from qcompare.engines.sequences import Inputs, Outputs, integers, stacked
from qcompare.tflite import free_batch
from qcompare.tflite.artifact import Artifact
from qcompare.tflite.free_length import settled

BLAS_THREADS = 1
"""More make the small products slower, and compete with other trials."""


@final
@dataclass(frozen=True, kw_only=True)
class ManualEngine:
    """The manual engine in the arithmetic that its id names."""

    id: EngineId
    isolated: bool = False

    def available(self) -> bool:
        return True

    def refuses(self, artifact: Artifact) -> Finding | None:
        """Only what has no model is refused; what is not covered shows when it runs."""
        return None if artifact.converted else failure(str(self.id), "the route has no model")

    def run(self, artifact: Artifact, x: Inputs, taps: Collection[Tap]) -> Trace:
        """The output's integers [samples, outputs], or why an operator is not covered."""
        if artifact.converted is None:
            return Trace(engine=self.id)
        return computed(self.id, artifact.converted.model, x, taps, arithmetic=self.id.kernels)


def computed(engine: EngineId, model: Model, x: Inputs, taps: Collection[Tap], *, arithmetic: str) -> Trace:
    """The output of a model in one of the manual engine's arithmetics, as the trace of `engine`; or why an operator is
    not covered."""
    # Imported here: engines are listed before any of them runs.
    from threadpoolctl import threadpool_limits

    from qcompare.manual import executor
    from qcompare.manual.call import NotCoveredError, UndefinedError

    if OUTPUT not in taps:
        return Trace(engine=engine)
    try:
        with threadpool_limits(BLAS_THREADS):
            if isinstance(x, np.ndarray):
                # TensorFlow Lite Micro takes the shapes of the file.
                shaped = model if arithmetic == MICRO.look else free_batch.settled(model)
                result = executor.run(shaped, inputs_of(model.main, x), arithmetic).result
            else:
                result = stacked(by_hand(model, integers(model.main, x), arithmetic))
    except UndefinedError as error:
        text = f"no kernel: {error}; what the runtime gives, if anything, means nothing"
        return Trace(engine=engine, findings=(remark(str(engine), text),))
    except NotCoveredError as error:
        return Trace(engine=engine, findings=(failure(str(engine), str(error)),))
    return output_trace(engine, model.main, result)


def by_hand(model: Model, sequences: Sequence[np.ndarray], arithmetic: str) -> list[Outputs]:
    """The outputs of each sequence, computed by the manual engine: sequences of one length together.

    sequences: each [steps, features] in the input's dtype. arithmetic: one of `executor.run`'s. Raises LengthError, and
    ValueError and NotCoveredError as `executor.run` does.
    """
    from qcompare.manual import executor

    (given,) = model.main.inputs
    names = {name: model.main.tensors[index].name for name, index in model.outputs.items()}
    results: list[Outputs] = [{} for _ in sequences]
    for steps in sorted({len(sequence) for sequence in sequences}):
        chosen = [index for index, sequence in enumerate(sequences) if len(sequence) == steps]
        x = np.stack([sequences[index] for index in chosen])
        found = executor.run(settled(model, steps), {given: x}, arithmetic)
        for position, index in enumerate(chosen):
            results[index] = {name: found.tensors[tensor][position] for name, tensor in names.items()}
    return results
