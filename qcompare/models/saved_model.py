"""A SavedModel that tf-keras wrote, looked into: the layers' configuration and the checkpoint; no graph is loaded."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from qcompare.models.keras_file import RECURRENT, SAVED_METADATA, KerasFileError, KerasLayer, layers_of
from qcompare.models.keras_twin import twin


def layers_and_weights(
    path: Path, check_size: Callable[[int], None], trust: bool
) -> tuple[str, Mapping[str, Any], Callable[[KerasLayer], list[np.ndarray]]]:
    """The version of Keras, the model's configuration, and what gives a layer's weights. Raises KerasFileError.

    check_size: told the bytes of all variables before any is read. trust: whether Lambda layers are taken, and run.
    """
    from tf_keras.protobuf import saved_metadata_pb2

    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString((path / SAVED_METADATA).read_bytes())
    stored = json.loads(next(node.metadata for node in metadata.nodes if node.node_path == "root"))
    root = _lists(stored)
    checkpoint = str(path / "variables" / "variables")
    shapes = tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()
    check_size(sum(4 * math.prod(shape) for shape in shapes.values()))
    layers = layers_of(root, trust=trust)
    sizes = {size for shape in shapes.values() for size in shape}
    for layer in layers:
        for option in ("units", "filters"):
            width = layer.config.get(option)
            if width is not None and not {width, RECURRENT.get(layer.kind, 1) * width} & sizes:
                raise KerasFileError(f"layer '{layer.name}' is {width} wide, and no weight is")
    shape = next(layer for layer in layers if layer.kind == "InputLayer").config
    whole = shape.get("batch_input_shape") or shape["batch_shape"]
    rebuilt = twin(layers, whole[1:])
    rebuilt.load_weights(checkpoint).expect_partial()
    held = {layer.name: layer.get_weights() for layer in rebuilt.layers}
    return str(root["keras_version"]), root, lambda layer: held.get(layer.name, [])


def _lists(value: Any) -> Any:
    """Tuples, which the metadata keep as {"class_name": "__tuple__", "items": [...]}, as lists."""
    if isinstance(value, dict):
        if value.get("class_name") == "__tuple__":
            return [_lists(inner) for inner in value["items"]]
        return {name: _lists(inner) for name, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list) else value
