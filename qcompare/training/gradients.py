"""Operators whose gradient is chosen, or that are one node of the graph where TensorFlow would make several."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Gradient = Callable[[tf.Tensor], tf.Tensor]
"""The gradient by a function's one argument, for the gradient by its result."""

Gradients = Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]
"""The gradients by a function's arguments, for the gradient by its result; None: no gradient flows there."""


@tf.custom_gradient
def replaced(real: tf.Tensor, exact: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
    """The exact value, with the gradient of the real one."""
    return tf.identity(exact), lambda gradient: (gradient, None)


def clipped(x: tf.Tensor, low: tf.Tensor | float, high: tf.Tensor | float) -> tf.Tensor:
    """tf.clip_by_value in one operator."""
    return tf.raw_ops.ClipByValue(t=x, clip_value_min=low, clip_value_max=high)


def logistic_gradient(y: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """upstream y (1 - y)"""
    return tf.raw_ops.SigmoidGrad(y=y, dy=upstream)


def tanh_gradient(y: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """upstream (1 - y^2)"""
    return tf.raw_ops.TanhGrad(y=y, dy=upstream)
