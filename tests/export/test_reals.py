"""Every quantized constant of a model of ours has the real numbers that it was rounded from: the network's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from qcompare.core.gru import PARTS
from qcompare.core.lstm import GATES
from qcompare.core.method import FLOAT32, IN_FLOAT, Method
from qcompare.core.network import Network
from qcompare.export import litert_quantizer, post_training, trained
from qcompare.tflite.artifact import Built
from qcompare.tflite.reals import quantized
from qcompare.training import tfmot
from qcompare.training.calibrate import calibrate
from qcompare.training.float_network import architecture_of
from tests.export.test_methods import SHAPES, converted, described, network, samples

UNROLLED = [shape for shape in SHAPES if shape[1] in ("", "unrolled")]
INT8 = Method(name="int8", input="int8", output="float32", full_integer=True)
METHODS = [
    *((shape, INT8, True) for shape in SHAPES),
    *((shape, replace(INT8, per_channel=False), False) for shape in SHAPES),
    *((shape, Method(name="int16x8", full_integer=True), True) for shape in UNROLLED),
    *((shape, Method(name="dynamic"), True) for shape in (SHAPES[0], SHAPES[4], SHAPES[6], SHAPES[-1])),
    *((shape, Method(name="float16"), True) for shape in (SHAPES[0], SHAPES[-1])),
]


def named(case: object) -> str:
    match case:
        case Method():
            return described(case)
        case bool():
            return "" if case else "no biases"
        case _:
            return "-".join(filter(None, case)) if isinstance(case, tuple) else str(case)


def own(network: Network) -> Iterator[np.ndarray]:
    """All that a constant of a model of the network can be made of."""
    # Of which a GRU takes its update gate.
    yield np.array(1, np.float32)
    weights = {**network.weights, **architecture_of(network).constants()}
    for value in weights.values():
        yield value.T
        if value.shape[-1] % len(GATES) == 0:
            yield from (part.T for part in np.split(value, len(GATES), axis=-1))
        if value.ndim == 1 and value.size % PARTS == 0:
            # To a state of zeros a GRU adds its second bias alone.
            yield from np.split(value[np.newaxis], PARTS, axis=1)


def check(built: Built, network: Network, *, most_unequal: float) -> None:
    """most_unequal: the share of integers that may be a neighbour of the real number rounded."""
    constants = dict(quantized(built.model))
    assert constants
    assert set(built.reals) == set(constants)
    known, unequal, elements = list(own(network)), 0, 0
    for place, tensor in constants.items():
        real, data, grid = built.reals[place], tensor.data, tensor.integers
        assert data is not None
        assert (real.dtype, real.shape) == (np.float32, data.shape), tensor.name
        assert not real.any() or any(np.array_equal(real, each) for each in known), tensor.name
        if grid is None:
            np.testing.assert_array_equal(real.astype(np.float16), data)
            continue
        away = np.abs(grid.quantize(real.astype(np.float64), data.ndim).astype(np.int64) - data)
        assert away.max(initial=0) <= 1, tensor.name
        unequal += int(np.count_nonzero(away))
        elements += away.size
    assert unequal <= most_unequal * elements


@pytest.mark.slow
@pytest.mark.runtime
@pytest.mark.parametrize(("shape", "method", "use_bias"), METHODS, ids=named)
def test_what_is_quantized_after_training(shape: tuple[str, str], method: Method, use_bias: bool) -> None:
    built = converted(*shape, method, use_bias=use_bias)
    check(built, network(*shape, use_bias=use_bias), most_unequal=1e-3)


def test_a_float_model_has_none() -> None:
    assert not converted("dense", "", IN_FLOAT).reals
    assert IN_FLOAT.name == FLOAT32


@pytest.mark.slow
@pytest.mark.runtime
def test_what_is_quantized_for_any_length() -> None:
    built = post_training.free_length(network("lstm", "fused"), list(samples()[:8]), INT8)
    check(built, network("lstm", "fused"), most_unequal=1e-3)


@pytest.mark.slow
@pytest.mark.runtime
@pytest.mark.parametrize("shape", [UNROLLED[0], ("lstm", "unrolled")], ids=named)
def test_what_litert_quantizer_makes(shape: tuple[str, str]) -> None:
    built = litert_quantizer.quantized(converted(*shape, IN_FLOAT), samples()[:20], INT8)
    check(built, network(*shape), most_unequal=1e-3)


def learned(name: str, lowering: str, number_format: str, *, use_bias: bool) -> Network:
    """A network as training by fake quantization leaves it."""
    float_network = network(name, lowering, use_bias=use_bias)
    ranges = calibrate(architecture_of(float_network), dict(float_network.weights), samples()[:20])
    simulation = {"kernels": "reference", "exact": False, "number_format": number_format, "per_channel": use_bias}
    return replace(float_network, ranges=ranges, simulation=simulation)


TRAINED = [
    *((shape, "int8", True) for shape in SHAPES),
    *((shape, "int8", False) for shape in SHAPES),
    *((shape, "int16x8", True) for shape in UNROLLED),
]


@pytest.mark.parametrize(("shape", "number_format", "use_bias"), TRAINED, ids=named)
def test_what_training_left(shape: tuple[str, str], number_format: str, use_bias: bool) -> None:
    """Route `qat` without biases has one scale a matrix, too."""
    made = learned(*shape, number_format, use_bias=use_bias)
    write = trained.looped if shape[1] == "loop" else trained.written
    check(write(made, samples()[:4], "float32", "int8"), made, most_unequal=0)


@pytest.mark.parametrize("use_bias", [True, False])
def test_what_tensorflow_model_optimization_trained(use_bias: bool) -> None:
    """It rounds weights in float32."""
    made = learned("dense", "", tfmot.PER_TENSOR.name, use_bias=use_bias)
    check(trained.converted(made, samples()[:4], INT8), made, most_unequal=1e-3)
