"""A converted model of the user's as it is, beside the float model that it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from qcompare.config.options import Config, GivenPair, content, file_content
from qcompare.core.comparison import FLOAT_ROUTE
from qcompare.core.engine import EngineId
from qcompare.core.finding import Finding
from qcompare.core.function import Function
from qcompare.core.network import Network
from qcompare.core.stage import Stage
from qcompare.models import keras_description
from qcompare.routes.route import Context
from qcompare.routes.stages import BUILT, conversion, together
from qcompare.tflite.artifact import Artifact, Built
from qcompare.tflite.file import load
from qcompare.tflite.pair import ends_in_softmax, told_of_ends, with_reals


@final
@dataclass(frozen=True, kw_only=True)
class Given:
    """The integer model."""

    name: str = "given"
    twin: EngineId | None = None
    converted: bool = True

    def applies(self, config: Config) -> bool:
        return isinstance(config.model, GivenPair)

    def build(self, context: Context) -> Stage[Artifact]:
        given = integer_model(pair_of(context.config))
        inputs = {"given": given, "float_model": float_model(context)}
        whole = Stage(name="constants of given", compute=with_reals, inputs=inputs, codec=BUILT)
        return together(self.name, None, whole)


@final
@dataclass(frozen=True, kw_only=True)
class GivenFloat:
    """The float model where it is a `.tflite`; a Keras model is route `float`'s network."""

    name: str = FLOAT_ROUTE
    twin: EngineId | None = None
    converted: bool = True

    def applies(self, config: Config) -> bool:
        return isinstance(config.model, GivenPair) and config.model.keras is None

    def build(self, context: Context) -> Stage[Artifact]:
        return together(self.name, None, float_model(context))


def pair_of(config: Config) -> GivenPair:
    assert isinstance(config.model, GivenPair)
    return config.model


def integer_model(pair: GivenPair) -> Stage[Built]:
    """The user's integer model, stored as it was read."""
    return Stage(
        name="reading of given",
        compute=Function("qcompare.tflite.pair", "read"),
        inputs={"path": str(pair.path), "content": file_content(pair.path)},
        codec=BUILT,
    )


def float_model(context: Context) -> Stage[Built]:
    """The float model as a `.tflite`, with the integer model's end; a Keras model is converted."""
    pair = pair_of(context.config)
    if pair.keras is not None:
        return conversion(
            FLOAT_ROUTE,
            "qcompare.export.keras",
            "in_float",
            network=context.network,
            given=integer_model(pair),
        )
    return Stage(
        name="reading of float",
        compute=Function("qcompare.tflite.pair", "read_float"),
        inputs={
            "path": str(pair.float_path),
            "content": file_content(pair.float_path),
            "given": integer_model(pair),
        },
        codec=BUILT,
    )


def told(config: Config) -> tuple[Finding, ...]:
    """That the float model's end is changed to that of the integer one, if it is."""
    if not isinstance(config.model, GivenPair):
        return ()
    pair = config.model
    wanted = ends_in_softmax(load(pair.path)[1].main)
    if pair.keras is None:
        own = ends_in_softmax(load(pair.float_path)[1].main)
    else:
        found = keras_description.of_file(pair.keras.path, content(pair.keras))
        own = keras_description.ends_in_softmax(keras_description.described(found.layers, found.input_shape))
    return told_of_ends(own, wanted)


def with_its_end(network: Stage[Network], pair: GivenPair) -> Stage[Network]:
    """A Keras network with the integer model's end."""
    return Stage(
        name="end of the model",
        compute=Function("qcompare.training.keras_network", "with_end_of"),
        inputs={"network": network, "given": integer_model(pair)},
        codec=None,
    )
