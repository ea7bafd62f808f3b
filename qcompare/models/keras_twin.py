"""A Keras model rebuilt in tf-keras from its layers: what TensorFlow evaluates and converts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tf_keras

from qcompare.models.keras_file import IGNORED, RECURRENT, KerasFileError, KerasLayer

POOLING = ("pool_size", "strides", "padding")
CONVOLUTION = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "activation", "use_bias")
DEPTHWISE = ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate", "activation", "use_bias")
RECURRENCE = ("units", "activation", "use_bias", "return_sequences", "go_backwards")

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "AveragePooling1D": POOLING,
    "AveragePooling2D": POOLING,
    "BatchNormalization": ("axis", "epsilon", "center", "scale"),
    "Concatenate": ("axis",),
    "Conv1D": CONVOLUTION,
    "Conv2D": CONVOLUTION,
    "Dense": ("units", "activation", "use_bias"),
    "DepthwiseConv2D": DEPTHWISE,
    "ELU": ("alpha",),
    "GRU": (*RECURRENCE, "recurrent_activation", "reset_after"),
    "GlobalAveragePooling1D": ("keepdims",),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling1D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "LSTM": (*RECURRENCE, "recurrent_activation"),
    "LeakyReLU": ("alpha",),
    "MaxPooling1D": POOLING,
    "MaxPooling2D": POOLING,
    "Permute": ("dims",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Reshape": ("target_shape",),
    "SeparableConv2D": ("filters", *DEPTHWISE),
    "SimpleRNN": RECURRENCE,
    "Softmax": ("axis",),
    "ZeroPadding1D": ("padding",),
    "ZeroPadding2D": ("padding",),
}
"""Layer -> its options that decide what it computes; it has the same in both libraries."""

REFUSED = ("return_state", "time_major")


def twin(
    layers: Sequence[KerasLayer], input_shape: Sequence[int], *, batch: int | None = None, unroll: bool = False
) -> tf_keras.Model:
    """The model of layers in their order, the last of which gives the output, with their weights where they have any.

    unroll: GRU and SimpleRNN layers as operators for every time step; an LSTM is one operator either way.
    Raises KerasFileError for layers that do not go together.
    """
    tensors: dict[str, Any] = {}
    built: dict[str, Any] = {}
    for layer in layers:
        if layer.kind == "InputLayer":
            tensors[layer.name] = tf_keras.Input(tuple(input_shape), batch_size=batch, name=valid(layer.name))
            start = tensors[layer.name]
            continue
        given = [tensors[name] for name in layer.inputs]
        if layer.kind in IGNORED:
            (tensors[layer.name],) = given
            continue
        # What code of a file's own raises is anything.
        wrong = (Exception,) if layer.kind == "Lambda" else (ValueError, TypeError)
        try:
            built[layer.name] = _layer(layer.kind, layer.config, layer.name, unroll)
            tensors[layer.name] = built[layer.name](given[0] if len(given) == 1 else given)
        except wrong as error:
            # Behind it Keras lists the call's arguments.
            text, _, _ = str(error).partition("Call arguments")
            raise KerasFileError(f"layer '{layer.name}': {' '.join(text.split())}") from error
    for layer in layers:
        if layer.weights:
            _assign(built[layer.name], layer)
    return tf_keras.Model(start, tensors[layers[-1].name], name="model")


def _assign(built: Any, layer: KerasLayer) -> None:
    shapes = [tuple(variable.shape) for variable in built.weights]
    if shapes != [weight.shape for weight in layer.weights]:
        stored = [weight.shape for weight in layer.weights]
        raise KerasFileError(f"layer '{layer.name}' has weights {stored}, where its options ask for {shapes}")
    built.set_weights(layer.weights)


def _layer(kind: str, config: Mapping[str, Any], name: str, unroll: bool) -> Any:
    for option in REFUSED:
        if config.get(option):
            raise KerasFileError(f"layer '{name}': {option}=true is not taken")
    if kind == "Bidirectional":
        one = config["layer"]
        other = config.get("backward_layer") or {
            "class_name": one["class_name"],
            "config": {**one["config"], "go_backwards": not one["config"].get("go_backwards", False)},
        }
        forward, backward = (
            _layer(layer["class_name"], layer["config"], f"{name}_{side}", unroll)
            for side, layer in (("forward", one), ("backward", other))
        )
        return tf_keras.layers.Bidirectional(
            forward, backward_layer=backward, merge_mode=config["merge_mode"], name=valid(name)
        )
    if kind == "Lambda":
        # Imported here: it brings Keras 3 into the process.
        from qcompare.models.keras_lambda import function_of

        return tf_keras.layers.Lambda(function_of(config), arguments=config.get("arguments"), name=valid(name))
    options = {option: _plain(config[option]) for option in OPTIONS.get(kind, ()) if option in config}
    if kind == "LeakyReLU" and "negative_slope" in config:
        options["alpha"] = config["negative_slope"]
    if kind in RECURRENT and kind != "LSTM":
        options["unroll"] = unroll
    if kind == "GRU" and not options["reset_after"]:
        # Gate by gate: else Keras splits off a part without elements, which the converter leaves in float.
        options["implementation"] = 1
    make: Callable[..., Any] = getattr(tf_keras.layers, kind)
    return make(**options, name=valid(name))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def valid(name: str) -> str:
    """A name that TensorFlow takes for a scope."""
    return "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in name).lstrip("_.-") or "layer"
