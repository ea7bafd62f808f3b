"""Planted faults that a trained network can have without any error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.export.written import written_model
from qcompare.models.lstm import LSTMCell
from qcompare.models.network import Architecture
from qcompare.tflite import converter as convert
from qcompare.tflite import schema
from qcompare.training import guards
from qcompare.training.calibrate import calibrate
from qcompare.training.learned import TrainedQat
from tests.training.random_networks import Network, fused_network


@pytest.fixture
def network() -> Network:
    rng = np.random.default_rng(0)
    found = fused_network(rng, steps=3, layers=1, strength=1)
    return replace(found, ranges=calibrate(found.architecture, found.weights, found.samples))


def findings(network: Network) -> list[str]:
    trained = TrainedQat(weights=network.weights, ranges=network.ranges)
    return guards.findings(network.architecture, trained, network.samples)


def test_a_sound_network_has_no_findings(network: Network) -> None:
    assert findings(network) == []
    assert convert.checked(written_model(network.architecture, network.weights, network.ranges).model).note == ""


@pytest.mark.parametrize(("gate", "position"), [("i", 0), ("f", 1), ("o", 3)])
def test_a_dead_gate_is_named(network: Network, gate: str, position: int) -> None:
    units = network.architecture.cells[0].units
    network.weights["recurrent_0/bias"][position * units] = -60
    (finding,) = findings(network)
    assert finding == f"gate recurrent_0/{gate} is closed in every sample and step for 1 of {units} units"


def test_a_dead_gate_is_named_in_an_unrolled_network(network: Network) -> None:
    units = network.architecture.cells[0].units
    architecture: Architecture = replace(network.architecture, cells=(LSTMCell(units=units),))
    network.weights["recurrent_0/bias"][3 * units :] = -60
    assert any("gate recurrent_0/o" in found for found in findings(replace(network, architecture=architecture)))


def test_a_saturating_cell_is_named(network: Network) -> None:
    network.weights["recurrent_0/bias"][:] = 60
    network.ranges["recurrent_0/cell_state"] = np.array([-1, 1 - 2**-15], np.float32)
    (finding,) = findings(network)
    assert finding.startswith("recurrent_0/cell_state is at its bound in ")


def test_a_range_that_never_moved_is_named(network: Network) -> None:
    silent = {name: np.zeros_like(value) for name, value in network.weights.items()}
    ranges = calibrate(network.architecture, silent, network.samples)
    assert "the range of recurrent_0/h never moved: nothing but zero was seen" in findings(
        replace(network, ranges=ranges)
    )


def test_a_cell_scale_that_the_kernel_does_not_take_is_not_exported(network: Network) -> None:
    network.ranges["recurrent_0/cell_state"] = np.array([-128, 127], np.float32)
    with pytest.raises(ValueError, match=r"cell scale 0\.00390625 must be a power of two from 2\^-15 to 2\^-9"):
        written_model(network.architecture, network.weights, network.ranges)


def test_a_cell_scale_that_the_kernel_does_not_take_is_named(network: Network) -> None:
    model = written_model(network.architecture, network.weights, network.ranges).model
    graph = schema.read(model).main
    bad = Grid.single(2.0**-8, 0, np.int16)
    tensors = [replace(t, grid=bad) if t.dtype == np.int16 else t for t in graph.tensors]
    note = convert.checked(schema.write(model_of(replace(graph, tensors=tuple(tensors))))).note
    assert note == (
        "recurrent_0/cell_state: the kernel gives meaningless numbers with the cell scale 0.00390625; it takes powers "
        "of two from 2^-15 to 2^-9: retrain with the cell clipped to 64, or convert anew with a representative dataset "
        "that spans the cell"
    )


def test_a_bias_beyond_int32_is_named(network: Network) -> None:
    network.weights["dense_0/bias"][:] = 1e9
    note = convert.checked(written_model(network.architecture, network.weights, network.ranges).model).note
    assert note.startswith("dense_0/bias: a bias is beyond int32")
