"""What a network computes, in one place: float and quantized training, conversion and deployment share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Protocol, final, runtime_checkable

import numpy as np
import tensorflow as tf

from qcompare.core.layers import dense_name, recurrent_name
from qcompare.models.bidirectional import Bidirectional
from qcompare.models.initial import glorot_uniform
from qcompare.models.ops import Ops, V


class Layer(Protocol):
    """What every recurrent layer tells of itself."""

    @property
    def units(self) -> int:
        """Size of the output of a step."""

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Trainable weights by name, float32; matrices are [inputs, outputs]."""

    def constants(self) -> dict[str, np.ndarray]:
        """Weights that training leaves alone, by name, float32."""


class SteppedLayer(Layer, Protocol):
    """A recurrent layer that is given as what it computes in one time step."""

    def zero_state(self, ops: Ops[V], batch: int | tf.Tensor) -> tuple[V, ...]:
        """What the layer carries from one time step to the next, [batch, width] each, before the first step."""

    def step(self, ops: Ops[V], x: V, state: tuple[V, ...]) -> tuple[V, tuple[V, ...]]:
        """Output [batch, units] and next state for input x [batch, features]; the output is the first of the state."""


@runtime_checkable
class SequenceLayer(Layer, Protocol):
    """A recurrent layer that one operator computes for all time steps."""

    def sequence(self, ops: Ops[V], sequence: Sequence[V]) -> list[V]:
        """The outputs [batch, units] of every step for inputs [batch, features], starting from zeros."""


OneWay = SteppedLayer | SequenceLayer
"""A recurrent layer that reads from the first step on."""

Cell = OneWay | Bidirectional
"""A recurrent layer."""


@final
@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Recurrent layers, then dense layers; the last dense layer gives what training takes for the outputs.

    A network without recurrent layers is dense from the start: its input is flattened.

    dense_units: widths, the output's last. activation: of all dense layers but the last, or one for each of them.
    steps, features: the input's shape [batch, steps, features].
    return_sequences: whether the dense layers read the outputs of all steps side by side, or the last step's alone.
    use_bias: whether the dense layers have biases.
    output_activation: linear or softmax: what a deployed model makes of the last dense layer's outputs.
    """

    cells: tuple[Cell, ...]
    dense_units: tuple[int, ...]
    activation: str | tuple[str, ...]
    steps: int
    features: int
    return_sequences: bool = False
    use_bias: bool = True
    output_activation: str = "linear"

    def initial_weights(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Trainable weights by `layer/name`, float32."""
        weights = {}
        width = self.features
        for index, cell in enumerate(self.cells):
            for name, value in cell.initial_weights(width, generator).items():
                weights[f"{recurrent_name(index)}/{name}"] = value
            width = cell.units
        if self.cells and self.return_sequences:
            width *= self.steps
        if not self.cells:
            width = self.steps * self.features
        for index, units in enumerate(self.dense_units):
            weights[f"{dense_name(index)}/kernel"] = glorot_uniform((width, units), generator)
            if self.use_bias:
                weights[f"{dense_name(index)}/bias"] = np.zeros(units, np.float32)
            width = units
        return weights

    def constants(self) -> dict[str, np.ndarray]:
        """Weights that training leaves alone, by `layer/name`, float32."""
        return {
            f"{recurrent_name(index)}/{name}": value
            for index, cell in enumerate(self.cells)
            for name, value in cell.constants().items()
        }

    def forward(self, ops: Ops[V], x: tf.Tensor) -> tf.Tensor:
        """Outputs [batch, outputs] for x [batch, steps, features], float32, before the output's activation."""
        value = ops.input(x)
        if self.cells:
            batch = x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]
            sequence = ops.steps(value)
            for index, cell in enumerate(self.cells):
                every = self.return_sequences or cell is not self.cells[-1]
                sequence = outputs(ops, recurrent_name(index), cell, sequence, batch, every=every)
            value = ops.side_by_side(sequence) if self.return_sequences else sequence[-1]
        else:
            value = ops.flatten(value, self.steps * self.features)
        return ops.output(self.head(ops, value))

    def one_way_layers(self) -> dict[str, OneWay]:
        """The recurrent layers by the scope of their weights and roles, those of each direction by themselves."""
        layers = [one_way(recurrent_name(index), cell) for index, cell in enumerate(self.cells)]
        return dict(chain.from_iterable(layers))

    def dense_activation(self, index: int) -> str:
        """Of a dense layer."""
        if index == len(self.dense_units) - 1:
            return "linear"
        return self.activation if isinstance(self.activation, str) else self.activation[index]

    def head(self, ops: Ops[V], value: V) -> V:
        """The dense layers on [batch, width]."""
        for index in range(len(self.dense_units)):
            with ops.scope(dense_name(index)):
                value = ops.fully_connected(
                    "output", value, "kernel", "bias" if self.use_bias else None, self.dense_activation(index)
                )
        return value


def one_way(scope: str, cell: Cell) -> list[tuple[str, OneWay]]:
    """A layer with its scope, or both directions of one with theirs."""
    if isinstance(cell, Bidirectional):
        return [(f"{scope}/{name}", layer) for name, layer in cell.directions.items()]
    return [(scope, cell)]


def outputs(
    ops: Ops[V], scope: str, cell: Cell, sequence: Sequence[V], batch: int | tf.Tensor, *, every: bool
) -> list[V]:
    """The outputs of every step of one recurrent layer, starting from zeros; or at least the last.

    The last output of a Bidirectional is that of each direction's own last step.
    """
    if isinstance(cell, Bidirectional):
        turned = partial(_turned, ops, cell.backward)
        (first, layer), (second, other) = one_way(scope, cell)
        forward = outputs(ops, first, layer, sequence, batch, every=every)
        backward = outputs(ops, second, other, turned(sequence), batch, every=every)
        with ops.scope(scope):
            return ops.beside(forward, turned(backward)) if every else ops.beside(forward[-1:], backward[-1:])
    if isinstance(cell, SequenceLayer):
        with ops.scope(scope):
            return cell.sequence(ops, sequence)
    return unroll(ops, scope, cell, sequence, batch)


def _turned(ops: Ops[V], layer: OneWay, sequence: Sequence[V]) -> list[V]:
    """A sequence from its end on; for one operator in one tensor."""
    return ops.turned(sequence) if isinstance(layer, SequenceLayer) else list(sequence[::-1])


def unroll(ops: Ops[V], layer: str, cell: SteppedLayer, sequence: Sequence[V], batch: int | tf.Tensor) -> list[V]:
    """The outputs of every step of one recurrent layer, starting from zeros."""
    with ops.scope(layer):
        state = cell.zero_state(ops, batch)
    outputs = []
    for step, x in enumerate(sequence):
        with ops.scope(layer, step):
            output, state = cell.step(ops, x, state)
        outputs.append(output)
    return outputs
