"""Stages that routes share."""

from __future__ import annotations

from typing import Any

from qcompare.core import network as networks
from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.core.stage import Codec, Stage
from qcompare.data.dataset import Dataset
from qcompare.tflite import artifact as artifacts
from qcompare.tflite.artifact import Artifact, Built

NETWORK = Codec(dump=networks.dump, load=networks.load)
BUILT = Codec(dump=artifacts.dump, load=artifacts.load)


def training(name: str, module: str, function: str = "train", **inputs: Any) -> Stage[Network]:
    """The training that a module's function does."""
    return Stage(name=name, compute=Function(module, function), inputs=inputs, codec=NETWORK)


def conversion(name: str, module: str, function: str, **inputs: Any) -> Stage[Built]:
    """The conversion that a module's function does, in a process that it may take down."""
    return Stage(
        name=f"conversion of {name}",
        compute=Function(module, function),
        inputs=inputs,
        codec=BUILT,
        isolated=True,
        fallen=artifacts.not_built,
    )


def together(route: str, network: Stage[Network] | None, built: Stage[Built] | None = None) -> Stage[Artifact]:
    """The artifact of a route from what its stages give."""
    inputs = {"route": route, "network": network, "built": built}
    return Stage(name=f"artifact of {route}", compute=artifacts.artifact, inputs=inputs, codec=None)


def calibration(data: Stage[Dataset]) -> Stage[Any]:
    """The samples that ranges are calibrated on."""
    return Stage(
        name="calibration samples",
        compute=Function("qcompare.data.dataset", "calibration_samples"),
        inputs={"dataset": data},
        codec=None,
    )
