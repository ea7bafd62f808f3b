"""Quantization-aware training by tensorflow-model-optimization, converted by TensorFlow's converter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config, IntegerQuant, UserModel
from qcompare.core.engine import QAT, EngineId
from qcompare.core.stage import Stage
from qcompare.routes.route import Context
from qcompare.routes.stages import calibration, conversion, together, training
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class Tfmot:
    """What people run today, of networks of ours; dense ones only."""

    name: str = "qat"
    twin: EngineId | None = QAT
    converted: bool = True

    def applies(self, config: Config) -> bool:
        ours = not isinstance(config.model, UserModel)
        return ours and config.qat.scheme == "tfmot" and isinstance(config.quant, IntegerQuant)

    def build(self, context: Context) -> Stage[Artifact]:
        config = context.config
        network = training(
            "QAT",
            "qcompare.training.tfmot_network",
            network=context.network,
            data=context.data,
            epochs=config.qat.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.qat.learning_rate,
            all_values=config.qat.ranges == "all_values",
            seed=context.seed,
        )
        built = conversion(
            self.name,
            "qcompare.export.trained",
            "converted",
            network=network,
            calibration=calibration(context.data),
            method=context.method,
        )
        return together(self.name, network, built)
