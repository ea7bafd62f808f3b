"""The LiteRT interpreter under its kernel sets, one sample an invocation, or one sequence of any length."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

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
    interpreter = interpreter_of(model, kernels, keeps_all=not set(keep).issubset(graph.outputs))
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


def run_sequences(model: bytes, sequences: Sequence[np.ndarray], kernels: str) -> list[dict[str, np.ndarray]]:
    """Sequences of any lengths, one after another, through one interpreter of a model that leaves its length free.

    sequences: each [steps, features] in the input's dtype. kernels: one of KERNEL_SETS. The input is resized for each
    and the variables are reset. Returns every output of each by its name in the signature, [*sample_shape(its shape)].
    Raises ValueError or RuntimeError as the runtime does, such as for a model of a fixed length.
    """
    interpreter = interpreter_of(model, kernels)
    names = schema.read(model).outputs
    (given,) = (int(detail["index"]) for detail in interpreter.get_input_details())
    results = []
    for sequence in sequences:
        interpreter.resize_tensor_input(given, (1, *sequence.shape), strict=True)
        interpreter.allocate_tensors()
        # Allocating resets them where the length is another one, and does nothing where it is the same.
        interpreter.reset_all_variables()
        interpreter.set_tensor(given, sequence[np.newaxis])
        interpreter.invoke()
        outputs = {name: interpreter.get_tensor(index) for name, index in names.items()}
        results.append({name: value[0] if value.shape[:1] == (1,) else value for name, value in outputs.items()})
    return results


def interpreter_of(model: bytes, kernels: str, *, keeps_all: bool = False) -> Interpreter:
    return Interpreter(
        model_content=model,
        experimental_op_resolver_type=KERNEL_SETS[kernels],
        experimental_preserve_all_tensors=keeps_all,
        num_threads=1,
    )
