"""Float models quantized by litert-quantizer, the post-training tool beside TensorFlow's converter."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import numpy as np

from qcompare.core.finding import failure
from qcompare.core.method import INT8, Method
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built, not_built
from qcompare.tflite.converter import faults
from qcompare.tflite.ends import ended
from qcompare.tflite.reals import real_constants
from qcompare.tflite.roles import places_by_name

SIGNATURE, INPUT = "serving_default", "x"
"""The names that the converter gives a float model's signature and its input."""


def quantized(float_model: Built, calibration: np.ndarray, method: Method) -> Built:
    """A float model in the integers of a method. calibration: float32 [samples, steps, features].

    What the tool refuses, or leaves in float where all is to be in integers, is a finding.
    """
    if not float_model.content:
        return float_model
    try:
        content = _quantized(float_model.content, calibration, method)
    except (ValueError, RuntimeError) as error:
        return not_built(f"refused by litert-quantizer: {str(error).splitlines()[0]}")
    content = ended(content, method.input, method.output)
    model = schema.read(content)
    fault = faults(model, method)
    return Built(
        content=content,
        places=places_by_name(model, {}),
        reals=real_constants(float_model.model, model),
        findings=(failure("conversion", fault),) if fault else (),
    )


def _quantized(content: bytes, calibration: np.ndarray, method: Method) -> bytes:
    from litert_quantizer import qtyping, quantizer

    granularity = qtyping.QuantGranularity
    outputs = schema.read(content).main.outputs
    # It prints a bar and a report.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        tool = quantizer.Quantizer(bytearray(with_outputs(content, [*outputs, *unread(content)])))
        tool.add_static_config(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            activation_num_bits=8 if method.name == INT8 else 16,
            weight_num_bits=8,
            weight_granularity=granularity.CHANNELWISE if method.per_channel else granularity.TENSORWISE,
        )
        samples = [{INPUT: sample[None]} for sample in calibration]
        # One thread: the ranges do not depend on the machine's cores.
        ranges = tool.calibrate({SIGNATURE: samples}, num_threads=1)
        result = tool.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    found = bytes(result.quantized_model)
    return with_outputs(found, schema.read(found).main.outputs[: len(outputs)])


def unread(content: bytes) -> list[int]:
    """What operators of the main graph compute and nothing reads, as a SPLIT's part: the tool finds no values there, so
    they have to be outputs while it works."""
    graph = schema.read(content).main
    read = {index for operator in graph.operators for index in operator.inputs} | set(graph.outputs)
    return [index for operator in graph.operators for index in operator.outputs if index not in read]


def with_outputs(content: bytes, outputs: Sequence[int]) -> bytes:
    """The model with these tensors as the outputs of its main graph; as it is where they are."""
    if list(outputs) == list(schema.read(content).main.outputs):
        return content
    model = schema.unpack(content)
    model.subgraphs[0].outputs = list(outputs)
    return schema.pack(model)
