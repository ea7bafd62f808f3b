"""The runtimes: LiteRT under each kernel set, and TensorFlow Lite Micro."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.core.finding import Finding, failure, remark
from qcompare.core.tap import OUTPUT, Tap
from qcompare.core.trace import Trace
from qcompare.engines.converted import all_integer, inputs_of, output_trace
from qcompare.engines.micro import MicroUnavailableError
from qcompare.engines.runtimes import RUNTIMES
from qcompare.engines.sequences import Inputs, integers, stacked
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class MeasuredEngine:
    """A runtime, which may take its process down."""

    id: EngineId
    isolated: bool = True

    def available(self) -> bool:
        """Whether the runtime is installed."""
        return RUNTIMES[self.id.look].installed()

    def refuses(self, artifact: Artifact) -> Finding | None:
        """Only what has no model is refused; what a runtime does not take it says when it runs."""
        return None if artifact.converted else failure(str(self.id), "the route has no model")

    def run(self, artifact: Artifact, x: Inputs, taps: Collection[Tap]) -> Trace:
        """The output's integers [samples, outputs]; why TensorFlow Lite Micro refuses the model.

        Raises what LiteRT raises for a model that it does not run.
        """
        built = artifact.converted
        if built is None or OUTPUT not in taps:
            return Trace(engine=self.id)
        graph = built.model.main
        try:
            runtime = RUNTIMES[self.id.look]
            if isinstance(x, np.ndarray):
                found = runtime.run(built.content, inputs_of(graph, x))
                return replace(output_trace(self.id, graph, found.result), arena_bytes=found.arena_bytes)
            result = stacked(runtime.run_sequences(built.content, integers(graph, x)))
        except MicroUnavailableError as error:
            # It runs models that are all in integers; that it has no kernels of others is no fault of theirs.
            severity = failure if all_integer(graph) else remark
            return Trace(engine=self.id, findings=(severity(str(self.id), f"no kernel: {error}"),))
        return output_trace(self.id, graph, result)
