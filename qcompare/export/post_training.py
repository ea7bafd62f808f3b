"""Float networks quantized after training. Each function stands alone, so that it can run in another process."""

from __future__ import annotations

import numpy as np

from qcompare.core.finding import failure
from qcompare.core.network import Network
from qcompare.export import convert
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from qcompare.tflite.converter import Converted
from qcompare.tflite.roles import places_by_name
from qcompare.training.float_network import architecture_of
from qcompare.training.number_format import FORMATS


def operators(network: Network, calibration: np.ndarray, number_format: str) -> Built:
    """Operators for every time step, by the converter. calibration: float32 [samples, steps, features]."""
    return _built(convert.ptq(architecture_of(network), dict(network.weights), calibration, FORMATS[number_format]))


def fused(network: Network, calibration: np.ndarray) -> Built:
    """As `operators`; the recurrent layers are Keras's, which the converter turns into one operator each."""
    return _built(convert.ptq_fused(architecture_of(network), dict(network.weights), calibration))


def loop(network: Network, calibration: np.ndarray) -> Built:
    """The recurrent layers as a loop, their ranges those of the calibration samples."""
    return _built(convert.ptq_loop(architecture_of(network), dict(network.weights), calibration))


def _built(converted: Converted) -> Built:
    findings = (failure("conversion", converted.note),) if converted.note else ()
    model = schema.read(converted.model)
    return Built(content=converted.model, places=places_by_name(model, {}), findings=findings)
