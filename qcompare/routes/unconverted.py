"""The float network as training left it: what every conversion is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config, GivenPair
from qcompare.core.comparison import FLOAT_ROUTE
from qcompare.core.engine import FLOAT, EngineId
from qcompare.core.stage import Stage
from qcompare.routes.route import Context
from qcompare.routes.stages import together
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class Unconverted:
    """No conversion. A converted float model of the user's is route `float` of its own (`routes/given.py`)."""

    name: str = FLOAT_ROUTE
    twin: EngineId | None = FLOAT
    converted: bool = False

    def applies(self, config: Config) -> bool:
        return not isinstance(config.model, GivenPair) or config.model.keras is not None

    def build(self, context: Context) -> Stage[Artifact]:
        return together(self.name, context.network)
