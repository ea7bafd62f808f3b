"""Post-training quantization of the float network by TensorFlow's converter, or by litert-quantizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config, GivenPair, IntegerQuant, KerasFile, Model
from qcompare.core.engine import EngineId
from qcompare.core.method import IN_FLOAT, Method
from qcompare.core.stage import Stage
from qcompare.routes.route import Context
from qcompare.routes.stages import calibration, conversion, together
from qcompare.tflite.artifact import Artifact, Built


@final
@dataclass(frozen=True, kw_only=True)
class PostTraining:
    """Ranges are those of the calibration samples; nothing is trained."""

    name: str = "ptq"
    twin: EngineId | None = None
    converted: bool = True

    def applies(self, config: Config) -> bool:
        return not isinstance(config.model, GivenPair)

    def build(self, context: Context) -> Stage[Artifact]:
        if isinstance(context.config.quant, IntegerQuant) and context.config.quant.tool == "litert_quantizer":
            return together(self.name, None, self._by_litert_quantizer(context))
        return together(self.name, None, self._by_converter(self.name, context, context.method))

    def _by_converter(self, name: str, context: Context, method: Method) -> Stage[Built]:
        module, function = self._converter(context.config.model)
        return conversion(
            name,
            module,
            function,
            network=context.network,
            calibration=calibration(context.data),
            method=method,
        )

    def _converter(self, model: Model) -> tuple[str, str]:
        if isinstance(model, KerasFile):
            return "qcompare.export.keras", "converted"
        function = {"fused": "fused", "loop": "loop"}.get(model.lowering, "operators")
        return "qcompare.export.post_training", function

    def _by_litert_quantizer(self, context: Context) -> Stage[Built]:
        return conversion(
            self.name,
            "qcompare.export.litert_quantizer",
            "quantized",
            float_model=self._by_converter(f"{self.name} in float32", context, IN_FLOAT),
            calibration=calibration(context.data),
            method=context.method,
        )
