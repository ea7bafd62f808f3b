"""Networks in TensorFlow, as training left them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import final

import numpy as np

from qcompare.core.engine import EngineId
from qcompare.core.finding import Finding, failure
from qcompare.core.tap import OUTPUT, Tap
from qcompare.core.trace import Trace
from qcompare.engines.sequences import Inputs
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class NetworkEngine:
    """The trainable twin of a route."""

    id: EngineId
    isolated: bool = False

    def available(self) -> bool:
        return True

    def refuses(self, artifact: Artifact) -> Finding | None:
        """Only what has no twin is refused."""
        return failure(str(self.id), "the route has no network to evaluate") if artifact.network is None else None

    def run(self, artifact: Artifact, x: Inputs, taps: Collection[Tap]) -> Trace:
        """The outputs, float32 [samples, outputs], for x float32 [samples, steps, features]."""
        if artifact.network is None or OUTPUT not in taps:
            return Trace(engine=self.id)
        return Trace(engine=self.id, values={OUTPUT: artifact.network.evaluate(artifact.network, np.asarray(x))})
