"""The seam of routes: ways from a trained network to what is compared."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

from qcompare.config.options import Config
from qcompare.core.comparison import Way
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.plain import plain
from qcompare.core.stage import Stage
from qcompare.data.dataset import Dataset
from qcompare.tflite.artifact import Artifact


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a route starts from. network: the float network."""

    config: Config
    seed: int
    data: Stage[Dataset]
    network: Stage[Network]

    @property
    def model(self) -> dict[str, object]:
        """The options of the model as plain values."""
        return plain(self.config.model)

    @property
    def method(self) -> Method:
        """What a conversion is asked for."""
        asked = {item.name for item in fields(Method)}
        return Method(**{name: value for name, value in plain(self.config.quant).items() if name in asked})


class Route(Way, Protocol):
    """How a network comes to be compared; each of its names stands once among those that apply."""

    def applies(self, config: Config) -> bool:
        """Whether a configuration takes this route."""

    def build(self, context: Context) -> Stage[Artifact]:
        """What gives the artifact."""
