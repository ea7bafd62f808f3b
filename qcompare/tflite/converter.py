"""TensorFlow's converter, and a check of what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.types.experimental import ConcreteFunction

import qcompare.models  # noqa: F401  (settles the environment before TensorFlow is imported)
from qcompare.core import lstm
from qcompare.core.graph import Graph, Model
from qcompare.core.method import FLOAT16, FLOAT32, IN_FLOAT, INT8, INT16X8, Method
from qcompare.tflite import schema
from qcompare.tflite.artifact import Place
from qcompare.tflite.reals import real_constants

ATTEMPTS = 20
"""How often a model is converted again while the converter leaves a SPLIT in float.

It does so at random, in one of 6 to 30 conversions of an unrolled LSTM, and each time anew.
"""

OPERATOR_SETS = {
    INT8: tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    INT16X8: tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
}
"""Operators of a model that is all in integers."""

INTEGER_DTYPES = ("int8", "uint8", "int16", "int32", "int64", "bool")

EMPTY = "the converted model is empty"

INTEGER_ENDS = Method(name=INT8, input="int8", output="int8", full_integer=True)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A converted model. note: what is wrong with it, in one line; "" when nothing is. reals: as `Built` has."""

    model: bytes
    note: str
    reals: Mapping[Place, np.ndarray] = field(default_factory=dict)


def convert(
    forward: Callable[[tf.Tensor], tf.Tensor],
    input_shape: tuple[int, int],
    calibration: np.ndarray | None,
    method: Method = INTEGER_ENDS,
    tracked: tf.Module | None = None,
) -> Converted:
    """A model of batch one.

    forward: outputs [1, outputs] for x [1, *input_shape], with fake quantization at every activation, or, when
        calibration samples float32 [samples, *input_shape] are given, without.
    tracked: what holds the variables of `forward`, if it has any: without it they are lost and the converter crashes.
    """
    return convert_traced(traced(forward, input_shape), calibration, method, tracked)


def traced(forward: Callable[[tf.Tensor], Any], input_shape: tuple[int | None, ...]) -> ConcreteFunction:
    """The graph of batch one that the converter takes: outputs [1, outputs] for x [1, *input_shape], float32.

    Outputs have names where `forward` gives them some. None in the shape is a free number of steps.
    """
    signature = [tf.TensorSpec((1, *input_shape), tf.float32)]
    return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()


def convert_traced(
    function: ConcreteFunction,
    calibration: Sequence[np.ndarray] | np.ndarray | None,
    method: Method = INTEGER_ENDS,
    tracked: tf.Module | None = None,
) -> Converted:
    """As `convert`, with the values that the function's variables hold now, and samples that may differ in length."""
    return _converted(function, calibration, method, tracked)[0]


def _converted(
    function: ConcreteFunction,
    calibration: Sequence[np.ndarray] | np.ndarray | None,
    method: Method,
    tracked: tf.Module | None,
) -> tuple[Converted, bytes]:
    """As `convert_traced`, and the float model that was calibrated; empty where none was."""
    module = tf.Module() if tracked is None else tracked
    for _ in range(ATTEMPTS):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        _ask(converter, method, calibration)
        calibrated = _calibrated(converter)
        model = schema.without_leftovers(converter.convert())
        found = schema.read(model)
        if not (method.full_integer and "SPLIT" in in_float(found, method)):
            break
    return Converted(model=model, note=faults(found, method)), b"".join(calibrated)


def _calibrated(converter: Any) -> list[bytes]:
    """What will hold the float model that a converter calibrates. It converts to float first, hands that model on to
    nobody, and would take a third to a half of its time to make it once more."""
    kept: list[bytes] = []
    quantize = converter._quantize

    def keep(model: bytes, *options: Any) -> Any:
        kept.append(bytes(model))
        return quantize(model, *options)

    converter._quantize = keep
    return kept


def quantized_after_training(
    function: ConcreteFunction,
    calibration: Sequence[np.ndarray] | np.ndarray | None,
    method: Method,
    tracked: tf.Module | None = None,
) -> Converted:
    """As `convert_traced`, of a float function, with the real numbers of the quantized constants: those of the model
    that the function is in float32."""
    found, calibrated = _converted(function, calibration, method, tracked)
    if method.name == FLOAT32:
        return found
    in_float = calibrated or convert_traced(function, None, IN_FLOAT, tracked).model
    return replace(found, reals=real_constants(schema.read(in_float), schema.read(found.model)))


def _ask(converter: Any, method: Method, calibration: Sequence[np.ndarray] | np.ndarray | None) -> None:
    """Sets a converter's options. calibration: float32 [samples, *input shape], for methods that need ranges."""
    if method.optimizations != "NONE":
        converter.optimizations = [tf.lite.Optimize[method.optimizations]]
    converter.inference_input_type, converter.inference_output_type = map(tf.as_dtype, (method.input, method.output))
    converter._experimental_disable_per_channel_quantization_for_dense_layers = not method.per_channel
    if method.name == FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if method.integer and calibration is not None:
        rest = [] if method.full_integer else [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.target_spec.supported_ops = [OPERATOR_SETS[method.name], *rest]
        converter.representative_dataset = lambda: ([sample[None]] for sample in calibration)


def checked(model: bytes, first: str = "int8", last: str = "int8") -> Converted:
    """A model that is all in integers but for the dtypes of its input and output, with what is wrong with it."""
    return Converted(model=model, note=faults(schema.read(model), replace(INTEGER_ENDS, input=first, output=last)))


def faults(model: Model, method: Method) -> str:
    """What is wrong with a model of a method, in one line; "" when nothing is."""
    empty = "" if model.main.operators else EMPTY
    stray = not_integer(model, method) if method.full_integer else empty
    return "; ".join(filter(None, [stray, *cells_out_of_range(model.main), *saturated_biases(model)]))


def not_integer(model: Model, method: Method = INTEGER_ENDS) -> str:
    """The operators that compute in float, in one line; "" for a model that is all in integers.

    method: says which of the model's ends may be in float.
    """
    if not model.main.operators:
        return EMPTY
    stray = in_float(model, method)
    return f"float operators remain: {', '.join(sorted(stray))}" if stray else ""


def in_float(model: Model, method: Method = INTEGER_ENDS) -> set[str]:
    """Names of the operators that read or write a float tensor, the ends that the method has in float left aside."""
    sides = ((method.input, model.main.inputs), (method.output, model.main.outputs))
    ends = {index for dtype, side in sides if dtype not in INTEGER_DTYPES for index in side}
    return {
        operator.name
        for part in model.graphs
        for operator in part.operators
        for index in (*operator.inputs, *operator.outputs)
        if index >= 0
        and part.tensors[index].dtype.name not in INTEGER_DTYPES
        and not (part is model.main and index in ends)
    }


def cells_out_of_range(graph: Graph) -> list[str]:
    """Fused int8 LSTMs whose cell scale the kernel does not compute with, a line each."""
    cells = [
        graph.tensors[operator.inputs[lstm.CELL]] for operator in graph.operators if operator.name == lstm.OPERATOR
    ]
    return [
        f"{cell.name}: the kernel gives meaningless numbers with the cell scale {float(cell.scale):g}; "
        f"{lstm.CELL_ADVICE}"
        for cell in cells
        if cell.dtype == np.int16 and not lstm.takes_cell(cell.scale)
    ]


def saturated_biases(model: Model) -> list[str]:
    """Quantized int32 constants that the scale of their products does not let into int32, a line each."""
    limits = np.iinfo(np.int32)
    return [
        f"{tensor.name}: a bias is beyond int32 at its scale, {float(tensor.grid.scale.min()):g}"
        for part in model.graphs
        for tensor in part.tensors
        if tensor.data is not None
        and tensor.dtype == np.int32
        and tensor.grid is not None
        and np.isin(tensor.data, (limits.min, limits.max)).any()
    ]
