"""The seam of engines."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from qcompare.core.engine import EngineId
from qcompare.core.finding import Finding
from qcompare.core.tap import Tap
from qcompare.core.trace import Trace
from qcompare.engines.sequences import Inputs
from qcompare.tflite.artifact import Artifact


class Engine(Protocol):
    """What computes. A frozen dataclass, so that it can be sent to another process."""

    @property
    def id(self) -> EngineId: ...

    @property
    def isolated(self) -> bool:
        """Whether it may take its process down."""

    def available(self) -> bool:
        """Whether this machine has it."""

    def refuses(self, artifact: Artifact) -> Finding | None:
        """Why it does not compute an artifact, before it is asked to."""

    def run(self, artifact: Artifact, x: Inputs, taps: Collection[Tap]) -> Trace:
        """The values at the taps that it has; x as the artifact reads it (`engines/inputs.py`)."""


def answer(engine: Engine, artifact: Artifact, x: Inputs, taps: Collection[Tap]) -> Trace:
    """What an engine computes of an artifact, or why it refuses to.

    Where the artifact tells itself why it has no model, no engine repeats it.
    """
    finding = engine.refuses(artifact)
    if finding is None:
        return engine.run(artifact, x, taps)
    return Trace(engine=engine.id, findings=() if artifact.failed else (finding,))
