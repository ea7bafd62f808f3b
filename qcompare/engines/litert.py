"""The LiteRT interpreter under its kernel sets, one sample an invocation."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.core.tensor_values import TensorValues, sample_shape
from qcompare.tflite import schema

KERNEL_SETS = {
    "reference": OpResolverType.BUILTIN_REF,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "xnnpack": OpResolverType.AUTO,
}
"""Kernel set -> the resolver that selects it; `xnnpack` is what a user gets by default."""


def run(
    model: bytes,
    inputs: Mapping[int, np.ndarray],
    kernels: str,
    *,
    keep: Collection[int] = (),
) -> TensorValues:
    """The model run on each sample by itself, its variables reset before each.

    inputs: tensor index -> [samples, ...] in the tensor's dtype, with or without the leading dimension of one.
    kernels: one of KERNEL_SETS.
    keep: activations to read besides the first output; those that the runtime does not hold are left out. Any that
        is no output of the model makes the runtime hold all of them, which keeps XNNPACK from fusing operators.

    Raises ValueError or RuntimeError with the runtime's own message for a model it does not run.
    """
    graph = schema.read(model).main
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=KERNEL_SETS[kernels],
        experimental_preserve_all_tensors=not set(keep).issubset(graph.outputs),
        num_threads=1,
    )
    interpreter.allocate_tensors()
    output = int(interpreter.get_output_details()[0]["index"])
    details = {int(detail["index"]): detail for detail in interpreter.get_input_details()}
    shaped = {
        index: array.reshape(len(array), *(int(size) for size in details[index]["shape"]))
        for index, array in inputs.items()
    }
    samples = len(next(iter(shaped.values())))
    wanted = dict.fromkeys([output, *keep])
    collected: dict[int, list[np.ndarray]] = {index: [] for index in wanted}
    for sample in range(samples):
        interpreter.reset_all_variables()
        for index, array in shaped.items():
            interpreter.set_tensor(index, array[sample])
        interpreter.invoke()
        for index in list(collected):
            try:
                collected[index].append(interpreter.get_tensor(index))
            except ValueError:
                # No consumer and no output: the runtime frees such a tensor.
                del collected[index]
    tensors = {
        graph.tensors[index].name: np.stack(values).reshape(samples, *sample_shape(values[0].shape))
        for index, values in collected.items()
    }
    return TensorValues(tensors=tensors, output=graph.tensors[output].name)
