"""A Keras model's file looked into: its layers and weights as plain data. Nothing of the file runs."""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import h5py
import numpy as np

from qcompare.core.function import Function

MOST_BYTES = 2**31
"""A `.tflite` holds no more, and neither need a file have more weights."""

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
"""What a `.keras` file, a zip, is made of."""

SAVED_MODEL = Function("qcompare.models.saved_model", "layers_and_weights")
"""By name: it needs TensorFlow, which no other file does."""

SAVED_METADATA = "keras_metadata.pb"
"""Where a SavedModel has the configuration of the Keras model that it was saved from."""

IGNORED = (
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
)
"""Layers that hand on what they get, but in training."""

WITHOUT_WEIGHTS = (
    *("InputLayer", "Flatten", "Reshape", "Permute", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax"),
    *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D"),
    *("GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D", "ZeroPadding2D"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate"),
)

RECURRENT = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
"""Recurrent layer -> gates side by side in its matrices."""

WITH_WEIGHTS = (
    *("Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "BatchNormalization", "Bidirectional"),
    *RECURRENT,
)

LAYERS = (*WITH_WEIGHTS, *WITHOUT_WEIGHTS, *IGNORED)
"""Layers that are taken."""

ACTIVATIONS = (
    *("linear", "relu", "relu6", "tanh", "sigmoid", "softmax", "elu", "gelu", "hard_sigmoid", "swish", "silu"),
    *("leaky_relu", "softplus", "softsign", "exponential"),
)


@final
class KerasFileError(ValueError):
    """A file that cannot be used; the message is one line that says what would be right."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class KerasLayer:
    """One layer. kind: its class. config: its options, plain. inputs: names of the layers that it reads.

    weights: float32, in the order in which Keras has them.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    weights: tuple[np.ndarray, ...] = ()


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class KerasModel:
    """Layers in an order in which each comes after those that it reads.

    version: of the Keras that saved the file. input_shape: of a sample. output: the layer that gives the output.
    """

    version: str
    layers: tuple[KerasLayer, ...]
    input_shape: tuple[int, ...]
    output: str


def read(path: Path, *, trust: bool = False) -> KerasModel:
    """The model of a `.keras` or `.h5` file, or of a SavedModel folder. Raises KerasFileError.

    trust: whether layers are taken whose code is in the file; here it is not run either.
    """
    try:
        return _read(path, trust)
    except KerasFileError as error:
        raise KerasFileError(f"{path}: {error}") from error
    except (OSError, KeyError, ValueError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise KerasFileError(f"{path}: a damaged Keras file: {' '.join(str(error).split())}") from error


def _read(path: Path, trust: bool) -> KerasModel:
    if path.is_dir():
        return _of_saved_model(path, trust)
    if not path.is_file():
        raise KerasFileError("no such file; give a .keras or .h5 file, or a SavedModel folder")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK"):
        return _of_zip(path, trust)
    if start == b"\x89HDF\r\n\x1a\n":
        with h5py.File(path) as stored:
            return _of_hdf5(stored, trust)
    if start[4:8] == b"TFL3":
        raise KerasFileError("a .tflite file; audit takes it, and model=given beside its float model")
    raise KerasFileError("neither a .keras file nor an .h5 file")


def _of_zip(path: Path, trust: bool) -> KerasModel:
    with zipfile.ZipFile(path) as stored:
        names = stored.namelist()
        missing = [name for name in (CONFIG, METADATA, WEIGHTS) if name not in names]
        if missing:
            raise KerasFileError(f"a zip without {missing[0]}: no .keras file")
        size = sum(stored.getinfo(name).file_size for name in (CONFIG, METADATA, WEIGHTS))
        _check_size(size)
        version = json.loads(stored.read(METADATA))["keras_version"]
        config = json.loads(stored.read(CONFIG))
        layers = layers_of(config, trust=trust)
        with h5py.File(io.BytesIO(stored.read(WEIGHTS))) as weights:
            return model_of(version, layers, _by_class(weights, config["config"]["layers"]))


def _of_hdf5(stored: h5py.File, trust: bool) -> KerasModel:
    if "model_config" not in stored.attrs:
        raise KerasFileError("weights without a model; save the whole model: model.save(path)")
    config = json.loads(stored.attrs["model_config"])
    version = _text(stored["model_weights"].attrs.get("keras_version", stored.attrs.get("keras_version", "")))
    return model_of(version, layers_of(config, trust=trust), _by_name(stored["model_weights"]))


def _of_saved_model(path: Path, trust: bool) -> KerasModel:
    if not (path / SAVED_METADATA).is_file():
        what = "saved without its layers" if (path / "saved_model.pb").is_file() else "no SavedModel"
        raise KerasFileError(f"a folder, {what}; save the model as a .keras file: model.save('model.keras')")
    version, config, weights = SAVED_MODEL(path, _check_size, trust)
    return model_of(version, layers_of(config, trust=trust), weights)


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise KerasFileError(f"holds {size / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.1f} GB are read")


def layers_of(config: Mapping[str, Any], *, trust: bool = False) -> list[KerasLayer]:
    """The layers of a model's configuration, without weights; what would run code of its own is refused by name, but
    for a Lambda that is trusted.

    Raises KerasFileError.
    """
    kind = config["class_name"]
    if kind not in ("Sequential", "Functional", "Model"):
        raise KerasFileError(f"the model is a {kind}; a Sequential or functional model is read")
    stored = config["config"]["layers"]
    for layer in stored:
        _check_layer(layer, trust)
    if kind == "Sequential":
        return _sequential(config["config"], stored)
    return _functional(config["config"], stored)


def _check_layer(layer: Mapping[str, Any], trust: bool) -> None:
    kind, options = layer["class_name"], layer["config"]
    name = options.get("name", kind)
    if kind == "Lambda":
        _check_lambda(name, options.get("function", ""), trust)
        return
    if layer.get("registered_name") not in (None, kind) or kind not in LAYERS:
        raise KerasFileError(f"layer '{name}' is a {kind}, which is not taken; there are {', '.join(LAYERS)}")
    for option in ("activation", "recurrent_activation"):
        if option in options and options[option] not in ACTIVATIONS:
            shown = options[option] if isinstance(options[option], str) else "of its own"
            raise KerasFileError(f"layer '{name}': activation {shown} is not taken; there are {', '.join(ACTIVATIONS)}")
    if options.get("data_format", "channels_last") not in (None, "channels_last"):
        raise KerasFileError(f"layer '{name}': data_format={options['data_format']}; channels_last is taken")
    for wrapped in ("layer", "backward_layer"):
        if isinstance(options.get(wrapped), Mapping):
            _check_layer(options[wrapped], trust)
            if options[wrapped]["class_name"] not in RECURRENT:
                raise KerasFileError(f"layer '{name}': a {options[wrapped]['class_name']} within is not taken")


def _check_lambda(name: str, function: Any, trust: bool) -> None:
    if not trust:
        raise KerasFileError(
            f"layer '{name}' is a Lambda, whose code would run; model.trust=true lets it (model=keras), or write it "
            "with layers of Keras"
        )
    # A lambda is its code; a function that has a name is not in the file.
    if not (isinstance(function, list) or (isinstance(function, Mapping) and function["class_name"] == "__lambda__")):
        called = function["config"] if isinstance(function, Mapping) else function
        raise KerasFileError(f"layer '{name}' is a Lambda of the function '{called}', which is not in the file")


def _sequential(config: Mapping[str, Any], stored: Sequence[Mapping[str, Any]]) -> list[KerasLayer]:
    found: list[KerasLayer] = []
    if not stored or stored[0]["class_name"] != "InputLayer":
        shape = config.get("build_input_shape") or (stored[0]["config"].get("batch_input_shape") if stored else None)
        if not shape:
            raise KerasFileError("the model has no input shape; give it one: keras.Input(shape) as its first layer")
        found.append(KerasLayer(name="input", kind="InputLayer", config={"batch_shape": shape}, inputs=()))
    for layer in stored:
        inputs = (found[-1].name,) if found else ()
        found.append(_layer(layer, layer["config"]["name"], inputs))
    return found


def _functional(config: Mapping[str, Any], stored: Sequence[Mapping[str, Any]]) -> list[KerasLayer]:
    left = {layer["name"]: _layer(layer, layer["name"], _inputs(layer)) for layer in stored}
    for side in ("input_layers", "output_layers"):
        ends = config[side]
        if len(ends) != 1 and not isinstance(ends[0], str):
            raise KerasFileError(f"the model has {len(ends)} {side.split('_')[0]}s; one is taken")
    found: dict[str, KerasLayer] = {}
    while left:
        ready = [name for name, layer in left.items() if all(inner in found for inner in layer.inputs)]
        if not ready:
            raise KerasFileError("its layers read each other in a circle, or one that is not there")
        for name in ready:
            found[name] = left.pop(name)
    output = _end(config["output_layers"])
    ordered = [layer for layer in found.values() if layer.name != output]
    return [*ordered, found[output]]


def _end(side: Any) -> str:
    """The name of the layer at a functional model's one end: ["name", 0, 0], or a list of it."""
    first = side[0]
    return first if isinstance(first, str) else first[0]


def _inputs(layer: Mapping[str, Any]) -> tuple[str, ...]:
    """The layers that a layer reads: in Keras 3 tensors among the arguments of a call, before it lists."""
    nodes = layer["inbound_nodes"]
    if len(nodes) > 1:
        raise KerasFileError(f"layer '{layer['name']}' is called {len(nodes)} times; once is taken")
    if not nodes:
        return ()
    (node,) = nodes
    if isinstance(node, Mapping):
        return tuple(_tensors(node["args"]))
    return tuple(entry[0] for entry in node)


def _tensors(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
        return
    if isinstance(value, list):
        for inner in value:
            yield from _tensors(inner)


def _layer(layer: Mapping[str, Any], name: str, inputs: tuple[str, ...]) -> KerasLayer:
    return KerasLayer(name=name, kind=layer["class_name"], config=layer["config"], inputs=inputs)


Weights = Callable[[KerasLayer], Sequence[Any]]
"""The stored weights of a layer, each with `shape` and `dtype`, read by `np.asarray`."""


def model_of(version: str, layers: Sequence[KerasLayer], weights: Weights) -> KerasModel:
    """The layers with their weights, whose sizes are checked before any is read. Raises KerasFileError."""
    inputs = [layer for layer in layers if layer.kind == "InputLayer"]
    if len(inputs) != 1:
        raise KerasFileError(f"the model has {len(inputs)} inputs; one is taken")
    shape = inputs[0].config.get("batch_shape") or inputs[0].config.get("batch_input_shape")
    if not shape or any(size is None for size in shape[1:]):
        raise KerasFileError(f"its input has the shape {shape}; all but the first number must be fixed")
    stored = {layer.name: list(weights(layer)) for layer in layers}
    _check_size(sum(4 * math.prod(array.shape) for own in stored.values() for array in own))
    for layer in layers:
        _check_weights(layer, [tuple(array.shape) for array in stored[layer.name]])
    return KerasModel(
        version=version,
        layers=tuple(
            KerasLayer(
                name=layer.name,
                kind=layer.kind,
                config=layer.config,
                inputs=layer.inputs,
                weights=tuple(np.asarray(array, np.float32) for array in stored[layer.name]),
            )
            for layer in layers
        ),
        input_shape=tuple(int(size) for size in shape[1:]),
        output=layers[-1].name,
    )


def _check_weights(layer: KerasLayer, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises KerasFileError unless the sizes that a layer is built with are those of its weights."""
    if layer.kind not in WITH_WEIGHTS:
        return
    if not shapes:
        raise KerasFileError(f"layer '{layer.name}' has no weights")
    kind, options = layer.kind, layer.config
    if kind == "Bidirectional":
        kind, options = options["layer"]["class_name"], options["layer"]["config"]
    kernel = shapes[0]
    asked: tuple[int, ...]
    there: tuple[int, ...]
    match kind:
        case "Dense":
            asked, there = (options["units"],), kernel[-1:]
        case "Conv1D" | "Conv2D":
            asked, there = (*options["kernel_size"], options["filters"]), (*kernel[:-2], kernel[-1])
        case "DepthwiseConv2D" | "SeparableConv2D":
            asked, there = (*options["kernel_size"], options["depth_multiplier"]), (*kernel[:2], kernel[3])
        case "BatchNormalization":
            return
        case _:
            asked, there = (RECURRENT[kind] * options["units"],), kernel[-1:]
    if asked != there:
        raise KerasFileError(f"layer '{layer.name}' is {asked} wide and its weights {there}")


def _by_name(group: h5py.Group) -> Weights:
    """The weights of an `.h5`, by the names of layers."""

    def weights(layer: KerasLayer) -> list[Any]:
        if layer.name not in group:
            return []
        own = group[layer.name]
        return [own[_text(name)] for name in own.attrs["weight_names"]]

    return weights


def _by_class(stored: h5py.File, layers: Sequence[Mapping[str, Any]]) -> Weights:
    """The weights of a `.keras`: layers are called after their classes there, and numbered in the file's order."""
    counts: dict[str, int] = {}
    places: dict[str, str] = {}
    for each in layers:
        base = _snake_case(each["class_name"])
        number = counts.get(base, 0)
        counts[base] = number + 1
        places[each["config"]["name"]] = base if number == 0 else f"{base}_{number}"

    def weights(layer: KerasLayer) -> list[Any]:
        own = stored["layers"].get(places.get(layer.name, ""))
        if own is None:
            return []
        parts = ("forward_layer/cell", "backward_layer/cell") if layer.kind == "Bidirectional" else ("", "cell")
        return [array for part in parts for array in _variables(own, part)]

    return weights


def _variables(group: h5py.Group, part: str) -> list[Any]:
    variables = group.get(f"{part}/vars" if part else "vars", {})
    return [variables[str(number)] for number in range(len(variables))]


def _snake_case(name: str) -> str:
    """As Keras's own `to_snake_case` has it: Conv2D is conv2d, LSTM lstm, ReLU re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
