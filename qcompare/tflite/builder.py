"""Graphs written operator by operator, as the converter would make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qcompare.core.graph import Graph, Operator, Tensor
from qcompare.core.grid import Grid

ABSENT = -1


class Builder:
    """Collects the tensors and operators of one graph; tensors are told by their index."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []

    def activation(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype | type,
        grid: Grid | None = None,
        *,
        variable: bool = False,
    ) -> int:
        """A tensor that an operator computes, or an input of the graph."""
        return self._add(name, shape, np.dtype(dtype), grid, None, variable)

    def constant(self, name: str, data: np.ndarray, grid: Grid | None = None) -> int:
        """A tensor with its value."""
        return self._add(name, data.shape, data.dtype, grid, data, False)

    def _add(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        grid: Grid | None,
        data: np.ndarray | None,
        variable: bool,
    ) -> int:
        index = len(self.tensors)
        tensor = Tensor(index=index, name=name, shape=shape, dtype=dtype, grid=grid, data=data, variable=variable)
        self.tensors.append(tensor)
        return index

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options_type: str = "",
        options: Mapping[str, Any] | None = None,
        *,
        version: int = 1,
        intermediates: Sequence[int] = (),
    ) -> None:
        """The next operator to run. version: the least that has the kernels for its dtypes."""
        self.operators.append(
            Operator(
                index=len(self.operators),
                name=name,
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                intermediates=tuple(intermediates),
                options=options or {},
                options_type=options_type,
                version=version,
            )
        )

    def open_inputs(self) -> tuple[int, ...]:
        """What operators read and none computes, each once in the order of reading; no constants, no variables."""
        computed = {index for operator in self.operators for index in operator.outputs}
        read = dict.fromkeys(index for operator in self.operators for index in operator.inputs if index >= 0)
        return tuple(
            index
            for index in read
            if index not in computed and self.tensors[index].data is None and not self.tensors[index].variable
        )

    def graph(self, inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
        """What was collected."""
        return Graph(
            tensors=tuple(self.tensors),
            operators=tuple(self.operators),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
        )
