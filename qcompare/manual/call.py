"""What an operator's computation is given, and what an operator offers: its real semantics and its integer rules.

The contract of `manual/ops/`: every file describes one kind of operator by an `Op` an operator. Each of its functions
takes a `Call` and returns one array an output, shape [samples, *shape of the output]. It reads shapes from the values,
never the sample axis from a constant, and raises `NotCoveredError` for what it does not compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from qcompare.core.graph import Operator, Tensor
from qcompare.manual import variant
from qcompare.manual.rule import Requantization, Rule
from qcompare.manual.variant import Variant


class NotCoveredError(NotImplementedError):
    """An operator, dtype or option that the manual engine does not compute. The message names operator and reason."""

    def __init__(self, operator: Operator, missing: str) -> None:
        super().__init__(f"operator {operator.index} {operator.name}: {missing} not covered")
        self.operator = operator
        self.missing = missing


class UndefinedError(NotCoveredError):
    """What a kernel set is known not to run, or to give no defined numbers of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Operand:
    """One input of an operator.

    value: for a constant an array of shape `tensor.shape`; for an activation one array over the samples, shape
        [samples, *tensor.shape]. The sample axis is apart from the model's own batch dimension, so that a model of
        batch one runs on any number of samples at once. In the tensor's own dtype for an integer rule; for `real`
        a quantized tensor's value is `(q - zero_point) * scale` in float64 and any other stands as it is.
    """

    tensor: Tensor
    value: np.ndarray
    constant: bool

    @property
    def stored(self) -> bool:
        """Whether the file holds the value: a delegate does not see what operators make of constants and shapes."""
        return self.tensor.data is not None and not self.tensor.folded

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape without the sample axis."""
        return self.value.shape if self.constant else self.value.shape[1:]


Outputs = Sequence[np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subgraph:
    """A subgraph that an operator runs, in the arithmetic that the operator is computed in.

    inputs, outputs: its tensors. compute: one array an input -> one an output, each [samples, *shape] in the tensor's
        own dtype. Raises NotCoveredError.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    compute: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One operator about to be computed for a number of samples.

    inputs: None stands for an input that is absent. A variable comes as an activation, reset to its zero point.
    subgraphs: those that the operator runs, by the option that names each.
    """

    operator: Operator
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Tensor, ...]
    intermediates: tuple[Tensor, ...]
    samples: int
    subgraphs: Mapping[str, Subgraph] = field(default_factory=dict)

    def input(self, position: int) -> Operand:
        """The input at that position. Raises NotCoveredError when it is absent."""
        operand = self.optional(position)
        if operand is None:
            raise NotCoveredError(self.operator, f"a missing input {position} is")
        return operand

    def optional(self, position: int) -> Operand | None:
        """The input at that position, or None when it is absent."""
        return self.inputs[position] if position < len(self.inputs) else None

    def parameter(self, position: int) -> np.ndarray:
        """The constant at that position, such as axes or a shape. Raises NotCoveredError when it is computed."""
        operand = self.input(position)
        if not operand.constant:
            raise NotCoveredError(self.operator, f"a computed input {position} (only a constant is) is")
        return operand.value

    def option(self, name: str, default: Any = None) -> Any:
        """One of the operator's options; the default when the model does not store it."""
        return self.operator.options.get(name, default)


def of_main_input(call: Call) -> Variant:
    """The dtype of the first activation among the inputs: the default variant of an operator."""
    present = [operand for operand in call.inputs if operand is not None]
    main = next((operand for operand in present if not operand.constant), present[0])
    return variant.of(main.tensor.dtype)


def of_output(call: Call) -> Variant:
    """The dtype of the result: of operators whose inputs are axes and shapes too."""
    return variant.of(call.outputs[0].dtype)


def of_conversion(call: Call) -> Variant:
    """The dtypes of the first input and of the result."""
    return variant.of(call.input(0).tensor.dtype, call.outputs[0].dtype)


def of_weights(data: Tensor, weights: Tensor) -> Variant:
    """The data's dtype, with that of the weights where floats meet integers."""
    if data.dtype == np.float32 and weights.dtype != np.float32:
        return variant.of(data.dtype, weights.dtype)
    return variant.of(data.dtype)


Demand = Callable[[Call], None]
"""What a call's dtypes have to be. Raises NotCoveredError."""


def equal_dtypes(*positions: int) -> Demand:
    """The inputs at these positions, all of them without any, and the outputs are of one dtype."""

    def demand(call: Call) -> None:
        inputs = call.inputs if not positions else [call.optional(position) for position in positions]
        require_equal_dtypes(call, [*(operand.tensor for operand in inputs if operand), *call.outputs])

    return demand


def require_equal_dtypes(call: Call, tensors: Sequence[Tensor]) -> None:
    """Raises NotCoveredError, which names the dtypes."""
    found = [tensor.dtype.name for tensor in tensors]
    if len(set(found)) > 1:
        raise NotCoveredError(call.operator, f"{', '.join(found[:-1])} and {found[-1]} together are")


FIRST: Demand = equal_dtypes(0)


def any_dtypes(call: Call) -> None:
    """Whatever the variant names, or the computation looks at itself."""


def always(call: Call) -> bool:
    """XNNPACK takes every such call."""
    return True


Compute = Callable[[Call], Outputs]


@final
@dataclass(frozen=True, eq=False)
class Requantized:
    """A computation that follows a rule by its parts, and would follow any other requantization."""

    compute: Callable[[Call, Requantization], Outputs]
    rule: Requantization

    def __call__(self, call: Call) -> Outputs:
        return self.compute(call, self.rule)


def requantizations(
    compute: Callable[[Call, Requantization], Outputs], *rules: Requantization
) -> Mapping[Rule, Compute]:
    """Rules that one computation follows by their parts."""
    return {rule: Requantized(compute, rule) for rule in rules}


@dataclass(frozen=True, kw_only=True, eq=False)
class Op:
    """How one operator can be computed.

    real: the operator in real numbers, in the floating dtype of its inputs; fused activation included. None for one
        that only runs others: its one rule then holds in every arithmetic.
    rules: each an exact integer computation, on values in the tensors' own dtypes.
    variant: the key of a call in the table of `rules.py`; the dtype of the main input unless told otherwise.
    delegated: whether the XNNPACK delegate takes the call; one that it leaves runs as in `optimized`.
    dtypes: which dtypes go together; those of the first input and of the outputs are equal unless told otherwise.
    """

    real: Compute | None
    rules: Mapping[Rule, Compute] = field(default_factory=dict)
    variant: Callable[[Call], Variant] = of_main_input
    delegated: Callable[[Call], bool] = always
    dtypes: Demand = FIRST

    @cached_property
    def by_name(self) -> Mapping[str, Rule]:
        """The rules by their names."""
        return {rule.name: rule for rule in self.rules}


def align(*operands: Operand) -> tuple[np.ndarray, ...]:
    """The operands' values, ready to broadcast against each other: ranks are filled after the sample axis,
    and a constant gets a sample axis of one."""
    rank = max(len(operand.shape) for operand in operands)
    return tuple(
        operand.value.reshape(
            (1 if operand.constant else operand.value.shape[0],) + (1,) * (rank - len(operand.shape)) + operand.shape
        )
        for operand in operands
    )
