"""The constants of a `.tflite`, and what they take in the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from qcompare.tflite.schema import TENSOR_TYPES

WEIGHTS = frozenset({"float32", "float16", "int8", "int4"})
"""Dtypes of weights; a matrix of others, such as the int32 paddings of a PAD, says how an operator works."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Constant:
    """A constant: the schema's name of its dtype in small letters, its shape, its buffer, and what the buffer takes."""

    dtype: str
    shape: tuple[int, ...]
    bytes: int
    content: np.ndarray

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def values(self) -> np.ndarray:
        """Its numbers, as they are stored; zero is 0 in weights of any dtype. Raises ValueError for packed dtypes."""
        if self.dtype == "int4":
            raise ValueError("two int4 stand in a byte")
        return self.content.view(self.dtype)

    @property
    def is_weight(self) -> bool:
        """Whether it is a matrix, or has more dimensions, of a dtype that weights have; a bias has one."""
        return len(self.shape) > 1 and self.dtype in WEIGHTS

    @property
    def in_float32(self) -> bool:
        return self.dtype == "float32"


def constants(content: bytes) -> tuple[Constant, ...]:
    """The constants of all graphs of a model, a buffer that several tensors share once, by the first of them."""
    root = schema.Model.GetRootAs(content, 0)
    found: dict[int, Constant] = {}
    for tensor in _tensors(root):
        number = tensor.Buffer()
        size = root.Buffers(number).DataLength()
        if size and number not in found:
            shape = tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))
            found[number] = Constant(
                dtype=TENSOR_TYPES[tensor.Type()].lower(),
                shape=shape,
                bytes=int(size),
                content=root.Buffers(number).DataAsNumpy(),
            )
    return tuple(found.values())


def weights(content: bytes) -> tuple[Constant, ...]:
    """The weights among a model's constants."""
    return tuple(constant for constant in constants(content) if constant.is_weight)


def _tensors(root: schema.Model) -> Iterator[schema.Tensor]:
    for graph in map(root.Subgraphs, range(root.SubgraphsLength())):
        yield from map(graph.Tensors, range(graph.TensorsLength()))
