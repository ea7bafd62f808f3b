"""Quantization-aware training that rounds where the kernels round, written as a model without a converter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config, GivenPair, Int8Quant, IntegerQuant, KerasFile, content
from qcompare.core.engine import QAT, EngineId
from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.core.stage import Stage
from qcompare.models.keras_description import of_file
from qcompare.models.keras_ours import NotOursError, ours
from qcompare.routes.route import Context
from qcompare.routes.stages import calibration, conversion, together, training
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class Aligned:
    """Aligned fake quantization, or a kernel set's own integers."""

    name: str = "qat"
    twin: EngineId | None = QAT
    converted: bool = True

    def applies(self, config: Config) -> bool:
        if config.qat.scheme != "aligned" or isinstance(config.model, GivenPair):
            return False
        return isinstance(config.quant, IntegerQuant) and not untrained(config)

    def build(self, context: Context) -> Stage[Artifact]:
        config = context.config
        simulate, kernels = followed(config)
        network = training(
            "QAT",
            "qcompare.training.qat_network",
            network=start(context),
            data=context.data,
            simulate=simulate,
            kernels=kernels,
            number_format=context.method.name,
            per_channel=context.method.per_channel,
            epochs=config.qat.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.qat.learning_rate,
            range_momentum=config.qat.range_momentum if config.qat.ranges == "moving_average" else None,
            keep_zeros=config.prune.sparsity > 0,
            seed=context.seed,
        )
        written = conversion(
            self.name,
            "qcompare.export.trained",
            "looped" if config.model.lowering == "loop" else "written",
            network=network,
            calibration=calibration(context.data),
            first=context.method.input,
            last=context.method.output,
        )
        return together(self.name, network, written)


def followed(config: Config) -> tuple[str, str]:
    """How quantization is simulated, and the kernel set as far as it decides anything: fake quantization follows one in
    the fused LSTM alone."""
    if not isinstance(config.quant, Int8Quant):
        return "fake_quant", "reference"
    follows = config.quant.simulate != "fake_quant" or config.model.lowering == "fused"
    return config.quant.simulate, config.quant.kernels if follows else "reference"


def start(context: Context) -> Stage[Network]:
    """The float network that training starts from: of a Keras file, ours that computes the same."""
    if not isinstance(context.config.model, KerasFile):
        return context.network
    return Stage(
        name="layers of ours",
        compute=Function("qcompare.training.keras_network", "as_ours"),
        inputs={"network": context.network},
        codec=None,
    )


def untrained(config: Config) -> str:
    """Why a model is not trained, in one line that names the layer; "" when it is."""
    if not isinstance(config.model, KerasFile):
        return ""
    try:
        ours(of_file(config.model.path, content(config.model), config.model.trust).layers)
    except NotOursError as error:
        return str(error)
    return ""
