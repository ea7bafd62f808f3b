"""The architecture that a configuration asks for."""

from __future__ import annotations

from qcompare.config.options import DenseModel, LMUModel, LSTMModel, Model, SimpleRNNModel
from qcompare.data.dataset import Dataset
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.network import Architecture, Cell
from qcompare.models.simple_rnn import SimpleRNNCell

HEAD_ACTIVATION = "relu"


def architecture(model: Model, dataset: Dataset) -> Architecture:
    """The architecture for samples of this dataset's shape."""
    dense = model.units if isinstance(model, DenseModel) else model.head
    return Architecture(
        cells=tuple(cells(model, dataset.steps)),
        dense_units=(*dense, dataset.outputs),
        activation=model.activation if isinstance(model, DenseModel) else HEAD_ACTIVATION,
        steps=dataset.steps,
        features=dataset.features,
        return_sequences=not isinstance(model, DenseModel) and model.return_sequences,
    )


def cells(model: Model, steps: int) -> list[Cell]:
    """The recurrent layers of a model, first to last."""
    match model:
        case SimpleRNNModel():
            return [SimpleRNNCell(units=units, activation=model.activation) for units in model.units]
        case LSTMModel():
            kind = FusedLSTM if model.lowering == "fused" else LSTMCell
            return [kind(units=units) for units in model.units]
        case LMUModel():
            theta = float(steps) if model.theta is None else model.theta
            return [
                LMUCell(units=units, order=model.order, theta=theta, activation=model.activation)
                for units in model.units
            ]
        case _:
            return []
