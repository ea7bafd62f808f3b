"""Tensors moved about in a network, which changes no number: the same for all operators that compute in TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

import tensorflow as tf


class Values(Protocol):
    """A tensor with what is known of its numbers."""

    @property
    def tensor(self) -> tf.Tensor:
        """The numbers, float32."""

    def alike(self, tensor: tf.Tensor) -> Self:
        """Elements of these values in another shape."""


T = TypeVar("T", bound=Values)


def unstacked(x: T) -> list[T]:
    """[batch, steps, features] -> `steps` values [batch, features]."""
    return [x.alike(step) for step in tf.unstack(x.tensor, axis=1)]


def flattened(x: T, width: int) -> T:
    """[batch, ...] -> [batch, width]."""
    return x.alike(tf.reshape(x.tensor, [-1, width]))


def joined(sequence: Sequence[T]) -> T:
    """Values [batch, units] on one grid side by side: [batch, steps * units]."""
    with tf.name_scope("side_by_side"):
        return sequence[0].alike(tf.concat([value.tensor for value in sequence], axis=-1))


def divided(x: T, parts: int) -> list[T]:
    """Equal parts of the last axis."""
    return [x.alike(part) for part in tf.split(x.tensor, parts, axis=-1)]
