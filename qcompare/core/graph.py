"""A quantized model as plain data: tensors, operators and the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantization:
    """The affine map `real = (q - zero_point) * scale` of one tensor.

    scale: float32, shape [1] (per tensor) or [channels] (per channel).
    zero_point: int64, same shape as scale.
    axis: the dimension that the channels run along; 0 when per tensor.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        return self.scale.size > 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """One tensor of a graph.

    name: unique within its graph.
    shape: as stored in the model, batch included.
    data: the constant's value in the tensor's own dtype and shape, or None for an activation.
    variable: True for state that an operator keeps between invocations.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    quantization: Quantization | None = None
    data: np.ndarray | None = None
    variable: bool = False

    @property
    def scale(self) -> np.float32:
        """The single scale of a per-tensor quantized tensor. ValueError when there is not exactly one."""
        return self._single().scale[0]

    @property
    def zero_point(self) -> int:
        """The single zero point of a per-tensor quantized tensor. ValueError when there is not exactly one."""
        return int(self._single().zero_point[0])

    def _single(self) -> Quantization:
        if self.quantization is None or self.quantization.per_channel:
            kind = "not quantized" if self.quantization is None else "quantized per channel"
            raise ValueError(f"tensor '{self.name}' is {kind}: it has no single scale")
        return self.quantization


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
    subgraphs: every subgraph of the model, in file order, on the main graph alone: the bodies of
        control flow operators are looked up here.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: tuple[Graph, ...] = ()

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name. KeyError when there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)
