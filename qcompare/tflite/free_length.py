"""The shapes of tensors whose length the model leaves free: its file says 1, one time step.

LiteRT settles them from the input when it allocates; TensorFlow Lite Micro takes those of the file.
"""

from __future__ import annotations

from dataclasses import replace

from qcompare.core.graph import Model, Tensor

LENGTH = 1
"""The dimension of the input [1, steps, features] that is left open."""


class LengthError(ValueError):
    """The model takes no sequence of that length; the message is one line."""


def is_free(model: Model) -> bool:
    """Whether a model has one input, [1, steps, features], of which it leaves the number of steps open."""
    inputs = [model.main.tensors[index] for index in model.main.inputs]
    return len(inputs) == 1 and len(inputs[0].shape) == 3 and inputs[0].free == (LENGTH,)


def settled(model: Model, steps: int) -> Model:
    """The model with the shapes of its main graph at that number of steps.

    An open dimension is the length, as behind recurrent, dense and element-wise layers; the runtimes then agree, which
    tests hold. Raises LengthError for a model whose length is fixed, and for a tensor with several open dimensions.
    """
    if not is_free(model):
        raise LengthError("the length of the model's input is fixed; convert it with length None")
    return model.with_main(replace(model.main, tensors=tuple(_settled(tensor, steps) for tensor in model.main.tensors)))


def _settled(tensor: Tensor, steps: int) -> Tensor:
    if len(tensor.free) > 1:
        raise LengthError(f"tensor '{tensor.name}' leaves {len(tensor.free)} dimensions open; only the length may be")
    shape = tuple(steps if axis in tensor.free else size for axis, size in enumerate(tensor.shape))
    return replace(tensor, shape=shape, free=())
