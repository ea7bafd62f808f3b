"""What a kernel does to reach its integers, by parts, and the name that the parts give it.

A rule is a `Requantization`, one multiplication of an accumulator, or another `Method`. Its name, by which `audit` and
`probe` speak of it, is its rounding or kind and then, in parentheses, what is out of the ordinary: a multiplier formed
in another float than the usual one, halves that go to even, blocks. Numbers are the equations of docs/arithmetic.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import MappingProxyType

import numpy as np

from qcompare.manual import rounding
from qcompare.manual.rounding import Multiply

Scale = np.ndarray | np.floating


class Precision(Enum):
    """The float in which the scales of a multiplier are multiplied and divided, or a table is filled."""

    FLOAT32 = "f32"
    FLOAT64 = "f64"
    MIXED = "mixed"
    """Products in float32, the quotient in float64: TFLite `GetQuantizedConvolutionMultipler`."""

    @property
    def float_(self) -> type[np.floating]:
        """The float of products."""
        return np.float64 if self is Precision.FLOAT64 else np.float32

    def ratio(self, factors: tuple[Scale, ...], divisor: np.floating) -> Scale:
        """The product of the factors, from left to right, over the divisor.

        factors, divisor: float32, numbers or arrays [channels]. MIXED is how a multiplier per tensor is formed: with
            channels everything is float64 (TFLite `PopulateConvolutionQuantizationParams`).
        Returns float32 for FLOAT32, else float64.
        """
        if self is Precision.MIXED and any(np.size(factor) > 1 for factor in factors):
            return Precision.FLOAT64.ratio(factors, divisor)
        product = self.float_(factors[0])
        for factor in factors[1:]:
            product = product * self.float_(factor)
        quotient = np.float32 if self is Precision.FLOAT32 else np.float64
        return quotient(product) / quotient(divisor)


class Halves(Enum):
    """Where a number half-way between two integers goes when a float is rounded."""

    AWAY = "away"
    """(1)"""

    EVEN = "even"
    """(3)"""


class Rounding(Enum):
    """How the product of an accumulator and a multiplier becomes an integer."""

    DOUBLE = "DOUBLE"
    """(10)"""

    UP = "UP"
    """(11)"""

    M64 = "M64"
    """(12)"""

    F64 = "F64"
    """(13)"""

    RNE32 = "RNE32"
    """(14)"""

    Q8 = "Q8"
    """(92)"""

    def by(self, multiplier: Precision, blocks: int | None = None) -> Requantization:
        """This rounding of products with a multiplier formed like that."""
        return Requantization(rounding=self, multiplier=multiplier, blocks=blocks)

    @property
    def usual(self) -> Precision:
        """The float in which multipliers are formed unless a rule's name says otherwise."""
        return Precision.FLOAT32 if self in (Rounding.RNE32, Rounding.Q8) else Precision.FLOAT64


MULTIPLY: Mapping[Rounding, Multiply] = MappingProxyType(
    {
        Rounding.DOUBLE: rounding.double,
        Rounding.UP: rounding.up,
        Rounding.M64: rounding.m64,
        Rounding.F64: rounding.f64,
        Rounding.RNE32: rounding.rne32,
        Rounding.Q8: rounding.q8,
    }
)


ONCE: Mapping[Rounding, Multiply] = MappingProxyType(
    {
        Rounding.DOUBLE: rounding.once,
        Rounding.UP: rounding.once,
        Rounding.M64: rounding.m64_once,
        Rounding.F64: rounding.f64,
        Rounding.RNE32: rounding.f32_once,
        Rounding.Q8: rounding.q8_once,
    }
)
"""(108): by the multiplier that each rounding works with, the product rounded once, halves away from zero."""


@dataclass(frozen=True, kw_only=True)
class Requantization:
    """One multiplication of an accumulator, rounded.

    multiplier: how it is formed out of scales.
    once: (108) in place of the rounding, which no kernel does.
    blocks: None, or how many elements of the last axis a vector loop takes at once: those in whole blocks are rounded
        as told, the others by DOUBLE, in the scalar loop.
    """

    rounding: Rounding
    multiplier: Precision
    blocks: int | None = None
    once: bool = False

    @cached_property
    def name(self) -> str:
        unusual = [] if self.multiplier is self.rounding.usual else [self.multiplier.value]
        unusual += ["once"] if self.once else []
        return _named(self.rounding.value, unusual, self.blocks)

    @property
    def bounds(self) -> Halves:
        """How the bounds of a fused activation are rounded: by (80) in XNNPACK, whose roundings are RNE32 and Q8."""
        return Halves.EVEN if self.rounding in (Rounding.RNE32, Rounding.Q8) and not self.once else Halves.AWAY

    @property
    def multiply(self) -> Multiply:
        """What rounds a product, outside of what a vector loop leaves over."""
        return (ONCE if self.once else MULTIPLY)[self.rounding]


@dataclass(frozen=True)
class Method:
    """Another way to an operator's integers, as the operator's file describes it.

    halves: where floats are rounded. precision: of a multiplier or table. blocks: as in Requantization.
    """

    kind: str
    halves: Halves = Halves.AWAY
    precision: Precision = Precision.FLOAT64
    blocks: int | None = None

    @cached_property
    def name(self) -> str:
        unusual = [] if self.halves is Halves.AWAY else [self.halves.value]
        unusual += [] if self.precision is Precision.FLOAT64 else [self.precision.value]
        return _named(self.kind, unusual, self.blocks)


Rule = Requantization | Method


def _named(kind: str, unusual: list[str], blocks: int | None) -> str:
    parts = unusual if blocks is None else [*unusual, f"by{blocks}"]
    return f"{kind}({','.join(parts)})" if parts else kind
