"""What people write to convert an LSTM of any length and to run it, with its mistakes one at a time.

After "Using LSTMs with dynamic sequence length in TFLite", a text of 2022 (TensorFlow 2.8): the model is saved with a
signature whose batch is fixed and whose length is None, converted from there, and one interpreter is resized for each
sequence. The text's own lines are marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def save(model: Any, folder: Path, batch: int | None = 1) -> None:
    """A Keras model with the signature that the text gives it. batch: None leaves it open as well."""
    import tensorflow as tf

    run_model = tf.function(lambda x: model(x))
    concrete = run_model.get_concrete_function(tf.TensorSpec([batch, None, model.inputs[0].shape[-1]], tf.float32))
    model.save(folder, save_format="tf", signatures=concrete)


def convert(folder: Path, calibration: Sequence[np.ndarray], *, quantized: bool) -> bytes:
    """The text's two conversions of what `save` left: the first, "float", which asks for DEFAULT optimizations all the
    same, and with int8 weights, inputs and outputs. calibration: [steps, features]."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantized:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in calibration)
    else:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS, tf.lite.OpsSet.TFLITE_BUILTINS]
    content: bytes = converter.convert()
    return content


Quantize = Callable[[np.ndarray, float, int], np.ndarray]
"""x, the input's scale and zero point -> what the input is set to."""


def rounded(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """As the QUANTIZE kernel does it: to the nearest step, halves away from zero, then int8's range."""
    steps = (x / np.float32(scale)).astype(np.float64)
    return np.clip(np.trunc(steps + np.copysign(0.5, steps)) + zero_point, -128, 127).astype(np.int8)


def truncated(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The text's: `x = x / input_scale + input_zero_point; x = x.astype(dtype)`, which cuts the fraction off."""
    return (x / scale + zero_point).astype(np.int8)


def left_alone(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The text's loop `for x in x_data` assigns its result to the loop's variable: the data stay what they were."""
    return x


def cast(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The same, and a cast where the runtime then refuses float32."""
    return x.astype(np.int8)


def predict(
    model: bytes,
    sequences: Sequence[np.ndarray],
    *,
    quantize: Quantize = rounded,
    resizes: bool = True,
    allocates: bool = True,
    resets: bool = True,
) -> np.ndarray:
    """The text's function, right unless told otherwise: the integers of a model's one output, [sequences, outputs].

    sequences: float32 [steps, features] each. Raises what the runtime raises.
    """
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    output = interpreter.get_output_details()[0]["index"]
    outputs = []
    for sequence in sequences:
        x = quantize(sequence, *given["quantization"])
        if resizes:
            interpreter.resize_tensor_input(given["index"], (1, *x.shape), strict=True)
        if allocates:
            interpreter.allocate_tensors()
        if resets:
            interpreter.reset_all_variables()
        interpreter.set_tensor(given["index"], [x])
        interpreter.invoke()
        outputs.append(np.copy(interpreter.get_tensor(output))[0])
    return np.stack(outputs)
