"""Two recurrent layers that read a sequence from either end, their outputs side by side, as Keras's Bidirectional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from qcompare.core.layers import DIRECTIONS

if TYPE_CHECKING:
    from qcompare.models.network import OneWay


@final
@dataclass(frozen=True, kw_only=True)
class Bidirectional:
    """forward, backward: of the same kind. Each step's output is that of both, the forward one first."""

    forward: OneWay
    backward: OneWay

    @property
    def units(self) -> int:
        return self.forward.units + self.backward.units

    @property
    def directions(self) -> Mapping[str, OneWay]:
        """By scope."""
        return dict(zip(DIRECTIONS, (self.forward, self.backward), strict=True))

    def initial_weights(self, features: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            f"{scope}/{name}": value
            for scope, layer in self.directions.items()
            for name, value in layer.initial_weights(features, generator).items()
        }

    def constants(self) -> dict[str, np.ndarray]:
        return {
            f"{scope}/{name}": value
            for scope, layer in self.directions.items()
            for name, value in layer.constants().items()
        }
