"""Quantized networks as training left them, made into models. Each function stands alone, so that it can run in
another process."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qcompare.core.finding import Finding, failure, warning
from qcompare.core.grid import Grid
from qcompare.core.network import Network
from qcompare.core.tap import Tap
from qcompare.export import convert
from qcompare.export.loop import loop_model
from qcompare.export.written import written_model
from qcompare.models.network import Architecture
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built, Place
from qcompare.tflite.converter import Converted, checked
from qcompare.tflite.roles import places_by_name
from qcompare.training import guards, qat_network
from qcompare.training.float_network import architecture_of
from qcompare.training.learned import TrainedQat, learned_scales, weights_by_reader


def written(network: Network, calibration: np.ndarray) -> Built:
    """The network with all that training learned, operator by operator; no converter takes part.

    calibration: float32 [samples, steps, features], on which gates and cells are watched.
    """
    architecture, trained = architecture_of(network), qat_network.learned(network)
    model = written_model(architecture, trained.weights, trained.ranges, trained.number_format)
    return _built(checked(model.model), model.places, architecture, trained, calibration, per_channel=True)


def looped(network: Network, calibration: np.ndarray) -> Built:
    """As `written`, the recurrent layers a loop."""
    architecture, trained = architecture_of(network), qat_network.learned(network)
    model = loop_model(architecture, trained.weights, trained.ranges)
    return _built(checked(model.model), model.places, architecture, trained, calibration, per_channel=True)


def converted(network: Network, calibration: np.ndarray) -> Built:
    """The dense network trained by tensorflow-model-optimization, by TensorFlow's converter, with its ranges."""
    # Imported here: it brings all of Keras and matplotlib into the process, which other networks do without.
    from qcompare.training import tfmot_network

    architecture, trained = architecture_of(network), tfmot_network.learned(network)
    model = convert.tfmot(architecture, trained)
    places = places_by_name(schema.read(model.model), weights_by_reader(architecture, trained))
    return _built(model, places, architecture, trained, calibration, per_channel=False)


def _built(
    model: Converted,
    places: Mapping[Place, Tap],
    architecture: Architecture,
    trained: TrainedQat,
    calibration: np.ndarray,
    *,
    per_channel: bool,
) -> Built:
    learned, _ = learned_scales(architecture, trained, per_channel=per_channel)
    faults = (failure("conversion", model.note),) if model.note else ()
    return Built(
        content=model.model,
        places=places,
        learned=by_tap(learned),
        findings=(*faults, *watched(architecture, trained, calibration)),
    )


def by_tap(learned: Mapping[str, Grid]) -> dict[Tap, Grid]:
    """Grids by the taps of their roles."""
    return {Tap(role): grid for role, grid in learned.items()}


def watched(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> list[Finding]:
    """What is wrong with a trained network although it converts and runs."""
    return [warning("training", text) for text in guards.findings(architecture, trained, x)]
