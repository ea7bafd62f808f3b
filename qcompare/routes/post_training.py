"""Post-training quantization of the float network by TensorFlow's converter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config
from qcompare.core.engine import EngineId
from qcompare.core.stage import Stage
from qcompare.routes.route import Context
from qcompare.routes.stages import calibration, conversion, together
from qcompare.tflite.artifact import Artifact

MODULE = "qcompare.export.post_training"


@final
@dataclass(frozen=True, kw_only=True)
class PostTraining:
    """Ranges are those of the calibration samples; nothing is trained."""

    name: str = "ptq"
    twin: EngineId | None = None
    converted: bool = True

    def applies(self, config: Config) -> bool:
        return True

    def build(self, context: Context) -> Stage[Artifact]:
        inputs = {
            "network": context.network,
            "calibration": calibration(context.data),
            "method": context.method,
        }
        match context.config.model.lowering:
            case "fused":
                built = conversion(self.name, MODULE, "fused", **inputs)
            case "loop":
                built = conversion(self.name, MODULE, "loop", **inputs)
            case _:
                built = conversion(self.name, MODULE, "operators", **inputs)
        return together(self.name, None, built)
