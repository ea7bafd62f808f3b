"""The function of a Lambda layer, whose code is in a Keras file: only of one that its user trusts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.src.utils.generic_utils import func_load

NAMES = {"tf": tf, "np": np, "keras": keras, "ops": keras.ops, "K": tf_keras.backend}
"""What the code may name besides Python's own: the file has not what its module had imported."""


def function_of(config: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of a layer's options, which either Keras stores. Raises whatever its code does not load with."""
    stored = config["function"]
    code, defaults, closure = (
        (stored["config"][part] for part in ("code", "defaults", "closure")) if isinstance(stored, Mapping) else stored
    )
    function: Callable[..., Any] = func_load(code, defaults, closure, globs=NAMES)
    return function
