"""The float network of a trial: trained, and evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.data.dataset import Dataset
from qcompare.models.build import architecture
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.models.network import Architecture
from qcompare.training import fit, runtime


def train(
    model: Mapping[str, Any], data: Dataset, *, epochs: int, batch_size: int, learning_rate: float, seed: int
) -> Network:
    """A network of that description, trained. The seed decides initial weights and batch order."""
    runtime.prepare()
    weights = fit.train_float(
        architecture(model, steps=data.steps, features=data.features, outputs=data.outputs),
        data,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    return Network(
        model=model,
        steps=data.steps,
        features=data.features,
        outputs=data.outputs,
        weights=weights,
        evaluate=Function(__name__, evaluate.__name__),
    )


def evaluate(network: Network, x: np.ndarray) -> np.ndarray:
    """The outputs [samples, outputs], float32, for x [samples, steps, features]."""
    runtime.prepare()
    described = architecture_of(network)
    ops = FloatOps(Unrounded({**network.weights, **described.constants()}))
    return fit.outputs(lambda samples: described.forward(ops, samples), x)


def architecture_of(network: Network) -> Architecture:
    """What a network computes."""
    return architecture(network.model, steps=network.steps, features=network.features, outputs=network.outputs)
