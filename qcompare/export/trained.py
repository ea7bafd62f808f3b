"""Quantized networks as training left them, made into models. Each function stands alone, so that it can run in
another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from qcompare.core.finding import Finding, failure, warning
from qcompare.core.graph import Model
from qcompare.core.grid import Grid
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.tap import Tap
from qcompare.export import convert
from qcompare.export.loop import loop_model
from qcompare.export.written import WrittenModel, written_model
from qcompare.models.network import Architecture
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built, Place
from qcompare.tflite.converter import Converted, checked
from qcompare.tflite.ends import ended
from qcompare.tflite.reals import quantized
from qcompare.tflite.roles import places_by_name
from qcompare.training import guards, qat_network
from qcompare.training.float_network import architecture_of
from qcompare.training.integers import laid_out
from qcompare.training.learned import TrainedQat, learned_scales, weights_by_reader


def written(network: Network, calibration: np.ndarray, first: str, last: str) -> Built:
    """The network with all that training learned, operator by operator; no converter takes part.

    calibration: float32 [samples, steps, features], on which gates and cells are watched.
    first, last: dtypes of the model's input and output.
    """
    return _written(written_model, network, calibration, first, last)


def looped(network: Network, calibration: np.ndarray, first: str, last: str) -> Built:
    """As `written`, the recurrent layers a loop."""
    return _written(loop_model, network, calibration, first, last)


def _written(
    write: Callable[..., WrittenModel], network: Network, calibration: np.ndarray, first: str, last: str
) -> Built:
    architecture, trained = architecture_of(network), qat_network.learned(network)
    model = write(architecture, trained.weights, trained.ranges, trained.number_format)
    content = ended(model.model, first, last)
    return _built(checked(content, first, last), model.places, model.reals, architecture, trained, calibration)


def converted(network: Network, calibration: np.ndarray, method: Method) -> Built:
    """The dense network trained by tensorflow-model-optimization, by TensorFlow's converter, with its ranges."""
    # Imported here: it brings all of Keras and matplotlib into the process, which other networks do without.
    from qcompare.training import tfmot_network

    architecture, trained = architecture_of(network), tfmot_network.learned(network)
    model = convert.tfmot(architecture, trained, method)
    graphs = schema.read(model.model)
    places = places_by_name(graphs, weights_by_reader(architecture, trained))
    reals = trained_constants(graphs, places, trained.weights)
    return _built(model, places, reals, architecture, trained, calibration)


def trained_constants(
    model: Model, places: Mapping[Place, Tap], weights: Mapping[str, np.ndarray]
) -> dict[Place, np.ndarray]:
    """The trained weights and biases in the places of a model's quantized constants that have their names.

    weights: by `layer/name`, kernels [..., inputs, units].
    """
    return {
        place: np.ascontiguousarray(laid_out(weights[places[place].role], tensor.shape))
        for place, tensor in quantized(model)
        if place in places and places[place].role in weights
    }


def _built(
    model: Converted,
    places: Mapping[Place, Tap],
    reals: Mapping[Place, np.ndarray],
    architecture: Architecture,
    trained: TrainedQat,
    calibration: np.ndarray,
) -> Built:
    learned, _ = learned_scales(architecture, trained)
    faults = (failure("conversion", model.note),) if model.note else ()
    return Built(
        content=model.model,
        places=places,
        learned=by_tap(learned),
        reals=reals,
        findings=(*faults, *watched(architecture, trained, calibration)),
    )


def by_tap(learned: Mapping[str, Grid]) -> dict[Tap, Grid]:
    """Grids by the taps of their roles."""
    return {Tap(role): grid for role, grid in learned.items()}


def watched(architecture: Architecture, trained: TrainedQat, x: np.ndarray) -> list[Finding]:
    """What is wrong with a trained network although it converts and runs."""
    return [warning("training", text) for text in guards.findings(architecture, trained, x)]
