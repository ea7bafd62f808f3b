"""Post-training quantization to a model that takes sequences of any length, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

from qcompare.config.options import (
    Config,
    Data,
    DigitsData,
    FileData,
    IntegerQuant,
    LSTMModel,
    SequenceSumData,
    UcrData,
    content,
)
from qcompare.core.engine import EngineId
from qcompare.core.function import Function
from qcompare.core.plain import plain
from qcompare.core.stage import Stage
from qcompare.routes.route import Context
from qcompare.routes.stages import conversion, together
from qcompare.tflite.artifact import Artifact


@final
@dataclass(frozen=True, kw_only=True)
class FreeLength:
    """As `ptq`; but for data of different lengths, sequences are calibrated on and run without zeros in front."""

    name: str = "ptq_free_length"
    twin: EngineId | None = None
    converted: bool = True

    def applies(self, config: Config) -> bool:
        """To fused layers whose last output is read: other models have a fixed number of steps. litert-quantizer leaves
        such layers in float."""
        model, quant = config.model, config.quant
        fused = isinstance(model, LSTMModel) and model.lowering == "fused" and not model.return_sequences
        other_tool = isinstance(quant, IntegerQuant) and quant.tool != "converter"
        return fused and not other_tool and of_different_lengths(config.data)

    def build(self, context: Context) -> Stage[Artifact]:
        calibration = Stage(
            name="calibration sequences",
            compute=Function("qcompare.data.dataset", "calibration_sequences"),
            inputs={"dataset": context.data},
            codec=None,
        )
        built = conversion(
            self.name,
            "qcompare.export.post_training",
            "free_length",
            network=context.network,
            calibration=calibration,
            method=context.method,
        )
        return together(self.name, None, built)


@cache
def of_different_lengths(data: Data) -> bool:
    """Whether its sequences differ in length; a user's files have to be read for it."""
    match data:
        case DigitsData() | SequenceSumData():
            return data.shortest is not None and data.shortest < data.steps
        case FileData() | UcrData():
            from qcompare.data.load import load_files

            return load_files(plain(data), plain(data.files), content(data)).lengths_train is not None
        case _:
            return False
