"""Recurrent layers as a loop of TensorFlow's, whose body is one time step of all of them."""

from __future__ import annotations

import tensorflow as tf

from qcompare.core.layers import recurrent_name
from qcompare.models.bidirectional import Bidirectional
from qcompare.models.float_ops import FloatOps, Reals
from qcompare.models.network import Architecture, SequenceLayer


def looped(architecture: Architecture, ops: FloatOps, x: tf.Tensor) -> tf.Tensor:
    """Outputs [batch, outputs] for x [batch, steps, features], float32, batch known: as `Architecture.forward`.

    The output of the last step alone reaches the head. Raises ValueError for fused layers, which have no steps.
    """
    layers = [cell for cell in architecture.cells if not isinstance(cell, SequenceLayer | Bidirectional)]
    if len(layers) != len(architecture.cells) or not layers:
        raise ValueError("a loop takes layers step by step, from the first one on; a fused layer has none")
    whole = ops.input(x).tensor
    batch = x.shape[0]

    def body(step: tf.Tensor, *states: tf.Tensor) -> tuple[tf.Tensor, ...]:
        value = Reals(tensor=tf.gather(whole, step, axis=1))
        given, after = list(states), []
        for index, layer in enumerate(layers):
            with ops.scope(recurrent_name(index)):
                own = [Reals(tensor=given.pop(0)) for _ in layer.zero_state(ops, batch)]
                value, following = layer.step(ops, value, tuple(own))
            after += [state.tensor for state in following]
        return step + 1, *after

    zeros = [state.tensor for layer in layers for state in layer.zero_state(ops, batch)]
    number = tf.constant(0)
    _, *last = tf.while_loop(
        lambda step, *_: step < architecture.steps, body, [number, *zeros], maximum_iterations=architecture.steps
    )
    output = last[len(last) - len(layers[-1].zero_state(ops, batch))]
    return ops.output(architecture.head(ops, Reals(tensor=output)))
