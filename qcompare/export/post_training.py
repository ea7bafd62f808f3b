"""Float networks quantized after training. Each function stands alone, so that it can run in another process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompare.core.finding import Finding, failure, remark, warning
from qcompare.core.graph import Model
from qcompare.core.method import DYNAMIC, Method
from qcompare.core.network import Network
from qcompare.export import convert
from qcompare.export import free_length as any_length
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from qcompare.tflite.converter import Converted
from qcompare.tflite.roles import BIAS, places_by_name
from qcompare.tflite.weights import Constant, weights
from qcompare.training.float_network import architecture_of

SAME_SCALE = 1e-3
"""Scales that are less apart, as a share, are the same but for the rounding of float32."""

LEAST_DYNAMIC = 1024
"""Elements of a constant from which on the converter quantizes it for dynamic range."""


def operators(network: Network, calibration: np.ndarray, method: Method) -> Built:
    """Operators for every time step, by the converter. calibration: float32 [samples, steps, features]."""
    return built(convert.ptq(architecture_of(network), dict(network.weights), calibration, method), method)


def fused(network: Network, calibration: np.ndarray, method: Method) -> Built:
    """As `operators`; the recurrent layers are Keras's, which the converter turns into one operator each."""
    return built(convert.ptq_fused(architecture_of(network), dict(network.weights), calibration, method), method)


def free_length(network: Network, calibration: Sequence[np.ndarray], method: Method) -> Built:
    """As `fused`, for sequences of any length. calibration: each float32 [steps, features]."""
    architecture = architecture_of(network)
    return built(any_length.free_length(architecture, dict(network.weights), calibration, method), method)


def loop(network: Network, calibration: np.ndarray, method: Method) -> Built:
    """The recurrent layers as a loop; ranges, where there are any, are those of the calibration samples."""
    return built(convert.ptq_loop(architecture_of(network), dict(network.weights), calibration, method), method)


def built(converted: Converted, method: Method) -> Built:
    """What the converter gave for a method, and what is to be told of it."""
    model = schema.read(converted.model)
    faults = (failure("conversion", converted.note),) if converted.note else ()
    return Built(
        content=converted.model,
        places=places_by_name(model, {}),
        reals=converted.reals,
        findings=(
            *faults,
            *biases_of_others(model),
            *(left_in_float(weights(converted.model)) if method.name == DYNAMIC else ()),
        ),
    )


def biases_of_others(model: Model) -> tuple[Finding, ...]:
    """The products whose bias lies on the scale of another product: in 16 bits the converter writes a bias that several
    time steps share once, for the first of them, and the kernels add it as if it were on the scale of each."""
    factors = [
        float((x.grid.scale * weight.grid.scale / bias.grid.scale).max())
        for graph in model.graphs
        for operator in graph.operators
        if operator.name == "FULLY_CONNECTED" and len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0
        for x, weight, bias in [[graph.tensors[index] for index in operator.inputs]]
        if x.grid is not None and weight.grid is not None and bias.grid is not None
    ]
    wrong = [factor for factor in factors if abs(factor - 1) > SAME_SCALE]
    if not wrong:
        return ()
    return (
        warning(
            "conversion",
            f"the converter rounded a bias for one time step and has others share it, whose scales differ: "
            f"{len(wrong)} of {len(factors)} products add {min(wrong):.2f} to {max(wrong):.2f} times their bias; "
            "quant=int8 has one for each step",
        ),
    )


def left_in_float(found: Sequence[Constant]) -> tuple[Finding, ...]:
    """What dynamic range did not quantize of these weights: the converter leaves those of fewer than LEAST_DYNAMIC
    elements."""
    in_float = [weight for weight in found if weight.in_float32]
    if not in_float:
        return ()
    rule = f"dynamic range leaves weights of fewer than {LEAST_DYNAMIC:,} elements in float, an LSTM's all or none"
    if len(in_float) == len(found):
        return (warning("conversion", f"{rule}, and all are: figures of this model are those of quant=float32"),)
    share = sum(weight.elements for weight in in_float) / sum(weight.elements for weight in found)
    return (
        remark(
            "conversion",
            f"{rule}: {len(in_float)} of {len(found)} here, {100 * share:.0f} % of their elements",
        ),
    )
