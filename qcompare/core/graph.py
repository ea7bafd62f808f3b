"""A converted model as plain data: graphs of tensors and operators in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qcompare.core.grid import Grid


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """One tensor of a graph.

    name: unique within its graph.
    shape: as stored in the model, batch included.
    data: the constant's value in the tensor's own dtype and shape, or None for an activation.
    variable: True for state that an operator keeps between invocations.
    free: the dimensions that the model leaves open; its shape has a 1 there.
    folded: True for a constant that operators make of others; the file does not hold it.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    grid: Grid | None = None
    data: np.ndarray | None = None
    variable: bool = False
    free: tuple[int, ...] = ()
    folded: bool = False

    @property
    def free_batch(self) -> bool:
        """Whether the first dimension is left open."""
        return 0 in self.free

    @property
    def scale(self) -> np.float32:
        """The single scale of a per-tensor quantized tensor. ValueError when there is not exactly one."""
        return self._single().lsb

    @property
    def zero_point(self) -> int:
        """The single zero point of a per-tensor quantized tensor. ValueError when there is not exactly one."""
        return self._single().zero

    @property
    def integers(self) -> Grid | None:
        """The grid that the tensor's integers lie on; None for floats, whatever scale is stored with them."""
        return self.grid if self.dtype.kind in "iu" else None

    def _single(self) -> Grid:
        if self.grid is None or self.grid.per_channel:
            kind = "not quantized" if self.grid is None else "quantized per channel"
            raise ValueError(f"tensor '{self.name}' is {kind}: it has no single scale")
        return self.grid


@dataclass(frozen=True, kw_only=True, eq=False)
class Operator:
    """One operator of a graph.

    name: the schema's operator name, such as FULLY_CONNECTED; a custom operator's own name otherwise.
    inputs, outputs, intermediates: tensor indices; -1 stands for an input that is absent.
    options: the schema's builtin options in snake_case, enums by name
        (`{"fused_activation_function": "RELU", "keep_num_dims": False}`).
    options_type: the schema's table of these options, such as `FullyConnectedOptions`; "" for none.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    options_type: str = ""
    version: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """One subgraph of a model; operators stand in the order in which they run.

    inputs, outputs: tensor indices.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name. KeyError when there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """All graphs of a model in file order: the first runs, the others are what its control flow operators run.

    signature: name -> tensor index of the outputs of the first, as its signature names them; empty without one. Its
        order is not that of the graph's outputs.
    """

    graphs: tuple[Graph, ...]
    signature: Mapping[str, int] = field(default_factory=dict)

    @property
    def main(self) -> Graph:
        """The graph that runs."""
        return self.graphs[0]

    @property
    def outputs(self) -> Mapping[str, int]:
        """Name -> tensor index of the outputs of the graph that runs: the signature's names, else the tensors' own."""
        return self.signature or {self.main.tensors[index].name: index for index in self.main.outputs}

    def with_main(self, main: Graph) -> Model:
        """The model with another graph in place of the one that runs."""
        return replace(self, graphs=(main, *self.graphs[1:]))


def model_of(*graphs: Graph) -> Model:
    """A model of these graphs, the one that runs first."""
    return Model(graphs=graphs)
