"""Why an integer model's output differs from its float model's: what was measured, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from qcompare.core.finding import Finding
from qcompare.core.ladder import Climb
from qcompare.core.rung import Rung

OPERATORS, INTEGERS, RUNTIME = "operators", "integers", "runtime"
"""Causes besides the rungs of real numbers: the graph's operators with the float model's constants, in place of the
float model's own; integers in place of real numbers, all rungs of them together; a runtime in place of the manual
engine."""

WEIGHTS, CLIPPING, ROUNDING, BIAS = (rung.value for rung in (Rung.WEIGHTS, Rung.CLIPPING, Rung.ROUNDING, Rung.BIAS))

CAUSES = (WEIGHTS, CLIPPING, ROUNDING, BIAS, INTEGERS)
"""Of a layer."""


def decibels(signal: float, noise: float) -> float | None:
    """10 log10 of the ratio of two sums of squares; None where either is zero."""
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None


@final
@dataclass(frozen=True, kw_only=True)
class Layer:
    """Operators of the integer model that share their weights, as all time steps of an unrolled layer do, or one.

    op: their kind, "" for the model's input. operators: their numbers, in order. tensor: the result of the first. name:
    that of its weights where the result's says nothing of the network.
    """

    op: str
    operators: tuple[int, ...]
    tensor: str
    name: str


@final
@dataclass(frozen=True, kw_only=True)
class Trial:
    """The output without and with a change, in the manual engine: of what real numbers tell, computed in them, what
    integers add to the difference left as it is.

    n: elements. signal: the sum of the squares of the float model's output. before, after: of the differences to it.
    """

    n: int
    signal: float
    before: float
    after: float

    @property
    def gain_db(self) -> float | None:
        """How much the change lowers the difference; infinite where it ends it, None where there was none."""
        if not self.before:
            return None
        return math.inf if not self.after else 10 * math.log10(self.before / self.after)

    @property
    def rms(self) -> tuple[float, float]:
        """Of the difference before and after, in real units."""
        return math.sqrt(self.before / self.n), math.sqrt(self.after / self.n)


@final
@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A cause at a layer. signal, noise: sums of squares of the layer's values, and of what the cause alone changes of
    them, the layer fed the float model's values. trial: what undoing it there does for the output, if it was tried."""

    layer: Layer
    cause: str
    signal: float
    noise: float
    trial: Trial | None = None

    @property
    def sqnr_db(self) -> float | None:
        return decibels(self.signal, self.noise)


@final
@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What to try, and what it did here. kind: one of SUGGESTIONS. cause: what it is against. text: what exactly, in a
    line.

    layer: None for all layers at once. values: its figures by name, for machines.
    """

    kind: str
    layer: Layer | None
    cause: str
    text: str
    values: Mapping[str, float | int | str | list[int]]
    trial: Trial


WIDER, NARROWER, PER_CHANNEL, OUTLIER, WIDE_WEIGHTS, WIDE_ACTIVATIONS, KERNELS = (
    "wider_range",
    "narrower_range",
    "weights_per_channel",
    "outlier_weight",
    "weights_in_float",
    "activations_of_16_bits",
    "kernels",
)
REPAIRS = (WIDER, NARROWER, PER_CHANNEL, OUTLIER)
"""Of what is not as it could be; the others help any layer."""

SUGGESTIONS = (WIDER, NARROWER, PER_CHANNEL, OUTLIER, WIDE_WEIGHTS, WIDE_ACTIVATIONS, KERNELS)


@final
@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All of it.

    float_path, path: the models, as the user named them. kernels: of the last step. source: where the inputs are from.
    samples: of the output's ladder. layer_samples: of the layers' and of the trials, the first ones.
    output: the ladder of the model's output, from the float model's own. climbs: of every tap, accumulated and local.
    everywhere: cause of real numbers -> what undoing it at all layers at once does for the output.
    suspects, suggestions: the best first. culprit: the suspect that stands out, if one does.
    """

    float_path: str
    path: str
    kernels: str
    source: str
    samples: int
    layer_samples: int
    output: Climb
    climbs: tuple[Climb, ...]
    everywhere: Mapping[str, Trial]
    suspects: tuple[Suspect, ...]
    culprit: Suspect | None
    suggestions: tuple[Suggestion, ...]
    findings: tuple[Finding, ...] = field(default=())
