"""Quantization-aware training of a user's Keras file by tensorflow-model-optimization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config, Int8Quant, IntegerQuant, KerasFile, content
from qcompare.core.engine import QAT, EngineId
from qcompare.core.finding import Finding, remark, warning
from qcompare.core.stage import Stage
from qcompare.models.keras_description import of_file
from qcompare.models.keras_tfmot import NotTakenError, prepared
from qcompare.routes.aligned import untrained
from qcompare.routes.route import Context
from qcompare.routes.stages import conversion, together, training
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class KerasTfmot:
    """Where it is asked for, and where aligned training does not have the layers."""

    name: str = "qat"
    twin: EngineId | None = QAT
    converted: bool = True

    def applies(self, config: Config) -> bool:
        if not isinstance(config.model, KerasFile) or not isinstance(config.quant, IntegerQuant):
            return False
        return bool(config.qat.scheme == "tfmot" or untrained(config)) and not untaken(config)

    def build(self, context: Context) -> Stage[Artifact]:
        config = context.config
        network = training(
            "QAT",
            "qcompare.training.keras_tfmot",
            network=context.network,
            data=context.data,
            epochs=config.qat.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.qat.learning_rate,
            all_values=config.qat.ranges == "all_values",
            keep_zeros=config.prune.sparsity > 0,
            seed=context.seed,
        )
        built = conversion(
            self.name, "qcompare.export.keras_trained", "converted", network=network, method=context.method
        )
        return together(self.name, network, built)


def untaken(config: Config) -> str:
    """Why tensorflow-model-optimization does not train a Keras file, in one line; "" when it does."""
    assert isinstance(config.model, KerasFile)
    if not isinstance(config.quant, Int8Quant) or config.quant.simulate != "fake_quant":
        return "tensorflow-model-optimization trains int8 alone, by fake quantization"
    try:
        prepared(of_file(config.model.path, content(config.model), config.model.trust).layers)
    except NotTakenError as error:
        return str(error)
    return ""


def told(config: Config) -> tuple[Finding, ...]:
    """Who trains a Keras file where it is not aligned training, or why nobody does."""
    if not isinstance(config.model, KerasFile) or not isinstance(config.quant, IntegerQuant):
        return ()
    asked = config.qat.scheme == "tfmot"
    reason = "" if asked else untrained(config)
    if not asked and not reason:
        return ()
    if other := untaken(config):
        return (warning("QAT", f"not trained: {'; '.join(filter(None, (reason, other)))}"),)
    return (remark("QAT", f"by tensorflow-model-optimization: {reason}"),) if reason else ()
